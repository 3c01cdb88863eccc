"""Distinct rows against Python's dictionaries."""

from __future__ import annotations

import naive
import numpy as np
import numpy.testing as npt
from hypothesis import given
from hypothesis import strategies as st
from oddlog_core.kernels.distinct import distinct_rows


def holds(codes):
    for found, expected in zip(distinct_rows(codes), naive.distinct_rows(codes), strict=True):
        npt.assert_array_equal(found, expected)


@given(st.integers(0, 4).flatmap(lambda f: st.lists(st.tuples(*[st.integers(-1, 2)] * f), max_size=60)))
def test_rows_are_numbered_as_they_appear(rows):
    holds(np.array(rows, np.int32).reshape(len(rows), -1 if rows else 0))


def test_a_table_that_has_to_grow_loses_no_row():
    codes = np.random.default_rng(1).integers(-(2**31), 2**31, (3000, 2)).astype(np.int32)
    holds(np.concatenate([codes, codes[::3], codes + 1]))
