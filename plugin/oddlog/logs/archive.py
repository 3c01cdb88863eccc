"""Archived logs in clock order."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from oddlog_core.kernels.timeline import CLOCK_STATE, advance

from oddlog.errors import LogError
from oddlog.logs.batch import Batch, concat
from oddlog.logs.blocks import BLOCK_BYTES, Damage, blocks
from oddlog.logs.count import ReadCount
from oddlog.logs.decoder import Decoder
from oddlog.logs.discovery import LogFile, find_logs

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from oddlog.logs.batch import Order

__all__ = ["Logs", "open_logs"]


def open_logs(
    paths: Iterable[str | os.PathLike[str]],
    order: Order = "end",
    *,
    block_bytes: int = BLOCK_BYTES,
    on_bytes: Callable[[int], None] | None = None,
) -> Logs:
    """Find logs and look at how each begins.

    Parameters
    ----------
    paths : iterable of path-like
        Files, globs and folders, plain or gzipped, as Zeek, zeekctl or an export left them.
    order : {"end", "start"}
        Whether conn logs are in the order connections ended, as Zeek writes them, or sorted by ``ts``.
    block_bytes : int
        Bytes to decode at once; no answer depends on it.
    on_bytes : callable, optional
        Told, while batches are read, how many more bytes of `Logs.total_bytes` were.

    Raises
    ------
    UsageError
        A path that does not exist, a glob that matches nothing, or no log at all.
    LogError
        A file named by itself that is no Zeek log.
    """
    files, skipped = find_logs(paths, order)
    return Logs(files, skipped, order, block_bytes, on_bytes)


class Logs:
    """Logs of one archive; made by `open_logs`.

    Attributes
    ----------
    names : tuple of str
        Log types that are present.
    total_bytes : int
        Size of their files on disk.
    counts : dict of str to ReadCount
        What became of each file's lines, so far as they were read.
    """

    def __init__(
        self,
        files: Sequence[LogFile],
        skipped: Sequence[tuple[str, str]],
        order: Order,
        block_bytes: int,
        on_bytes: Callable[[int], None] | None,
    ) -> None:
        self.names = tuple(sorted({file.log for file in files}))
        self.total_bytes = sum(file.size for file in files)
        self.counts: dict[str, ReadCount] = {}
        self._files = files
        self._skipped = skipped
        self._order = order
        self._block_bytes = block_bytes
        self._on_bytes = on_bytes

    @property
    def count(self) -> ReadCount:
        """What became of all lines read so far."""
        total = ReadCount(skipped=list(self._skipped))
        for count in self.counts.values():
            total.add(count)
        return total

    def batches(self, log: str, rows: int | None = None) -> Iterator[Batch]:
        """Read all records of one log, in clock order.

        Files follow each other by their first record; where several hold the same time, they are merged by each file's
        own clock, and equal times by the order of the files.

        Parameters
        ----------
        log : str
        rows : int, optional
            Records in every batch but the last; else as many as a block holds.
        """
        files = [(file, number) for number, file in enumerate(self._files) if file.log == log]
        merged = _merged(deque(sorted(files, key=lambda pair: (pair[0].first, pair[1]))), self._open)
        return merged if rows is None else _of_length(merged, rows)

    def _open(self, file: LogFile, number: int) -> _Stream:
        decoder = Decoder(str(file.path), file.log)
        self.counts[str(file.path)] = decoder.count
        return _Stream(number, self._read(file, decoder), self._order)

    def _read(self, file: LogFile, decoder: Decoder) -> Iterator[Batch]:
        try:
            for block, final in blocks(file.path, self._block_bytes, self._on_bytes):
                yield from decoder.feed(block, final=final)
        except Damage as damage:
            error = LogError(str(file.path), decoder.line, "file", "a whole .gz", f"one that {damage}")
            decoder.count.damaged.append(error)


@dataclass(slots=True)
class _Stream:
    """One file's batches, each with the clock by which files are merged."""

    number: int
    batches: Iterator[Batch]
    order: Order
    state: NDArray[np.int64] = field(default_factory=lambda: np.zeros(CLOCK_STATE, np.int64))
    latest: int = 0
    batch: Batch | None = None
    clock: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def fill(self) -> bool:
        """Have a batch at hand; False at the end of the file."""
        if self.batch is None:
            self.batch = next(self.batches, None)
            if self.batch is None:
                return False
            clock, _ = advance(self.batch.moments(self.order), self.state)
            # A clock that was moved back must not take the file apart.
            self.clock = np.maximum.accumulate(np.maximum(clock, self.latest))
            self.latest = int(self.clock[-1])
        return True

    def until(self, moment: int, number: int, inclusive: bool) -> tuple[Batch, NDArray[np.int64]] | None:
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


def _merged(waiting: deque[tuple[LogFile, int]], start: Callable[[LogFile, int], _Stream]) -> Iterator[Batch]:
    """Merge files, holding only those open that overlap."""
    active: list[_Stream] = []
    while waiting or active:
        active = [stream for stream in active if stream.fill()]
        ends = [(stream.latest, stream.number, True) for stream in active]
        begins = [(waiting[0][0].first, waiting[0][1], False)] if waiting else []
        if not (ends or begins):
            return
        # Up to the first end of a batch, or the first record of the next file, everything is at hand.
        moment, number, inclusive = min(ends + begins, key=lambda bound: bound[:2])
        taken = [(stream.number, part) for stream in active if (part := stream.until(moment, number, inclusive))]
        if len(taken) == 1:
            yield taken[0][1][0]
        elif taken:
            numbers = np.concatenate([np.full(len(batch), number) for number, (batch, _) in taken])
            clock = np.concatenate([clock for _, (_, clock) in taken])
            yield concat([batch for _, (batch, _) in taken]).take(np.lexsort((numbers, clock)))
        if not inclusive:
            active.append(start(*waiting.popleft()))


def _of_length(batches: Iterable[Batch], rows: int) -> Iterator[Batch]:
    held: list[Batch] = []
    length = 0
    for batch in batches:
        held.append(batch)
        length += len(batch)
        if length < rows:
            continue
        whole = concat(held)
        full = length - length % rows
        for start in range(0, full, rows):
            yield whole.slice(start, rows)
        held, length = ([whole.slice(full)], length - full) if full < length else ([], 0)
    if held:
        yield concat(held)
