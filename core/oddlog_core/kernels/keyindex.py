"""Which row of a table that was learned each key has, and what was counted of it."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from oddlog_core.kernels._jit import kernel
from oddlog_core.kernels.prefetch import AHEAD, prefetch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KeyCounts", "KeyIndex", "home"]

# Knuth's multiplicative hashing, The Art of Computer Programming 3, section 6.4: 2**64 / golden ratio.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@njit(inline="always", error_model="numpy")
def home(key, shift):
    """Slot at which a key is looked for first."""
    return np.int64((np.uint64(key) * _GOLDEN) >> shift)


@kernel("void(Array(int64, 2, 'A', readonly=True), int64[:, ::1], uint64)")
def _enter_counts(rows, slots, shift):
    """Enter rows of a key and its count, which is above 0, into slots of zeros."""
    mask = slots.shape[0] - 1
    for row in range(rows.shape[0]):
        slot = home(rows[row, 0], shift)
        while slots[slot, 1]:
            slot = (slot + 1) & mask
        slots[slot, 0], slots[slot, 1] = rows[row, 0], rows[row, 1]


@kernel("int64[::1](int64[::1], int64[:, ::1], uint64)")
def _counts(keys, slots, shift):
    """Count of each key, 0 where it has none."""
    mask = slots.shape[0] - 1
    out = np.empty(keys.shape[0], np.int64)
    for i in range(keys.shape[0]):
        if i + AHEAD < keys.shape[0]:
            prefetch(slots, home(keys[i + AHEAD], shift))
        slot = home(keys[i], shift)
        while slots[slot, 1] and slots[slot, 0] != keys[i]:
            slot = (slot + 1) & mask
        out[i] = slots[slot, 1]
    return out


@dataclass(slots=True)
class KeyCounts:
    """A count by key, fixed once made, beside its key: one look into memory for both.

    Parameters
    ----------
    rows : (n_rows, 2) int64
        A key and its count, above 0; all keys differ.

    Attributes
    ----------
    slots : (n_slots, 2) int64
        By `home`, then the next ones: a key and its count, zeros where there is none.
    shift : uint64
    """

    rows: InitVar[NDArray[np.int64]]
    slots: NDArray[np.int64] = field(init=False, repr=False)
    shift: np.uint64 = field(init=False, repr=False)

    def __post_init__(self, rows: NDArray[np.int64]) -> None:
        bits = max(1, (3 * len(rows) // 2).bit_length())
        self.slots, self.shift = np.zeros((1 << bits, 2), np.int64), np.uint64(64 - bits)
        _enter_counts(rows, self.slots, self.shift)

    @property
    def table(self) -> NDArray[np.int64]:
        """The rows it was made of, by their keys."""
        rows = self.slots[self.slots[:, 1] > 0]
        return rows[np.argsort(rows[:, 0])]

    def find(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Count of each key, (n,) int64; 0 where there is none."""
        counts: NDArray[np.int64] = _counts(keys, self.slots, self.shift)
        return counts


@dataclass(slots=True)
class KeyIndex:
    """Rows by key, fixed once made.

    Parameters
    ----------
    keys : (n_rows,) int64
        Each row's key; all differ.
    """

    keys: InitVar[NDArray[np.int64]]
    _counts: KeyCounts = field(init=False, repr=False)

    def __post_init__(self, keys: NDArray[np.int64]) -> None:
        self._counts = KeyCounts(np.stack([keys, np.arange(1, len(keys) + 1)], axis=1))

    def find(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Row of each key, (n,) int64; -1 where there is none."""
        return self._counts.find(keys) - 1
