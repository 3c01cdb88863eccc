"""The latest records of each source, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from oddlog_core.features.keys import of_categories
from oddlog_core.kernels.keytable import KeyTable
from oddlog_core.kernels.sequences import NOWHERE, follow
from oddlog_core.options import ROOM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["BEFORE", "SPAN", "Sequences", "Tape", "timeline"]

BEFORE = 7
"""Records that are looked back upon."""

SPAN = 3_600_000_000
"""Microseconds that they may be old."""

SOURCES = 1024
"""Slots for sources, unless there is room for fewer."""

_NEVER = int(np.iinfo(np.int64).min) // 2


def timeline(batches: Sequence[Records]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Clock and source's key of each record, (n_records,)."""
    clock = np.concatenate([batch.clock for batch in batches])
    return clock, np.concatenate([of_categories(batch.categories["id.orig_h"]) for batch in batches])


class Tape(NamedTuple):
    """Records, and where those before each of them stand among them.

    Attributes
    ----------
    rows : (n_rows, n_columns) float32
        The batch's records last.
    before : (n_records, BEFORE) int64
        Rows, the latest record last; `NOWHERE` where there was none.
    """

    rows: NDArray[np.float32]
    before: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> Tape:
        """Some of the batch's records, and as much before them as their windows need."""
        before = self.before[rows]
        needed = np.unique(before[before != NOWHERE])
        places = np.where(before == NOWHERE, NOWHERE, np.searchsorted(needed, before))
        own = len(self.rows) - len(self.before) + rows
        return Tape(self.rows[np.concatenate([needed, own])], places)

    def windows(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Some of the batch's records, each after those before it.

        Returns
        -------
        (n, BEFORE + 1, n_columns + 1) float32
            The last column is 1, and all are 0 where there was no record.
        """
        places = np.column_stack([self.before[rows], len(self.rows) - len(self.before) + rows])
        held = (places != NOWHERE)[..., None]
        return np.concatenate([np.where(held, self.rows[places], 0), held], axis=2, dtype=np.float32)


@dataclass(slots=True)
class Sequences:
    """State: of each of the busiest sources its latest records' columns.

    Parameters
    ----------
    n_columns : int
    room : int
        Bytes that it may take.
    """

    n_columns: int
    room: int = ROOM
    table: KeyTable = field(init=False)
    rows: NDArray[np.float32] = field(init=False)
    times: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        fits = max(self.room // (BEFORE * (4 * self.n_columns + 8) + 16), 16)
        capacity = min(1 << fits.bit_length() - 1, SOURCES)
        self.table = KeyTable(capacity, 1e6 / SPAN)
        self.rows = np.zeros((capacity, BEFORE, self.n_columns), np.float32)
        self.times = np.full((capacity, BEFORE), _NEVER)

    def take(self, clock: NDArray[np.int64], sources: NDArray[np.int64], columns: NDArray[np.float32]) -> Tape:
        """Set the next records after those of their sources, and remember them.

        Parameters
        ----------
        clock, sources : (n_records,) int64
            As `timeline` gives them.
        columns : (n_records, n_columns) float32
        """
        slots = self.table.update(clock, sources)
        # Slots that no record is of are not touched: live batches are small.
        touched, slot = np.unique(np.where(slots < 0, ~slots, slots), return_inverse=True)
        base = len(self.rows) * BEFORE
        places, times = touched[:, None] * BEFORE + np.arange(BEFORE), self.times[touched]
        before = follow(np.where(slots < 0, ~slot, slot), clock, base, SPAN, places, times)
        old = self.rows.reshape(base, self.n_columns)
        of_old = (before < base) & (before != NOWHERE)
        kept, at = np.unique(before[of_old], return_inverse=True)
        on_tape = np.where(before == NOWHERE, NOWHERE, before - base + len(kept))
        on_tape[of_old] = at
        tape = Tape(np.concatenate([old[kept], columns]), on_tape)
        fresh = places >= base
        remembered = old[np.where(fresh, 0, places)]
        remembered[fresh] = columns[places[fresh] - base]
        self.rows[touched], self.times[touched] = remembered, np.where(places == NOWHERE, _NEVER, times)
        return tape

    def export(self) -> dict[str, Any]:
        """What is remembered, as a tree of arrays."""
        (slots,) = np.nonzero(self.times[:, -1] > max(int(self.table.latest[0]) - SPAN, _NEVER))
        return {"table": self.table.export(), "slots": slots, "rows": self.rows[slots], "times": self.times[slots]}

    def restore(self, exported: dict[str, Any]) -> None:
        """Take over what `export` exported."""
        self.table.restore(exported["table"])
        slots = exported["slots"]
        self.rows[slots], self.times[slots] = exported["rows"], exported["times"]
