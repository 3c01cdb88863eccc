"""Cells of text to integers and codes, without an object for any of them.

What is not plainly what it should be is never guessed at: its row is marked odd, for a slower reader to judge.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from oddlog_core.kernels._jit import kernel
from oddlog_core.kernels.cuts import DATA
from oddlog_core.records import MISSING, MISSING_CODE

__all__ = ["CODE", "COUNT", "FLAG", "INTERVAL", "LATEST", "PORT", "SKIP", "TEXT", "TIME", "columns", "gather"]
__all__ += ["is_digit", "word"]

SKIP, TIME, INTERVAL, COUNT, PORT, FLAG, CODE, TEXT = range(8)
"""What a column holds: nothing of interest, seconds that must be there, seconds, a count, a port, a flag, one of few
texts, one of many."""

LATEST = 7_258_118_400
"""2200-01-01 in seconds: later times, and longer intervals, are odd."""

_ODD = -1
_ROWS = 512
_FEWEST = 256
_PROBES = 64
# Below this many seconds a double is exact to a ten-thousandth of a microsecond.
_EXACT = 1 << 20

# Knuth's multiplicative hashing, The Art of Computer Programming 3, section 6.4: 2**64 / golden ratio.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_POINT = ord(".")


@intrinsic
def word(typing, data, at):  # noqa: ARG001
    """Eight bytes from some place on, the first the lowest, in one load."""

    def generate(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        return builder.load(builder.bitcast(place, context.get_value_type(types.uint64).as_pointer()), align=1)

    return types.uint64(data, types.int64), generate


@njit(inline="always", error_model="numpy")
def _short(data, start, end):
    """Up to eight bytes, the first the lowest."""
    if end >= 8:
        return word(data, end - 8) >> np.uint64(8 * (8 - (end - start)))
    got = np.uint64(0)
    for at in range(start, end):
        got |= np.uint64(data[at]) << np.uint64(8 * (at - start))
    return got


@njit(inline="always", error_model="numpy")
def _digits(data, start, end):
    """Number of one to eight digits; _ODD if it is none.

    Eight at a time, as in Lemire, Number parsing at a gigabyte per second (2021), section 6.
    """
    shift = np.uint64(8 * (8 - (end - start)))
    got = (_short(data, start, end) ^ (np.uint64(0x3030303030303030) >> shift)) << shift
    if ((got + np.uint64(0x7676767676767676)) | got) & np.uint64(0x8080808080808080):
        return _ODD
    got = got * np.uint64(10) + (got >> np.uint64(8))
    low = (got & np.uint64(0x000000FF000000FF)) * np.uint64(0x000F424000000064)
    high = ((got >> np.uint64(16)) & np.uint64(0x000000FF000000FF)) * np.uint64(0x0000271000000001)
    return np.int64((low + high) >> np.uint64(32))


@njit(inline="always", error_model="numpy")
def _count(data, start, end):
    """Number of one to sixteen digits; _ODD if it is none."""
    length = end - start
    if length < 1 or length > 16:
        return _ODD
    if length <= 8:
        return _digits(data, start, end)
    high, low = _digits(data, start, end - 8), _digits(data, end - 8, end)
    return _ODD if high < 0 or low < 0 else high * 100_000_000 + low


@njit(inline="always", error_model="numpy")
def _seconds(data, start, end):
    """Microseconds of a time with six decimals, as Zeek's TSV has them; _ODD if it is none."""
    if end - start < 8 or data[end - 7] != _POINT:
        return _ODD
    whole, part = _count(data, start, end - 7), _digits(data, end - 6, end)
    return _ODD if whole < 0 or part < 0 or whole >= LATEST else whole * 1_000_000 + part


@njit(inline="always", error_model="numpy")
def is_digit(byte):
    """Whether a byte is a digit."""
    return ord("0") <= byte <= ord("9")


@njit(error_model="numpy")
def _decimal(data, start, end):  # noqa: PLR0911
    """Microseconds of any number of JSON's without a sign, as its double would be rounded; _ODD if that is in doubt.

    Up to 2**33 s, the nearest double to a number of six decimals has no other as its nearest; beyond six, the double
    decides only where the number lies between two microseconds.
    """
    if end - start > 1 and data[start] == ord("0") and is_digit(data[start + 1]):
        return _ODD
    value, power, at = np.int64(0), np.int64(0), start
    n_whole = n_part = 0
    while at < end and is_digit(data[at]) and value < 10**17:
        value = value * 10 + data[at] - ord("0")
        at, n_whole = at + 1, n_whole + 1
    if at < end and data[at] == _POINT:
        at += 1
        while at < end and is_digit(data[at]) and value < 10**17:
            value = value * 10 + data[at] - ord("0")
            at, n_part = at + 1, n_part + 1
        if n_part == 0:
            return _ODD
    if at + 1 < end and (data[at] | 32) == ord("e"):
        sign = -1 if data[at + 1] == ord("-") else 1
        at += 2 if data[at + 1] == ord("-") or data[at + 1] == ord("+") else 1
        power = _count(data, at, end)
        if power < 0 or power > 99:
            return _ODD
        at, power = end, sign * power
    if at < end or n_whole == 0:
        return _ODD
    power += 6 - n_part
    while power > 0 and value < LATEST * 1_000_000:
        value, power = value * 10, power - 1
    if power < 0 and value:
        if power < -18:
            return np.int64(0)
        unit = 10**-power
        value, rest = value // unit, value % unit
        if value >= _EXACT * 1_000_000 or abs(2 * rest - unit) <= unit // 500:
            return _ODD
        value += 2 * rest > unit
    return value if value < LATEST * 1_000_000 else _ODD


@njit(inline="always", error_model="numpy")
def _mixed(value):
    # Folded before, too: texts often differ in their last bytes alone, and a product carries upwards only.
    value = (value ^ (value >> np.uint64(32))) * _GOLDEN
    return value ^ (value >> np.uint64(32))


@njit(inline="always", error_model="numpy")
def _hash(data, start, end):
    """One to one for texts of the same length up to eight bytes."""
    length = end - start
    if length <= 8:
        if length == 0:
            return np.uint64(0)
        return _mixed(_short(data, start, end) + np.uint64(length))
    got = _mixed(word(data, start) + np.uint64(length))
    for at in range(start + 8, end - 8, 8):
        got = _mixed(got ^ word(data, at))
    return _mixed(got ^ word(data, end - 8))


@njit(inline="always", error_model="numpy")
def _same(data, one, other, length):
    """Whether two texts with the same hash are one."""
    if length <= 8:
        return True
    for at in range(0, length - 8, 8):
        if word(data, one + at) != word(data, other + at):
            return False
    return word(data, one + length - 8) == word(data, other + length - 8)


@njit(inline="always", error_model="numpy")
def _is_unset(first, length, unset):
    return length < 0 or (length == 1 and first == unset)


@njit(error_model="numpy")
def _code_cells(data, starts, afters, unset, out, odd, slots, texts, sizes):
    """Codes of one column's cells among the texts that it has had so far.

    Parameters
    ----------
    data, starts, afters, unset, out, odd
        As in `columns`.
    slots : (capacity,) int32
        Open addressing in the first ``sizes[1] + 1``; MISSING_CODE where empty. A power of two, at least twice the
        texts a column can have.
    texts : (3, n_texts) int64
        Hash, start and length of each text.
    sizes : (2,) int64
        Texts so far, and the mask of the slots in use. All three are the state and are changed in place.
    """
    n_texts, mask = sizes[0], sizes[1]
    for row in range(starts.shape[0]):
        start, end = np.int64(starts[row]), np.int64(afters[row]) - 1
        length = end - start
        if _is_unset(data[start], length, unset):
            out[row] = MISSING_CODE
            continue
        key = np.int64(_hash(data, start, end))
        slot = key & mask
        found = slots[slot]
        probes = 0
        while found >= 0 and not (
            texts[0, found] == key and texts[2, found] == length and _same(data, start, texts[1, found], length)
        ):
            probes += 1
            if probes == _PROBES:
                break
            slot = (slot + 1) & mask
            found = slots[slot]
        if probes == _PROBES:
            out[row], odd[row] = MISSING_CODE, True
            continue
        if found < 0:
            found = np.int32(n_texts)
            slots[slot] = found
            texts[0, n_texts], texts[1, n_texts], texts[2, n_texts] = key, start, length
            n_texts += 1
            if 2 * n_texts > mask:
                mask = 2 * mask + 1
                slots[: mask + 1] = MISSING_CODE
                for other in range(n_texts):
                    slot = texts[0, other] & mask
                    while slots[slot] >= 0:
                        slot = (slot + 1) & mask
                    slots[slot] = other
        out[row] = found
    sizes[0], sizes[1] = n_texts, mask


@njit(error_model="numpy")
def _flag_cells(data, starts, afters, unset, spelled, out, odd):
    yes, no = (ord("t"), ord("f")) if spelled else (ord("T"), ord("F"))
    for row in range(starts.shape[0]):
        first = data[starts[row]]
        length = afters[row] - starts[row] - 1
        out[row] = MISSING_CODE
        if length == 1 and first in (yes, no):
            out[row] = first == yes
        elif not _is_unset(first, length, unset):
            odd[row] = True


@njit(error_model="numpy")
def _number_cells(data, starts, afters, unset, spelled, kind, out, odd):
    for row in range(starts.shape[0]):
        start, end = np.int64(starts[row]), np.int64(afters[row]) - 1
        length = end - start
        if _is_unset(data[start], length, unset):
            out[row] = MISSING
            odd[row] |= kind == TIME
            continue
        if spelled:
            zero = length > 1 and data[start] == ord("0")
            value = _decimal(data, start, end) if kind <= INTERVAL else _ODD if zero else _count(data, start, end)
        else:
            value = _seconds(data, start, end) if kind <= INTERVAL else _count(data, start, end)
        out[row] = value
        odd[row] |= value < 0 or (kind == PORT and value > 65535)


@kernel(
    f"Tuple((int64[:, ::1], int32[:, ::1], int64[:, :, ::1], int64[::1], boolean[::1]))"
    f"({DATA}, int32[:, :], int32[:, :], int64[::1], uint8, boolean)"
)
def columns(data, starts, afters, kinds, unset, spelled):
    """Cells of text as columns of integers and codes.

    Parameters
    ----------
    data : (n_bytes,) uint8
    starts, afters : (n_rows, n_columns) int32
        Where each cell begins, and the place after the one byte that ends it; the same where there is no cell.
    kinds : (n_columns,) int64
        SKIP and TEXT are passed over.
    unset : uint8
        What stands in a cell that is not set; 0 where there is no such thing.
    spelled : bool
        Numbers and flags are JSON's; else they are Zeek's own, all seconds with six decimals.

    Returns
    -------
    integers : (n, n_rows) int64
        Columns of TIME, INTERVAL, COUNT and PORT, in their order; times in microseconds, MISSING where unset.
    codes : (n, n_rows) int32
        Columns of CODE and FLAG, in their order; 0 and 1 for a flag's F and T, MISSING_CODE where unset.
    texts : (n, 3, n_texts) int64
        Hash, start and length of each code's text.
    n_texts : (n,) int64
        How many of them there are.
    odd : (n_rows,) bool
        Rows in which a cell does not plainly hold what it should; such cells mean nothing.
    """
    n_rows = starts.shape[0]
    n_integers = n_codes = 0
    capacity = _FEWEST
    while capacity < 2 * n_rows + 2:
        capacity *= 2
    for kind in kinds:
        n_codes += kind in (FLAG, CODE)
        n_integers += TIME <= kind <= PORT
    integers, codes = np.empty((n_integers, n_rows), np.int64), np.empty((n_codes, n_rows), np.int32)
    slots, texts = np.empty((n_codes, capacity), np.int32), np.empty((n_codes, 3, n_rows), np.int64)
    sizes, odd = np.zeros((n_codes, 2), np.int64), np.zeros(n_rows, np.bool_)
    slots[:, :_FEWEST] = MISSING_CODE
    sizes[:, 1] = _FEWEST - 1
    # Some rows at a time, all columns: their text stays in the processor's nearest caches.
    for begin in range(0, n_rows, _ROWS):
        end = min(begin + _ROWS, n_rows)
        integer = coded = 0
        for column in range(kinds.shape[0]):
            kind = kinds[column]
            cell, after, bad = starts[begin:end, column], afters[begin:end, column], odd[begin:end]
            if TIME <= kind <= PORT:
                _number_cells(data, cell, after, unset, spelled, kind, integers[integer, begin:end], bad)
                integer += 1
            elif kind == FLAG:
                _flag_cells(data, cell, after, unset, spelled, codes[coded, begin:end], bad)
                coded += 1
            elif kind == CODE:
                out = codes[coded, begin:end]
                _code_cells(data, cell, after, unset, out, bad, slots[coded], texts[coded], sizes[coded])
                coded += 1
    return integers, codes, texts, sizes[:, 0].copy(), odd


@kernel(f"Tuple((int32[::1], uint8[::1], boolean[::1]))({DATA}, int32[:], int32[:], uint8)")
def gather(data, starts, afters, unset):
    """Texts one after the other, as Arrow has them.

    Parameters
    ----------
    data, starts, afters, unset
        As in `columns`, of one column.

    Returns
    -------
    offsets : (1 + n,) int32
    texts : (n_bytes,) uint8
    missing : (n,) bool
        Where a text is unset.
    """
    n = starts.shape[0]
    offsets, missing = np.empty(n + 1, np.int32), np.empty(n, np.bool_)
    offsets[0] = 0
    for i in range(n):
        length = afters[i] - starts[i] - 1
        missing[i] = _is_unset(data[starts[i]], length, unset)
        offsets[i + 1] = offsets[i] + (0 if missing[i] else length)
    out = np.empty(offsets[n], np.uint8)
    for i in range(n):
        to, start = np.int64(offsets[i]), np.int64(starts[i])
        for at in range(offsets[i + 1] - to):
            out[to + at] = data[start + at]
    return offsets, out, missing
