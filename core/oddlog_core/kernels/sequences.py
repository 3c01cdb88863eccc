"""The records before each record, of the same key: where they stand on a tape of all records."""

import numpy as np

from oddlog_core.kernels._jit import kernel

__all__ = ["NOWHERE", "follow"]

NOWHERE = -1


@kernel("int64[:, ::1](int64[::1], int64[::1], int64, int64, int64[:, ::1], int64[:, ::1])")
def follow(slots, clock, base, span, places, times):
    """Places of the records that came before each one in its slot, the latest last.

    Parameters
    ----------
    slots : (n,) int64
        As `keytable.assign` gives them: ``~slot`` where a slot begins anew.
    clock : (n,) int64
        Microseconds.
    base : int64
        Place of the first of these records; the others follow.
    span : int64
        Microseconds after which a record is forgotten.
    places, times : (capacity, length) int64
        Of each slot's latest records, the latest last: where it stands, `NOWHERE` for none, and its clock. Changed in
        place.

    Returns
    -------
    before : (n, length) int64
        `NOWHERE` where there is none, or none that is young enough.
    """
    n, length = slots.shape[0], places.shape[1]
    before = np.empty((n, length), np.int64)
    for i in range(n):
        slot, now = slots[i], clock[i]
        if slot < 0:
            slot = ~slot
            places[slot, :] = NOWHERE
        for j in range(length):
            before[i, j] = places[slot, j] if times[slot, j] > now - span else NOWHERE
        for j in range(length - 1):
            places[slot, j], times[slot, j] = places[slot, j + 1], times[slot, j + 1]
        places[slot, length - 1], times[slot, length - 1] = base + i, now
    return before
