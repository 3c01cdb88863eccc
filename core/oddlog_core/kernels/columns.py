"""Integers into columns of a feature matrix."""

import numpy as np

from oddlog_core.kernels._jit import kernel
from oddlog_core.records import MISSING

__all__ = ["amounts", "looked_up"]

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
