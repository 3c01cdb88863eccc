"""Files, plain or gzipped, as blocks of whole lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isal import igzip_lib

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["BLOCK_BYTES", "Damage", "blocks"]

BLOCK_BYTES = 4 << 20
"""Bytes that are decoded at once: more is no faster, and costs memory."""

_COMPRESSED = 1 << 18
# Small enough that the same memory is used again: the pages of fresh 4 MiB took longer to come by than to fill.
_INFLATED = 1 << 17
_GZIP = b"\x1f\x8b"


class Damage(Exception):  # noqa: N818
    """A gzip stream that breaks off or is corrupt; everything before that was handed out."""


def blocks(
    path: Path, size: int = BLOCK_BYTES, on_bytes: Callable[[int], None] | None = None
) -> Generator[tuple[bytes, bool], None, None]:
    """Read a file.

    Parameters
    ----------
    path : Path
    size : int
        Bytes of a block, about.
    on_bytes : callable, optional
        Told how many bytes of the file, as it lies on the disk, were read since the last call.

    Yields
    ------
    block : bytes
        Whole lines; only the last block of the file may lack its last newline.
    final : bool
        Nothing follows.

    Raises
    ------
    OSError
        The file cannot be read.
    Damage
        After the last block of a gzip stream that is cut short or corrupt.
    """
    held: list[bytes | memoryview] = []
    length = 0
    damage = None
    with path.open("rb") as file:
        gzipped = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        pieces = _inflated(file, min(size, _INFLATED), on_bytes) if gzipped else _plain(file, size, on_bytes)
        try:
            for piece in pieces:
                held.append(piece)
                length += len(piece)
                cut = piece.rfind(b"\n") + 1 if length >= size else 0
                if cut:
                    held[-1] = memoryview(piece)[:cut]
                    yield b"".join(held), False
                    held, length = [memoryview(piece)[cut:]], len(piece) - cut
        except Damage as error:
            damage = error
    yield b"".join(held), True
    if damage:
        raise damage


def _plain(file: BinaryIO, size: int, on_bytes: Callable[[int], None] | None) -> Iterator[bytes]:
    while piece := file.read(size):
        if on_bytes:
            on_bytes(len(piece))
        yield piece


def _inflated(file: BinaryIO, size: int, on_bytes: Callable[[int], None] | None) -> Iterator[bytes]:
    """Inflate one gzip member after the other, as far as that goes."""
    inflate = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    while True:
        if inflate.eof:
            rest = inflate.unused_data or file.read(_COMPRESSED)
            # zlib and gzip, too, pass over zeros that pad the end.
            if not rest.strip(b"\0"):
                return
            inflate = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        else:
            rest = file.read(_COMPRESSED) if inflate.needs_input else b""
            if inflate.needs_input and not rest:
                raise Damage("is cut short")
        if on_bytes:
            on_bytes(len(rest))
        try:
            piece = inflate.decompress(rest, size)
        except igzip_lib.error as error:  # type: ignore[misc]  # its stub declares an instance
            raise Damage(f"is corrupt ({error})") from None
        yield piece
