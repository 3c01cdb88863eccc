"""The clock of a log: the moment Zeek could have told of each record."""

import numpy as np

from oddlog_core.kernels._jit import kernel

__all__ = ["CLOCK_STATE", "DENSE", "advance"]

CLOCK_STATE = 5
"""Length of the state array: the clock, whether it has started, the last far-off moment with its count in a row, and
how many records have come since the last that rightly moved it by over an hour, up to `DENSE`."""

DENSE = 100
"""So many records without such a jump make a jump doubtful."""

_HOUR = 3_600_000_000
_DAY = 24 * _HOUR
_FEW = 4
_MANY = 100


@kernel("Tuple((int64[::1], int64[::1]))(int64[::1], int64[::1])")
def advance(moments, state):
    """Clock of each record: the running maximum of `moments`, unmoved by those far off until a few or many agree.

    Far off is what lies over an hour away from it: ahead, one wrong record would hold the clock still until the log has
    caught up. A log that begins, or that one of the last hundred records has rightly moved by over an hour, may be one
    of few records a day, and is believed up to a day ahead.

    A far-off moment agrees with the one before it if it is on the same side of the clock, and at most an hour earlier
    or a day later. The fourth in a row moves the clock, forwards or backwards: the sensor was off, or its time was
    wrong until then. Of those at most a day behind it is the hundredth, as records may be told of late.

    Parameters
    ----------
    moments : (n,) int64
        Microseconds: when each record ended, or started where its duration is unset; in log order.
    state : (CLOCK_STATE,) int64
        Carried from batch to batch and changed in place; zeros at the start of a log.

    Returns
    -------
    clock : (n,) int64
    counts : (3,) int64
        Records whose time was too far ahead to be believed at once, or over a day behind; those whose time was over an
        hour behind; and how often the clock was moved back.
    """
    n = moments.shape[0]
    clock = np.empty(n, np.int64)
    bad = late = back = 0
    now, started, far, in_a_row, dense = state[0], state[1], state[2], state[3], state[4]
    for i in range(n):
        moment = moments[i]
        if started == 0:
            now, started = moment, 1
        ahead = moment - now
        if -_HOUR <= ahead <= _HOUR:
            now = max(now, moment)
            in_a_row = 0
            dense = min(dense + 1, DENSE)
        elif _HOUR < ahead <= _DAY and dense < DENSE:
            now, in_a_row, dense = moment, 0, 0
        else:
            near = in_a_row > 0 and (far > now) == (ahead > 0) and -_HOUR <= moment - far <= _DAY
            in_a_row = in_a_row + 1 if near else 1
            far = moment
            bad += ahead > 0 or ahead < -_DAY
            late += ahead < 0
            if in_a_row >= (_MANY if -_DAY <= ahead < 0 else _FEW):
                back += ahead < 0
                now, in_a_row = moment, 0
                dense = 0 if ahead > 0 else DENSE
        clock[i] = now
    state[0], state[1], state[2], state[3], state[4] = now, started, far, in_a_row, dense
    return clock, np.array([bad, late, back])
