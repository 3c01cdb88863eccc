"""Sums over the last minutes against their definition, however the log is cut, and what they may cost."""

from __future__ import annotations

import naive
import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from inventions import CUTS, SECOND, clocks, falling_clocks, pieces
from oddlog_core.kernels.recent import RecentState, failing, standing

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


def updated(state, clock, keys, values):
    """Sums at the next records; those that are alike share a row."""
    both, number = np.unique(np.concatenate([keys, values], axis=1), axis=0, return_inverse=True)
    return state.update(clock, number.ravel(), both[:, :2].copy(), both[:, 2:].copy())


@given(logs())
def test_sums_are_those_of_the_records_in_the_window(log):
    npt.assert_array_equal(updated(made(), *log), naive.recent_sums(*log, 2, WINDOWS, 1 << 18))


@given(logs(), st.sampled_from([1, 2, 3, 8]))
def test_a_full_window_holds_the_latest_records(log, most):
    npt.assert_array_equal(updated(made(most), *log), naive.recent_sums(*log, 2, WINDOWS, most))


@given(logs(), CUTS, st.sampled_from([4, 1 << 18]))
def test_neither_cuts_nor_checkpoints_change_a_sum(log, cuts, most):
    whole, parts, cut = made(most), made(most), []
    expected = updated(whole, *log)
    for piece in pieces(len(log[0]), cuts):
        exported = parts.export()
        for array in exported.values():
            array.flags.writeable = False
        parts = made(most)
        parts.restore(exported)
        cut.append(updated(parts, *(np.ascontiguousarray(column[piece]) for column in log)))
    npt.assert_array_equal(np.concatenate(cut), expected)
    npt.assert_equal(parts.export(), whole.export())


@given(logs(clocks))
def test_what_has_left_the_longest_window_is_not_remembered(log):
    state = made()
    updated(state, *log)
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
        updated(made(most), clock, keys, values), naive.recent_sums(clock, keys, values, 2, WINDOWS, most)
    )


SUMS = hnp.arrays(np.int64, st.tuples(st.integers(0, 20), st.just(2), st.just(5)), elements=st.integers(0, 40))


@given(SUMS)
def test_shares_of_failures_have_four_steps(sums):
    sums[:, :, 0] += sums[:, :, 1] + sums[:, :, 2] + 1
    share = (sums[:, :, 1] + sums[:, :, 2]) / sums[:, :, 0]
    steps = np.select([share == 0, share < 0.1, share < 0.5], [0, 1, 2], 3)
    npt.assert_array_equal(failing(sums), steps.T)


@given(SUMS, st.integers(0, 2**31))
def test_what_a_source_did_is_judged_by_what_is_usual_for_it(sums, seed):
    rng = np.random.default_rng(seed)
    sums[:, :, 0] += sums[:, :, 1] + sums[:, :, 2] + 1
    expected, number = rng.random((3, 2, 3)) * 1.2 + 0.1, rng.integers(0, 3, len(sums))
    found = standing(sums, number, expected, 0.01, 256.0)
    mean, spread = expected[number].transpose(1, 2, 0)
    records, failed = sums[:, :, 0].T, (sums[:, :, 1] + sums[:, :, 2]).T
    share = mean[0].clip(0.01, 0.99)
    npt.assert_allclose(found[:2], (failed - records * share) / np.sqrt(records * share * (1 - share) + 1))
    npt.assert_allclose(found[2:], (np.log1p(sums[:, :, 3].T / 256) - mean[1:]) / spread[1:], atol=1e-12)
