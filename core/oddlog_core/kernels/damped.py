"""Exponentially damped statistics of streams and of pairs of streams, as Kitsune's AfterImage keeps them.

Mirsky, Doitshman, Elovici and Shabtai, Kitsune: An Ensemble of Autoencoders for Online Network Intrusion Detection
(NDSS 2018), section IV-B: algorithm 2 and table I. With the decay ``g = 2**(-rate * gap)`` of the time since a stream
was last seen, a value x turns its weight w, linear sum LS and squared sum SS into ``g*w + 1``, ``g*LS + x`` and
``g*SS + x**2``.

Kept here are weight, mean and the weighted sum of squared deviations (West, Updating mean and variance estimates: an
improved method, CACM 22(9), 1979), the mean in two doubles. Tried and rejected: the paper's own sums, whose variance
``SS/w - (LS/w)**2`` has no digit left for values of 1e12; a mean in one double, whose standard deviation is wrong by
2e-4 where values near 1e12 differ by 1; a mean that is always moved from the old one (``mean + delta/w``), which
leaves 1e-4 of a 1e12 that decay has long removed.
"""

from math import exp2, sqrt

import numpy as np

from oddlog_core.kernels._jit import kernel
from oddlog_core.kernels.prefetch import AHEAD, prefetch

__all__ = [
    "LARGEST",
    "NEVER",
    "RATES",
    "intervals",
    "pair_statistics",
    "shrunk",
    "statistics",
]

LARGEST = 1e70
"""Largest magnitude of a value: the radius squares variances."""

NEVER = np.iinfo(np.int64).min
"""When a slot was last seen that never was."""

RATES = np.array([5.0, 3.0, 1.0, 0.1, 0.01])
"""Kitsune's decays, in halvings a second."""

# Below their range doubles lose digits, and processors slow down. A weight that has halved 500 times is forgotten, a
# sum of squares or products after that of any weight that is still known.
_FORGOTTEN = 2.0**-500
_NOTHING = _FORGOTTEN**2
_MICROSECOND = 1e-6


@kernel("UniTuple(float64, 5)(float64, float64, float64, float64, float64)")
def _insert(weight, mean, rest, deviations, value):
    """Weight, mean in two doubles and sum of squared deviations with a value more, and that value's residual."""
    delta = (value - mean) - rest
    total = weight + 1.0
    share = weight / total
    # Moved from whichever of value and mean is nearer to the new mean, so that nothing large is added and taken away.
    if share < 0.5:
        base, step = value, -delta * share
    else:
        base, step = mean, rest + delta / total
    # Knuth, The Art of Computer Programming 2, section 4.2.2, theorem B: the rounding error of a sum, exactly.
    moved = base + step
    added = moved - base
    rest = (base - (moved - added)) + (step - added)
    residual = delta * share
    return total, moved, rest, deviations + delta * residual, residual


@kernel("UniTuple(float64, 5)(float64[:, :, ::1], int64, int64, int64, float64)")
def _decayed(moments, slot, stream, r, decay):
    """A stream of a pair as it is after a decay."""
    weight, deviations = moments[slot, stream, r] * decay, moments[slot, stream + 3, r] * decay
    if deviations < _NOTHING:
        deviations = 0.0
    if weight < _FORGOTTEN:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    return weight, moments[slot, stream + 1, r], moments[slot, stream + 2, r], deviations, moments[slot, stream + 4, r]


@kernel("void(float64[:, :, ::1], int64, int64, int64, float64, float64, float64, float64, float64)")
def _keep(moments, slot, stream, r, weight, mean, rest, deviations, residual):
    moments[slot, stream, r], moments[slot, stream + 1, r] = weight, mean
    moments[slot, stream + 2, r], moments[slot, stream + 3, r] = rest, deviations
    moments[slot, stream + 4, r] = residual


@kernel("void(int64, int64[::1], int64[::1])")
def _forget_if_fallen(now, since, latest):
    """Forget all that was seen if the clock fell."""
    if now < latest[0]:
        since[:] = NEVER
    latest[0] = now


@kernel(
    "float64[:, :, :, ::1](int64[::1], int64[::1], float64[:, ::1], float64[::1], float64[:, :, ::1],"
    " int64[::1], int64[::1], float64[:, :, :, ::1])"
)
def statistics(times, slots, values, rates, start, since, latest, moments):
    """Weight, mean and standard deviation of each record's stream, this record included.

    Table I's ``w``, ``LS/w`` and ``sqrt(|SS/w - (LS/w)**2|)``. A stream that has no value left, or whose weight has
    halved 500 times without one, has 0 in all three. Where the clock falls, every stream starts anew.

    Tried and rejected: all decays first and then column by column, free of branches for the vectoriser, which took a
    quarter longer.

    Parameters
    ----------
    times : (n,) int64
        The log's clock in microseconds.
    slots : (n,) int64
        Each record's stream, below the state's capacity; ``~slot`` where the slot is another stream's from here on.
    values : (n, n_columns) float64
        Up to `LARGEST` either way. What is not (nan, missing) lets time pass for its column and nothing else.
    rates : (n_rates,) float64
        Halvings a second.
    start : (n_columns, 4, n_rates) float64
        Moments of a stream at its first record, before that record.
    since : (capacity,) int64
        When each slot was last seen, or `NEVER`.
    latest : (1,) int64
        The clock at the record before.
    moments : (capacity, n_columns, 4, n_rates) float64
        Weight, mean in two doubles, sum of squared deviations. `since`, `latest` and `moments` are the state and are
        changed in place.

    Returns
    -------
    (n, n_columns, 3, n_rates) float64
    """
    n, n_columns = values.shape
    n_rates = rates.shape[0]
    out = np.empty((n, n_columns, 3, n_rates), np.float64)
    for i in range(n):
        if i + AHEAD < n:
            ahead = max(slots[i + AHEAD], ~slots[i + AHEAD])
            prefetch(since, ahead)
            prefetch(moments, ahead)
        now, slot = times[i], slots[i]
        _forget_if_fallen(now, since, latest)
        if slot < 0:
            slot = ~slot
            since[slot] = NEVER
        gap = 0.0
        if since[slot] == NEVER:
            moments[slot] = start
        else:
            gap = (now - since[slot]) * _MICROSECOND
        since[slot] = now
        for r in range(n_rates):
            decay = exp2(-rates[r] * gap)
            for c in range(n_columns):
                weight = moments[slot, c, 0, r] * decay
                mean, rest = moments[slot, c, 1, r], moments[slot, c, 2, r]
                deviations = moments[slot, c, 3, r] * decay
                if weight < _FORGOTTEN:
                    weight, mean, rest = 0.0, 0.0, 0.0
                if deviations < _NOTHING:
                    deviations = 0.0
                value = values[i, c]
                if abs(value) <= LARGEST:
                    weight, mean, rest, deviations, _ = _insert(weight, mean, rest, deviations, value)
                moments[slot, c, 0, r], moments[slot, c, 1, r] = weight, mean
                moments[slot, c, 2, r], moments[slot, c, 3, r] = rest, deviations
                out[i, c, 0, r], out[i, c, 1, r] = weight, mean
                out[i, c, 2, r] = sqrt(deviations / weight) if weight > 0.0 else 0.0
    return out


@kernel("void(float64[:, :, :, ::1], float64[:, ::1], int64[:, ::1], float64[:, :])")
def shrunk(damped, usual, shown, out):
    """Means and standard deviations with one usual record more in each stream, which never fades.

    Not in the streams themselves: one that was not seen for long is then as one that never was, so that what is
    remembered from before some day does not matter.

    Parameters
    ----------
    damped : (n, n_columns, 3, n_rates) float64
        As `statistics` gives them.
    usual : (n_columns, 2) float64
        Mean and standard deviation.
    shown : (n_shown, 3) int64
        A column, whether its deviation is wanted and not its mean, and a rate.
    out : (n, n_shown) float64
        Is filled.
    """
    for i in range(damped.shape[0]):
        for j in range(shown.shape[0]):
            column, rate = shown[j, 0], shown[j, 2]
            weight, mean, deviation = damped[i, column, 0, rate], damped[i, column, 1, rate], damped[i, column, 2, rate]
            middle, spread = usual[column, 0], usual[column, 1]
            together = (weight * mean + middle) / (weight + 1.0)
            if shown[j, 1]:
                squares = weight * (deviation * deviation + (mean - together) ** 2)
                squares = squares + spread * spread + (middle - together) ** 2
                out[i, j] = sqrt(squares / (weight + 1.0))
            else:
                out[i, j] = together


@kernel(
    "float64[:, :, ::1](int64[::1], int64[::1], int64[::1], float64[:, ::1], float64[::1], float64[:, ::1],"
    " int64[::1], int64[::1], float64[:, :, ::1])"
)
def pair_statistics(times, slots, directions, values, rates, start, since, latest, moments):
    """Statistics of each record's stream, and of it with the stream the other way, this record included.

    Table I, with streams i and j: magnitude ``sqrt(mean_i**2 + mean_j**2)``, radius ``sqrt(var_i**2 + var_j**2)``
    (Kitsune's code took the root of the sum of the variances until 2020: ymirsky/Kitsune-py, issue 10), covariance
    ``SR / (w_i + w_j)`` and correlation ``covariance / (std_i * std_j)``, 0 where a deviation is. SR grows with every
    value by its residual, the value less its stream's mean after it, times the last residual of the other stream, and
    decays with time. The approximation leaves [-1, 1] without bound where a stream has hardly begun again; the
    correlation is cut there.

    Parameters
    ----------
    times : (n,) int64
        The log's clock in microseconds.
    slots : (n,) int64
        Each record's unordered pair, below the state's capacity; ``~slot`` where the slot is another pair's from here
        on.
    directions : (n,) int64
        0 or 1: which of the pair's two streams is the record's own.
    values : (n, 2) float64
        Of the record's own stream, then of the other, taken in in this order; up to `LARGEST` either way. What is not
        (nan) is no record of that stream.
    rates : (n_rates,) float64
        Halvings a second.
    start : (11, n_rates) float64
        Moments of a pair at its first record, before that record, whose own stream comes first.
    since : (capacity,) int64
        When each slot was last seen, or `NEVER`.
    latest : (1,) int64
        The clock at the record before.
    moments : (capacity, 11, n_rates) float64
        For each stream weight, mean in two doubles, sum of squared deviations and last residual; then SR. `since`,
        `latest` and `moments` are the state and are changed in place.

    Returns
    -------
    (n, 7, n_rates) float64
        Weight, mean and standard deviation of the record's own stream; magnitude, radius, covariance, correlation.
    """
    n, n_rates = values.shape[0], rates.shape[0]
    out = np.empty((n, 7, n_rates), np.float64)
    for i in range(n):
        now, slot = times[i], slots[i]
        own = 5 * directions[i]
        other = 5 - own
        _forget_if_fallen(now, since, latest)
        if slot < 0:
            slot = ~slot
            since[slot] = NEVER
        gap = 0.0
        if since[slot] == NEVER:
            moments[slot, own : own + 5] = start[:5]
            moments[slot, other : other + 5] = start[5:10]
            moments[slot, 10] = start[10]
        else:
            gap = (now - since[slot]) * _MICROSECOND
        since[slot] = now
        has_own, has_other = abs(values[i, 0]) <= LARGEST, abs(values[i, 1]) <= LARGEST
        for r in range(n_rates):
            decay = exp2(-rates[r] * gap)
            weight, mean, rest, deviations, residual = _decayed(moments, slot, own, r, decay)
            weight_j, mean_j, rest_j, deviations_j, residual_j = _decayed(moments, slot, other, r, decay)
            products = moments[slot, 10, r] * decay
            if abs(products) < _NOTHING:
                products = 0.0
            if has_own:
                weight, mean, rest, deviations, residual = _insert(weight, mean, rest, deviations, values[i, 0])
                products += residual * residual_j
            if has_other:
                weight_j, mean_j, rest_j, deviations_j, residual_j = _insert(
                    weight_j, mean_j, rest_j, deviations_j, values[i, 1]
                )
                products += residual * residual_j
            _keep(moments, slot, own, r, weight, mean, rest, deviations, residual)
            _keep(moments, slot, other, r, weight_j, mean_j, rest_j, deviations_j, residual_j)
            moments[slot, 10, r] = products
            variance = deviations / weight if weight > 0.0 else 0.0
            variance_j = deviations_j / weight_j if weight_j > 0.0 else 0.0
            covariance = products / (weight + weight_j) if weight + weight_j > 0.0 else 0.0
            deviation = sqrt(variance)
            spread = deviation * sqrt(variance_j)
            out[i, 0, r], out[i, 1, r], out[i, 2, r] = weight, mean, deviation
            out[i, 3, r] = sqrt(mean * mean + mean_j * mean_j)
            out[i, 4, r] = sqrt(variance * variance + variance_j * variance_j)
            out[i, 5, r] = covariance
            out[i, 6, r] = min(1.0, max(-1.0, covariance / spread)) if spread > 0.0 else 0.0
    return out


@kernel("float64[::1](int64[::1], int64[::1], int64[::1], int64[::1])")
def intervals(times, slots, since, latest):
    """Seconds since each record's stream was last seen; nan at its first record and where the clock fell.

    As a column of `statistics` it gives what Kitsune calls jitter: how regular a stream is.

    Parameters
    ----------
    times : (n,) int64
        The log's clock in microseconds.
    slots : (n,) int64
        Each record's stream, below the state's capacity; ``~slot`` where the slot is another stream's from here on.
    since : (capacity,) int64
        When each slot was last seen, or `NEVER`.
    latest : (1,) int64
        The clock at the record before. Both are the state and are changed in place.

    Returns
    -------
    (n,) float64
    """
    n = times.shape[0]
    out = np.empty(n, np.float64)
    for i in range(n):
        now, slot = times[i], slots[i]
        _forget_if_fallen(now, since, latest)
        if slot < 0:
            slot = ~slot
            since[slot] = NEVER
        out[i] = np.nan if since[slot] == NEVER else (now - since[slot]) * _MICROSECOND
        since[slot] = now
    return out
