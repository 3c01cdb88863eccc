"""Appending notices to a file that a shipper follows."""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import TYPE_CHECKING, Self

import msgspec

from oddlog.notices.notice import LINES, TSV_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterator
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
        self._rest = b""
        self._torn = False
        self._file = self._open()
        self.flush()

    def _open(self) -> int:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        size = os.fstat(file).st_size
        if self._format == "tsv" and not size:
            self._rest = TSV_HEADER + self._rest
        elif size and os.pread(file, 1, size - 1) != b"\n":
            # A full disk or a power cut left half a line.
            self._rest = b"\n" + self._rest
        return file

    def write(self, finding: Finding) -> None:
        """Append one notice.

        Raises
        ------
        OSError
            Not all of it could be written; the rest is kept, and `flush` tries again.
        """
        self._rest += LINES[self._format](finding, self._suppress_for)
        self.flush()

    def flush(self) -> None:
        """Write what is left to write; that is one `write` a notice unless the system cuts it short."""
        # The second half of a line follows the first, wherever that file is now.
        if not self._torn and not self._is_current():
            # Before the descriptor goes: `sync` will know the new file only.
            os.fsync(self._file)
            file = self._open()
            os.close(self._file)
            self._file = file
        while self._rest:
            self._rest = self._rest[os.write(self._file, self._rest) :]
            self._torn = bool(self._rest)

    def _is_current(self) -> bool:
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(self._file))

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


def notice_ids(path: Path, since: list[int] | None = None) -> Counter[str]:
    """Ids of the notices that were written after `NoticeWriter.sync` returned `since`, and how often each was.

    Without `since` all that the file holds. Where the file was renamed within its folder since then, it and the files
    after it are read too.
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
    files = {file: file.stat() for file in path.parent.glob(f"{path.name}*")} if since else {}
    for file, status in files.items():
        if since and [status.st_dev, status.st_ino] == since[:2]:
            # A file that is shorter than it was has been emptied and written anew.
            yield file, since[2] if since[2] <= status.st_size else 0
            if file != path:
                yield from (
                    (other, 0) for other in files if other != file and files[other].st_mtime_ns >= status.st_mtime_ns
                )
            return
    yield path, 0


def _is_whole(line: bytes) -> bool:
    """Whether a line is a notice, and not the half of one that a full disk or a power cut left."""
    if not line.startswith(b"{"):
        return line.count(b"\t") == TSV_HEADER.splitlines()[-1].count(b"\t") - 1
    try:
        msgspec.json.decode(line)
    except msgspec.DecodeError:
        return False
    return True
