"""Integers into columns of a feature matrix."""

import numpy as np

from oddlog_core.kernels._jit import kernel
from oddlog_core.records import MISSING

__all__ = ["amounts", "filled", "looked_up"]

_VALUES = "Array(int64, 1, 'C', readonly=True)"


@kernel(f"void({_VALUES}, float64, float64[:])")
def amounts(values, unit, out):
    """Values in a larger unit, nan where they are MISSING."""
    for i in range(values.shape[0]):
        out[i] = np.nan if values[i] == MISSING else values[i] / unit


@kernel(f"void({_VALUES}, Array(int16, 1, 'C', readonly=True), float64[:])")
def looked_up(values, table, out):
    """What a table has for each value, its ends for those beyond it, 0 where they are MISSING."""
    last = table.shape[0] - 1
    for i in range(values.shape[0]):
        out[i] = 0 if values[i] == MISSING else table[min(max(values[i], 0), last)]


@kernel(f"int64[::1]({_VALUES}, Array(uint8, 1, 'C', readonly=True), int64, int64, int64)")
def filled(values, valid, first, most, unset):
    """Integers as Arrow has them, and something in the place of those that are unset.

    Parameters
    ----------
    values : (n,) int64
    valid : (n_bytes,) uint8
        A bit for each value, the lowest first, 1 where it is set; empty where all are.
    first : int
        The first value's bit.
    most : int
        Where it is above 0, `values` are the bits of unsigned ones, of which larger ones become this.
    unset : int

    Returns
    -------
    (n,) int64
    """
    out = np.empty(values.shape[0], np.int64)
    for i in range(values.shape[0]):
        too_much = most > 0 and (values[i] < 0 or values[i] > most)
        out[i] = most if too_much else values[i]
    if valid.shape[0]:
        for i in range(values.shape[0]):
            if not valid[(first + i) >> 3] >> ((first + i) & 7) & 1:
                out[i] = unset
    return out
