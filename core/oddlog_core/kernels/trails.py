"""What came before each call of a log: counts and latest calls by key, in tables that do not outgrow their room."""

import numpy as np

from oddlog_core.kernels._jit import kernel

__all__ = ["enter", "follow"]

_EMPTY = 0
# Knuth's multiplicative hashing, The Art of Computer Programming 3, section 6.4: 2**64 / golden ratio.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_BITS = np.uint64(64)


@kernel("int64(int64, int64[:, ::1])")
def _slot(key, held):
    """Slot of a key in an open-addressing table, or the free one where it belongs."""
    bits = 0
    while (1 << bits) < held.shape[0]:
        bits += 1
    slot = np.int64((np.uint64(key) * _GOLDEN) >> (_BITS - np.uint64(bits)))
    while held[slot, 0] != key and held[slot, 0] != _EMPTY:
        slot = (slot + 1) & (held.shape[0] - 1)
    return slot


@kernel("void(int64[:, ::1], int64[:, ::1])")
def enter(rows, held):
    """Enter rows, whose keys are not 0 and all differ, into an empty table of more than as many slots."""
    for i in range(rows.shape[0]):
        held[_slot(rows[i, 0], held)] = rows[i]


@kernel(
    "int64[:, ::1](int64[::1], int64[:, ::1], int64[::1], int64, int64, int64, int64[:, ::1], int64[:, ::1],"
    " int64[:, ::1], int64[:, ::1], int64[::1])"
)
def follow(clock, keys, operation, pause, lost, most, latest, calls, met, targets, used):
    """Of each call, the one before it on its connection, how many such there were, and destinations of its source.

    Parameters
    ----------
    clock : (n,) int64
        Microseconds.
    keys : (n, 4) int64
        Of the connection, of source, destination and operation, of source and destination, and of the source.
    operation : (n,) int64
    pause : int
        Microseconds of silence after which a connection begins anew.
    lost : int
        Stands for the operation before on a connection that has no place; where there is none, stands 0.
    most : int
        Keys that each table holds; what comes when it is full has no place.
    latest : (n_slots, 3) int64
        Connection, moment and operation of its latest call; like the others of a power of two slots, twice as many as
        there may be keys in it.
    calls : (n_slots, 2) int64
        Calls of source, destination and operation.
    met : (n_slots, 1) int64
        Source and destination.
    targets : (n_slots, 2) int64
        Destinations of each source.
    used : (5,) int64
        Keys in each table, and how many times one had no place. All are the state and are changed in place.

    Returns
    -------
    (3, n) int64
        Where there is no place, one call, and the destinations that had one.
    """
    n = clock.shape[0]
    out = np.empty((3, n), np.int64)
    for i in range(n):
        # 0 marks a slot that is free.
        connection, call = keys[i, 0] or 1, keys[i, 1] or 1
        pair, source = keys[i, 2] or 1, keys[i, 3] or 1

        slot = _slot(connection, latest)
        if latest[slot, 0] == connection:
            out[0, i] = latest[slot, 2] if clock[i] - latest[slot, 1] <= pause else 0
        elif used[0] < most:
            latest[slot, 0] = connection
            used[0] += 1
            out[0, i] = 0
        else:
            used[4] += 1
            out[0, i] = lost
        if latest[slot, 0] == connection:
            latest[slot, 1], latest[slot, 2] = clock[i], operation[i]

        slot = _slot(call, calls)
        if calls[slot, 0] != call and used[1] < most:
            calls[slot, 0] = call
            used[1] += 1
        if calls[slot, 0] == call:
            calls[slot, 1] += 1
            out[1, i] = calls[slot, 1]
        else:
            used[4] += 1
            out[1, i] = 1

        slot = _slot(pair, met)
        new = met[slot, 0] != pair
        if new and used[2] < most:
            met[slot, 0] = pair
            used[2] += 1
        elif new:
            used[4] += 1
            new = False
        # There is a place for every source of a pair that has one.
        slot = _slot(source, targets)
        if new and targets[slot, 0] != source:
            targets[slot, 0] = source
            used[3] += 1
        if targets[slot, 0] == source:
            targets[slot, 1] += new
            out[2, i] = targets[slot, 1]
        else:
            out[2, i] = 0
    return out
