"""How much each host did within a window: records, distinct values of some fields, and each field's usual value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from oddlog_core.kernels._jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Description", "Tally", "describe", "running_counts"]

_EMPTY = -1
# Knuth's multiplicative hashing, The Art of Computer Programming 3, section 6.4: 2**64 / golden ratio.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FOLD = np.uint64(32)


@kernel("int64[:, ::1](int64[::1], int64[:, ::1], int64, int64[::1], int64[::1], int64[::1], int64[:, ::1])")
def running_counts(hosts, values, most, used, seen, times, counts):
    """Records, distinct values and how often the most frequent was, of each record's host, this record included.

    Parameters
    ----------
    hosts : (n,) int64
        Host codes, below 2**28.
    values : (n, n_fields) int64
        Codes of the fields to count the values of, below 2**32; at most eight fields.
    most : int
        Values of hosts that are told apart; what is new after that is counted as a record only.
    used : (2,) int64
        How many are, and how many times there was no place.
    seen : (capacity,) int64
        Open-addressing set of (host, field, value), -1 where empty; a power of two and never full.
    times : (capacity,) int64
        How often each of `seen` was.
    counts : (n_hosts, 1 + 2 * n_fields) int64
        Records, then distinct values by field, then the highest frequencies. From `used` on all are the state and are
        changed in place.

    Returns
    -------
    (n, 1 + 2 * n_fields) int64
    """
    n, n_fields = values.shape
    mask = seen.shape[0] - 1
    out = np.empty((n, 1 + 2 * n_fields), np.int64)
    for i in range(n):
        host = hosts[i]
        counts[host, 0] += 1
        for f in range(n_fields):
            key = (host << 35) | (f << 32) | values[i, f]
            slot = np.int64((np.uint64(key) * _GOLDEN) >> _FOLD) & mask
            while seen[slot] != _EMPTY and seen[slot] != key:
                slot = (slot + 1) & mask
            if seen[slot] == _EMPTY:
                if used[0] >= most:
                    used[1] += 1
                    continue
                used[0] += 1
                seen[slot] = key
                times[slot] = 0
                counts[host, 1 + f] += 1
            times[slot] += 1
            counts[host, 1 + n_fields + f] = max(counts[host, 1 + n_fields + f], times[slot])
        for c in range(1 + 2 * n_fields):
            out[i, c] = counts[host, c]
    return out


@kernel("void(int64[::1], int64[:, ::1], int64[::1], int64[::1], int64[:, :, ::1])")
def describe(hosts, values, seen, times, summary):
    """Take records into each host's count, distinct values, top value and its frequency.

    Parameters
    ----------
    hosts : (n,) int64
        Host codes, below 2**28.
    values : (n, n_fields) int64
        Codes below 2**32 of at most eight fields; what is below 0 is unset and is not counted.
    seen : (capacity,) int64
        Open-addressing set of (host, field, value), -1 where empty; a power of two and never full.
    times : (capacity,) int64
        How often each of `seen` was.
    summary : (n_hosts, n_fields, 4) int64
        Values that are set, distinct ones, the most frequent and how often it is; of several the one that was so
        often first. All three are the state and are changed in place.
    """
    n, n_fields = values.shape
    mask = seen.shape[0] - 1
    for i in range(n):
        host = hosts[i]
        for f in range(n_fields):
            value = values[i, f]
            if value < 0:
                continue
            key = (host << 35) | (f << 32) | value
            slot = np.int64((np.uint64(key) * _GOLDEN) >> _FOLD) & mask
            while seen[slot] != _EMPTY and seen[slot] != key:
                slot = (slot + 1) & mask
            if seen[slot] == _EMPTY:
                seen[slot] = key
                times[slot] = 0
                summary[host, f, 1] += 1
            times[slot] += 1
            summary[host, f, 0] += 1
            if times[slot] > summary[host, f, 3]:
                summary[host, f, 2] = value
                summary[host, f, 3] = times[slot]


@dataclass(slots=True)
class Tally:
    """What every host has done since the tally began.

    Parameters
    ----------
    n_fields : int
        How many fields' values are counted.
    most : int
        Values of hosts that are told apart.
    """

    n_fields: int
    most: int = 1 << 24
    used: NDArray[np.int64] = field(init=False)
    seen: NDArray[np.int64] = field(init=False)
    times: NDArray[np.int64] = field(init=False)
    counts: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.seen, self.times = np.full(1024, _EMPTY, np.int64), np.zeros(1024, np.int64)
        self.counts, self.used = np.zeros((64, 1 + 2 * self.n_fields), np.int64), np.zeros(2, np.int64)

    @property
    def evicted(self) -> int:
        """How many times a value found no place."""
        return int(self.used[1])

    def update(self, hosts: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
        """`running_counts` of the next records."""
        self._grow(min(int(self.used[0]) + values.size, self.most), int(hosts.max(initial=-1)))
        out: NDArray[np.int64] = running_counts(hosts, values, self.most, self.used, self.seen, self.times, self.counts)
        return out

    def _grow(self, n_keys: int, highest: int) -> None:
        """Have room for so many keys, and for hosts up to the highest code."""
        self.seen, self.times = _roomy(self.seen, self.times, n_keys)
        if highest >= len(self.counts):
            grown = np.zeros((1 << highest.bit_length(), self.counts.shape[1]), np.int64)
            grown[: len(self.counts)] = self.counts
            self.counts = grown

    def keys(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """What has been counted, in the order of the keys, and how often each was."""
        (held,) = np.nonzero(self.seen != _EMPTY)
        order = held[np.argsort(self.seen[held])]
        return self.seen[order], self.times[order]

    def restore(self, keys: NDArray[np.int64], often: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        """Take over `keys`, and as many of `counts` as there were hosts."""
        self._grow(len(keys), len(counts) - 1)
        # Copies: kernels with explicit signatures refuse memory that is read-only, as a checkpoint's is.
        _insert(keys.copy(), often.copy(), self.seen, self.times)
        self.counts[: len(counts)], self.used[0] = counts, len(keys)


def _roomy(
    seen: NDArray[np.int64], times: NDArray[np.int64], n_keys: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The same set, twice as large as so many keys need where it is smaller."""
    if 2 * n_keys <= len(seen):
        return seen, times
    (held,) = np.nonzero(seen != _EMPTY)
    capacity = 1 << (2 * n_keys - 1).bit_length()
    wider = np.full(capacity, _EMPTY, np.int64), np.zeros(capacity, np.int64)
    _insert(seen[held], times[held], *wider)
    return wider


@dataclass(slots=True)
class Description:
    """What `pandas.DataFrame.describe` says of every host's categories, since the description began.

    Parameters
    ----------
    n_fields : int
    """

    n_fields: int
    seen: NDArray[np.int64] = field(init=False)
    times: NDArray[np.int64] = field(init=False)
    summary: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.seen, self.times = np.full(1024, _EMPTY, np.int64), np.zeros(1024, np.int64)
        self.summary = np.zeros((64, self.n_fields, 4), np.int64)

    def update(self, hosts: NDArray[np.int64], values: NDArray[np.int64]) -> None:
        """`describe` the next records."""
        distinct = int(self.summary[:, :, 1].sum())
        self.seen, self.times = _roomy(self.seen, self.times, distinct + values.size)
        highest = int(hosts.max(initial=-1))
        if highest >= len(self.summary):
            grown = np.zeros((1 << highest.bit_length(), self.n_fields, 4), np.int64)
            grown[: len(self.summary)] = self.summary
            self.summary = grown
        describe(hosts, values, self.seen, self.times, self.summary)


@kernel("void(int64[::1], int64[::1], int64[::1], int64[::1])")
def _insert(keys, often, seen, times):
    """Put keys that are not yet there into the set, with their counts."""
    mask = seen.shape[0] - 1
    for i in range(keys.shape[0]):
        slot = np.int64((np.uint64(keys[i]) * _GOLDEN) >> _FOLD) & mask
        while seen[slot] != _EMPTY:
            slot = (slot + 1) & mask
        seen[slot], times[slot] = keys[i], often[i]
