"""What a log tells of its sessions, and of the names and hosts that they are of, up to each session's cutoff.

Kanter and Veeramachaneni, Deep feature synthesis: towards automating data science endeavors (2015): aggregates of
aggregates along the relations of a log, its pairs of names and hosts, its sessions, and what sessions are of.
"""

import numpy as np
from numba import njit

from oddlog_core.kernels._jit import kernel
from oddlog_core.kernels.mixing import finalised

__all__ = ["HELD", "LOST", "META", "PERIOD", "ROWS", "SPREAD", "follow", "insert", "n_features", "n_stats"]

META = 4
HELD, ROWS, PERIOD, LOST = range(META)
"""Of the kernel's own numbers: entries of the table, rows, the period it is in, and what found no room."""

SPREAD = 6
"""Mean, std, min, max, sum and skew of children, in that order; of their counts without the sum, which is a count."""

_FIRST, _LAST, _COUNT, _TRUE, _CHILDREN = range(5)
# Of children: sums of first, second and third powers, least and most; of their counts, then of their distinct values.
_OF_COUNTS, _OF_DISTINCT, _DISTINCT = 5, 10, 15
_SUM, _SQUARES, _CUBES, _LEAST, _MOST = range(5)
_SESSION, _PAIR, _ONE, _OTHER, _THIRD, _SEEN = range(6)
_KIND, _COUNTED, _SPREAD_OUT = 64, 128, 129
_EMPTY = 0
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FOLD = np.uint64(32)


def n_stats(n_keys: int, n_kinds: int) -> int:
    """Width of a row of statistics."""
    return _DISTINCT + n_keys + 2 * n_kinds


def n_features(n_keys: int, n_kinds: int) -> int:
    """Width of what is told of a session."""
    return 3 * (5 + n_keys + n_kinds + SPREAD - 1) + 2 * SPREAD + 3 * (3 + n_keys)


@njit(inline="always", error_model="numpy")
def _key(one, tag, other):
    key = np.int64(finalised(finalised(np.uint64(one) * _STEP + np.uint64(tag)) * _STEP + np.uint64(other)))
    return key if key != _EMPTY else np.int64(1)


@njit(error_model="numpy")
def _slot(held, key):
    mask = held.shape[0] - 1
    slot = np.int64((np.uint64(key) * _STEP) >> _FOLD) & mask
    while held[slot] != _EMPTY and held[slot] != key:
        slot = (slot + 1) & mask
    return slot


@njit(error_model="numpy")
def _add(held, value, meta, most, key, new):
    """Slot of a key, which is entered with the value `new` if it is not there; -1 where there is no room for it."""
    slot = _slot(held, key)
    if held[slot] == _EMPTY:
        if meta[HELD] >= most:
            meta[LOST] += 1
            return -1
        held[slot], value[slot] = key, new
        meta[HELD] += 1
    return slot


@njit(error_model="numpy")
def _row(held, value, stats, links, meta, most, key):
    """Row of a key, made if it has none; -1 where there is no room for it."""
    if meta[ROWS] >= stats.shape[0] and held[_slot(held, key)] == _EMPTY:
        meta[LOST] += 1
        return np.int64(-1)
    slot = _add(held, value, meta, most, key, meta[ROWS])
    if slot < 0:
        return np.int64(-1)
    if value[slot] == meta[ROWS]:
        stats[meta[ROWS]] = 0.0
        links[meta[ROWS]] = -1
        meta[ROWS] += 1
    return value[slot]


@njit(error_model="numpy")
def _grow(held, value, stats, meta, most, row, at, tag, before, now, new):
    """Take in that a child's number is one higher, or what it is where the child is new.

    How many children have each number is counted, since the least of them is else not known without asking them all.
    """
    one = stats[row, at:]
    if new:
        before = 0.0
    one[_SUM] += now - before
    one[_SQUARES] += now * now - before * before
    one[_CUBES] += now * now * now - before * before * before
    one[_MOST] = max(one[_MOST], now)
    slot = _add(held, value, meta, most, _key(row, tag, now), 0)
    if slot >= 0:
        value[slot] += 1
    if new:
        if stats[row, _CHILDREN] == 1 or now < one[_LEAST]:
            one[_LEAST] = now
        return
    slot = _slot(held, _key(row, tag, before))
    if held[slot] != _EMPTY:
        value[slot] -= 1
        if value[slot] == 0 and one[_LEAST] == before:
            one[_LEAST] = now


@njit(error_model="numpy")
def _take(held, value, stats, meta, most, row, time, success, values, kinds):
    """Take a record into an entity's statistics."""
    one = stats[row]
    if one[_COUNT] == 0:
        one[_FIRST] = time
    one[_LAST] = time
    one[_COUNT] += 1
    one[_TRUE] += success == 1
    n_keys, n_kinds = values.shape[0], kinds.shape[0]
    for k in range(n_keys):
        if values[k] != 0:
            before = meta[HELD]
            _add(held, value, meta, most, _key(row, _KIND + n_kinds + k, values[k]), 0)
            one[_DISTINCT + k] += meta[HELD] - before
    for k in range(n_kinds):
        if kinds[k] >= 0:
            slot = _add(held, value, meta, most, _key(row, _KIND + k, kinds[k]), 0)
            if slot < 0:
                continue
            value[slot] += 1
            mode = _DISTINCT + n_keys + k
            often = mode + n_kinds
            # Of several the lowest code.
            if value[slot] > one[often] or (value[slot] == one[often] and kinds[k] < one[mode]):
                one[mode], one[often] = kinds[k], value[slot]


@njit(error_model="numpy")
def _apply(held, value, stats, links, meta, most, time, keys, success, values, kinds):
    """Take a record into the statistics of all that it is of."""
    session = _row(held, value, stats, links, meta, most, _key(keys[_SESSION], _SESSION, 0))
    pair = _row(held, value, stats, links, meta, most, _key(keys[_PAIR], _PAIR, 0))
    one = _row(held, value, stats, links, meta, most, _key(keys[_ONE], _ONE, 0))
    other = _row(held, value, stats, links, meta, most, _key(keys[_OTHER], _OTHER, 0))
    if min(session, pair, one, other) < 0:
        return
    third = np.int64(-1)
    if keys[_THIRD] != 0:
        third = _row(held, value, stats, links, meta, most, _key(keys[_THIRD], _THIRD, 0))
    if stats[session, _COUNT] == 0:
        stats[one, _CHILDREN] += 1
        stats[other, _CHILDREN] += 1
    if stats[pair, _COUNT] == 0:
        stats[session, _CHILDREN] += 1
        links[pair, 0], links[pair, 1] = links[session, 0], third
        links[session, 0] = pair
        if third >= 0:
            stats[third, _CHILDREN] += 1
    had, knew = stats[session, _COUNT], stats[session, _DISTINCT]
    _take(held, value, stats, meta, most, session, time, success, values, kinds)
    _take(held, value, stats, meta, most, one, time, success, values, kinds)
    _take(held, value, stats, meta, most, other, time, success, values, kinds)
    if third >= 0:
        _take(held, value, stats, meta, most, third, time, success, values, kinds)
    stats[pair, _COUNT] += 1
    calls = stats[pair, _COUNT]
    _grow(held, value, stats, meta, most, session, _OF_COUNTS, _COUNTED, calls - 1, calls, calls == 1)
    new, knows = had == 0, stats[session, _DISTINCT]
    for parent in (one, other):
        _grow(held, value, stats, meta, most, parent, _OF_COUNTS, _COUNTED, had, had + 1, new)
        if new or knows != knew:
            _grow(held, value, stats, meta, most, parent, _OF_DISTINCT, _SPREAD_OUT, knew, knows, new)


@njit(error_model="numpy")
def _spread(n, sums, with_sum, out, at):
    """Mean, std (of a sample), min, max, maybe sum, and skew (adjusted for bias) of n children, from their powers.

    Counts are whole numbers: up to 2**53 the differences of powers are exact.
    """
    total = sums[_SUM]
    out[at : at + SPREAD] = np.nan
    if n == 0:
        return at + 5 + with_sum
    out[at] = total / n
    second = n * sums[_SQUARES] - total * total
    if n > 1:
        out[at + 1] = np.sqrt(second / (n * (n - 1)))
    out[at + 2], out[at + 3] = sums[_LEAST], sums[_MOST]
    if with_sum:
        out[at + 4] = total
    if n > 2:
        third = n * n * sums[_CUBES] - 3 * n * total * sums[_SQUARES] + 2 * total * total * total
        skew = third / second**1.5 * np.sqrt(n * (n - 1.0)) / (n - 2.0) if second > 0 else 0.0
        out[at + 4 + with_sum] = skew
    else:
        out[at + 4 + with_sum] = np.nan
    return at + 5 + with_sum


@njit(error_model="numpy")
def _tell(stats, row, now, n_keys, n_kinds, parent, out, at):
    """What an entity's records and children tell of it at a cutoff."""
    if row < 0 or stats[row, _COUNT] == 0:
        width = 5 + n_keys + n_kinds + SPREAD - 1 + parent * SPREAD
        out[at : at + width] = np.nan
        out[at] = 0.0
        return at + width
    one = stats[row]
    count = one[_COUNT]
    out[at] = count
    out[at + 1] = one[_TRUE] / count
    out[at + 2] = (now - one[_FIRST]) * 1e-6
    out[at + 3] = (one[_LAST] - one[_FIRST]) * 1e-6 / (count - 1) if count > 1 else np.nan
    at += 4
    for k in range(n_keys):
        out[at + k] = one[_DISTINCT + k]
    at += n_keys
    for k in range(n_kinds):
        known = one[_DISTINCT + n_keys + n_kinds + k] > 0
        out[at + k] = one[_DISTINCT + n_keys + k] if known else np.nan
    at += n_kinds
    out[at] = one[_CHILDREN]
    at = _spread(one[_CHILDREN], one[_OF_COUNTS:], 0, out, at + 1)
    if parent:
        at = _spread(one[_CHILDREN], one[_OF_DISTINCT:], 1, out, at)
    return at


@njit(error_model="numpy")
def _tell_thirds(stats, links, session, n_keys, out, at):
    """Mean, least and most, over a session's pairs, of what is known of the third that each is of."""
    n_told, n_pairs = 3 + n_keys, 0
    out[at : at + 3 * n_told] = np.nan
    pair = links[session, 0] if session >= 0 else np.int64(-1)
    while pair >= 0:
        third = links[pair, 1]
        if third >= 0:
            one = stats[third]
            for t in range(n_told):
                if t == 0:
                    told = one[_COUNT]
                elif t == 1:
                    told = one[_CHILDREN]
                elif t == 2:
                    told = one[_TRUE] / one[_COUNT]
                else:
                    told = one[_DISTINCT + t - 3]
                c = at + 3 * t
                out[c] = told if n_pairs == 0 else out[c] + (told - out[c]) / (n_pairs + 1)
                out[c + 1] = told if n_pairs == 0 else min(out[c + 1], told)
                out[c + 2] = told if n_pairs == 0 else max(out[c + 2], told)
            n_pairs += 1
        pair = links[pair, 0]


@kernel(
    "Tuple((int64[::1], float64[:, ::1], int64))(int64[::1], int64[:, ::1], int64[::1], int64[:, ::1], int64[:, ::1],"
    " int64, int64, int64, int64[::1], int64[::1], float64[:, ::1], int64[:, ::1], int64[::1], int64, int64)"
)
def follow(times, keys, success, values, kinds, begun, period, after, held, value, stats, links, meta, most, width):
    """Take in records, and tell of each session at its cutoff what the records strictly before that moment say of it.

    Parameters
    ----------
    times : (n,) int64
        The log's clock in microseconds.
    keys : (n, 5) int64
        Of the session, of its pair of names and hosts, of the two that the session is of, and of a third that the
        pair is of. A record without a session, 0, is passed over; a third may be 0, unset.
    success : (n,) int64
        1 where it is true.
    values : (n, n_keys) int64
        Keys of values whose distinct ones are counted, 0 where unset; the first one's are also counted by session.
    kinds : (n, n_kinds) int64
        Codes whose most frequent one is told, below 0 where unset.
    begun : int
        The first of these records were there before, and wait for time to pass: they count as observed.
    period : int
        All is forgotten at the multiples of it, in microseconds.
    after : int
        Observations of a session before that which is its cutoff.
    held, value : (capacity,) int64
        Open-addressing table, 0 where empty; a power of two and never full.
    stats : (n_rows, n_stats) float64
    links : (n_rows, 2) int64
        Of a session its latest pair; of a pair the one before, and its third.
    meta : (META,) int64
        `held` to `meta` are the state and are changed in place.
    most : int
        Entries that the table may have.
    width : int
        `n_features`.

    Returns
    -------
    rows : (n_told,) int64
        The records that are cutoffs.
    told : (n_told, n_features) float64
        NaN where nothing is known.
    taken : int
        Records that are in the state; the others have the time of the last one.
    """
    n, n_keys, n_kinds = times.shape[0], values.shape[1], kinds.shape[1]
    rows = np.empty(n - begun, np.int64)
    told = np.empty((n - begun, width))
    n_told = taken = 0
    for i in range(begun, n):
        now = times[i]
        if now // period != meta[PERIOD]:
            held[:] = _EMPTY
            meta[HELD] = meta[ROWS] = 0
            meta[PERIOD] = now // period
            taken = i
        while taken < i and times[taken] != now:
            if keys[taken, _SESSION] != 0:
                _apply(
                    held,
                    value,
                    stats,
                    links,
                    meta,
                    most,
                    times[taken],
                    keys[taken],
                    success[taken],
                    values[taken],
                    kinds[taken],
                )
            taken += 1
        if keys[i, _SESSION] == 0:
            continue
        slot = _add(held, value, meta, most, _key(keys[i, _SESSION], _SEEN, 0), 0)
        if slot < 0:
            continue
        value[slot] += 1
        if value[slot] != after + 1:
            continue
        out, at = told[n_told], 0
        session = np.int64(-1)
        for tag in (_SESSION, _ONE, _OTHER):
            slot = _slot(held, _key(keys[i, tag], tag, 0))
            row = value[slot] if held[slot] != _EMPTY else np.int64(-1)
            if tag == _SESSION:
                session = row
            at = _tell(stats, row, now, n_keys, n_kinds, tag != _SESSION, out, at)
        _tell_thirds(stats, links, session, n_keys, out, at)
        rows[n_told] = i
        n_told += 1
    return rows[:n_told], told[:n_told], taken


@kernel("void(int64[::1], int64[::1], int64[::1], int64[::1])")
def insert(keys, values, held, value):
    """Put keys that are not yet there into a table."""
    for i in range(keys.shape[0]):
        slot = _slot(held, keys[i])
        held[slot], value[slot] = keys[i], values[i]
