"""Sums over the last minutes against their definition, however the log is cut, and what they may cost."""

from __future__ import annotations

import naive
import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inventions import CUTS, SECOND, clocks, falling_clocks, pieces
from oddlog_core.kernels.recent import RecentState

WINDOWS = np.array([10 * SECOND, 60 * SECOND])


@st.composite
def logs(draw, times=falling_clocks):
    """A clock, few owners with few things each, and what is summed: of what is the same the last column is equal."""
    clock = draw(times())
    n = len(clock)
    owner = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), np.int64)
    thing = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), np.int64)
    amount = np.array(draw(st.lists(st.integers(-5, 1 << 40), min_size=n, max_size=n)), np.int64)
    same = 4 * owner + thing
    # Keys as far apart as hashes are, and two that begin at the same slot.
    keys = np.stack([owner << 60, same << 59], axis=1)
    return clock, keys, np.stack([np.ones(n, np.int64), amount, same**2 + 1], axis=1)


def made(most=1 << 18):
    return RecentState(WINDOWS, 2, 1, most)


@given(logs())
def test_sums_are_those_of_the_records_in_the_window(log):
    npt.assert_array_equal(made().update(*log), naive.recent_sums(*log, 2, WINDOWS, 1 << 18))


@given(logs(), st.sampled_from([1, 2, 3, 8]))
def test_a_full_window_holds_the_latest_records(log, most):
    npt.assert_array_equal(made(most).update(*log), naive.recent_sums(*log, 2, WINDOWS, most))


@given(logs(), CUTS, st.sampled_from([4, 1 << 18]))
def test_neither_cuts_nor_checkpoints_change_a_sum(log, cuts, most):
    whole, parts, cut = made(most), made(most), []
    expected = whole.update(*log)
    for piece in pieces(len(log[0]), cuts):
        exported = parts.export()
        for array in exported.values():
            array.flags.writeable = False
        parts = made(most)
        parts.restore(exported)
        cut.append(parts.update(*(np.ascontiguousarray(column[piece]) for column in log)))
    npt.assert_array_equal(np.concatenate(cut), expected)
    npt.assert_equal(parts.export(), whole.export())


@given(logs(clocks))
def test_what_has_left_the_longest_window_is_not_remembered(log):
    state = made()
    state.update(*log)
    inside = log[0] > log[0][-1] - WINDOWS[-1]
    npt.assert_array_equal(state.export()["clock"], log[0][inside])


@pytest.mark.parametrize("most", [1 << 9, 1 << 18])
def test_many_keys_come_and_go_without_a_trace(most):
    rng = np.random.default_rng(1)
    n = 3000
    clock = np.sort(rng.integers(0, 600 * SECOND, n))
    keys = rng.integers(-(2**62), 2**62, (n, 2))
    keys[:, 0] = keys[rng.integers(0, 200, n), 0]
    values = rng.integers(0, 9, (n, 3))
    npt.assert_array_equal(
        made(most).update(clock, keys, values), naive.recent_sums(clock, keys, values, 2, WINDOWS, most)
    )
