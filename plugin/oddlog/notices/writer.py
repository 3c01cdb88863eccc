"""Appending notices to a file that a shipper follows."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Self

from oddlog.notices.notice import LINES, TSV_HEADER

if TYPE_CHECKING:
    from pathlib import Path

    from oddlog.notices.finding import Finding
    from oddlog.notices.notice import Format

__all__ = ["NoticeWriter", "notice_ids"]

# In JSON the key of the nested record, in TSV a column of its own.
_ID = re.compile(rb'(?:"oddlog":\{"id":"|\t)([0-9a-f]{20})["\t]')


class NoticeWriter:
    """Appends each notice with one `write` on an O_APPEND descriptor; a file renamed away is created anew.

    Parameters
    ----------
    path : Path
    format_ : {"json", "tsv"}
    suppress_for : float
        Seconds.
    """

    def __init__(self, path: Path, format_: Format = "json", suppress_for: float = 3600.0) -> None:
        self._path, self._format, self._suppress_for = path, format_, suppress_for
        self._file = -1
        self._open()

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        size = os.fstat(self._file).st_size
        if self._format == "tsv" and not size:
            self._append(TSV_HEADER)
        elif size and os.pread(self._file, 1, size - 1) != b"\n":
            # A full disk or a power cut left half a line.
            self._append(b"\n")

    def write(self, finding: Finding) -> None:
        """Append one notice."""
        line = LINES[self._format](finding, self._suppress_for)
        if not self._is_current():
            self.close()
            self._open()
        self._append(line)

    def _append(self, data: bytes) -> None:
        """Write all; that is one `write` unless the system cuts it short."""
        while data:
            data = data[os.write(self._file, data) :]

    def _is_current(self) -> bool:
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        mine = os.fstat(self._file)
        return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)

    def sync(self) -> list[int]:
        """Make durable what was written; device, inode and size of the file, for `notice_ids`."""
        os.fsync(self._file)
        status = os.fstat(self._file)
        return [status.st_dev, status.st_ino, status.st_size]

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def notice_ids(path: Path, since: list[int]) -> set[str]:
    """Ids of the notices that were written to a file after `NoticeWriter.sync` returned `since`."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if [status.st_dev, status.st_ino] == since[:2]:
                file.seek(since[2])
            return {found[1].decode() for line in file if (found := _ID.search(line))}
    except FileNotFoundError:
        return set()
