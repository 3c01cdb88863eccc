"""Mean and standard deviation of integer columns over the last seconds of a log, exact at any history.

Sums and sums of squares are kept as integers (128 bits for the squares), so what has left a window leaves no trace:
after a spike of 1e12, floating-point running sums, Welford's updates and pandas keep an error a thousand times the
true standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from oddlog_core.kernels._jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LARGEST", "RollingState", "mean_std"]

LARGEST = 2**44
"""Largest value a column may hold; sums are then exact up to 2**19 such values in one window."""

_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_TWO_64 = float(2**64)


@kernel("UniTuple(uint64, 2)(uint64, uint64)")
def _multiply(a, b):
    """High and low 64 bits of a product."""
    a_high, a_low, b_high, b_low = a >> _HALF, a & _LOW, b >> _HALF, b & _LOW
    low = a_low * b_low
    middle = a_high * b_low + (low >> _HALF)
    other = a_low * b_high + (middle & _LOW)
    return a_high * b_high + (middle >> _HALF) + (other >> _HALF), (other << _HALF) | (low & _LOW)


@kernel("UniTuple(uint64, 2)(uint64)")
def _square(a):
    """High and low 64 bits of a square."""
    high, low = a >> _HALF, a & _LOW
    middle = (high * low) << np.uint64(1)
    lowest = low * low
    both = lowest + (middle << _HALF)
    return high * high + (middle >> _HALF) + np.uint64(both < lowest), both


@kernel(
    "float64[:, :, :, ::1](int64[::1], int64[:, ::1], int64[::1], int64[::1], int64[:, ::1], int64[::1],"
    " int64[:, ::1], uint64[:, :, ::1], int64, int64[::1])"
)
def mean_std(clock, values, windows, ring_clock, ring_values, heads, sums, squares, most, lost):
    """Mean and sample standard deviation over ``(t - window, t]`` at each record, in log order.

    Rows of equal time see only those before them and themselves, as pandas' ``rolling('10s')`` has it. Where the clock
    falls, everything before is forgotten. The standard deviation of a single record is 0.

    Parameters
    ----------
    clock : (n,) int64
        Microseconds.
    values : (n, n_columns) int64
        0 to `LARGEST`.
    windows : (n_windows,) int64
        Microseconds.
    ring_clock, ring_values : (capacity,) and (capacity, n_columns) int64
        Rows still inside the longest window; capacity is a power of two and holds them and these n, or more than
        `most`.
    heads : (n_windows + 1,) int64
        Sequence number of each window's oldest row, then that of the next row.
    sums : (n_windows, n_columns) int64
    squares : (n_windows, n_columns, 2) uint64
        High and low 64 bits. Ring, heads, sums and squares are the state and are changed in place.
    most : int
        Rows that a window holds at most; of more, the latest.
    lost : (1,) int64
        Rows that left a window for that alone are added to it.

    Returns
    -------
    (n, n_windows, n_columns, 2) float64
        Mean, then standard deviation.
    """
    n, n_columns = values.shape
    n_windows = windows.shape[0]
    mask = ring_clock.shape[0] - 1
    out = np.empty((n, n_windows, n_columns, 2), np.float64)
    square = np.empty((n_columns, 2), np.uint64)
    new = heads[n_windows]
    for i in range(n):
        now = clock[i]
        # The record before is always in the ring: every window holds its own latest record.
        fell = new > heads[0] and ring_clock[(new - 1) & mask] > now
        slot = new & mask
        ring_clock[slot] = now
        for c in range(n_columns):
            ring_values[slot, c] = values[i, c]
            square[c] = _square(np.uint64(values[i, c]))
        new += 1
        for w in range(n_windows):
            head = heads[w]
            since = now - windows[w]
            while ring_clock[head & mask] <= since or (fell and head < new - 1) or new - head > most:
                lost[0] += ring_clock[head & mask] > since and not fell
                for c in range(n_columns):
                    value = ring_values[head & mask, c]
                    sums[w, c] -= value
                    high, low = _square(np.uint64(value))
                    before = squares[w, c, 1]
                    squares[w, c, 1] = before - low
                    squares[w, c, 0] -= high + np.uint64(before < low)
                head += 1
            heads[w] = head
            count = new - head
            fits = _ALL // np.uint64(count)
            for c in range(n_columns):
                value = values[i, c]
                total = sums[w, c] + value
                sums[w, c] = total
                after = squares[w, c, 1] + square[c, 1]
                squares[w, c, 0] += square[c, 0] + np.uint64(after < square[c, 1])
                squares[w, c, 1] = after
                out[i, w, c, 0] = total / count
                if count == 1:
                    out[i, w, c, 1] = 0.0
                    continue
                # n * sum(v**2) - sum(v)**2 in 128 bits: in doubles it cancels to nothing. Ordinary traffic fits 64:
                # the same integer, in four fifths of the time.
                if squares[w, c, 0] == 0 and after <= fits:
                    spread = np.float64(after * np.uint64(count) - np.uint64(total) * np.uint64(total))
                else:
                    high, low = _multiply(after, np.uint64(count))
                    high += squares[w, c, 0] * np.uint64(count)
                    minus_high, minus_low = _multiply(np.uint64(total), np.uint64(total))
                    high -= minus_high + np.uint64(low < minus_low)
                    low -= minus_low
                    spread = np.float64(high) * _TWO_64 + np.float64(low)
                out[i, w, c, 1] = np.sqrt(spread / (np.float64(count) * np.float64(count - 1)))
    heads[n_windows] = new
    return out


@dataclass(slots=True)
class RollingState:
    """The rows still inside the longest window, and their sums.

    Parameters
    ----------
    windows : sequence of int
        Lengths in microseconds.
    n_columns : int
    capacity : int
        Rows that are kept at most, a power of two from 1024.

    Attributes
    ----------
    lost : (1,) int64
        How often a row had to leave a window early, since there was no room for it.
    """

    windows: NDArray[np.int64]
    n_columns: int
    capacity: int = 1 << 24
    ring_clock: NDArray[np.int64] = field(init=False)
    ring_values: NDArray[np.int64] = field(init=False)
    heads: NDArray[np.int64] = field(init=False)
    sums: NDArray[np.int64] = field(init=False)
    squares: NDArray[np.uint64] = field(init=False)
    lost: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        n_windows = len(self.windows)
        self.ring_clock = np.empty(1024, np.int64)
        self.ring_values = np.empty((1024, self.n_columns), np.int64)
        self.heads = np.zeros(n_windows + 1, np.int64)
        self.sums = np.zeros((n_windows, self.n_columns), np.int64)
        self.squares = np.zeros((n_windows, self.n_columns, 2), np.uint64)
        self.lost = np.zeros(1, np.int64)

    def update(self, clock: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.float64]:
        """`mean_std` of the next records, remembering those that the records after them will see."""
        oldest, new = int(self.heads[:-1].min()), int(self.heads[-1])
        needed = min(new - oldest + len(clock), self.capacity)
        if needed > len(self.ring_clock):
            capacity = 1 << (needed - 1).bit_length()
            kept = np.arange(oldest, new)
            old, self.ring_clock = self.ring_clock, np.empty(capacity, np.int64)
            self.ring_clock[kept & (capacity - 1)] = old[kept & (len(old) - 1)]
            rows, self.ring_values = self.ring_values, np.empty((capacity, self.n_columns), np.int64)
            self.ring_values[kept & (capacity - 1)] = rows[kept & (len(rows) - 1)]
        out: NDArray[np.float64] = mean_std(
            clock,
            values,
            self.windows,
            self.ring_clock,
            self.ring_values,
            self.heads,
            self.sums,
            self.squares,
            # The row that comes is written before those that must go are read.
            self.capacity - 1,
            self.lost,
        )
        return out

    def export(self) -> dict[str, Any]:
        """The rows still inside the longest window, and the sums, as a dict of arrays."""
        oldest, new = int(self.heads[:-1].min()), int(self.heads[-1])
        slots = np.arange(oldest, new) & (len(self.ring_clock) - 1)
        return {
            "clock": self.ring_clock[slots],
            "values": self.ring_values[slots],
            "heads": self.heads - oldest,
            "sums": self.sums.copy(),
            "squares": self.squares.copy(),
        }

    def restore(self, exported: dict[str, Any]) -> None:
        """Take over what `export` exported."""
        n = len(exported["clock"])
        capacity = 1 << max(10, (n - 1).bit_length())
        self.ring_clock = np.empty(capacity, np.int64)
        self.ring_values = np.empty((capacity, self.n_columns), np.int64)
        self.ring_clock[:n], self.ring_values[:n] = exported["clock"], exported["values"]
        # Copies: the kernel changes them in place, and what was exported may be restored again.
        self.heads = exported["heads"].copy()
        self.sums, self.squares = exported["sums"].copy(), exported["squares"].copy()
