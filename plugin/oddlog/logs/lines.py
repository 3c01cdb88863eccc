"""Whole lines of a log as offsets into one block of bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from oddlog_core.kernels.cuts import cut

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Lines", "cells", "without_returns"]

_NEWLINE = ord("\n")


def without_returns(data: bytes) -> bytes:
    r"""End lines at newlines alone.

    Arrow's CSV reader ends a line at a bare carriage return, too. Within a value Zeek writes it as ``\x0d``.
    """
    return data.replace(b"\r\n", b"\n").replace(b"\r", rb"\x0d") if b"\r" in data else data


def cells(data: bytes, separator: str, width: int) -> tuple[NDArray[np.int32], int | None]:
    """Where cells begin, as `cut` has it, and how many lines there are, if all have so many cells."""
    text = np.frombuffer(data, np.uint8)
    cuts, n_lines = cut(text, ord(separator))
    regular = len(cuts) == n_lines * width + 1 and (text[cuts[width::width] - 1] == _NEWLINE).all()
    return cuts, n_lines if regular else None


@dataclass(frozen=True, slots=True)
class Lines:
    """Consecutive or picked lines of one file.

    Attributes
    ----------
    data : bytes
        The lines, each with its newline.
    starts, ends : (n_lines,) int64
        Where each line's text begins and ends in `data`; its newline stands at `ends`.
    numbers : (n_lines,) int64
        Line numbers in the file, from 1.
    cuts : (1 + n_lines * width,) int32, or None
        Where cells begin, if the lines are known to have equally many; the place after the last one at the end.
    """

    data: bytes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    numbers: NDArray[np.int64]
    cuts: NDArray[np.int32] | None = None

    @classmethod
    def split(cls, data: bytes, first: int) -> Lines:
        """Split bytes that end with a newline; `first` is the number of their first line."""
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _NEWLINE)
        starts = np.empty_like(ends)
        if len(ends):
            starts[0] = 0
            starts[1:] = ends[:-1] + 1
        return cls(data, starts, ends, np.arange(first, first + len(ends), dtype=np.int64))

    @classmethod
    def of_rows(cls, data: bytes, first: int, separator: str, width: int) -> Lines:
        """Split lines that are likely to have some number of cells, and their cells with them."""
        cuts, n_lines = cells(data, separator, width)
        if n_lines is None:
            return cls.split(data, first)
        numbers = np.arange(first, first + n_lines, dtype=np.int64)
        return cls(data, cuts[:-1:width].astype(np.int64), cuts[width::width].astype(np.int64) - 1, numbers, cuts)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, line: int) -> bytes:
        return self.data[self.starts[line] : self.ends[line]]

    def bytes_at(self, offsets: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Bytes at some offsets."""
        return np.frombuffer(self.data, np.uint8)[offsets]

    def slice(self, start: int, stop: int) -> Lines:
        """Pick lines from `start` up to `stop`."""
        if start == 0 and stop == len(self):
            return self
        if start >= stop:
            return Lines(b"", self.starts[:0], self.ends[:0], self.numbers[:0])
        begin, end = int(self.starts[start]), int(self.ends[stop - 1]) + 1
        return Lines(
            self.data[begin:end],
            self.starts[start:stop] - begin,
            self.ends[start:stop] - begin,
            self.numbers[start:stop],
        )

    def where(self, keep: NDArray[np.bool_]) -> Lines:
        """Pick the lines that `keep` marks, and move them together."""
        if keep.all():
            return self
        kept = np.flatnonzero(keep)
        if not len(kept):
            return self.slice(0, 0)
        if kept[-1] - kept[0] + 1 == len(kept):
            # A header before them, or Zeek's last line after.
            return self.slice(int(kept[0]), int(kept[-1]) + 1)
        lengths = self.ends - self.starts + 1
        data = np.frombuffer(self.data, np.uint8)[np.repeat(keep, lengths)].tobytes()
        after = np.cumsum(lengths[keep])
        return Lines(data, after - lengths[keep], after - 1, self.numbers[keep])

    def replaced(self, data: bytes) -> Lines:
        """Put other text, of as many lines, in place of this one."""
        other = Lines.split(data, 1)
        return Lines(data, other.starts, other.ends, self.numbers)

    def unreadable(self) -> dict[int, tuple[str, str, str]]:
        """Find lines with NUL bytes or invalid UTF-8: by position, what is wrong with them."""
        wrong: dict[int, tuple[str, str, str]] = {}
        if not self.data.isascii():
            start = 0
            while start < len(self.data):
                try:
                    str(memoryview(self.data)[start:], "utf-8")
                    break
                except UnicodeDecodeError as error:
                    line = int(np.searchsorted(self.ends, start + error.start))
                    wrong[line] = ("line", "UTF-8", repr(self.data[start + error.start : start + error.end])[2:-1])
                    start = int(self.ends[line]) + 1
        offset = self.data.find(b"\0")
        while offset >= 0:
            line = int(np.searchsorted(self.ends, offset))
            wrong.setdefault(line, ("line", "text", "a NUL byte"))
            offset = self.data.find(b"\0", int(self.ends[line]) + 1)
        return wrong
