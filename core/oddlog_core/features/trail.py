"""What came before each call: the call before it, how many such calls lately, and on how many hosts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from oddlog_core.features.calls import UNREAD
from oddlog_core.features.keys import joined
from oddlog_core.kernels.trails import enter, follow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oddlog_core.features.calls import Calls

__all__ = ["FIRST", "LOST", "Before", "Trail"]

FIRST = 0
"""In the place of the call before it, of a call with none: key 0 is no operation's, which are mixed from two."""

LOST = UNREAD
"""In the place of the call before it, where it could not be remembered, or read."""

_COLUMNS = (3, 2, 1, 2)
# A caller that has been silent towards a host for so long begins anew.
_PAUSE = 600_000_000


class Before(NamedTuple):
    """What came before each of some calls.

    Attributes
    ----------
    operation : (n,) int64
        Of the call before it from the same source on the same destination; `FIRST` where there is none, `LOST` where
        it is not known.
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
    """What is remembered of the present day and the present window.

    Parameters
    ----------
    most : int
        Connections, pairs of hosts and calls between them that are remembered at most; what comes later has no place.
    """

    most: int = 1 << 20
    _latest: NDArray[np.int64] = field(init=False, repr=False)
    _calls: NDArray[np.int64] = field(init=False, repr=False)
    _met: NDArray[np.int64] = field(init=False, repr=False)
    _targets: NDArray[np.int64] = field(init=False, repr=False)
    _used: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._used = np.zeros(5, np.int64)
        self._hold(*(np.empty((0, n_columns), np.int64) for n_columns in _COLUMNS))

    @property
    def evicted(self) -> int:
        """How many times there was no place."""
        return int(self._used[-1])

    def update(self, calls: Calls, clock: NDArray[np.int64]) -> Before:
        """Take in the next calls, all of one window."""
        room = [min(used + len(clock), self.most) for used in self._used[:-1].tolist()]
        if any(2 * fits > len(held) for fits, held in zip(room, self._tables, strict=True)):
            self._hold(*map(_rows, self._tables), spare=len(clock))
        pair = joined(calls.source, calls.destination)
        keys = np.stack([joined(pair, calls.ports), joined(pair, calls.operation), pair, calls.source], axis=1)
        operation = np.ascontiguousarray(calls.operation)
        found = follow(np.ascontiguousarray(clock), keys, operation, _PAUSE, LOST, self.most, *self._tables, self._used)
        return Before(*found)

    @property
    def _tables(self) -> tuple[NDArray[np.int64], ...]:
        return self._latest, self._calls, self._met, self._targets

    def _hold(self, *rows: NDArray[np.int64], spare: int = 0) -> None:
        """Hold these rows of each table, and so many more as long as it is not full."""
        self._used[:-1] = [*map(len, rows)]
        self._latest, self._calls, self._met, self._targets = (
            _table(kept, min(len(kept) + spare, self.most)) for kept in rows
        )

    def next_window(self, since: int) -> None:
        """Forget what is counted by the window, and who has been silent too long when the next one begins."""
        latest = _rows(self._latest)
        nothing = (np.empty((0, n_columns), np.int64) for n_columns in _COLUMNS[1:])
        self._hold(latest[since - latest[:, 1] <= _PAUSE], *nothing)

    def export(self) -> dict[str, Any]:
        """All of it as a tree of dicts and arrays, the same however the records came in batches."""
        latest, calls, met, targets = map(_rows, self._tables)
        return {"latest": latest, "calls": calls, "met": met[:, 0], "targets": targets}

    @classmethod
    def restore(cls, exported: dict[str, Any], most: int = 1 << 20) -> Self:
        """What `export` exported."""
        trail = cls(most)
        rows = exported["latest"], exported["calls"], exported["met"][:, None], exported["targets"]
        # Copies: kernels with explicit signatures refuse memory that is read-only, as a checkpoint's is.
        trail._hold(*(held[:most].copy() for held in rows))
        return trail


def _table(rows: NDArray[np.int64], fits: int) -> NDArray[np.int64]:
    """Make a table of rows that as many as fit will fill by half at most."""
    held = np.zeros((1 << max(4, (2 * fits - 1).bit_length()), rows.shape[1]), np.int64)
    enter(rows, held)
    return held


def _rows(held: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of a table, by key."""
    rows: NDArray[np.int64] = held[held[:, 0] != 0]
    return rows[np.argsort(rows[:, 0])]
