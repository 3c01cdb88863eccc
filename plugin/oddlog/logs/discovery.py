"""Which files, folders and globs hold logs that oddlog reads."""

from __future__ import annotations

import contextlib
import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from oddlog.errors import LogError, OddlogError, UsageError
from oddlog.logs.blocks import Damage, blocks
from oddlog.logs.decoder import Decoder
from oddlog.logs.lenient import shown
from oddlog.logs.schema import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from oddlog.logs.batch import Order

__all__ = ["LogFile", "find_logs"]

_GLANCE = 1 << 16
_PATIENCE = 1 << 20


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file that holds one of the logs.

    Attributes
    ----------
    path : Path
    log : str
    first : int
        Moment of its first record in microseconds; 0 where it has none yet.
    size : int
        Bytes on disk.
    """

    path: Path
    log: str
    first: int
    size: int


def find_logs(paths: Iterable[str | os.PathLike[str]], order: Order) -> tuple[list[LogFile], list[tuple[str, str]]]:
    """Look into files, folders and globs.

    Returns
    -------
    files : list of LogFile
        In the order of the paths given, and of the names below them.
    skipped : list of (str, str)
        The other files, with the reason.

    Raises
    ------
    UsageError
        A path that does not exist, a glob that matches nothing, or no log at all.
    LogError
        A file named by itself that is no Zeek log.
    """
    files: list[LogFile] = []
    skipped: list[tuple[str, str]] = []
    seen: set[str] = set()
    asked = [os.fspath(path) for path in paths]
    for path, named in _expanded(asked):
        # Not Path's own, which raises RuntimeError for a link to itself.
        real = os.path.realpath(path)
        if real in seen:
            continue
        seen.add(real)
        try:
            files.append(_glance(path, order))
        except OddlogError as error:
            if named and not isinstance(error, _OtherLogError):
                raise
            skipped.append((str(path), str(error).removeprefix(str(path)).lstrip(":0123456789 ")))
    if not files:
        looked = ", ".join(asked) or "nothing at all"
        reasons = f"; {skipped[0][1]}" if len(skipped) == 1 else f" among {len(skipped)} files" if skipped else ""
        raise UsageError(f"no conn, dce_rpc or ntlm log of Zeek's in {looked}{reasons}")
    return files, skipped


def _expanded(paths: Iterable[str]) -> Iterator[tuple[Path, bool]]:
    """Files below the paths, and whether each was named by itself."""
    for text in paths:
        path = Path(text)
        if path.is_dir():
            yield from ((found, False) for found in _below(path))
        elif path.exists():
            yield path, True
        elif glob.has_magic(text):
            matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207
            if not matches:
                raise UsageError(f"no file matches {text}")
            for match in map(Path, matches):
                yield from ((found, False) for found in (_below(match) if match.is_dir() else [match]))
        else:
            raise UsageError(f"{text} does not exist")


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        # Zeek's own bookkeeping, .shadow.* and .tmp.*, is hidden.
        yield from (Path(parent, name) for name in sorted(names) if not name.startswith("."))


class _OtherLogError(OddlogError):
    """A Zeek log, but none that oddlog reads."""


def _glance(path: Path, order: Order) -> LogFile:
    """Read the beginning of a file, up to its first record."""
    decoder = Decoder(str(path))
    beginning = b""
    seen = 0
    try:
        with contextlib.closing(blocks(path, _GLANCE)) as pieces:
            for block, final in pieces:
                beginning = beginning or block
                seen += len(block)
                for batch in decoder.feed(block, final=final):
                    return LogFile(path, batch.log, int(batch.moments(order)[0]), path.stat().st_size)
                if seen > _PATIENCE:
                    break
    except Damage as damage:
        if not beginning:
            raise LogError(str(path), 1, "file", "a whole stream", str(damage)) from damage
    except OSError as error:
        raise OddlogError(f"{path} cannot be read: {error.strerror or error}") from error
    if decoder.log and decoder.log in SCHEMAS and decoder.has_header:
        return LogFile(path, decoder.log, 0, path.stat().st_size)
    if any(field in {"_path", "#path"} for field in decoder.count.fields):
        raise _OtherLogError(f"{path} is another log ({decoder.log or 'of unknown type'})")
    raise LogError(str(path), 1, "line", "the header or a record of a Zeek log", _beginning(beginning))


def _beginning(data: bytes) -> str:
    if not data:
        return "an empty file"
    line = data.split(b"\n", 1)[0]
    try:
        line.decode()
    except UnicodeDecodeError:
        return "binary data"
    return "binary data" if b"\0" in line else shown(line)
