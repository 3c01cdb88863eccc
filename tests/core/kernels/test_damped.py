"""Damped statistics against their definition, over each stream's whole past in long doubles."""

from __future__ import annotations

import copy

import naive
import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inventions import CUTS, SECOND, START, clocks, falling_clocks, pieces
from oddlog_core.kernels.damped import RATES
from oddlog_core.kernels.streams import IntervalState, PairState, StreamState

MISSING = st.sampled_from([np.nan, np.nan, np.inf, -np.inf, 1e71])
# Neighbours of 1e12 differ in its thirteenth digit: the paper's own sums lose their spread.
COUNTS = st.sampled_from([0, 1, 10**12, 10**12 + 1, 10**12 + 2, 2**44]) | st.integers(0, 1500) | st.integers(0, 2**44)
VALUES = COUNTS.map(float) | MISSING
# Five hundred halvings at every rate or at the higher ones only, never to the microsecond: roundings decide there.
LONG = st.sampled_from([311_700_001, 5_003_300_007, 45_007_100_003, 200_009_000_009])
TIMES = falling_clocks(16) | clocks(16, LONG | st.integers(0, 2 * SECOND))
# What has halved 500 times is forgotten: 1e12 leaves 1e-63 of itself in a deviation.
TRACE = 1e-60


def is_value(values):
    return np.where(np.abs(values) <= 1e70, values, np.nan)


@st.composite
def logs(draw, times=TIMES, n_columns=2, values=VALUES):
    clock = draw(times)
    n = len(clock)
    rows = draw(st.lists(st.lists(values, min_size=n_columns, max_size=n_columns), min_size=n, max_size=n))
    slots = draw(st.lists(st.sampled_from([0, 1, 2, 100]), min_size=n, max_size=n))
    return clock, np.array(slots, np.int64), np.array(rows, np.float64)


@st.composite
def pair_logs(draw, times=TIMES, values=VALUES):
    clock, slots, rows = draw(logs(times, values=values))
    directions = draw(st.lists(st.integers(0, 1), min_size=len(clock), max_size=len(clock)))
    return clock, slots, np.array(directions, np.int64), rows


def damped(log, cuts=(), typical=((0, 0, 0), (0, 0, 0))):
    state = StreamState(np.array(typical, float))
    return np.concatenate([state.update(*(c[piece] for c in log)) for piece in pieces(len(log[0]), list(cuts))])


def paired(log, cuts=(), typical=((0, 0, 0), (0, 0, 0))):
    state = PairState(np.array(typical, float))
    return np.concatenate([state.update(*(c[piece] for c in log)) for piece in pieces(len(log[0]), list(cuts))])


@given(logs())
def test_weight_mean_and_deviation_equal_their_definition_whatever_the_values_and_gaps(log):
    clock, slots, values = log
    expected = naive.damped(clock, slots, is_value(values), RATES)
    npt.assert_allclose(damped(log), expected.astype(float), rtol=1e-9, atol=TRACE)


@given(pair_logs())
def test_magnitude_and_radius_equal_their_definition_whatever_the_values_and_gaps(log):
    clock, slots, directions, values = log
    expected = naive.damped_pairs(clock, slots, directions, is_value(values), RATES).astype(float)
    npt.assert_allclose(paired(log)[:, :5], expected[:, :5], rtol=1e-9, atol=TRACE)


@given(pair_logs())
def test_covariance_equals_its_definition_whatever_the_values_and_gaps(log):
    clock, slots, directions, values = log
    values = is_value(values)
    expected = naive.damped_pairs(clock, slots, directions, values, RATES).astype(float)[:, 5]
    # Products of either sign may cancel: what is left is measured against what went in.
    went_in = np.ptp(values[np.isfinite(values)]) if np.isfinite(values).any() else 0.0
    npt.assert_allclose(paired(log)[:, 5], expected, rtol=1e-9, atol=1e-12 * went_in**2 + TRACE)


@given(pair_logs(clocks(25, st.integers(0, 3 * SECOND)), st.integers(0, 1500).map(float)))
def test_covariance_and_correlation_equal_their_definition_on_ordinary_values(log):
    expected = naive.damped_pairs(*log, RATES).astype(float)
    npt.assert_allclose(paired(log)[:, 5], expected[:, 5], rtol=1e-9, atol=1e-9)
    # The rounding of a residual of 0 is divided by deviations down to 1e-4 of the values.
    npt.assert_allclose(paired(log)[:, 6], expected[:, 6], rtol=1e-9, atol=1e-5)


@given(pair_logs())
def test_nothing_is_ever_nan_or_infinite_or_negative_where_it_cannot_be(log):
    clock, slots, _, values = log
    alone, paired_ = damped((clock, slots, values)), paired(log)
    assert np.isfinite(alone).all()
    assert (alone >= 0).all()
    assert np.isfinite(paired_).all()
    assert (paired_[:, :5] >= 0).all()
    assert (np.abs(paired_[:, 6]) <= 1).all()


@given(st.lists(st.floats(-1e70, 1e70), min_size=1, max_size=20))
def test_the_largest_values_of_either_sign_overflow_nowhere(values):
    n = len(values)
    clock, slots = START + np.arange(n) * SECOND, np.zeros(n, np.int64)
    assert np.isfinite(paired((clock, slots, np.arange(n) % 2, np.column_stack([values, values[::-1]])))).all()


@given(logs(), CUTS)
def test_cutting_a_log_into_other_batches_changes_no_bit(log, cuts):
    npt.assert_array_equal(damped(log, cuts), damped(log))


@given(pair_logs(), CUTS)
def test_cutting_a_log_of_pairs_into_other_batches_changes_no_bit(log, cuts):
    npt.assert_array_equal(paired(log, cuts), paired(log))


@pytest.mark.parametrize("value", [0.1, 3.0, 1e12 + 1, 1e70])
def test_a_constant_stream_has_its_value_as_mean_and_no_deviation_at_all(value):
    clock = START + np.cumsum(np.arange(300) % 7) * SECOND // 3
    out = damped((clock, np.zeros(300, np.int64), np.full((300, 1), value)), typical=[(0, 0, 0)])
    npt.assert_array_equal(out[:, 0, 1], value)
    npt.assert_array_equal(out[:, 0, 2], 0.0)


def test_a_long_stream_near_1e12_keeps_its_deviation():
    n = 3000
    clock = START + np.arange(n) * SECOND // 70
    values = 1e12 + np.random.default_rng(5).integers(0, 3, n)
    out = damped((clock, np.zeros(n, np.int64), values[:, None]), typical=[(0, 0, 0)])[-1, 0]
    past = list(zip(clock.tolist(), values.tolist(), strict=True))
    for r, rate in enumerate(RATES):
        weight, mean, variance = naive._moments(past, clock[-1], rate)
        npt.assert_allclose(out[:, r], np.array([weight, mean, np.sqrt(variance)], float), rtol=1e-9)


def test_a_spike_that_decayed_leaves_the_mean_exact():
    clock = START + np.array([0, 60 * SECOND])
    mean = damped((clock, np.zeros(2, np.int64), np.array([[1e12], [1.0]])), typical=[(0, 0, 0)])[1, 0, 1]
    expected = [float((1 + np.longdouble(1e12) * g) / (1 + g)) for g in np.exp2(-60 * RATES.astype(np.longdouble))]
    npt.assert_allclose(mean, expected, rtol=1e-15)


def test_a_pairs_statistics_are_those_reckoned_by_hand():
    # At one moment, so that nothing decays: stream 0 sends 1 and 3, stream 1 answers 10 and 16.
    log = (
        np.full(4, START),
        np.zeros(4, np.int64),
        np.array([0, 1, 0, 1]),
        np.array([[1, 0], [10, 0], [3, 0], [16, 0]]),
    )
    values = np.where([True, False], log[3], np.nan)
    weight, mean, std, magnitude, radius, covariance, correlation = paired((*log[:3], values))[3, :, 0]
    assert (weight, mean, std) == (2, 13, 3)
    assert magnitude == pytest.approx(np.hypot(2, 13))
    # Variances 1 and 9: the root of the sum of their squares, not of their sum.
    assert radius == pytest.approx(np.sqrt(1**2 + 9**2))
    # Residuals 0, 0, 1 and 3: products 0, 0, 1 * 0 and 3 * 1, over a weight of 4.
    assert covariance == 3 / 4
    assert correlation == pytest.approx(3 / 4 / (1 * 3))


def test_a_value_with_its_answer_is_the_value_and_then_its_answer():
    clock, slots, directions = START + np.arange(4) * SECOND, np.zeros(4, np.int64), np.array([0, 1, 1, 0])
    values = np.array([[1.0, 10], [4, 2], [7, 9], [5, 6]])
    together = paired((clock, slots, directions, values))
    apart = [column.repeat(2) for column in (clock, slots)]
    streams = np.array([directions, 1 - directions]).T.ravel()
    one_by_one = paired((*apart, streams, np.column_stack([values.ravel(), np.full(8, np.nan)])))
    npt.assert_array_equal(together[:, 3:], one_by_one[1::2, 3:])


def test_a_record_without_a_value_only_lets_time_pass():
    clock = START + np.array([0, SECOND])
    first, second = damped((clock, np.zeros(2, np.int64), np.array([[7.0], [np.nan]])), typical=[(0, 0, 0)])[:, 0]
    npt.assert_array_equal(second[0], first[0] * 2.0**-RATES)
    npt.assert_array_equal(second[1:], first[1:])


@given(logs(), st.data())
def test_a_slot_given_to_another_stream_starts_anew(log, data):
    clock, _, values = log
    anew = np.array(data.draw(st.lists(st.booleans(), min_size=len(clock), max_size=len(clock))))
    slots = np.where(anew, ~3, 3)
    keys = np.cumsum(anew)
    npt.assert_array_equal(damped((clock, slots, values)), damped((clock, keys, values)))
    directions = np.arange(len(clock)) % 2
    npt.assert_array_equal(paired((clock, slots, directions, values)), paired((clock, keys, directions, values)))
    npt.assert_array_equal(IntervalState().update(clock, slots), IntervalState().update(clock, keys))


def test_a_stream_starts_from_what_is_typical():
    # Two values at the first moment, 5 - 3 and 5 + 3, have weight 2, mean 5 and deviation 3.
    clock = START + np.array([0, SECOND, 9 * SECOND])
    values = np.array([[4.0], [1.0], [np.nan]])
    expected = damped(
        (np.insert(clock, 0, [START, START]), np.zeros(5, np.int64), np.insert(values, 0, [[2.0], [8.0]], axis=0)),
        typical=[(0, 0, 0)],
    )[2:]
    found = damped((clock, np.zeros(3, np.int64), values), typical=[(2, 5, 3)])
    npt.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("direction", [0, 1])
def test_a_pair_starts_from_what_is_typical_of_its_first_records_stream_and_of_the_other(direction):
    log = (np.array([START]), np.zeros(1, np.int64), np.array([direction]), np.full((1, 2), np.nan))
    out = paired(log, typical=[(2, 5, 3), (4, 12, 0)])[0, :, 0]
    npt.assert_allclose(out, [2, 5, 3, 13, 9, 0, 0])


@given(falling_clocks(), st.data())
def test_intervals_are_those_between_a_streams_records_and_unknown_at_its_first(clock, data):
    slots = data.draw(st.lists(st.integers(0, 3), min_size=len(clock), max_size=len(clock)))
    seen, expected = {}, []
    for i, (now, slot) in enumerate(zip(clock.tolist(), slots, strict=True)):
        if i and now < clock[i - 1]:
            seen = {}
        expected.append((now - seen[slot]) / 1e6 if slot in seen else np.nan)
        seen[slot] = now
    npt.assert_allclose(IntervalState().update(clock, np.array(slots)), expected, rtol=1e-15)


@given(pair_logs(), st.floats(0, 1))
def test_what_was_exported_goes_on_as_if_never_interrupted(log, interruption):
    at = round(interruption * len(log[0]))
    before, after = tuple(column[:at] for column in log), tuple(column[at:] for column in log)
    nothing = np.zeros((2, 3))
    for make, columns in ((PairState, [0, 1, 2, 3]), (StreamState, [0, 1, 3]), (IntervalState, [0, 1])):
        arguments = () if make is IntervalState else (nothing,)
        state = make(*arguments)
        state.update(*(before[c] for c in columns))
        exported = state.export()
        kept = copy.deepcopy(exported)
        expected = state.update(*(after[c] for c in columns))
        for snapshot in (exported, kept):
            again = make(*arguments)
            again.restore(snapshot)
            npt.assert_array_equal(again.update(*(after[c] for c in columns)), expected)


def test_other_rates_give_as_many_statistics():
    state = StreamState(np.zeros((1, 3)), np.array([0.0, 2.0]))
    out = state.update(START + np.array([0, SECOND]), np.zeros(2, np.int64), np.ones((2, 1)))
    npt.assert_array_equal(out[1, 0, 0], [2, 1.25])
