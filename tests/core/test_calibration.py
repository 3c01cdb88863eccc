"""Rarity in days: conformal among the scores held back, an extreme-value tail beyond them."""

from __future__ import annotations

import math

import msgspec
import naive
import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oddlog_core.calibration import Calibration, _fit_tail
from scipy.stats import genpareto

# Ties, zeros, small differences and large ones.
SCORE = st.sampled_from([0.0, 1.0, 2.0, 3.0]) | (st.floats(0, 1e6) | st.floats(0, 1e-3)).map(lambda v: round(v, 12))
HELD_BACK = st.lists(SCORE, min_size=1, max_size=60).map(np.array)
PER_DAY = st.sampled_from([0.5, 1.0, 750.0]) | st.floats(0.01, 1e7)
ROUNDING = 1e-9


def p_of(calibration, score):
    return float(calibration.p_value(np.array([score]))[0])


def rarity_of(calibration, score):
    return float(calibration.rarity(np.array([score]))[0])


@given(HELD_BACK, st.lists(SCORE, max_size=20))
def test_up_to_the_highest_score_held_back_the_p_value_is_the_conformal_one(held_back, others):
    calibration = Calibration.fit(held_back, 1.0)
    for score in [*held_back, *others]:
        if score <= held_back.max():
            assert p_of(calibration, score) == pytest.approx(naive.p_value(held_back, score), rel=1e-12)


@given(HELD_BACK, st.lists(SCORE | st.floats(0, 1e12), min_size=2, max_size=30))
def test_a_higher_score_never_has_a_higher_p_value(held_back, scores):
    p = Calibration.fit(held_back, 1.0).p_value(np.sort(np.concatenate([scores, held_back])))
    assert (np.diff(p) <= 0).all()
    assert ((p > 0) & (p <= 1)).all()


@given(HELD_BACK)
def test_the_tail_begins_where_the_scores_held_back_end_without_a_step(held_back):
    calibration = Calibration.fit(held_back, 1.0)
    highest = held_back.max()
    assert p_of(calibration, np.nextafter(highest, np.inf)) == pytest.approx(p_of(calibration, highest), rel=1e-6)
    assert p_of(calibration, 2 * highest + 100) < p_of(calibration, highest)


@given(HELD_BACK, PER_DAY, SCORE)
def test_rarity_is_one_over_p_value_times_scores_a_day(held_back, per_day, score):
    calibration = Calibration.fit(held_back, per_day)
    assert rarity_of(calibration, score) == pytest.approx(1 / (p_of(calibration, score) * per_day))


@given(HELD_BACK, PER_DAY, st.floats(1e-6, 1e6))
def test_the_threshold_is_the_lowest_score_that_is_rare_enough(held_back, per_day, days):
    calibration = Calibration.fit(held_back, per_day)
    threshold = calibration.threshold(days)
    if threshold == -np.inf:
        assert rarity_of(calibration, -1e300) >= days * (1 - ROUNDING)
        return
    assert rarity_of(calibration, threshold) >= days * (1 - ROUNDING)
    # A rounding error below it in the tail; the very next score below it elsewhere.
    beyond = threshold > held_back.max()
    lower = (
        threshold - ROUNDING * max(abs(threshold), calibration.tail_scale) if beyond else np.nextafter(threshold, -1)
    )
    assert rarity_of(calibration, lower) < days * (1 + 1e-6)


@given(HELD_BACK, PER_DAY, st.floats(1e-6, 1e6), st.lists(SCORE | st.floats(0, 1e12), max_size=20))
def test_a_score_passes_the_threshold_just_if_it_is_rare_enough(held_back, per_day, days, others):
    calibration = Calibration.fit(held_back, per_day)
    threshold = calibration.threshold(days)
    for score in [*held_back, *others]:
        rarity = rarity_of(calibration, score)
        if abs(rarity / days - 1) > ROUNDING:
            assert (score >= threshold) == (rarity > days), (score, threshold, rarity)


@given(HELD_BACK, PER_DAY, SCORE)
@example(np.zeros(3), 0.3, 0.0)
def test_the_rarity_of_any_score_is_a_threshold_that_is_found_at_once(held_back, per_day, score):
    # One rounding error away from a score of the baseline, zero most of all, the tail's inverse has most to settle.
    calibration = Calibration.fit(held_back, per_day)
    rarity = rarity_of(calibration, score)
    for days in (rarity, math.nextafter(rarity, math.inf), rarity * (1 + 1e-15), rarity * (1 + 1e-12)):
        threshold = calibration.threshold(days)
        assert np.isinf(threshold) or rarity_of(calibration, threshold) >= days * (1 - ROUNDING)


@pytest.mark.parametrize(
    ("draw", "survival"),
    [
        (lambda rng, n: rng.exponential(2.0, n), lambda x: math.exp(-x / 2)),
        (lambda rng, n: rng.pareto(3.0, n), lambda x: (1 + x) ** -3.0),
    ],
    ids=["exponential", "Pareto"],
)
def test_the_tail_is_near_the_truth_ten_times_beyond_what_was_seen(draw, survival):
    n = 20_000
    errors = []
    for seed in range(20):
        calibration = Calibration.fit(draw(np.random.default_rng(seed), n), 1.0)
        score = calibration.threshold(10 * n)
        errors.append(math.log10(survival(score) * 10 * n))
    # Within a factor of ten for most baselines; where it leans, it calls a score less rare than it is.
    assert np.quantile(np.abs(errors), 0.75) < 1
    assert -0.7 < np.median(errors) < 0.1


@pytest.mark.parametrize("shape", [0.0, 0.3, 0.6])
def test_a_generalised_Pareto_tail_is_recovered(shape):  # noqa: N802
    excess = np.sort(genpareto.rvs(shape, scale=2.0, size=200_000, random_state=1))
    assert _fit_tail(excess) == pytest.approx((2.0, shape), rel=0.05, abs=0.02)


def test_scores_of_the_same_kind_are_told_of_as_often_as_the_threshold_says():
    rng = np.random.default_rng(7)
    calibration = Calibration.fit(rng.gamma(2.0, 3.0, 10_000), per_day=1000.0)
    fresh = rng.gamma(2.0, 3.0, 1_000_000)
    for a_day in (20.0, 1.0, 0.1):
        told = np.count_nonzero(fresh >= calibration.threshold(1 / a_day)) / (len(fresh) / 1000.0)
        assert a_day / 2.5 < told < a_day * 2.5


def test_discrete_scores_are_as_rare_as_all_that_are_as_high():
    held_back = np.repeat([0.0, 1.0, 2.0, 5.0], [700, 200, 90, 9])
    calibration = Calibration.fit(held_back, per_day=10.0)
    npt.assert_allclose(
        calibration.p_value(np.array([0.0, 1.0, 1.5, 2.0, 3.0, 5.0])) * 1000, [1000, 300, 100, 100, 10, 10]
    )
    assert 1 < calibration.threshold(1.0) <= 2
    assert 2 < calibration.threshold(9.99) <= 5
    assert calibration.threshold(10.01) > 5


@pytest.mark.parametrize("held_back", [np.full(50, 3.0), np.array([3.0]), np.zeros(50)])
def test_without_any_variance_only_what_is_higher_is_rare(held_back):
    calibration = Calibration.fit(held_back, per_day=100.0)
    level = held_back[0]
    assert p_of(calibration, level) == 1.0
    assert p_of(calibration, level + 5) < 0.01
    assert calibration.threshold(1 / 200) == -np.inf
    assert calibration.threshold(1.0) > level


@pytest.mark.parametrize("heavy", [0, 20_000])
def test_many_scores_are_thinned_without_moving_a_p_value(heavy):
    # A value that a third of the scores share stands among as many as there are p-values to keep.
    rng = np.random.default_rng(2)
    held_back = np.concatenate([rng.lognormal(0, 1, 40_000), np.full(heavy, 1.000001)])
    calibration = Calibration.fit(held_back, 1.0)
    assert len(calibration.scores) <= 8192
    rising = np.sort(held_back)
    scores = np.unique(held_back)
    exact = (len(rising) - np.searchsorted(rising, scores) + 1) / (len(rising) + 1)
    found = calibration.p_value(scores)
    npt.assert_allclose(found, exact, atol=1 / 4096, rtol=0)
    npt.assert_array_equal(found[-4096:], exact[-4096:])


@given(HELD_BACK, PER_DAY)
def test_a_calibration_survives_being_written_as_json(held_back, per_day):
    calibration = Calibration.fit(held_back, per_day)
    assert msgspec.json.decode(msgspec.json.encode(calibration), type=Calibration) == calibration


@given(st.integers(0, 9), st.lists(SCORE, min_size=1, max_size=20))
def test_a_kind_of_score_is_judged_among_its_own_and_one_that_had_too_few_among_all(seed, scores):
    rng = np.random.default_rng(seed)
    kinds = [rng.exponential(1, 300), rng.exponential(5, 300), rng.exponential(1, 3)]
    score = np.array(scores)
    calibration = Calibration.fit(kinds[0], 10.0, kinds)
    for kind, by in enumerate([kinds[0], kinds[1], kinds[0]]):
        found = calibration.p_value(score, np.full(len(score), kind))
        npt.assert_array_equal(found, Calibration.fit(by, 10.0).p_value(score))
    npt.assert_array_equal(calibration.p_value(score), Calibration.fit(kinds[0], 10.0).p_value(score))


def test_kinds_survive_being_written():
    rng = np.random.default_rng(1)
    calibration = Calibration.fit(rng.random(300), 10.0, [rng.random(300), rng.random(2)])
    again = msgspec.json.decode(msgspec.json.encode(calibration), type=Calibration)
    assert again == calibration
    assert again.kinds[1] is None
