"""Weighted fitting against the kmodes library on every row, and the number of modes."""

from __future__ import annotations

import naive
import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kmodes.kmodes import KModes
from oddlog_core.detectors.modes import N_INIT, Distinct, _draw_modes, elbow, fit_modes


def some_logons(seed):
    """Rows of codes with few values each, not numbered densely, some rows far more often than others."""
    rng = np.random.default_rng(seed)
    width = rng.integers(3, 10)
    return (3 * rng.integers(0, 4, (200, width)) * (rng.random((200, width)) < 0.4)).astype(np.int32)


@given(st.integers(0, 2**31), st.integers(1, 5))
def test_distinct_rows_are_those_of_all_batches_with_how_often_each_occurs(seed, pieces):
    every = some_logons(seed)
    found = Distinct.of(np.array_split(every, pieces))
    rows, weights = np.unique(every, axis=0, return_counts=True)
    npt.assert_array_equal(found.rows, rows)
    npt.assert_array_equal(found.weights, weights)


@settings(max_examples=15)
@given(st.integers(0, 2**31), st.sampled_from([1, 4, 10]))
def test_distinct_rows_with_weights_cost_what_all_rows_cost_from_the_same_initial_modes(seed, count):
    every = some_logons(seed)
    distinct = Distinct.of([every])
    found = fit_modes(distinct, count, seed)
    n_modes = min(count, len(distinct.rows))
    assert len(found.modes) == n_modes

    # In the order of the distinct rows: the library's result depends on the order.
    dense = distinct.rows // 3
    repeated = np.repeat(dense, distinct.weights, axis=0)
    assert all(len(np.unique(column)) == column.max() + 1 for column in dense.T)
    rng = np.random.default_rng(seed)
    costs = [
        KModes(n_modes, init=_draw_modes(dense, distinct.weights, n_modes, rng), random_state=0).fit(repeated).cost_
        for _ in range(N_INIT)
    ]
    assert naive.nearest_mode(every, found.modes)[1].sum() == min(costs) == found.cost


@given(st.integers(0, 2**31), st.integers(1, 10))
def test_initial_modes_are_distinct_rows(seed, n_modes):
    rows, weights = np.unique(some_logons(seed), axis=0, return_counts=True)
    initial = _draw_modes(rows, weights, n_modes, np.random.default_rng(seed))
    assert len({tuple(mode) for mode in initial}) == n_modes
    assert {tuple(mode) for mode in initial} <= {tuple(row) for row in rows}


def test_initial_modes_are_drawn_by_weight():
    rows = np.arange(30, dtype=np.int32).reshape(10, 3)
    weights = np.array([1, 1, 1, 10**6, 1, 1, 1, 1, 1, 1])
    for seed in range(20):
        assert _draw_modes(rows, weights, 1, np.random.default_rng(seed)).tolist() == [rows[3].tolist()]


@pytest.mark.parametrize("kinds", [3, 4])
def test_auto_finds_as_many_modes_as_there_are_kinds(kinds):
    rng = np.random.default_rng(kinds)
    kind = rng.integers(0, kinds, 2000)
    codes = (10 * kind[:, None] + np.where(rng.random((2000, 8)) < 0.05, rng.integers(1, 4, (2000, 8)), 0)).astype(
        np.int32
    )
    found = fit_modes(Distinct.of([codes]), "auto", 1)
    assert len(found.modes) == kinds
    assert found.curve[kinds] == found.cost
    assert [*found.curve] == sorted(found.curve)
    assert fit_modes(Distinct.of([codes]), 4, 1).curve == {}


@pytest.mark.parametrize(
    ("curve", "count"),
    [({1: 7}, 1), ({1: 0, 2: 0}, 1), ({1: 100, 2: 20, 3: 18, 10: 10}, 2), ({2: 90, 4: 30, 30: 0}, 4)],
)
def test_the_elbow_is_where_the_curve_is_farthest_below_its_chord(curve, count):
    assert elbow(curve) == count
