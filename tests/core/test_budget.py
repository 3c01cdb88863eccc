"""The budget: how rare a finding must be, by what a baseline would have said and by what is being said."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oddlog_core.budget import LOOSEST, TIGHTEST, Budget, Pace
from oddlog_core.span import DAY, HOUR


def counted(rarities, log="conn"):
    """Of findings with these rarities, each a thing of its own."""
    return lambda days: Counter({log: int((np.array(rarities) >= days).sum())})


RARITIES = st.lists(st.floats(1e-3, 100), max_size=500)


@given(RARITIES, st.floats(0.1, 1000), st.floats(0.1, 1000))
def test_a_larger_budget_never_asks_for_more_rarity(rarities, one, other):
    budget = Budget.learn(counted(rarities), 7.0)
    small, large = sorted([one, other])
    assert budget.threshold(small, 3) >= budget.threshold(large, 3) > 0


def test_a_baseline_has_as_many_notices_at_the_threshold_as_the_budget_allows():
    rng = np.random.default_rng(1)
    rarities = rng.pareto(1, 5000) * 0.002
    budget = Budget.learn(counted(rarities), 7.0)
    for allowed in (10, 20, 60):
        assert counted(rarities)(budget.threshold(allowed, 3))["conn"] / 7 == pytest.approx(allowed, rel=0.1)


def test_beyond_what_was_counted_half_the_notices_are_twice_as_rare():
    budget = Budget([0.1, 0.2], [30.0, 10.0])
    assert budget.threshold(5, 3) == pytest.approx(0.4)
    assert budget.threshold(60, 3) == pytest.approx(0.05)


def test_where_nothing_was_counted_the_detectors_share_the_budget():
    budget = Budget.learn(counted([]), 7.0)
    assert budget.threshold(20, 3) == pytest.approx(3 / 20)
    assert budget.shares(20, 3 / 20, ["conn", "ntlm"]) == {"conn": 10.0, "ntlm": 10.0}


def test_logs_share_the_budget_as_they_had_notices_at_the_threshold():
    budget = Budget([0.1, 0.2], [30.0, 10.0], {"conn": [20.0, 5.0], "ntlm": [10.0, 5.0], "Incident": [0.0, 0.0]})
    shares = budget.shares(30, 0.1, ["conn", "ntlm"])
    assert shares["conn"] == pytest.approx(2 * shares["ntlm"])
    assert budget.shares(10, 0.2, ["conn", "ntlm"])["conn"] == pytest.approx(5, rel=0.05)
    # What is no log's, or no notice's yet, has a little of it, too.
    assert sum(shares.values()) == pytest.approx(30 / 1.05)


@given(RARITIES, RARITIES, st.floats(0.1, 1000), st.floats(1e-4, 100))
def test_all_logs_have_a_share_and_none_has_more_than_all(conn, ntlm, notices_per_day, days):
    budget = Budget.learn(lambda days: counted(conn)(days) + counted(ntlm, "ntlm")(days), 7.0)
    shares = budget.shares(notices_per_day, days, ["conn", "ntlm", "dce_rpc"])
    assert min(shares.values()) > 0.04 * notices_per_day
    assert sum(shares.values()) <= notices_per_day * (1 + 1e-9)


def day_of(pace, rarities, moments, threshold=1.0):
    """How many of these are told."""
    told = 0
    for moment, rarity in zip(moments.tolist(), rarities.tolist(), strict=True):
        if rarity >= threshold * pace.factor(moment):
            pace.tell(moment)
            told += 1
    return told


@pytest.mark.parametrize("often", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("share", [4.0, 20.0, 200.0])
def test_days_with_more_or_less_to_tell_than_usual_have_as_many_notices_within_a_factor_2(often, share):
    rng = np.random.default_rng(3)
    pace = Pace(share)
    # In the office's hours only: so many as rare as 1, and as many again with each halving.
    told = []
    for day in range(10):
        n = rng.poisson(often * share * 16)
        moments = np.sort(rng.uniform(day * DAY + 8 * HOUR, day * DAY + 18 * HOUR, n)).astype(np.int64)
        told.append(day_of(pace, 1 / 16 / rng.uniform(0, 1, n), moments))
    assert share / 2 <= np.mean(told[1:]) <= 2 * share
    if share >= 20:
        assert share / 2 <= min(told[1:]) <= max(told[1:]) <= 2 * share


MOMENTS = st.lists(st.integers(0, 5 * DAY), min_size=1, max_size=60)


@given(MOMENTS, st.floats(0.01, 1e6))
def test_whatever_came_before_an_eighth_to_four_times_as_rare_as_usual_is_asked_for(moments, share):
    pace = Pace(share)
    for moment in moments:
        assert LOOSEST <= pace.factor(moment) <= TIGHTEST
        pace.tell(moment)
    last = moments[-1]
    assert pace.factor(last + 1000 * DAY * max(round(1 / share), 1)) == LOOSEST


@given(MOMENTS, st.lists(st.integers(0, 5 * DAY), max_size=30), st.floats(0.1, 1000))
def test_how_often_it_is_asked_changes_nothing(moments, others, share):
    asked, not_asked = Pace(share), Pace(share)
    others.sort()
    for moment in sorted(moments):
        asked.factor(min(moments))
        not_asked.factor(min(moments))
        while others and others[0] <= moment:
            if others[0] >= min(moments):
                asked.factor(others[0])
            others.pop(0)
        asked.tell(moment)
        not_asked.tell(moment)
    assert asked == not_asked
