"""In which order logs were read since the last checkpoint, so that a restart reads them in the same."""

from __future__ import annotations

import logging
import os
import re
import zlib
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from oddlog.tail import Chunk

__all__ = ["Closed", "Entry", "Journal", "Taken", "is_of", "taken"]

_log = logging.getLogger(__name__)


class Taken(msgspec.Struct, frozen=True, tag="taken", array_like=True):
    """Lines that were read.

    Attributes
    ----------
    log, source : str
        The live name, ``conn_logger-1.log``.
    folder : str
        Where the file was; it may be called otherwise by now, moved or compressed.
    start, stop : int
        Which bytes of the file.
    sum : int
        CRC-32 of them: the same place in another file is not the same.
    """

    log: str
    source: str
    folder: str
    start: int
    stop: int
    sum: int


class Closed(msgspec.Struct, frozen=True, tag="closed", array_like=True):
    """A silent log whose open windows were closed.

    Attributes
    ----------
    log : str
    now : int
        The moment until which it was silent, microseconds since the epoch.
    """

    log: str
    now: int


Entry = Taken | Closed


def taken(chunk: Chunk) -> Taken:
    """Say what was read."""
    stop = chunk.offset + len(chunk.data)
    return Taken(chunk.log, chunk.source, str(chunk.path.parent), chunk.offset, stop, zlib.crc32(chunk.data))


def is_of(entry: Taken, chunk: Chunk) -> bool:
    """Whether a chunk is what was read, wherever it is now."""
    return msgspec.structs.replace(taken(chunk), folder=entry.folder) == entry


class Journal:
    """Files ``journal.N``: what was read after the state of checkpoint N.

    A kill leaves what was handed to the system, and nothing that follows from an entry leaves the process before it.
    It is not synced: after a power failure what was read last is read in the order of the day.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None
        self._told = False

    def begin(self, number: int) -> None:
        """Write to the file of this number from now on."""
        self.close()
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
            self._file = os.open(self._path(number), flags, 0o644)
        except OSError as error:
            self._tell(error)

    def write(self, entries: Iterable[Entry]) -> None:
        """Append entries.

        Where that fails nothing more is written until the next checkpoint, since an entry without those before it says
        nothing. Logs are read all the same.
        """
        if self._file is None:
            return
        data = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            self._tell(error)
            self.close()
        else:
            self._told = False

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def since(self, number: int) -> Iterator[Entry]:
        """Entries after the state of a checkpoint, to the last whole one."""
        for each in sorted(self._numbers()):
            if each < number:
                continue
            for line in self._path(each).read_bytes().splitlines(keepends=True):
                if not line.endswith(b"\n"):
                    break
                try:
                    yield msgspec.json.decode(line, type=Entry)
                except msgspec.DecodeError:
                    _log.warning("%s is damaged; what follows is read in the order of the day", self._path(each))
                    return

    def last(self) -> int:
        """The highest number there is a file of, -1 if there is none."""
        return max(self._numbers(), default=-1)

    def drop(self, before: int) -> None:
        """Remove files of lower numbers."""
        for number in self._numbers():
            if number < before:
                self._path(number).unlink(missing_ok=True)

    def _numbers(self) -> list[int]:
        names = (re.fullmatch(r"journal\.(\d+)", path.name) for path in self._folder.iterdir())
        return [int(name[1]) for name in names if name]

    def _path(self, number: int) -> Path:
        return self._folder / f"journal.{number}"

    def _tell(self, error: OSError) -> None:
        if not self._told:
            reason = error.strerror or error
            _log.warning("the journal cannot be written (%s); after a kill, files may be read in another order", reason)
        self._told = True
