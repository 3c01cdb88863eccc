"""Rolling statistics against exact truth: Python's integers."""

from __future__ import annotations

import copy

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inventions import CUTS, SECOND, START, clocks, falling_clocks, pieces
from naive import mean_std as naive_mean_std
from oddlog_core.kernels.rolling import LARGEST, RollingState

WINDOWS = np.array([1, 10, 60]) * SECOND
# Twice as many large values as small: cancellation is worst where both share a window.
VALUES = st.sampled_from([0, 1, 10**12, LARGEST, LARGEST - 1]) | st.integers(0, 1500) | st.integers(0, LARGEST)


@st.composite
def logs(draw, times=None, n_columns=2):
    clock = draw(falling_clocks() if times is None else times)
    rows = draw(
        st.lists(st.lists(VALUES, min_size=n_columns, max_size=n_columns), min_size=len(clock), max_size=len(clock))
    )
    return clock, np.array(rows, np.int64)


def rolled(clock, values, cuts=(), windows=WINDOWS):
    state = RollingState(windows, values.shape[1])
    return np.concatenate([state.update(clock[piece], values[piece]) for piece in pieces(len(clock), list(cuts))])


@given(logs())
def test_mean_and_std_equal_exact_truth_on_huge_values_equal_times_and_falling_clocks(log):
    npt.assert_allclose(rolled(*log), naive_mean_std(*log, WINDOWS), rtol=1e-9, atol=0)


@given(logs(clocks()), st.integers(1, 5), st.integers(10**12, LARGEST))
def test_a_spike_that_has_left_the_window_leaves_no_trace(log, n_spikes, height):
    clock, values = log
    quiet = values % 1500
    before = np.full((n_spikes, 2), height) - np.arange(n_spikes)[:, None]
    after = clock + 60 * SECOND
    with_spike = rolled(
        np.concatenate([np.full(n_spikes, START), after]), np.concatenate([before, quiet]).astype(np.int64)
    )
    npt.assert_array_equal(with_spike[n_spikes:], rolled(after, quiet))
    npt.assert_allclose(with_spike[n_spikes:], naive_mean_std(after, quiet, WINDOWS), rtol=1e-9, atol=0)


@given(clocks(), VALUES)
def test_a_constant_column_has_its_value_as_mean_and_no_deviation_at_all(clock, value):
    out = rolled(clock, np.full((len(clock), 1), value))
    npt.assert_allclose(out[..., 0], value, rtol=1e-15)
    npt.assert_array_equal(out[..., 1], 0.0)


@given(VALUES)
def test_a_single_record_has_itself_as_mean_and_no_deviation(value):
    npt.assert_array_equal(rolled(np.array([START]), np.array([[value]]))[0, :, 0], [[value, 0.0]] * 3)


@given(logs(), CUTS)
def test_cutting_a_log_into_other_batches_changes_no_bit(log, cuts):
    npt.assert_array_equal(rolled(*log, cuts), rolled(*log))


def test_a_fall_within_the_window_forgets_all_that_came_before():
    clock = START + np.array([3, 10, 5, 68]) * SECOND
    out = rolled(clock, np.array([[1], [100], [7], [9]]), windows=WINDOWS[2:])
    npt.assert_array_equal(out[:, 0, 0, 0], [1, 50.5, 7, 9])


@given(logs(), CUTS, st.floats(0, 1))
def test_what_was_exported_goes_on_as_if_never_interrupted(log, cuts, interruption):
    clock, values = log
    at = round(interruption * len(clock))
    state = RollingState(WINDOWS, 2)
    state.update(clock[:at], values[:at])
    exported = state.export()
    kept = copy.deepcopy(exported)
    expected = state.update(clock[at:], values[at:])
    for snapshot in (exported, kept):
        again = RollingState(WINDOWS, 2)
        again.restore(snapshot)
        parts = [again.update(clock[at:][piece], values[at:][piece]) for piece in pieces(len(clock) - at, cuts)]
        npt.assert_array_equal(np.concatenate(parts), expected)


def test_an_export_holds_no_more_than_the_longest_window():
    clock = START + np.arange(3000) * SECOND
    state = RollingState(WINDOWS, 1)
    state.update(clock, np.ones((3000, 1), np.int64))
    assert len(state.export()["clock"]) == 60


@pytest.mark.parametrize("batch", [1, 700, 5000])
def test_a_window_outgrowing_the_ring_loses_no_row(batch):
    # 2,600 rows a window and a ring of 1,024: it grows twice, and is used round and round.
    rng = np.random.default_rng(0)
    n = 5000
    clock = START + np.arange(n) * (60 * SECOND // 2600)
    values = rng.integers(0, 10**9, (n, 1))
    out = rolled(clock, values, np.arange(0, n, batch) / n, WINDOWS[2:])
    for i in (0, 1023, 1024, 2599, 2600, 4096, n - 1):
        inside = [int(v) for v in values[(clock > clock[i] - WINDOWS[2]) & (np.arange(n) <= i), 0]]
        npt.assert_allclose(out[i, 0, 0, 0], sum(inside) / len(inside), rtol=1e-12)
        npt.assert_allclose(out[i, 0, 0, 1], np.std(inside, ddof=1) if i else 0.0, rtol=1e-9)


@given(clocks(), st.data())
def test_ordinary_values_agree_with_pandas(clock, data):
    values = np.array(data.draw(st.lists(st.integers(0, 1500), min_size=len(clock), max_size=len(clock))))
    series = pd.Series(values.astype(float), index=pd.to_datetime(clock, unit="us"))
    out = rolled(clock, values[:, None])
    for w, window in enumerate(("1s", "10s", "60s")):
        rolling = series.rolling(window)
        npt.assert_allclose(out[:, w, 0, 0], rolling.mean(), rtol=1e-9)
        npt.assert_allclose(out[:, w, 0, 1], rolling.std().fillna(0.0), rtol=1e-6, atol=1e-4)


def test_a_window_of_half_a_million_largest_values_does_not_overflow():
    # Sums are exact up to 2**19 rows of LARGEST; a jump between two of them shows the last bits of the squares.
    n = 2**19
    values = np.full((n, 1), LARGEST)
    values[-1] = LARGEST - 1
    state = RollingState(WINDOWS[2:], 1)
    clock = np.full(n, START)
    state.ring_clock, state.ring_values = clock.copy(), values.copy()
    last = n - 1
    state.heads[:] = 0, last
    state.sums[:] = last * LARGEST
    squares = last * LARGEST**2
    state.squares[0, 0] = squares >> 64, squares & (2**64 - 1)
    out = state.update(clock[last:], values[last:])
    npt.assert_allclose(out[0, 0, 0, 0], LARGEST, rtol=1e-15)
    npt.assert_allclose(out[0, 0, 0, 1], (1 / n) ** 0.5, rtol=1e-9)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_where_sums_outgrow_64_bits_nothing_is_lost(n):
    # n * sum(v**2) passes 2**64 where the values pass 2**32 / n.
    edge = 2**32 // n
    values = edge + np.arange(-40, 41).reshape(-1, 1)
    clock = START + np.arange(len(values)) * (SECOND // n)
    windows = np.array([SECOND, SECOND * 2])
    npt.assert_allclose(rolled(clock, values, windows=windows), naive_mean_std(clock, values, windows), rtol=1e-12)


def test_a_window_that_is_full_holds_the_latest_rows_and_counts_the_others_however_it_is_cut():
    rng = np.random.default_rng(1)
    n, capacity = 5000, 1024
    clock, values = np.arange(n) * 1000, rng.integers(0, 1000, (n, 2))
    whole, cut = (RollingState(np.array([10_000_000, 500_000]), 2, capacity) for _ in range(2))
    out = whole.update(clock, values)
    parts = [cut.update(clock[start : start + 333], values[start : start + 333]) for start in range(0, n, 333)]
    npt.assert_array_equal(np.concatenate(parts), out)
    assert whole.lost[0] == cut.lost[0] == n - (capacity - 1)
    for i in (100, 2000, 4999):
        kept = values[max(i + 1 - (capacity - 1), 0) : i + 1]
        npt.assert_allclose(out[i, 0, :, 0], kept.mean(axis=0))
        npt.assert_allclose(out[i, 0, :, 1], kept.std(axis=0, ddof=1))
        npt.assert_allclose(out[i, 1, :, 0], values[max(i - 499, 0) : i + 1].mean(axis=0))
