"""The clock of a log: the moment Zeek could have told of each record."""

import numpy as np

from oddlog_core.kernels._jit import kernel

__all__ = ["CLOCK_STATE", "advance"]

CLOCK_STATE = 4
"""Length of the state array: the clock, whether it has started, and the last far-off moment with its count in a row."""

_FAR = 86_400_000_000
_AGREE = 60_000_000


@kernel("Tuple((int64[::1], int64))(int64[::1], int64[::1])")
def advance(moments, state):
    """Clock of each record: the running maximum of `moments`, unmoved by those over a day away from it.

    The third far-off moment in a row that agrees with the one before it within 60 s moves the clock, forwards or
    backwards: the sensor was off, or its time was wrong until then.

    Parameters
    ----------
    moments : (n,) int64
        Microseconds: when each record ended, or started where its duration is unset; in log order.
    state : (CLOCK_STATE,) int64
        Carried from batch to batch and changed in place; zeros at the start of a log.

    Returns
    -------
    clock : (n,) int64
    bad : int
        Records whose time was over a day away from the clock.
    """
    n = moments.shape[0]
    clock = np.empty(n, np.int64)
    bad = 0
    now, started, far, in_a_row = state[0], state[1], state[2], state[3]
    for i in range(n):
        moment = moments[i]
        if started == 0:
            now, started = moment, 1
        elif abs(moment - now) <= _FAR:
            now = max(now, moment)
            in_a_row = 0
        else:
            bad += 1
            in_a_row = in_a_row + 1 if in_a_row > 0 and abs(moment - far) <= _AGREE else 1
            far = moment
            if in_a_row == 3:
                now, in_a_row = moment, 0
        clock[i] = now
    state[0], state[1], state[2], state[3] = now, started, far, in_a_row
    return clock, bad
