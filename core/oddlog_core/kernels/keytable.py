"""Which slot of a table of fixed size each key has, and which key goes when there is none left."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp2, log2
from typing import TYPE_CHECKING, Any

import numpy as np

from oddlog_core.kernels._jit import kernel
from oddlog_core.kernels.prefetch import AHEAD, prefetch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["WAYS", "KeyTable", "assign"]

WAYS = 8
"""Slots a key may be in: as many keys as a processor's cache line holds."""

# Knuth's multiplicative hashing, The Art of Computer Programming 3, section 6.4: 2**64 / golden ratio.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_BITS = np.uint64(64)
_NEVER = np.iinfo(np.int64).min
_FREE = -np.inf


@kernel("Tuple((int64[::1], int64))(int64[::1], int64[::1], float64, int64[::1], float64[::1], int64[::1])")
def assign(times, keys, rate, held, ranks, latest):
    """Slot of each record's key; a new key takes, of the eight slots it may be in, the one of the lowest weight.

    A key's weight is 1 for every record of it, each halved `rate` times a second since. All weights halve alike, so
    they are kept as ranks that stand still while time passes, ``log2(weight) + rate * t``, and are compared without
    decaying eight of them at each record. Where the clock falls, every key is forgotten.

    Eight neighbours of one cache line need no tombstones and leave no chains to mend when a key goes. Tried and
    rejected: linear probing until an empty slot is found (in a full table there is none), and weights with the time
    of their last record (eight exponentials for each key that goes).

    Parameters
    ----------
    times : (n,) int64
        The log's clock in microseconds.
    keys : (n,) int64
        Any: hashes, or packed codes.
    rate : float
        Halvings of a weight a second.
    held : (capacity,) int64
        The key in each slot; capacity is a power of two, at least 16.
    ranks : (capacity,) float64
        -inf where a slot is free.
    latest : (1,) int64
        The clock at the record before. `held`, `ranks` and `latest` are the state and are changed in place.

    Returns
    -------
    slots : (n,) int64
        ``~slot`` where the key is new to its slot: whatever is kept for the slot is another key's, or nobody's.
    evicted : int
        Keys that had to go.
    """
    n = keys.shape[0]
    n_sets = held.shape[0] // WAYS
    set_bits = 0
    while n_sets >> set_bits > 1:
        set_bits += 1
    shift = _BITS - np.uint64(set_bits)
    slots = np.empty(n, np.int64)
    evicted = 0
    for i in range(n):
        if i + AHEAD < n:
            ahead = int((np.uint64(keys[i + AHEAD]) * _GOLDEN) >> shift) * WAYS
            prefetch(held, ahead)
            prefetch(ranks, ahead)
        now, key = times[i], keys[i]
        if now < latest[0]:
            ranks[:] = _FREE
        latest[0] = now
        first = int((np.uint64(key) * _GOLDEN) >> shift) * WAYS
        one = rate * (now * 1e-6)
        found, lowest = -1, first
        for slot in range(first, first + WAYS):
            if held[slot] == key and ranks[slot] != _FREE:
                found = slot
            if ranks[slot] < ranks[lowest]:
                lowest = slot
        if found >= 0:
            ranks[found] = max(one, ranks[found]) + log2(1.0 + exp2(-abs(one - ranks[found])))
            slots[i] = found
        else:
            evicted += ranks[lowest] != _FREE
            held[lowest], ranks[lowest] = key, one
            slots[i] = ~lowest
    return slots, evicted


@dataclass(slots=True)
class KeyTable:
    """A table of fixed size in which every key has a slot until heavier keys need it.

    Parameters
    ----------
    capacity : int
        Slots, a power of two from 16. Each takes 16 bytes.
    rate : float
        Halvings a second of what a record weighs.
    """

    capacity: int
    rate: float
    evicted: int = field(init=False, default=0)
    held: NDArray[np.int64] = field(init=False)
    ranks: NDArray[np.float64] = field(init=False)
    latest: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        if self.capacity < 2 * WAYS or self.capacity & (self.capacity - 1):
            raise ValueError(f"a key table's capacity is a power of two from {2 * WAYS}, not {self.capacity}")
        self.held = np.zeros(self.capacity, np.int64)
        self.ranks = np.full(self.capacity, _FREE)
        self.latest = np.full(1, _NEVER)

    def __len__(self) -> int:
        """Keys that have a slot."""
        return int(np.count_nonzero(self.ranks != _FREE))

    def update(self, times: NDArray[np.int64], keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Slots that `assign` gives the next records' keys, as the kernels of `damped` take them."""
        slots: NDArray[np.int64]
        slots, evicted = assign(times, keys, self.rate, self.held, self.ranks, self.latest)
        self.evicted += evicted
        return slots

    def export(self) -> dict[str, Any]:
        """The keys that have a slot, their slots and ranks, as a dict of arrays."""
        (slots,) = np.nonzero(self.ranks != _FREE)
        return {
            "slots": slots,
            "keys": self.held[slots],
            "ranks": self.ranks[slots],
            "latest": self.latest.copy(),
            "evicted": np.array([self.evicted]),
        }

    def restore(self, exported: dict[str, Any]) -> None:
        """Take over what `export` exported from a table of the same capacity."""
        slots = exported["slots"]
        self.ranks[:] = _FREE
        self.held[slots], self.ranks[slots] = exported["keys"], exported["ranks"]
        self.latest[:] = exported["latest"]
        self.evicted = int(exported["evicted"][0])
