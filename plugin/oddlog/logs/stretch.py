"""A part of one log between two moments, read by itself in the order of the whole."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from oddlog.logs.archive import read_file
from oddlog.logs.blocks import BLOCK_BYTES
from oddlog.logs.merging import from_before, merged, timed, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from oddlog.logs.batch import Batch, Order
    from oddlog.logs.count import ReadCount
    from oddlog.logs.discovery import LogFile
    from oddlog.logs.merging import Numbered, Timed

__all__ = ["Stretch", "StretchReader"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """The records of one log whose clock, by their own file, is at `begin` or later and before `end`.

    Attributes
    ----------
    log : str
    begin, end : int
        Microseconds.
    own : tuple of (LogFile, int)
        Files that begin in it, with their numbers in the archive.
    before : tuple of (LogFile, int)
        Files that begin earlier and have, or may have, records in it or shortly before it.
    last : bool
        Whether the log ends with it.
    """

    log: str
    begin: int
    end: int
    own: tuple[Numbered, ...]
    before: tuple[Numbered, ...]
    last: bool


@dataclass(slots=True)
class StretchReader:
    """Reads a stretch, and to their ends the files that begin in it, so that each file is counted once.

    Attributes
    ----------
    stretch : Stretch
    order : {"end", "start"}
    folder : Path
        Where relative paths start.
    block_bytes : int
    counts : dict of int to ReadCount
        What became of the lines of the stretch's own files, by number.
    latest : dict of int to int
        The clock that each of them ends with; none where a file has no records.
    """

    stretch: Stretch
    order: Order
    folder: Path
    block_bytes: int = BLOCK_BYTES
    counts: dict[int, ReadCount] = field(default_factory=dict)
    latest: dict[int, int] = field(default_factory=dict)
    _unfinished: list[Iterator[Timed]] = field(default_factory=list)

    def batches(self, warm_up: int) -> Iterator[tuple[Batch, bool]]:
        """Read in clock order what is in the stretch, and before that at least its warm-up.

        Parameters
        ----------
        warm_up : int
            Microseconds.

        Yields
        ------
        batch : Batch
        own : bool
            Whether it is in the stretch.
        """
        stretch = self.stretch

        def start(file: LogFile, number: int) -> Iterator[Timed]:
            count, batches = read_file(file, self.folder / file.path, self.block_bytes)
            pieces = timed(batches, self.order)
            if file.first < stretch.begin:
                return until(from_before(pieces, stretch.begin - warm_up), stretch.end)
            self.counts[number] = count
            self._unfinished.append(pieces := self._noted(pieces, number))
            return until(pieces, stretch.end)

        files = sorted((*stretch.own, *stretch.before), key=lambda pair: (pair[0].first, pair[1]))
        for batch, clock in merged(deque(files), start):
            cut = int(np.searchsorted(clock, stretch.begin))
            if cut:
                yield batch.slice(0, cut), False
            if cut < len(batch):
                yield batch.slice(cut), True
        for pieces in self._unfinished:
            deque(pieces, maxlen=0)

    def _noted(self, pieces: Iterator[Timed], number: int) -> Iterator[Timed]:
        for piece in pieces:
            self.latest[number] = int(piece[1][-1])
            yield piece
