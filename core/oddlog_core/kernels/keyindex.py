"""Which row of a table that was learned each key has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from oddlog_core.kernels._jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KeyIndex"]

_EMPTY = -1
# Knuth's multiplicative hashing, The Art of Computer Programming 3, section 6.4: 2**64 / golden ratio.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@kernel("void(int64[::1], int64[::1], int32[::1], uint64)")
def _enter(keys, held, rows, shift):
    """Enter distinct keys into an open-addressing table that they fill by two thirds at most."""
    mask = held.shape[0] - 1
    for row in range(keys.shape[0]):
        slot = np.int64((np.uint64(keys[row]) * _GOLDEN) >> shift)
        while rows[slot] != _EMPTY:
            slot = (slot + 1) & mask
        held[slot], rows[slot] = keys[row], row


@kernel("int64[::1](int64[::1], int64[::1], int32[::1], uint64)")
def _find(keys, held, rows, shift):
    """Row of each key, -1 where it has none."""
    mask = held.shape[0] - 1
    out = np.empty(keys.shape[0], np.int64)
    for i in range(keys.shape[0]):
        slot = np.int64((np.uint64(keys[i]) * _GOLDEN) >> shift)
        while rows[slot] != _EMPTY and held[slot] != keys[i]:
            slot = (slot + 1) & mask
        out[i] = rows[slot]
    return out


@dataclass(slots=True)
class KeyIndex:
    """Rows by key, fixed once made.

    Parameters
    ----------
    keys : (n_rows,) int64
        Each row's key; all differ.
    """

    keys: NDArray[np.int64]
    _held: NDArray[np.int64] = field(init=False, repr=False)
    _rows: NDArray[np.int32] = field(init=False, repr=False)
    _shift: np.uint64 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        bits = max(1, (3 * len(self.keys) // 2).bit_length())
        self._held = np.zeros(1 << bits, np.int64)
        self._rows = np.full(1 << bits, _EMPTY, np.int32)
        self._shift = np.uint64(64 - bits)
        _enter(np.array(self.keys, np.int64), self._held, self._rows, self._shift)

    def find(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Row of each key, (n,) int64; -1 where there is none."""
        rows: NDArray[np.int64] = _find(keys, self._held, self._rows, self._shift)
        return rows
