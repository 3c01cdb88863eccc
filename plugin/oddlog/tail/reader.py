"""Whole lines from one open file that may still grow, be renamed, or be cut back and written anew."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from typing import TYPE_CHECKING

from isal import igzip, isal_zlib

from oddlog.tail.identity import SPAN, FilePosition, digest, identity_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Reader"]


def _inflated(path: Path, packed: int) -> int:
    """What a .gz holds, as a file without a name that is as old."""
    with os.fdopen(packed, "rb") as source, tempfile.TemporaryFile() as target:
        try:
            with igzip.open(source) as lines:
                shutil.copyfileobj(lines, target, 1 << 20)
        except (EOFError, isal_zlib.error, igzip.BadGzipFile) as error:  # type: ignore[misc]  # its stub declares an instance
            raise OSError(errno.EIO, f"is damaged: {error}", str(path)) from None
        target.flush()
        changed = os.fstat(packed).st_mtime_ns
        os.utime(target.fileno(), ns=(changed, changed))
        return os.dup(target.fileno())


class Reader:
    """Reads one file through one descriptor, which a rename or a removal leaves open; a .gz once it is inflated.

    Parameters
    ----------
    path : Path
    block : int
        Bytes read at a time, at most; more than `max_line`.
    max_line : int
        A line of more bytes than this, its newline aside, is skipped and counted in `too_long`.

    Raises
    ------
    OSError
        The file cannot be opened, is no regular file, or a damaged .gz.
    """

    def __init__(self, path: Path, block: int, max_line: int) -> None:
        # Without O_NONBLOCK a named pipe would hold the daemon up until someone writes to it.
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise OSError(errno.EINVAL, "is no regular file", str(path))
        self.path = path
        self.file = identity_of(status)
        if path.suffix == ".gz":
            self._fd = _inflated(path, self._fd)
        self.mtime_ns = status.st_mtime_ns
        self.offset = 0
        self.fresh = True
        self.akin = False
        self.at_end = False
        self.too_long = 0
        self._size = -1
        self._scanned = 0
        self._head = b""
        self._tail = b""
        self._block = block
        self._max_line = max_line

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._fd)

    @property
    def reach(self) -> int:
        """Bytes looked at: the offset, and what was scanned of a line that is too long."""
        return self.offset + self._scanned

    @property
    def unfinished(self) -> bool:
        """Whether bytes without a newline follow the last complete line, as it was last read."""
        return self.at_end and self._size > self.offset

    @property
    def closed_by_zeek(self) -> bool:
        """Whether the last line delivered is Zeek's `#close`."""
        return self._tail[:-1].rpartition(b"\n")[2].startswith(b"#close")

    def stamp(self) -> tuple[int, int]:
        """Size and time of the last change, now."""
        status = os.fstat(self._fd)
        return status.st_size, status.st_mtime_ns

    @property
    def waiting(self) -> int:
        """Bytes that were not looked at when last asked."""
        return max(self.stamp()[0] - self.reach, 0)

    def read(self, most: int | None = None) -> bytes | None:
        """Complete lines that follow those read before.

        Parameters
        ----------
        most : int, optional
            Where a line ends after so many bytes, no more than those.

        Returns
        -------
        bytes or None
            At most `block` bytes that end with a newline. Empty if there are none: `at_end` tells whether the end
            was seen, or only a line too long was passed. None if the bytes before the offset are not those read
            before: the file was cut back or written anew, and nothing of it was taken.
        """
        size, mtime_ns = self.stamp()
        if self.at_end and (size, mtime_ns) == (self._size, self.mtime_ns):
            return b""
        # A byte more than the longest line, or a line that is too long would not be known as such.
        block = self._block if most is None else min(self._block, most + self._max_line + 1)
        body = os.pread(self._fd, min(block, max(size - self.reach, 0)), self.reach)
        # Looked at after the body: had the file been cut back in between, the body could belong to other lines.
        if os.pread(self._fd, len(self._head), 0) != self._head or self._before(self.offset) != self._tail:
            return None
        self._size, self.mtime_ns = size, mtime_ns
        self.at_end = self.reach + len(body) >= size
        if self.fresh and body.startswith(b"\0"):
            body = self._pass_hole(body)
        if self._scanned:
            self._pass_long_line(body)
            return b""
        end = 0
        while (newline := body.rfind(b"\n", end, end + self._max_line + 1)) >= 0:
            end = newline + 1
        if end == 0 and len(body) > self._max_line:
            self._pass_long_line(body)
            return b""
        if most is not None and most < end and body[most - 1 : most] == b"\n":
            end, self.at_end = most, False
        if end < len(body) and len(body) - end > self._max_line:
            self.at_end = False
        if end:
            self._take(body[:end])
            self.fresh = False
        return body[:end]

    def resume(self, position: FilePosition) -> bool:
        """Go on from a position if this is its file or a copy of it, else stay at the start.

        An offset of 0 names no file: inodes are used again. `akin` tells afterwards whether the file begins as the
        position's does, as also does a copy that is still in the making.
        """
        head, tail = os.pread(self._fd, min(SPAN, position.offset), 0), self._before(position.offset)
        same_head = position.offset > 0 and digest(head) == position.head
        # Files that begin with a hole have that in common and nothing else.
        self.akin = same_head and head.strip(b"\0") != b""
        if not same_head or digest(tail) != position.tail:
            return False
        self._head, self._tail = head, tail
        self.offset = position.offset
        self.fresh = position.fresh
        return True

    def position(self, log: str, source: str, *, ended: bool) -> FilePosition:
        """Where it stands, with what it takes to know the file again."""
        return FilePosition(
            log=log,
            source=source,
            path=str(self.path),
            file=self.file,
            offset=self.offset,
            head=digest(self._head),
            tail=digest(self._tail),
            mtime_ns=self.mtime_ns,
            fresh=self.fresh,
            ended=ended,
        )

    def _before(self, offset: int) -> bytes:
        length = min(SPAN, offset)
        return os.pread(self._fd, length, offset - length)

    def _take(self, data: bytes) -> None:
        self.offset += len(data)
        self._head = (self._head + data[:SPAN])[:SPAN]
        self._tail = (self._tail + data[-SPAN:])[-SPAN:]

    def _pass_hole(self, body: bytes) -> bytes:
        # Zeek writes without O_APPEND: cut back by copytruncate, the file goes on at the old offset behind a hole.
        rest = body.lstrip(b"\0")
        self._take(body[: len(body) - len(rest)])
        return rest

    def _pass_long_line(self, body: bytes) -> None:
        # The offset stays before the line until its end is seen, so that a restart does not begin in its middle.
        newline = body.find(b"\n")
        if newline < 0:
            self._scanned += len(body)
            return
        self.offset += self._scanned + newline + 1
        self._scanned = 0
        self._head = os.pread(self._fd, min(SPAN, self.offset), 0)
        self._tail = self._before(self.offset)
        self.at_end = False
        self.too_long += 1
