"""The budget: how rare a finding must be, by what a baseline would have said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oddlog_core.budget import Budget


def counted(rarities):
    """Of findings with these rarities, each a thing of its own."""
    return lambda days: int((np.array(rarities) >= days).sum())


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
        assert counted(rarities)(budget.threshold(allowed, 3)) / 7 == pytest.approx(allowed, rel=0.1)


def test_beyond_what_was_counted_half_the_notices_are_twice_as_rare():
    budget = Budget([0.1, 0.2], [30.0, 10.0])
    assert budget.threshold(5, 3) == pytest.approx(0.4)
    assert budget.threshold(60, 3) == pytest.approx(0.05)


def test_where_nothing_was_counted_the_detectors_share_the_budget():
    assert Budget.learn(counted([]), 7.0).threshold(20, 3) == pytest.approx(3 / 20)
