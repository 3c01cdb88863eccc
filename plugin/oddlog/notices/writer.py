"""Appending notices to a file that a shipper follows."""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import TYPE_CHECKING, Self

import msgspec

from oddlog.notices.notice import LINES, MOST_BYTES, TSV_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from oddlog.notices.finding import Finding
    from oddlog.notices.notice import Format
    from oddlog.notices.remark import Remark

__all__ = ["NoticeWriter", "notice_ids"]

# In JSON the key of the nested record, in TSV a column of its own.
_ID = re.compile(rb'(?:"oddlog":\{"id":"|\t)([0-9a-f]{20})["\t]')


class NoticeWriter:
    """Appends each notice with one `write` on an O_APPEND descriptor; a file renamed away is created anew.

    Even one `write` is torn where a page ends when the process is killed within it. Half a line that is found at the
    start is completed by the notice that begins so, which a restart comes to again; others are held until then.

    Parameters
    ----------
    path : Path
    format_ : {"json", "tsv"}
    suppress_for : float
        Seconds.
    """

    def __init__(self, path: Path, format_: Format = "json", suppress_for: float = 3600.0) -> None:
        self.path, self._format, self._suppress_for = path, format_, suppress_for
        self._rest = self._held = b""
        self._file, self._half = self._open()
        self._torn = self._half != b""
        self.flush()

    def _open(self) -> tuple[int, bytes]:
        """Open the file; its descriptor, and the half line that it ends with."""
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        size = os.fstat(file).st_size
        if self._format == "tsv" and not size:
            self._rest = TSV_HEADER + self._rest
        end = os.pread(file, min(size, MOST_BYTES), max(size - MOST_BYTES, 0))
        return file, end.rpartition(b"\n")[2]

    def write(self, finding: Finding | Remark) -> None:
        """Append one notice.

        Raises
        ------
        OSError
            Not all of it could be written; the rest is kept, and `flush` tries again.
        """
        line = LINES[self._format](finding, self._suppress_for)
        if not line.startswith(self._half):
            self._held += line
            return
        self._rest += line[len(self._half) :] + self._held
        self._half = self._held = b""
        self.flush()

    def settle(self) -> None:
        """Wait no longer for the notice that half a line belongs to."""
        if self._half:
            self._rest += b"\n" + self._held
            self._half = self._held = b""
        self.flush()

    def flush(self) -> None:
        """Write what is left to write; that is one `write` a notice unless the system cuts it short."""
        # The second half of a line follows the first, wherever that file is now.
        if not self._torn and not self._is_current():
            # Before the descriptor goes: `make_durable` will know the new file only.
            os.fsync(self._file)
            file, half = self._open()
            if half:
                self._rest = b"\n" + self._rest
            os.close(self._file)
            self._file = file
        while self._rest:
            self._rest = self._rest[os.write(self._file, self._rest) :]
            self._torn = bool(self._rest)

    def _is_current(self) -> bool:
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(self._file))

    def make_durable(self) -> None:
        """Have what was written on the disk, in this process or in one that was forked from it."""
        os.fsync(self._file)

    def mark(self) -> list[int]:
        """Settle what was written; device, inode and size of the file, for `notice_ids`."""
        self.settle()
        status = os.fstat(self._file)
        return [status.st_dev, status.st_ino, status.st_size]

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def notice_ids(path: Path, since: list[int] | None = None) -> Counter[str]:
    """Ids of the notices that were written after `NoticeWriter.mark` gave `since`, and how often each was.

    Where the file was renamed within its folder since then, it and the files after it are read too. Without `since`, or
    where that file is gone, all that are there.
    """
    ids: Counter[str] = Counter()
    for file, start in _written_since(path, since):
        try:
            with file.open("rb") as lines:
                lines.seek(start)
                ids.update(found[1].decode() for line in lines if (found := _ID.search(line)) and _is_whole(line))
        except FileNotFoundError:
            continue
    return ids


def _written_since(path: Path, since: list[int] | None) -> Iterator[tuple[Path, int]]:
    """Files to read, and from where."""
    files = {file: file.stat() for file in path.parent.glob(f"{path.name}*")}
    for file, status in files.items():
        if since and [status.st_dev, status.st_ino] == since[:2]:
            # A file that is shorter than it was has been emptied and written anew.
            yield file, since[2] if since[2] <= status.st_size else 0
            if file != path:
                yield from (
                    (other, 0) for other in files if other != file and files[other].st_mtime_ns >= status.st_mtime_ns
                )
            return
    yield from ((file, 0) for file in files)


def _is_whole(line: bytes) -> bool:
    """Whether a line is a notice, and not the half of one that was cut off."""
    if not line.startswith(b"{"):
        return line.endswith(b"\n") and line.count(b"\t") == TSV_HEADER.splitlines()[-1].count(b"\t") - 1
    try:
        msgspec.json.decode(line)
    except msgspec.DecodeError:
        return False
    return True
