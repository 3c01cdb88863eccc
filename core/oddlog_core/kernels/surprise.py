"""What stands before and behind a network of connections: numbers scaled, and how unlike its expectation a record is.

In float32, and with polynomials that compile to whole vectors. A row's result does not depend on the rows around it.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from oddlog_core.kernels._jit import kernel

__all__ = ["inputs", "scores"]

_BLOCK = 32
# Sums in whatever order suits a vector, and products with sums in one: each row is computed alone, by the same code.
_FAST = {"contract", "nsz", "reassoc"}
_FLOAT = np.float32
_ONE, _HALF = _FLOAT(1), _FLOAT(0.5)
_MANTISSA, _BIAS, _ROOT_HALF = np.int32(23), np.int32(127), np.int32(0x3F3504F3)
_LN_2, _LOG2_E = _FLOAT(0.6931471805599453), _FLOAT(1.4426950408889634)
_LN_2_HIGH, _LN_2_LOW = _FLOAT(0.693359375), _FLOAT(-2.12194440e-4)


@intrinsic
def _bits(typing, number):  # noqa: ARG001
    """The bits of a float32 as an integer."""

    def generate(context, builder, signature, arguments):  # noqa: ARG001
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), generate


@intrinsic
def _float(typing, bits):  # noqa: ARG001
    """The float32 of these bits."""

    def generate(context, builder, signature, arguments):  # noqa: ARG001
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@njit(fastmath=_FAST)
def _log(x):
    """Logarithm of a float32 above 1e-37, to its last bit or the one before (Moshier's Cephes, logf)."""
    bits = _bits(x)
    exponent = np.int32(bits - _ROOT_HALF) >> _MANTISSA
    t = _float(np.int32(bits - np.int32(exponent << _MANTISSA))) - _ONE
    y = _FLOAT(7.0376836292e-2)
    y = y * t - _FLOAT(1.1514610310e-1)
    y = y * t + _FLOAT(1.1676998740e-1)
    y = y * t - _FLOAT(1.2420140846e-1)
    y = y * t + _FLOAT(1.4249322787e-1)
    y = y * t - _FLOAT(1.6668057665e-1)
    y = y * t + _FLOAT(2.0000714765e-1)
    y = y * t - _FLOAT(2.4999993993e-1)
    y = y * t + _FLOAT(3.3333331174e-1)
    square = t * t
    return t + (y * t - _HALF) * square + _FLOAT(exponent) * _LN_2


@njit(fastmath=_FAST)
def _exp(x):
    """Exponential of a float32 from -80 to 80, to its last bit or the one before (Moshier's Cephes, expf)."""
    whole = np.floor(x * _LOG2_E + _HALF)
    rest = x - whole * _LN_2_HIGH - whole * _LN_2_LOW
    y = _FLOAT(1.9875691500e-4)
    y = y * rest + _FLOAT(1.3981999507e-3)
    y = y * rest + _FLOAT(8.3334519073e-3)
    y = y * rest + _FLOAT(4.1665795894e-2)
    y = y * rest + _FLOAT(1.6666665459e-1)
    y = y * rest + _FLOAT(5.0000001201e-1)
    y = y * (rest * rest) + rest + _ONE
    return y * _float(np.int32((np.int32(whole) + _BIAS) << _MANTISSA))


@njit(fastmath={"contract", "nsz"})
def _sum(values, start, end):
    """Sum of some values, four at a time: of so few, whole vectors and what is left over took half as long again."""
    first = second = third = fourth = _FLOAT(0)
    while start + 3 < end:
        first += values[start]
        second += values[start + 1]
        third += values[start + 2]
        fourth += values[start + 3]
        start += 4
    while start < end:
        first += values[start]
        start += 1
    return (first + second) + (third + fourth)


@kernel(
    "UniTuple(float32[:, ::1], 2)(float64[:, ::1], int64, float32[::1], float32[::1], float32, float32, int64[::1],"
    " float32[:, ::1], int64)",
    fastmath=_FAST,
)
def inputs(features, n_amounts, slope, intercept, low, high, offsets, table, n_taken):
    """Numbers as a network sees them, and all that it takes in.

    Parameters
    ----------
    features : (n, n_columns) float64
        Numbers, the amounts first and nan where one is unset; evidence; then codes.
    n_amounts : int
        Of amounts the logarithm is scaled.
    slope, intercept : (n_numbers,) float32
        What scales numbers.
    low, high : float32
        Bounds of scaled numbers, for the network.
    offsets : (n_coded + 1,) int64
        Where the codes of each column begin in the table, and where they end.
    table : (n_codes, width) float32
        What stands for a code.
    n_taken : int
        Rows of what the network takes in: those beyond are zeros.

    Returns
    -------
    z : (n, n_numbers) float32
        Scaled numbers, nan where unset.
    taken : (n_taken, n_numbers + n_coded * width) float32
    """
    n, n_numbers, width, n_coded = features.shape[0], slope.shape[0], table.shape[1], offsets.shape[0] - 1
    first = features.shape[1] - n_coded
    z = np.empty((n, n_numbers), np.float32)
    taken = np.empty((n_taken, n_numbers + n_coded * width), np.float32)
    taken[n:] = 0
    for i in range(n):
        for c in range(n_amounts):
            z[i, c] = _log(max(_FLOAT(features[i, c]), _FLOAT(0)) + _ONE)
        for c in range(n_amounts, n_numbers):
            z[i, c] = _FLOAT(features[i, c])
        for c in range(n_numbers):
            scaled = z[i, c] * slope[c] + intercept[c]
            unset = np.isnan(features[i, c])
            z[i, c] = _FLOAT(np.nan) if unset else scaled
            taken[i, c] = _FLOAT(0) if unset else min(max(scaled, low), high)
        for c in range(n_coded):
            code, at = np.int64(features[i, first + c]) + offsets[c], n_numbers + c * width
            for k in range(width):
                taken[i, at + k] = table[code, k]
    return z, taken


@kernel(
    "float64[::1](float64[:, ::1], float32[:, ::1], float32[:, ::1], int64[::1], float32[::1], float32[::1], float32)",
    fastmath=_FAST,
)
def scores(features, z, outputs, offsets, rare, weight, surest):
    """How unlike its expectation each record is, in nats.

    Tried and rejected: exponentials of the logits alone, and not of the numbers before them, which took as long.

    Parameters
    ----------
    features : (n, n_columns) float64
    z : (n, n_numbers) float32
        As `inputs` gives them.
    outputs : (n or more, n_numbers + n_codes) float32
        Numbers expected, and a logit for each code.
    offsets : (n_coded + 1,) int64
    rare, weight : (n_numbers + n_coded,) float32
        Of each column, the error of one record in 100, and what it counts.
    surest : float32
        Logits beyond are as good as certain.

    Returns
    -------
    (n,) float64
    """
    n, n_numbers, n_coded = z.shape[0], z.shape[1], offsets.shape[0] - 1
    first, n_out = features.shape[1] - n_coded, outputs.shape[1]
    n_judged = n_numbers + n_coded
    out = np.empty(n, np.float64)
    likely = np.empty((_BLOCK, n_out), np.float32)
    errors = np.empty((_BLOCK, n_judged), np.float32)
    chosen, sums = np.empty((_BLOCK, n_coded), np.float32), np.empty((_BLOCK, n_coded), np.float32)
    each_likely, each_error = likely.reshape(_BLOCK * n_out), errors.reshape(_BLOCK * n_judged)
    each_chosen, each_sum = chosen.reshape(_BLOCK * n_coded), sums.reshape(_BLOCK * n_coded)
    for begin in range(0, n, _BLOCK):
        rows = min(_BLOCK, n - begin)
        for r in range(rows):
            for k in range(n_out):
                likely[r, k] = min(max(outputs[begin + r, k], -surest), surest)
            for c in range(n_coded):
                chosen[r, c] = likely[r, n_numbers + offsets[c] + np.int64(features[begin + r, first + c])]
        # Of many rows at once: a row by itself does not fill its last vector.
        for k in range(rows * n_out):
            each_likely[k] = _exp(each_likely[k])
        for r in range(rows):
            for c in range(n_numbers):
                apart = z[begin + r, c] - outputs[begin + r, c]
                # Not a number where it is unset, which no expectation misses.
                errors[r, c] = (_FLOAT(0) if np.isnan(apart) else apart * apart) / rare[c] + _ONE
            for c in range(n_coded):
                sums[r, c] = _sum(likely[r], n_numbers + offsets[c], n_numbers + offsets[c + 1])
        for k in range(rows * n_coded):
            each_sum[k] = _log(each_sum[k]) - each_chosen[k]
        for r in range(rows):
            for c in range(n_coded):
                errors[r, n_numbers + c] = max(sums[r, c], _FLOAT(0)) / rare[n_numbers + c] + _ONE
        for k in range(rows * n_judged):
            each_error[k] = _log(each_error[k])
        for r in range(rows):
            total = _FLOAT(0)
            for c in range(n_judged):
                total += weight[c] * errors[r, c]
            for c in range(n_numbers, first):
                total += _FLOAT(max(features[begin + r, c], 0.0))
            out[begin + r] = total
    return out
