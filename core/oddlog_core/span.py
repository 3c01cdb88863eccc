"""A baseline in time: how long it is, how much a day holds, and its latest part."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from oddlog_core.records import MISSING_CODE, Categories, Records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["DAY", "HOUR", "WEEK", "End", "cut", "days", "ends", "halves", "per_day", "some", "split"]

HOUR = 3_600_000_000
DAY = 24 * HOUR
WEEK = 7 * DAY


class End(NamedTuple):
    """One end of a baseline, and the others of its records."""

    others: list[Records]
    held_back: list[Records]


def days(baseline: Sequence[Records]) -> float:
    """Length of a baseline by its clock, at least an hour: what is shorter is not extrapolated further."""
    ends = [(int(batch.clock[0]), int(batch.clock[-1])) for batch in baseline if len(batch)]
    return max(max(last for _, last in ends) - min(first for first, _ in ends), HOUR) / DAY


def per_day(baseline: Sequence[Records]) -> float:
    """Records a day."""
    return sum(map(len, baseline)) / days(baseline)


def cut(records: Records, start: int, stop: int) -> Records:
    """Records `start` to `stop`."""
    rows = slice(start, stop)
    return Records(
        records.log,
        records.clock[rows],
        {name: values[rows] for name, values in records.integers.items()},
        {name: Categories(column.codes[rows], column.values) for name, column in records.categories.items()},
    )


def some(records: Records, rows: NDArray[np.int64]) -> Records:
    """Some records, with dictionaries of their own values: those of thousands of others are not needed."""
    categories = {}
    for name, column in records.categories.items():
        used, codes = np.unique(column.codes[rows], return_inverse=True)
        unset = int(used[:1].tolist() == [MISSING_CODE])
        values = [column.values[code] for code in used[unset:].tolist()]
        categories[name] = Categories((codes - unset).astype(np.int32), values)
    integers = {name: values[rows] for name, values in records.integers.items()}
    return Records(records.log, records.clock[rows], integers, categories)


def split(baseline: Sequence[Records], held_back: float) -> tuple[list[Records], list[Records]]:
    """The baseline but for its latest part, and that part: at least one record each where there are two.

    Of two weeks the latest part is at least one of them: an office's Sundays say little of its Mondays, and what is
    learned from must be as old for some of them as it will be when it is used.

    Parameters
    ----------
    baseline : sequence of Records
        In log order.
    held_back : float
        Share of the records that the latest part has.
    """
    n = sum(map(len, baseline))
    if not n:
        return [], []
    boundary = round(n * (1 - held_back))
    # Logs of fourteen days begin some seconds after the first midnight and end before the last.
    if days(baseline) > 13.5:
        since = max(int(batch.clock[-1]) for batch in baseline if len(batch)) - WEEK
        boundary = min(boundary, sum(int(np.searchsorted(batch.clock, since)) for batch in baseline))
    return _apart(baseline, min(max(boundary, 1), n - 1))


def ends(baseline: Sequence[Records], held_back: float) -> tuple[End, End]:
    """Both ends of a baseline: its latest part, as `split` gives it, and as many of its earliest records.

    What is rare is known from a few bursts, each of them one host's. Two ends have twice as many, and the earliest
    records are as far from those that come after as the latest are from those before.
    """
    before, latest = split(baseline, held_back)
    earliest, after = _apart(baseline, sum(map(len, latest)))
    return End(before, latest), End(after, earliest)


def halves(end: End) -> list[End]:
    """The halves of an end, each with the other one among what is learned from.

    Of two weeks an end is one; what is learned from the other knows less than what is learned from both, and calls more
    of the fresh days rare than will be. Three quarters of a baseline are nearer to all of it.
    """
    first, second = _apart(end.held_back, sum(map(len, end.held_back)) // 2)
    return [
        End(sorted([*end.others, *other], key=_since), half)
        for half, other in ((first, second), (second, first))
        if half
    ]


def _since(batch: Records) -> int:
    return int(batch.clock[0])


def _apart(baseline: Sequence[Records], boundary: int) -> tuple[list[Records], list[Records]]:
    """So many records, and those after them."""
    before: list[Records] = []
    after: list[Records] = []
    for batch in baseline:
        here = min(max(boundary, 0), len(batch))
        if here:
            before.append(cut(batch, 0, here))
        if here < len(batch):
            after.append(cut(batch, here, len(batch)))
        boundary -= len(batch)
    return before, after
