"""The latest hours of some logs, in memory, with attacks put among them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from oddlog_core.span import DAY

from oddlog.logs import SCHEMAS, ZEEK_TYPES, Batch
from oddlog.logs.archive import read_file
from oddlog.logs.batch import concat
from oddlog.logs.blocks import BLOCK_BYTES
from oddlog.logs.merging import merged, timed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from numpy.typing import NDArray

    from oddlog.logs import Logs, Order
    from oddlog.logs.discovery import LogFile
    from oddlog.logs.merging import Timed

__all__ = ["PLAIN", "Hours", "Row", "latest_hours"]

Row = dict[str, "Any"]
"""A record's fields by Zeek's names; times and intervals in microseconds, unset None."""

MOST = 400_000
"""Records of one log that a drill reads into memory, and no more than a day of them."""

PLAIN: Mapping[str, pa.Schema] = {
    log: pa.schema(
        [
            (field.name, pa.int64() if pa.types.is_temporal(field.type) else _plain)
            for field in SCHEMAS[log]
            for _plain in [field.type.value_type if pa.types.is_dictionary(field.type) else field.type]
        ]
    )
    for log in ZEEK_TYPES
}
"""Arrow's schema of `Row`s."""


@dataclass(frozen=True, slots=True, eq=False)
class Hours:
    """Some hours of logs.

    Attributes
    ----------
    begin, end : int
        The clock, microseconds.
    order : {"end", "start"}
    batches : dict of str to Batch
        By log; none is empty.
    clocks : dict of str to (n_records,) int64
    """

    begin: int
    end: int
    order: Order
    batches: dict[str, Batch]
    clocks: dict[str, NDArray[np.int64]]

    def __len__(self) -> int:
        return sum(map(len, self.batches.values()))

    def mixed(self, log: str, rows: list[Row]) -> Batch:
        """All of a log's records and some more, in the order of their clock."""
        if not rows:
            return self.batches[log]
        plain = pa.Table.from_pylist(rows, PLAIN[log]).cast(SCHEMAS[log]).combine_chunks()
        added = Batch(log, plain.to_batches()[0], "drill", np.arange(1, len(rows) + 1))
        clock = np.concatenate([self.clocks[log], added.moments(self.order)])
        return concat([self.batches[log], added]).take(np.argsort(clock, kind="stable"))


def latest_hours(logs: Logs, names: Iterable[str]) -> Hours:
    """Read the latest day of some logs, or as much of its end as `MOST` records are; it may hold nothing at all."""
    found: dict[str, list[Timed]] = {}
    since = 0
    for log in names:
        if log in logs.names:
            pieces, whole_from = _latest(logs, log)
            since = max(since, whole_from)
            if pieces:
                found[log] = pieces
    if not found:
        return Hours(0, 0, logs.order, {}, {})
    end = max(int(pieces[-1][1][-1]) for pieces in found.values())
    begin = max(end - DAY, since, min(int(pieces[0][1][0]) for pieces in found.values()))
    batches, clocks = {}, {}
    for log, pieces in found.items():
        clock = np.concatenate([clock for _, clock in pieces])
        cut = int(np.searchsorted(clock, begin))
        if cut < len(clock):
            batches[log], clocks[log] = concat([batch for batch, _ in pieces]).slice(cut), clock[cut:]
    return Hours(begin, end, logs.order, batches, clocks)


def _latest(logs: Logs, log: str) -> tuple[list[Timed], int]:
    """What a log ends with, and the clock before which records were left out for their number."""
    files = logs.files(log)
    # Logs are rotated once a day or more often; whoever does not rotate has one file.
    since = min(files[-1][0].first - DAY, max((file.first for file, _ in files[:-1]), default=0))
    near = deque(pair for pair in files if pair[0].first >= since)

    def start(file: LogFile, _number: int) -> Iterator[Timed]:
        return timed(read_file(file, file.path, BLOCK_BYTES)[1], logs.order)

    held: deque[Timed] = deque()
    n = whole_from = 0
    for batch, clock in merged(near, start):
        held.append((batch, clock))
        n += len(batch)
        while held[0][1][-1] < clock[-1] - DAY:
            n -= len(held.popleft()[0])
        while n > MOST:
            first, moments = held.popleft()
            kept = max(MOST - (n - len(first)), 0)
            if kept:
                held.appendleft((first.slice(len(first) - kept), moments[-kept:]))
            n += kept - len(first)
            whole_from = int(held[0][1][0])
    return list(held), whole_from
