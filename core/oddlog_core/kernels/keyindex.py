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
    """Enter rows of a key and its counts, of which the first is above 0, into slots of zeros."""
    mask = slots.shape[0] - 1
    for row in range(rows.shape[0]):
        slot = home(rows[row, 0], shift)
        while slots[slot, 1]:
            slot = (slot + 1) & mask
        for column in range(rows.shape[1]):
            slots[slot, column] = rows[row, column]


@kernel("int64[:, ::1](int64[::1], int64[:, ::1], int64, uint64)")
def _counts(keys, slots, n_counts, shift):
    """Counts of each key, zeros where it has none."""
    mask = slots.shape[0] - 1
    out = np.zeros((keys.shape[0], n_counts), np.int64)
    for i in range(keys.shape[0]):
        if i + AHEAD < keys.shape[0]:
            prefetch(slots, home(keys[i + AHEAD], shift))
        slot = home(keys[i], shift)
        while slots[slot, 1] and slots[slot, 0] != keys[i]:
            slot = (slot + 1) & mask
        for column in range(n_counts):
            out[i, column] = slots[slot, 1 + column]
    return out


def _bits(n: int) -> int:
    """Of the number of slots that `n` keys fill by two thirds at most."""
    return max(1, (3 * n // 2).bit_length())


@dataclass(slots=True)
class KeyCounts:
    """Counts by key, fixed once made, each beside its key: one look into memory for both.

    Parameters
    ----------
    rows : (n_rows, 1 + n_counts) int64
        A key and its counts, the first of them above 0; all keys differ.

    Attributes
    ----------
    slots : (n_slots, 2 or a higher power of two) int64
        By `home`, then the next ones: a key and its counts, zeros where there is none.
    shift : uint64
    """

    rows: InitVar[NDArray[np.int64]]
    slots: NDArray[np.int64] = field(init=False, repr=False)
    shift: np.uint64 = field(init=False, repr=False)
    _n_counts: int = field(init=False, repr=False)

    def __post_init__(self, rows: NDArray[np.int64]) -> None:
        bits, width = _bits(len(rows)), rows.shape[1]
        # No slot lies across two lines of the cache.
        self.slots = np.zeros((1 << bits, 1 << (width - 1).bit_length()), np.int64)
        self.shift, self._n_counts = np.uint64(64 - bits), width - 1
        _enter_counts(rows, self.slots, self.shift)

    def find(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Counts of each key, (n, n_counts) int64; 0 where there is none."""
        counts: NDArray[np.int64] = _counts(keys, self.slots, self._n_counts, self.shift)
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
        return self._counts.find(keys)[:, 0] - 1
