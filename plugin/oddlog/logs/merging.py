"""Several files of one log as one, in clock order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from oddlog_core.kernels.timeline import CLOCK_STATE, advance

from oddlog.logs.batch import Batch, concat

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from oddlog.logs.batch import Order
    from oddlog.logs.discovery import LogFile

    Timed = tuple[Batch, NDArray[np.int64]]
    """A batch, and for each of its records the clock by which files are merged."""

    Numbered = tuple[LogFile, int]
    """A file, and the number that decides between records of the same time in several files."""

__all__ = ["from_before", "merged", "timed", "until"]


def timed(batches: Iterable[Batch], order: Order) -> Iterator[Timed]:
    """One file's batches with its own clock, which never falls."""
    state = np.zeros(CLOCK_STATE, np.int64)
    latest = 0
    for batch in batches:
        clock, _ = advance(batch.moments(order), state)
        # A clock that was moved back must not take the file apart.
        clock = np.maximum.accumulate(np.maximum(clock, latest))
        latest = int(clock[-1])
        yield batch, clock


def from_before(pieces: Iterable[Timed], moment: int) -> Iterator[Timed]:
    """Begin with the last batch that begins before a moment."""
    held: Timed | None = None
    for piece in pieces:
        if held is not None and piece[1][0] >= moment:
            yield held
        held = piece
    if held is not None:
        yield held


def until(pieces: Iterable[Timed], moment: int) -> Iterator[Timed]:
    """End with the last record before a moment."""
    for batch, clock in pieces:
        cut = int(np.searchsorted(clock, moment))
        if cut:
            yield batch.slice(0, cut), clock[:cut]
        if cut < len(clock):
            return


@dataclass(slots=True)
class _Stream:
    """One file's records that are still to come."""

    number: int
    pieces: Iterator[Timed]
    batch: Batch | None = None
    clock: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def fill(self) -> bool:
        """Have a batch at hand; False at the end of the file."""
        if self.batch is None:
            self.batch, self.clock = next(self.pieces, (None, self.clock))
        return self.batch is not None

    def until(self, moment: int, number: int, inclusive: bool) -> Timed | None:
        """Take the records that come before, or at, a moment of the file with some number."""
        batch, clock = self.batch, self.clock
        first = self.number < number or (inclusive and self.number == number)
        cut = int(np.searchsorted(clock, moment, "right" if first else "left"))
        if batch is None or cut == 0:
            return None
        if cut == len(batch):
            self.batch = None
            return batch, clock
        self.batch, self.clock = batch.slice(cut), clock[cut:]
        return batch.slice(0, cut), clock[:cut]


def merged(waiting: deque[Numbered], start: Callable[[LogFile, int], Iterator[Timed]]) -> Iterator[Timed]:
    """Merge files, holding only those open that overlap.

    Parameters
    ----------
    waiting : deque of (LogFile, int)
        By their first moments, and by number where those are equal.
    start : callable
        Opens one of them.
    """
    active: list[_Stream] = []
    while waiting or active:
        active = [stream for stream in active if stream.fill()]
        ends = [(int(stream.clock[-1]), stream.number, True) for stream in active]
        begins = [(waiting[0][0].first, waiting[0][1], False)] if waiting else []
        if not (ends or begins):
            return
        # Up to the first end of a batch, or the first record of the next file, everything is at hand.
        moment, number, inclusive = min(ends + begins, key=lambda bound: bound[:2])
        taken = [(stream.number, part) for stream in active if (part := stream.until(moment, number, inclusive))]
        if len(taken) == 1:
            yield taken[0][1]
        elif taken:
            numbers = np.concatenate([np.full(len(batch), number) for number, (batch, _) in taken])
            clock = np.concatenate([clock for _, (_, clock) in taken])
            by_clock = np.lexsort((numbers, clock))
            yield concat([batch for _, (batch, _) in taken]).take(by_clock), clock[by_clock]
        if not inclusive:
            file, number = waiting.popleft()
            active.append(_Stream(number, start(file, number)))
