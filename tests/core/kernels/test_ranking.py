"""Ranks against numpy's own search."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
from hypothesis import given
from hypothesis import strategies as st
from oddlog_core.kernels.ranking import ranks

VALUES = st.sampled_from([0.0, -0.0, 1.0, np.inf, -np.inf]) | st.floats(-3, 3)


@given(st.lists(VALUES, min_size=1, max_size=40), st.lists(VALUES, max_size=600))
def test_a_rank_is_how_many_are_less(rising, values):
    rising, values = np.sort(np.array(rising)), np.array(values)
    npt.assert_array_equal(ranks(rising, values), np.searchsorted(rising, values, side="left"))
