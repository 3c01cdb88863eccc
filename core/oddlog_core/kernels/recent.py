"""What each key did over the last minutes of a log: exact sums, of every record and of every different one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from oddlog_core.kernels._jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MOST", "RecentState", "failing", "recent_sums", "standing"]

MOST = 1 << 18
"""Records a window holds at most: where more come in its time, the latest of them. Some 60 MB for two windows."""

_FEWEST = 1 << 8
# Knuth's multiplicative hashing, The Art of Computer Programming 3, section 6.4: 2**64 / golden ratio.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_BITS = np.uint64(64)


@kernel("int64(int64, int64)")
def _home(key, bits):
    return np.int64((np.uint64(key) * _GOLDEN) >> (_BITS - np.uint64(bits)))


@kernel("int64(int64, int64[::1], int64[:, :, ::1], int64)")
def _slot(key, held, sums, bits):
    """Slot of a key in an open-addressing table, or the free one where it belongs: one of no records."""
    mask = held.shape[0] - 1
    last = sums.shape[1] - 1
    slot = _home(key, bits)
    while sums[slot, last, 0] != 0 and held[slot] != key:
        slot = (slot + 1) & mask
    return slot


@kernel("void(int64, int64[::1], int64[:, :, ::1], int64)")
def _free(slot, held, sums, bits):
    """Move up whom a slot of no records kept from theirs (Knuth, section 6.4, algorithm R)."""
    mask = held.shape[0] - 1
    last = sums.shape[1] - 1
    at = (slot + 1) & mask
    while sums[at, last, 0] != 0:
        home = _home(held[at], bits)
        if ((at - home) & mask) >= ((at - slot) & mask):
            held[slot] = held[at]
            for w in range(sums.shape[1]):
                for c in range(sums.shape[2]):
                    sums[slot, w, c], sums[at, w, c] = sums[at, w, c], 0
            slot = at
        at = (at + 1) & mask


@kernel(
    "int64[:, :, ::1](int64[::1], int64[::1], int64[:, ::1], int64[:, ::1], int64, int64[::1], int64, int64[::1],"
    " int64[:, ::1], int64[:, ::1], int64[::1], int64[::1], int64[:, :, ::1], int64[::1], int64[:, :, ::1])"
)
def recent_sums(
    clock,
    number,
    keys,
    values,
    n_plain,
    windows,
    most,
    ring_clock,
    ring_keys,
    ring_values,
    heads,
    owners,
    sums,
    sames,
    counts,
):
    """Records of a key and sums of its columns over ``(t - window, t]`` at each record, in log order.

    Rows of equal time see only those before them and themselves. Where the clock falls, all before is forgotten. A
    window holds `most` records at most; what is older is forgotten.

    Parameters
    ----------
    clock : (n,) int64
        Microseconds.
    number : (n,) int64
        Which row of `keys` and `values` is each record's.
    keys : (n_different, 2) int64
        Whose the record is, and what it is of: of its owner's records that are of the same, one counts in the last
        columns.
    values : (n_different, n_columns) int64
        The first `n_plain` count in every record, the others once for all records of the same, in which they are equal.
    n_plain : int
    windows : (n_windows,) int64
        Microseconds, rising.
    most : int
    ring_clock, ring_keys, ring_values : (capacity,), (capacity, 2), (capacity, n_columns) int64
        The records in the longest window; capacity is a power of two and holds them and these n, or `most`.
    heads : (n_windows + 1,) int64
        Sequence number of each window's oldest record, then that of the next.
    owners, sames : (n_slots,) int64
        Keys in two tables; n_slots is a power of two, at least twice the capacity.
    sums : (n_slots, n_windows, 1 + n_columns) int64
        Of owners: records, then their columns.
    counts : (n_slots, n_windows, 1) int64
        Records of the same. Ring, heads and tables are the state and are changed in place.

    Returns
    -------
    (n, n_windows, 1 + n_columns) int64
    """
    n, n_columns = clock.shape[0], values.shape[1]
    n_windows = windows.shape[0]
    last = n_windows - 1
    mask = ring_clock.shape[0] - 1
    fullest = min(most, mask + 1)
    bits = 0
    while (1 << bits) < owners.shape[0]:
        bits += 1
    out = np.empty((n, n_windows, 1 + n_columns), np.int64)
    new = heads[n_windows]
    for i in range(n):
        now = clock[i]
        fell = new > heads[last] and ring_clock[(new - 1) & mask] > now
        for w in range(n_windows):
            since = now - windows[w]
            while heads[w] < new and (fell or ring_clock[heads[w] & mask] <= since or new - heads[w] >= fullest):
                row = heads[w] & mask
                heads[w] += 1
                owner = _slot(ring_keys[row, 0], owners, sums, bits)
                same = _slot(ring_keys[row, 1], sames, counts, bits)
                sums[owner, w, 0] -= 1
                counts[same, w, 0] -= 1
                for c in range(n_columns):
                    if c < n_plain or counts[same, w, 0] == 0:
                        sums[owner, w, 1 + c] -= ring_values[row, c]
                if w == last and sums[owner, w, 0] == 0:
                    _free(owner, owners, sums, bits)
                if w == last and counts[same, w, 0] == 0:
                    _free(same, sames, counts, bits)
        row, own = new & mask, number[i]
        ring_clock[row], ring_keys[row], ring_values[row] = now, keys[own], values[own]
        new += 1
        owner = _slot(keys[own, 0], owners, sums, bits)
        same = _slot(keys[own, 1], sames, counts, bits)
        owners[owner], sames[same] = keys[own, 0], keys[own, 1]
        for w in range(n_windows):
            counts[same, w, 0] += 1
            sums[owner, w, 0] += 1
            out[i, w, 0] = sums[owner, w, 0]
            for c in range(n_columns):
                if c < n_plain or counts[same, w, 0] == 1:
                    sums[owner, w, 1 + c] += values[own, c]
                out[i, w, 1 + c] = sums[owner, w, 1 + c]
    heads[n_windows] = new
    return out


@kernel("int32[:, ::1](int64[:, :, ::1])")
def failing(sums):
    """Which share of a source's records in each window failed: 0 none, 1 below a tenth, 2 below a half, 3 more.

    Parameters
    ----------
    sums : (n, n_windows, n_columns) int64
        Records, failures and what may be failures, and what else was summed.

    Returns
    -------
    (n_windows, n) int32
    """
    out = np.empty((sums.shape[1], sums.shape[0]), np.int32)
    for i in range(sums.shape[0]):
        for w in range(sums.shape[1]):
            records, failed = sums[i, w, 0], sums[i, w, 1] + sums[i, w, 2]
            out[w, i] = (failed > 0) * (1 + (10 * failed >= records) + (2 * failed >= records))
    return out


@kernel("float64[:, ::1](int64[:, :, ::1], int64[::1], float64[:, :, ::1], float64, float64)")
def standing(sums, number, expected, least_share, unit):
    """Failures beyond a source's share of them, and how new beyond what is usual for it, in standard deviations.

    Parameters
    ----------
    sums : (n, n_windows, n_columns) int64
        Records, failures, what may be failures, newness, and what else was summed.
    number : (n,) int64
        Which row of `expected` is each record's.
    expected : (n_different, 2, 1 + n_windows) float64
        Mean and standard deviation of failing, and of the logarithm of newness in each window.
    least_share : float
        Nobody fails less often than that, or more often than the rest.
    unit : float
        Newness that is one.

    Returns
    -------
    (2 * n_windows, n) float64
        Failures by window, then how new by window.
    """
    n, n_windows = sums.shape[:2]
    out = np.empty((2 * n_windows, n))
    for i in range(n):
        row = number[i]
        share = min(max(expected[row, 0, 0], least_share), 1 - least_share)
        for w in range(n_windows):
            records, failed = sums[i, w, 0], sums[i, w, 1] + sums[i, w, 2]
            out[w, i] = (failed - records * share) / np.sqrt(records * share * (1 - share) + 1)
            new = np.log1p(sums[i, w, 3] / unit) if sums[i, w, 3] else 0.0
            out[n_windows + w, i] = (new - expected[row, 0, 1 + w]) / expected[row, 1, 1 + w]
    return out


@dataclass(slots=True)
class RecentState:
    """Sums over the last minutes, carried from batch to batch.

    Parameters
    ----------
    windows : (n_windows,) int64
        Microseconds, rising.
    n_plain, n_once : int
        Columns that count in every record, and columns that count once for all records of the same.
    most : int
        Records a window holds.
    """

    windows: NDArray[np.int64]
    n_plain: int
    n_once: int
    most: int = MOST
    _clock: NDArray[np.int64] = field(init=False, repr=False)
    _keys: NDArray[np.int64] = field(init=False, repr=False)
    _values: NDArray[np.int64] = field(init=False, repr=False)
    _heads: NDArray[np.int64] = field(init=False, repr=False)
    _owners: tuple[NDArray[np.int64], NDArray[np.int64]] = field(init=False, repr=False)
    _sames: tuple[NDArray[np.int64], NDArray[np.int64]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._make(_FEWEST)

    def _make(self, capacity: int) -> None:
        """Empty, with room for so many records."""
        n_windows, n_columns = len(self.windows), self.n_plain + self.n_once
        self._clock = np.empty(capacity, np.int64)
        self._keys = np.empty((capacity, 2), np.int64)
        self._values = np.empty((capacity, n_columns), np.int64)
        self._heads = np.zeros(n_windows + 1, np.int64)
        slots = 2 * capacity
        self._owners = np.zeros(slots, np.int64), np.zeros((slots, n_windows, 1 + n_columns), np.int64)
        self._sames = np.zeros(slots, np.int64), np.zeros((slots, n_windows, 1), np.int64)

    def update(
        self,
        clock: NDArray[np.int64],
        number: NDArray[np.int64],
        keys: NDArray[np.int64],
        values: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Records and sums at the next records, see `recent_sums`, (n, n_windows, 1 + n_plain + n_once)."""
        oldest, new = int(self._heads[-2]), int(self._heads[-1])
        capacity = min(1 << (new - oldest + len(clock)).bit_length(), 1 << (self.most - 1).bit_length())
        if capacity > len(self._clock):
            kept = self.export()
            self._make(capacity)
            self._enter(kept)
        out: NDArray[np.int64] = self._take(clock, number, keys, values)
        return out

    def _take(
        self,
        clock: NDArray[np.int64],
        number: NDArray[np.int64],
        keys: NDArray[np.int64],
        values: NDArray[np.int64],
    ) -> Any:
        return recent_sums(
            clock, number, keys, values, self.n_plain, self.windows, self.most,
            self._clock, self._keys, self._values, self._heads, *self._owners, *self._sames,
        )  # fmt: skip

    def _enter(self, kept: dict[str, Any]) -> None:
        # Copies: what was exported may be read-only memory, which kernels refuse.
        clock = kept["clock"].copy()
        self._take(clock, np.arange(len(clock)), kept["keys"].copy(), kept["values"].copy())

    def export(self) -> dict[str, Any]:
        """The records in the longest window, as a dict of arrays; all else follows from them."""
        rows = np.arange(self._heads[-2], self._heads[-1]) & (len(self._clock) - 1)
        return {"clock": self._clock[rows], "keys": self._keys[rows], "values": self._values[rows]}

    def restore(self, exported: dict[str, Any]) -> None:
        """Take over what `export` exported."""
        self._make(max(_FEWEST, 1 << len(exported["clock"]).bit_length()))
        self._enter(exported)
