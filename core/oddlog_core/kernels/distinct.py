"""Distinct rows of codes, in one pass."""

import numpy as np

from oddlog_core.kernels._jit import kernel

__all__ = ["distinct_rows"]

_EMPTY = -1
# Steele, Lea and Flood, Fast splittable pseudorandom number generators (2014): SplitMix64's step and a multiplier.
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_HALF = np.uint64(32)
_BITS = np.uint64(64)


@kernel("int64(int32[:, ::1], int64, int64)")
def _home(codes, row, bits):
    mixed = np.uint64(0)
    for f in range(codes.shape[1]):
        mixed = (mixed ^ np.uint64(codes[row, f])) * _MIX
        mixed ^= mixed >> _HALF
    return np.int64((mixed * _STEP) >> (_BITS - np.uint64(bits)))


@kernel("Tuple((int64[::1], int64[::1]))(int32[:, ::1])")
def distinct_rows(codes):
    """Where each distinct row stands first, in that order, and which of them each row is.

    `numpy.unique` sorts whole rows: a million of nine codes, 49,000 of them distinct, took it 1.6 s beside 0.09 s.

    Parameters
    ----------
    codes : (n, n_fields) int32

    Returns
    -------
    first : (n_distinct,) int64
    number : (n,) int64
    """
    n, n_fields = codes.shape
    bits = 1
    while (1 << bits) < 2 * n and bits < 12:
        bits += 1
    table = np.full(1 << bits, _EMPTY, np.int64)
    first = np.empty(n, np.int64)
    number = np.empty(n, np.int64)
    found = 0
    for i in range(n):
        if 2 * found >= table.shape[0]:
            bits += 2
            table = np.full(1 << bits, _EMPTY, np.int64)
            for k in range(found):
                slot = _home(codes, first[k], bits)
                while table[slot] != _EMPTY:
                    slot = (slot + 1) & (table.shape[0] - 1)
                table[slot] = k
        slot = _home(codes, i, bits)
        while True:
            k = table[slot]
            if k == _EMPTY:
                table[slot], first[found], number[i] = found, i, found
                found += 1
                break
            same = True
            for f in range(n_fields):
                if codes[first[k], f] != codes[i, f]:
                    same = False
                    break
            if same:
                number[i] = k
                break
            slot = (slot + 1) & (table.shape[0] - 1)
    return first[:found].copy(), number
