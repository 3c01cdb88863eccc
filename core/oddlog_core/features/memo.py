"""What was made of keys lately, so that what comes again is not judged again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from oddlog_core.kernels.keytable import KeyTable
from oddlog_core.span import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["Memo"]


@dataclass(slots=True)
class Memo:
    """Rows of arrays by key, as many as there is room for: who came least, lately, goes first.

    It only saves time: a key's rows are the same whenever they are made.

    Parameters
    ----------
    most : int
        Keys that are kept, a power of two from 16.
    """

    most: int
    _table: KeyTable = field(init=False, repr=False)
    _kept: list[NDArray[Any]] = field(init=False, repr=False, default_factory=list)

    def __post_init__(self) -> None:
        self._table = KeyTable(self.most, 1e6 / DAY)

    def recall(
        self,
        clock: NDArray[np.int64],
        keys: NDArray[np.int64],
        make: Callable[[NDArray[np.int64]], Sequence[NDArray[Any]]],
    ) -> list[NDArray[Any]]:
        """Rows of keys, of each array that `make` makes.

        Parameters
        ----------
        clock : (n,) int64
            When each key came.
        keys : (n,) int64
            All differ.
        make : callable
            Given which of the keys are new, arrays with a row for each of them.
        """
        slots = self._table.update(clock, keys)
        new, slots = slots < 0, np.maximum(slots, ~slots)
        # One that had a place may have lost it to another of these keys.
        has_place = self._table.held[slots] == keys
        asked = np.flatnonzero(new | ~has_place)
        if self._kept and not len(asked):
            return [kept.take(slots, axis=0) for kept in self._kept]
        made = make(asked)
        if not self._kept:
            self._kept = [np.zeros((self.most, *rows.shape[1:]), rows.dtype) for rows in made]
        entered = has_place[asked]
        out = []
        for rows, kept in zip(made, self._kept, strict=True):
            kept[slots[asked[entered]]] = rows[entered]
            found = kept.take(slots, axis=0)
            found[asked] = rows
            out.append(found)
        return out
