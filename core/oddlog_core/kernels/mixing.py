"""Keys mixed with each other: one 64-bit number for several."""

import numpy as np
from numba import njit

from oddlog_core.kernels._jit import kernel

__all__ = ["finalised", "joined", "joined_pair", "mixed"]

# Steele, Lea and Flood, Fast splittable pseudorandom number generators (2014): the finaliser of SplitMix64.
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)

_KEYS = "Array(int64, 1, 'C', readonly=True)"


@njit(error_model="numpy")
def finalised(key):
    """A key of which every bit depends on every bit of the one given; both unsigned."""
    key = (key ^ (key >> _30)) * _FIRST
    key = (key ^ (key >> _27)) * _SECOND
    return key ^ (key >> _31)


@njit(error_model="numpy")
def joined_pair(one, other):
    """A key for two; which of them is the first counts."""
    return np.int64(finalised(np.uint64(one) * _STEP + np.uint64(other)))


@kernel(f"int64[::1]({_KEYS})")
def mixed(values):
    """A key for each number, (n,)."""
    out = np.empty(values.shape[0], np.int64)
    for i in range(values.shape[0]):
        out[i] = np.int64(finalised(np.uint64(values[i]) + _STEP))
    return out


@kernel(f"int64[::1]({_KEYS}, {_KEYS})")
def joined(one, other):
    """A key for each pair of keys, (n,); which of them is the first counts."""
    out = np.empty(one.shape[0], np.int64)
    for i in range(one.shape[0]):
        out[i] = joined_pair(one[i], other[i])
    return out
