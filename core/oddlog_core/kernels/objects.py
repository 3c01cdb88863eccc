"""Lines of flat JSON objects to cells: where each key's value stands."""

from __future__ import annotations

import numpy as np
from numba import njit

from oddlog_core.kernels._jit import kernel
from oddlog_core.kernels.cells import CODE, FLAG, TEXT, is_digit, word
from oddlog_core.kernels.cuts import DATA

__all__ = ["NAMES_LOG", "REFUSED", "split"]

NAMES_LOG, REFUSED = -1, -2
"""In place of a column: a key whose value must be the log's name, and one that is left to a slower reader."""

_ODD = -1
_QUOTE, _BACKSLASH, _SPACE, _COMMA, _CLOSE = ord('"'), ord("\\"), ord(" "), ord(","), ord("}")
_EACH = np.uint64(0x0101010101010101)
_LITERALS = np.frombuffer(b"truefalsenull", np.uint8)


@njit(inline="always", error_model="numpy")
def _equal(data, at, other, start, length):
    """Whether `length` bytes are the same in both."""
    if at + length > data.shape[0]:
        return False
    if length < 8:
        for i in range(length):  # noqa: SIM110
            if data[at + i] != other[start + i]:
                return False
        return True
    for i in range(0, length - 8, 8):
        if word(data, at + i) != word(other, start + i):
            return False
    return word(data, at + length - 8) == word(other, start + length - 8)


@njit(inline="always", error_model="numpy")
def _spaces(data, at):
    while data[at] == _SPACE:
        at += 1
    return at


@njit(error_model="numpy")
def _string(data, at):
    """Where a string's closing quote is; _ODD if it holds an escape or does not end on its line.

    Eight bytes at a time: Anderson, Bit twiddling hacks, "determine if a word has a byte equal to n, less than n".
    """
    while at + 8 <= data.shape[0]:
        text = word(data, at)
        quote, backslash = text ^ (_EACH * np.uint64(_QUOTE)), text ^ (_EACH * np.uint64(_BACKSLASH))
        ends = ((quote - _EACH) & ~quote) | ((backslash - _EACH) & ~backslash)
        ends = (ends | ((text - _EACH * np.uint64(_SPACE)) & ~text)) & (_EACH << np.uint64(7))
        if ends:
            # As many as there are bytes up to the lowest that is marked.
            at += np.int64((((ends - np.uint64(1)) & ~ends & _EACH) * _EACH) >> np.uint64(56)) - 1
            break
        at += 8
    while data[at] >= _SPACE and data[at] != _QUOTE and data[at] != _BACKSLASH:
        at += 1
    return at if data[at] == _QUOTE else _ODD


@njit(error_model="numpy")
def _key(data, at, keys, edges, guess):
    """Which key stands here, most likely `guess` or one soon after; as many as there are if it is none of them."""
    n_keys = edges.shape[0] - 1
    key = guess
    for _ in range(n_keys):
        if _equal(data, at, keys, edges[key], edges[key + 1] - edges[key]):
            return key
        key += 1
        if key >= n_keys:
            key = 0
    return n_keys


@njit(error_model="numpy")
def _is_scalar(data, start, end):
    """Whether this is true, false, null, or a number without an exponent."""
    if _is_flag(data, start, end) or _is_null(data, start, end):
        return True
    at = start + (data[start] == ord("-"))
    first = at
    while is_digit(data[at]):
        at += 1
    if at == first or (at - first > 1 and data[first] == ord("0")):
        return False
    if data[at] == ord("."):
        first = at = at + 1
        while is_digit(data[at]):
            at += 1
    return at == end and at > first


@njit(error_model="numpy")
def _is_flag(data, start, end):
    true, false = end - start == 4, end - start == 5
    return (true and _equal(data, start, _LITERALS, 0, 4)) or (false and _equal(data, start, _LITERALS, 4, 5))


@njit(error_model="numpy")
def _is_null(data, start, end):
    return end - start == 4 and _equal(data, start, _LITERALS, 9, 4)


@kernel(
    f"Tuple((int32[:, ::1], int32[:, ::1], boolean[::1]))"
    f"({DATA}, int64[::1], int64[::1], {DATA}, int64[::1], int64[::1], int64[::1], {DATA})"
)
def split(data, begins, ends, keys, edges, places, kinds, log):
    """Find the values of one object's keys after the other's.

    Parameters
    ----------
    data : (n_bytes,) uint8
        Lines with their newlines, less than 2**31 bytes.
    begins, ends : (n_lines,) int64
        Where each line's text begins, with ``{``, and where its newline is.
    keys : (n,) uint8
        The keys, quoted and with their colons, one after the other.
    edges : (n_keys + 1,) int64
        Where in `keys` each of at most 32 begins.
    places : (n_keys,) int64
        The column of each key, NAMES_LOG or REFUSED. Several may have the same one.
    kinds : (n_columns,) int64
        At most 32, as in `cells.columns`: whether a value is quoted.
    log : (n,) uint8
        The log's name.

    Returns
    -------
    starts, afters : (n_lines, n_columns) int32
        As `cells.columns` takes them.
    odd : (n_lines,) bool
        Lines that are not one flat object without escapes, have a column twice or in the wrong quotes, or are of
        another log; their cells mean nothing.
    """
    n_lines, n_keys = begins.shape[0], places.shape[0]
    starts, afters = np.zeros((n_lines, kinds.shape[0]), np.int32), np.zeros((n_lines, kinds.shape[0]), np.int32)
    odd = np.ones(n_lines, np.bool_)
    # What followed each key the last time: writers keep their keys in order, and leave some out.
    follows = np.append(np.arange(1, n_keys + 1), 0) % n_keys
    for line in range(n_lines):
        at, key, seen = begins[line] + 1, n_keys, np.int64(0)
        while True:
            at = _spaces(data, at)
            last, key = key, _key(data, at, keys, edges, follows[key])
            place = REFUSED
            if key < n_keys:
                follows[last] = key
                place = places[key]
                bit = np.int64(1) << (place if place >= 0 else 32 + key)
                if place == REFUSED or seen & bit:
                    break
                seen |= bit
                at += edges[key + 1] - edges[key]
            else:
                if data[at] != _QUOTE:
                    break
                at = _string(data, at + 1) + 1
                if at == 0 or data[at] != ord(":"):
                    break
                at += 1
            at = _spaces(data, at)
            quoted = data[at] == _QUOTE
            start = at + quoted
            if quoted:
                at = _string(data, start)
                if at < 0:
                    break
            else:
                while data[at] > _SPACE and data[at] != _COMMA and data[at] != _CLOSE:
                    at += 1
            after = at + 1
            if place >= 0:
                kind = kinds[place]
                if quoted == (kind in (CODE, TEXT)) and (kind != FLAG or _is_flag(data, start, at)):
                    starts[line, place] = start
                    afters[line, place] = start + 2 if kind == FLAG else after
                elif quoted or not _is_null(data, start, at):
                    break
            elif place == NAMES_LOG:
                if not (quoted and at - start == log.shape[0] and _equal(data, start, log, 0, log.shape[0])):
                    break
            elif not quoted and not _is_scalar(data, start, at):
                break
            at = _spaces(data, at + quoted)
            if data[at] != _COMMA:
                odd[line] = not (data[at] == _CLOSE and at + 1 == ends[line])
                break
            at += 1
    return starts, afters, odd
