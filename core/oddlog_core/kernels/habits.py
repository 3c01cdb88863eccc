"""What was seen in wider and wider contexts, put together record by record."""

from oddlog_core.kernels._jit import kernel

__all__ = ["narrow", "refine"]

_ROWS = "Array(int64, 1, 'C', readonly=True)"
_TABLE = "Array(int64, 2, 'A', readonly=True)"


@kernel(f"void(float64[::1], {_ROWS}, {_TABLE}, {_ROWS}, {_TABLE}, float64, float64)")
def narrow(p, seen_rows, seen, context_rows, contexts, discount, concentration):
    """Turn each value's probability in a wider context into that in a narrower one, in place.

    Teh, A hierarchical Bayesian language model based on Pitman-Yor processes (2006), section 5, with one table for
    each value.

    Parameters
    ----------
    p : (n,) float64
    seen_rows : (n,) int64
        Row of each record's value in `seen`; -1 where it was not.
    seen : (n_seen, 2) int64
        A key, and how often it was seen.
    context_rows : (n,) int64
        Row of each record's context in `contexts`; -1 where it is not known.
    contexts : (n_contexts, 3) int64
        A key, how many values the context had in all, and how many different ones.
    discount, concentration : float
        Pitman and Yor's.
    """
    for i in range(p.shape[0]):
        own, total, different = 0.0, 0, 0
        if seen_rows[i] >= 0:
            own = max(seen[seen_rows[i], 1] - discount, 0.0)
        if context_rows[i] >= 0:
            total, different = contexts[context_rows[i], 1], contexts[context_rows[i], 2]
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
