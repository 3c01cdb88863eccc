"""Files, plain or compressed, as blocks of whole lines."""

from __future__ import annotations

import bz2
from typing import TYPE_CHECKING, Any

from isal import igzip_lib

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["BLOCK_BYTES", "Damage", "blocks"]

BLOCK_BYTES = 2 << 20
"""Bytes that are decoded at once."""

_COMPRESSED = 1 << 18
# So much at once that threads seldom wait for each other, and little enough that its memory is used again.
_INFLATED = 1 << 20
_INFLATERS: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP),
    b"BZh": bz2.BZ2Decompressor,
}
_LONGEST = max(map(len, _INFLATERS))


class Damage(Exception):  # noqa: N818
    """A compressed stream that breaks off or is corrupt; the whole lines before that were handed out."""


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
        Whole lines; only the last block of an undamaged file may lack its last newline.
    final : bool
        Nothing follows.

    Raises
    ------
    OSError
        The file cannot be read.
    Damage
        After the last block of a compressed stream that is cut short or corrupt.
    """
    held: list[bytes | memoryview] = []
    length = 0
    damage = None
    with path.open("rb") as file:
        beginning = file.read(_LONGEST)
        file.seek(0)
        inflater = next((new for magic, new in _INFLATERS.items() if beginning.startswith(magic)), None)
        pieces = _inflated(file, inflater, min(size, _INFLATED), on_bytes) if inflater else _plain(file, size, on_bytes)
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
    last = b"".join(held)
    # Where a stream breaks off, so does a line: half a number looks like a whole one.
    yield (last[: last.rfind(b"\n") + 1] if damage else last), True
    if damage:
        raise damage


def _plain(file: BinaryIO, size: int, on_bytes: Callable[[int], None] | None) -> Iterator[bytes]:
    while piece := file.read(size):
        if on_bytes:
            on_bytes(len(piece))
        yield piece


def _inflated(
    file: BinaryIO, new: Callable[[], Any], size: int, on_bytes: Callable[[int], None] | None
) -> Iterator[bytes]:
    """Inflate one stream after the other, as far as that goes; `new` makes what inflates one."""

    def more() -> bytes:
        data = file.read(_COMPRESSED)
        if on_bytes:
            on_bytes(len(data))
        return data

    stream = new()
    while True:
        if stream.eof:
            rest = stream.unused_data or more()
            # zlib and gzip, too, pass over zeros that pad the end.
            if not rest.strip(b"\0"):
                return
            stream = new()
        else:
            rest = more() if stream.needs_input else b""
            if stream.needs_input and not rest:
                raise Damage("is cut short")
        try:
            piece = stream.decompress(rest, size)
        except (OSError, igzip_lib.error) as error:  # type: ignore[misc]  # its stub declares an instance
            raise Damage(f"is corrupt ({error})") from None
        yield piece
