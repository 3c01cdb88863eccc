"""What came before each call: the call before it, how many such calls lately, and on how many hosts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from oddlog_core.features.keys import joined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oddlog_core.features.calls import Calls

__all__ = ["FIRST", "Before", "Trail"]

FIRST = 0
"""In the place of the call before it, of a call with none: key 0 is no operation's, which are mixed from two."""

# A caller that has been silent towards a host for so long begins anew.
_PAUSE = 600_000_000


class Before(NamedTuple):
    """What came before each of some calls.

    Attributes
    ----------
    operation : (n,) int64
        Of the call before it from the same source on the same destination; `FIRST` where there is none.
    calls : (n,) int64
        Such calls, by source, destination and operation, within the present window, this one included.
    targets : (n,) int64
        Destinations of the source within the present window, this one included.
    """

    operation: NDArray[np.int64]
    calls: NDArray[np.int64]
    targets: NDArray[np.int64]


@dataclass(slots=True)
class Trail:
    """What is remembered of the present day and the present window."""

    _latest: dict[int, tuple[int, int]] = field(default_factory=dict)
    _calls: dict[int, int] = field(default_factory=dict)
    _met: set[int] = field(default_factory=set)
    _targets: dict[int, int] = field(default_factory=dict)

    def update(self, calls: Calls, clock: NDArray[np.int64]) -> Before:
        """Take in the next calls, all of one window."""
        pair = joined(calls.source, calls.destination)
        return Before(
            self._operations_before(joined(pair, calls.ports), calls.operation, clock),
            _counted(joined(pair, calls.operation), np.ones(len(pair), np.int64), self._calls),
            self._targets_so_far(calls.source, calls.destination),
        )

    def next_window(self, since: int) -> None:
        """Forget what is counted by the window, and who has been silent too long when the next one begins."""
        self._calls, self._met, self._targets = {}, set(), {}
        self._latest = {key: latest for key, latest in self._latest.items() if since - latest[0] <= _PAUSE}

    def _operations_before(
        self, pair: NDArray[np.int64], operation: NDArray[np.int64], clock: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        order = np.argsort(pair, kind="stable")
        sorted_, at, when = pair[order], operation[order], clock[order]
        first = np.flatnonzero(np.diff(sorted_, prepend=~sorted_[:1]) != 0)
        before, since = np.roll(at, 1), np.roll(when, 1)
        for row in first.tolist():
            since[row], before[row] = self._latest.get(int(sorted_[row]), (when[row], FIRST))
        last = np.append(first[1:], len(order))[: len(first)] - 1
        self._latest.update(
            zip(sorted_[last].tolist(), zip(when[last].tolist(), at[last].tolist(), strict=True), strict=True)
        )
        out = np.empty_like(operation)
        out[order] = np.where(when - since > _PAUSE, FIRST, before)
        return out

    def _targets_so_far(self, source: NDArray[np.int64], destination: NDArray[np.int64]) -> NDArray[np.int64]:
        keys, first = np.unique(joined(source, destination), return_index=True)
        new = np.zeros(len(source), np.int64)
        new[[row for key, row in zip(keys.tolist(), first.tolist(), strict=True) if key not in self._met]] = 1
        self._met.update(keys.tolist())
        return _counted(source, new, self._targets)

    def export(self) -> dict[str, Any]:
        """All of it as a tree of dicts and arrays, the same however the records came in batches."""
        latest = sorted((key, *value) for key, value in self._latest.items())
        return {
            "latest": np.array(latest, np.int64).reshape(-1, 3),
            "calls": _pairs(self._calls),
            "met": np.array(sorted(self._met), np.int64),
            "targets": _pairs(self._targets),
        }

    @classmethod
    def restore(cls, exported: dict[str, Any]) -> Self:
        """What `export` exported."""
        latest = {key: (when, operation) for key, when, operation in exported["latest"].tolist()}
        counted = (dict(exported[name].tolist()) for name in ("calls", "targets"))
        calls, targets = counted
        return cls(latest, calls, set(exported["met"].tolist()), targets)


def _pairs(counted: dict[int, int]) -> NDArray[np.int64]:
    return np.array(sorted(counted.items()), np.int64).reshape(-1, 2)


def _counted(keys: NDArray[np.int64], amounts: NDArray[np.int64], so_far: dict[int, int]) -> NDArray[np.int64]:
    """Sum of the amounts of each row's key up to the row, those of earlier batches included."""
    order = np.argsort(keys, kind="stable")
    sorted_, total = keys[order], np.cumsum(amounts[order])
    first = np.flatnonzero(np.diff(sorted_, prepend=~sorted_[:1]) != 0)
    length = np.diff(np.append(first, len(order)))
    known = np.array([so_far.get(key, 0) for key in sorted_[first].tolist()], np.int64)
    total += np.repeat(known - (total[first] - amounts[order][first]), length)
    so_far.update(zip(sorted_[first].tolist(), total[first + length - 1].tolist(), strict=True))
    out = np.empty_like(total)
    out[order] = total
    return out
