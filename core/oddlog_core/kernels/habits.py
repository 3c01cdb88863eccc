"""What was seen in wider and wider contexts, put together record by record."""

from oddlog_core.kernels._jit import kernel
from oddlog_core.kernels.keyindex import home
from oddlog_core.kernels.mixing import joined_pair
from oddlog_core.kernels.prefetch import AHEAD, prefetch

__all__ = ["HALF", "LOWER", "narrow", "refine"]

HALF, LOWER = 32, (1 << 32) - 1
"""Bits of half an integer, and the half that those are."""

_ROWS = "Array(int64, 1, 'C', readonly=True)"


@kernel(
    f"void(float64[::1], {_ROWS}, {_ROWS}, {_ROWS}, {_ROWS}, int64[:, ::1], uint64, float64, float64)",
)
def narrow(p, of, contexts, counted, values, seen, shift, discount, concentration):
    """Turn each value's probability in a wider context into that in a narrower one, in place.

    Teh, A hierarchical Bayesian language model based on Pitman-Yor processes (2006), section 5, with one table for
    each value. Where a context is not known, no value of it is, and nobody looks.

    Parameters
    ----------
    p : (n,) float64
    of : (n,) int64
        Number of each value's context among the contexts.
    contexts : (n_contexts,) int64
        Keys.
    counted : (n_contexts,) int64
        How many values each context had in all, in the upper 32 bits, and how many different ones, in the lower; 0
        where it is not known.
    values : (n,) int64
        Keys.
    seen, shift : (n_slots, 2) int64, uint64
        `KeyCounts` of how often a value was seen in a context, by their keys joined.
    discount, concentration : float
        Pitman and Yor's.
    """
    mask = seen.shape[0] - 1
    for i in range(p.shape[0]):
        if i + AHEAD < p.shape[0]:
            prefetch(seen, home(joined_pair(contexts[of[i + AHEAD]], values[i + AHEAD]), shift))
        both = counted[of[i]]
        if both == 0:
            continue
        total, different = both >> HALF, both & LOWER
        key = joined_pair(contexts[of[i]], values[i])
        slot = home(key, shift)
        while seen[slot, 1] and seen[slot, 0] != key:
            slot = (slot + 1) & mask
        own = max(seen[slot, 1] - discount, 0.0)
        p[i] = (own + (concentration + discount * different) * p[i]) / (concentration + total)


@kernel(f"void(float64[:, :, ::1], {_ROWS}, Array(float32, 3, 'A', readonly=True))")
def refine(expected, rows, usual):
    """Replace, in place, what is expected of each record by what is usual in a narrower context, where it is known.

    Parameters
    ----------
    expected : (n, 2, n_amounts) float64
    rows : (n,) int64
        Row of each record's context; -1 where it is not known.
    usual : (n_contexts, 2, n_amounts) float32
    """
    for i in range(rows.shape[0]):
        if rows[i] >= 0:
            for part in range(expected.shape[1]):
                for amount in range(expected.shape[2]):
                    expected[i, part, amount] = usual[rows[i], part, amount]
