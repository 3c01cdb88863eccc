"""Integers in a feature matrix, value by value."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
from hypothesis import given
from hypothesis import strategies as st
from oddlog_core.kernels.columns import amounts, filled, looked_up
from oddlog_core.records import MISSING

VALUES = st.lists(st.sampled_from([MISSING, 0, -1, 2**44, 2**63 - 1]) | st.integers(-5, 70_000), max_size=30)


@given(VALUES, st.sampled_from([1.0, 1e6]))
def test_amounts_are_in_their_unit_and_unset_ones_are_nan(values, unit):
    out = np.zeros((len(values), 3))
    amounts(np.array(values, np.int64), unit, out[:, 1])
    npt.assert_array_equal(out[:, 1], [np.nan if value == MISSING else value / unit for value in values])
    assert not out[:, [0, 2]].any()


@given(VALUES, st.lists(st.integers(1, 99), min_size=1, max_size=9))
def test_a_value_beyond_the_table_is_looked_up_at_its_end(values, table):
    out = np.full(len(values), np.nan)
    looked_up(np.array(values, np.int64), np.array(table, np.int16), out)
    last = len(table) - 1
    assert out.tolist() == [0 if value == MISSING else table[min(max(value, 0), last)] for value in values]


@given(VALUES, st.integers(0, 9), st.integers(0, 2**40), st.sampled_from([0, 2**44]))
def test_unset_integers_are_filled_and_unsigned_ones_end_at_the_most(values, first, bits, most):
    whole = np.array(values, np.int64)
    valid = np.frombuffer(bits.to_bytes(6, "little"), np.uint8)
    expected = [
        (most if most and not 0 <= value <= most else value) if bits >> (first + i) & 1 else -7
        for i, value in enumerate(values)
    ]
    assert filled(whole, valid, first, most, -7).tolist() == expected
    assert filled(whole, valid[:0], first, 0, -7).tolist() == values
