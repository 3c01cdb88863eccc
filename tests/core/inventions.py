"""What hypothesis invents for more than one test: logs' times, and places to cut them."""

from __future__ import annotations

from itertools import accumulate, pairwise

import numpy as np
from hypothesis import strategies as st

SECOND = 1_000_000
START = 1_700_000_000 * SECOND

# Edges of the 1, 10 and 60 s windows, to the microsecond, among arbitrary gaps.
_GAPS = st.sampled_from(
    [0, 0, 0, 1, SECOND - 1, SECOND, SECOND + 1, 10 * SECOND, 60 * SECOND - 1, 60 * SECOND, 60 * SECOND + 1]
) | st.integers(0, 90 * SECOND)


def clocks(max_size: int = 40, gaps: st.SearchStrategy[int] = _GAPS):
    """A log's clock: equal times, gaps as long as a window, and any other."""
    return st.lists(gaps, min_size=1, max_size=max_size).map(
        lambda gap: np.array([*accumulate(gap, initial=START)][1:])
    )


def falling_clocks(max_size: int = 40):
    """A clock that also falls, by less and by more than a window."""
    return clocks(max_size, _GAPS | st.sampled_from([-1, -SECOND, -30 * SECOND, -7_200 * SECOND]))


CUTS = st.lists(st.floats(0, 1), max_size=6)
"""Places to cut anything, as shares of its length; pieces may be empty."""


def pieces(n: int, cuts: list[float]) -> list[slice]:
    return [slice(start, stop) for start, stop in pairwise([0, *sorted(round(cut * n) for cut in cuts), n])]
