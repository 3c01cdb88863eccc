"""Habits against their definitions in plain Python."""

from __future__ import annotations

import naive
import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oddlog_core.features import habits
from oddlog_core.features.habits import BLOCKS, Chain, Typical, blocks

CONSTANTS = habits._DISCOUNT, habits._CONCENTRATION


@st.composite
def logs(draw, max_size=40):
    """Who, of which kind, to whom: a context tells the one after it."""
    rows = draw(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6)), min_size=1, max_size=max_size))
    who, whom = np.array(rows, np.int64).T
    return [who, who % 2, np.zeros_like(who)], np.ascontiguousarray(whom)


def counted(contexts, values):
    return Chain.of(contexts, values, np.ones(len(values), np.int64))


def rows_of(contexts, values):
    return [(tuple(of), value) for *of, value in zip(*(c.tolist() for c in contexts), values.tolist(), strict=True)]


def every(contexts, n_values):
    """Every context that is there, and one that is not, with every value there can be and one that there cannot."""
    there = sorted({*zip(*(context.tolist() for context in contexts), strict=True), (99, 1, 0)})
    asked = [(*of, value) for of in there for value in range(n_values + 1)]
    *of, values = np.array(asked, np.int64).T.copy()
    return of, values, len(there)


@given(logs())
def test_a_values_surprise_is_that_of_the_process_it_is_named_after(log):
    of, values, _ = every(log[0], 7)
    expected = [naive.likelihood(rows_of(*log), *row, *CONSTANTS) for row in rows_of(of, values)]
    npt.assert_allclose(np.exp(-counted(*log).surprise(of, values)), expected, rtol=1e-12)


@given(logs())
def test_what_was_seen_and_all_that_was_not_have_a_probability_of_one_together(log):
    contexts, values = log
    distinct = len(set(values.tolist()))
    of, asked, n = every(contexts, 7)
    p = np.exp(-counted(contexts, values).surprise(of, asked)).reshape(n, -1)
    seen = np.isin(np.arange(8), values)
    npt.assert_allclose(p[:, seen].sum(axis=1) + p[:, 7], 1, rtol=1e-12)
    assert seen.sum() == distinct


@given(logs(), st.integers(1, 12))
def test_probabilities_are_at_most_one_together_where_the_rarest_were_not_kept(log, most):
    of, asked, n = every(log[0], 7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(habits, "_MOST", most)
        chain = counted(*log)
    assert all(len(counts.table) <= most for counts in (*chain.seen, *chain.contexts))
    p = np.exp(-chain.surprise(of, asked)).reshape(n, -1)
    assert (p > 0).all()
    assert (p[:, np.isin(np.arange(8), log[1])].sum(axis=1) + p[:, 7] <= 1 + 1e-12).all()


@given(logs(60))
def test_a_baselines_own_records_are_judged_by_other_stretches_the_later_by_what_was_before(log):
    contexts, values = log
    chain, surprise = Chain.learn(contexts, values)
    block = blocks(len(values))
    for number in np.unique(block):
        own = block == number
        others = block != number if number < BLOCKS // 2 else block < number
        built = counted([context[others] for context in contexts], values[others])
        npt.assert_array_equal(surprise[own], built.surprise([context[own] for context in contexts], values[own]))
    of, asked, _ = every(contexts, 7)
    npt.assert_array_equal(chain.surprise(of, asked), counted(contexts, values).surprise(of, asked))


@given(st.integers(1, 200))
def test_stretches_are_as_long_as_each_other_and_in_order(n):
    block = blocks(n)
    assert (np.diff(block) >= 0).all()
    assert block.max() < BLOCKS
    assert np.ptp(np.bincount(block, minlength=BLOCKS)) <= 1


def test_a_host_that_came_for_one_stretch_does_not_teach_that_it_is_usual():
    who = np.zeros(800, np.int64)
    whom = np.tile(np.arange(4), 200)
    whom[300:380] = 77
    chain, surprise = Chain.learn([who], whom)
    assert surprise[300:380].min() > surprise[:300].max() + 2
    assert chain.surprise([who[:1]], np.array([77]))[0] < surprise[300:380].min() - 2


AMOUNTS = st.floats(-30, 30) | st.just(np.nan)


@st.composite
def amounts(draw):
    rows = draw(st.lists(st.tuples(st.integers(0, 3), AMOUNTS, AMOUNTS), min_size=1, max_size=40))
    who, *columns = np.array(rows, float).T
    narrow = who.astype(np.int64)
    return [narrow % 2, narrow], np.stack(columns, axis=1)


def shrunk(contexts, values, at, seen, depth=2):
    """By the oracle, of the records `seen`, for each amount of the record `at`."""
    keys = np.stack(contexts, axis=1).tolist()
    columns = [
        naive.typical([(keys[i], values[i, c]) for i in seen], keys[at][:depth], habits._PRIOR)
        for c in range(values.shape[1])
    ]
    return np.array(columns).T


@settings(max_examples=60)
@given(amounts())
def test_what_is_typical_is_the_mean_shrunk_towards_the_wider_contexts(log):
    contexts, values = log
    typical, _ = Typical.learn(contexts, values, 0.1)
    found = typical.expected(contexts)
    for at, narrow in enumerate(contexts[1]):
        often = [int((context == context[at]).sum()) for context in contexts]
        depth = sum(count >= habits._FEWEST for count in often)
        mean, std = shrunk(contexts, values, at, range(len(values)), depth)
        npt.assert_allclose(found[at, 0], mean, rtol=1e-5, atol=1e-5, err_msg=str(narrow))
        npt.assert_allclose(found[at, 1], np.maximum(std, 0.1), rtol=1e-5, atol=1e-4)


@settings(max_examples=60)
@given(amounts())
def test_a_baselines_own_amounts_are_expected_by_the_other_stretches_alone(log):
    contexts, values = log
    _, expected = Typical.learn(contexts, values, 0.1)
    block = blocks(len(values))
    for at in range(len(values)):
        mean, std = shrunk(contexts, values, at, np.flatnonzero(block != block[at]))
        npt.assert_allclose(expected[at, 0], mean, rtol=1e-9, atol=1e-9)
        npt.assert_allclose(expected[at, 1], np.maximum(std, 0.1), rtol=1e-6, atol=1e-6)


def test_a_context_never_seen_is_as_the_widest():
    contexts = [np.arange(30) % 2, np.arange(30) % 6]
    values = np.random.default_rng(1).normal(5, 2, (30, 1))
    typical, _ = Typical.learn(contexts, values, 0.1)
    assert typical.expected([np.array([9]), np.array([9])])[0, 0, 0] == pytest.approx(values.mean(), abs=0.4)
    known = typical.expected([np.array([1]), np.array([9])])
    npt.assert_array_equal(known, typical.expected([np.array([1]), np.array([77])]))
    asked = [np.array([9, 1, 1]), np.array([9, 77, 5])]
    assert typical.narrowest_known(asked).tolist() == [0, 1, 2]


def test_only_the_most_frequent_contexts_are_kept(monkeypatch):
    monkeypatch.setattr(habits, "_MOST", 5)
    narrow = np.repeat(np.arange(20), np.arange(3, 23))
    typical, _ = Typical.learn([np.zeros_like(narrow), narrow], np.ones((len(narrow), 1)), 0.1)
    assert typical.keys[1].tolist() == [15, 16, 17, 18, 19]


@given(logs(), amounts())
def test_arrays_hold_all_of_it(log, other):
    chain, typical = counted(*log), Typical.learn(*other, 0.1)[0]
    of, asked, _ = every(log[0], 7)
    npt.assert_array_equal(Chain.of_arrays(chain.arrays()).surprise(of, asked), chain.surprise(of, asked))
    again = Typical.of_arrays(typical.arrays())
    npt.assert_array_equal(again.expected(other[0]), typical.expected(other[0]))
    assert again.narrowest == typical.narrowest
