"""Surprise in float32 and in vectors, against doubles one by one."""

from __future__ import annotations

import naive
import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import config
from oddlog_core.kernels.surprise import inputs, scores

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="the bits of a number are no Python")

FLOAT = np.float32
N_AMOUNTS, N_NUMBERS, N_EVIDENCE, SIZES = 5, 8, 5, (3, 1, 40)
OFFSETS = np.cumsum([0, *SIZES])
WIDTH = 4


@st.composite
def cases(draw):
    """Features, scaling, a table of codes and outputs; of amounts some are unset, and some huge."""
    n, rng = draw(st.integers(1, 70)), np.random.default_rng(draw(st.integers(0, 2**32)))
    amounts = np.floor(rng.lognormal(3, draw(st.sampled_from([1, 9])), (n, N_AMOUNTS))).clip(-1, 1e13)
    amounts[rng.random(amounts.shape) < 0.2] = np.nan
    evidence = rng.normal(0, draw(st.sampled_from([1, 1e4])), (n, N_NUMBERS - N_AMOUNTS + N_EVIDENCE))
    codes = np.stack([rng.integers(0, size, n) for size in SIZES], axis=1)
    features = np.ascontiguousarray(np.concatenate([amounts, evidence, codes], axis=1))
    slope, intercept = rng.lognormal(0, 1, N_NUMBERS).astype(FLOAT), rng.normal(0, 3, N_NUMBERS).astype(FLOAT)
    table = rng.normal(0, 1, (OFFSETS[-1], WIDTH)).astype(FLOAT)
    outputs = rng.normal(0, draw(st.sampled_from([1, 40])), (n, N_NUMBERS + OFFSETS[-1])).astype(FLOAT)
    rare = rng.uniform(0.05, 4, N_NUMBERS + len(SIZES)).astype(FLOAT)
    weight = rng.choice([0, 0.3], len(rare)).astype(FLOAT)
    return features, (slope, intercept), table, outputs, (rare, weight)


def scaled(features, scaling, table, n_taken):
    return inputs(features, N_AMOUNTS, *scaling, FLOAT(-8), FLOAT(8), OFFSETS, table, n_taken)


def judged(features, z, outputs, of_columns):
    return scores(features, z, outputs, OFFSETS, *of_columns, FLOAT(30))


@given(cases())
def test_inputs_and_scores_are_what_doubles_say(case):
    features, scaling, table, outputs, of_columns = case
    n = len(features)
    z, taken = scaled(features, scaling, table, n + 3)
    expected, bounded = naive.network_inputs(features, N_AMOUNTS, *scaling, 8, OFFSETS, table)
    npt.assert_allclose(z, expected, rtol=2e-6, atol=2e-5)
    npt.assert_allclose(taken[:n], bounded, rtol=2e-6, atol=2e-5)
    assert not taken[n:].any()
    found = judged(features, z, outputs, of_columns)
    expected = naive.surprise(features, z, outputs, OFFSETS, *of_columns, 30)
    npt.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


@given(cases(), st.integers(1, 40))
def test_a_row_is_the_same_among_any_others(case, size):
    features, scaling, table, outputs, of_columns = case
    whole, _ = scaled(features, scaling, table, len(features))
    together = judged(features, whole, outputs, of_columns)
    for start in range(0, len(features), size):
        rows = slice(start, start + size)
        z, _ = scaled(features[rows], scaling, table, len(features[rows]))
        npt.assert_array_equal(z, whole[rows])
        npt.assert_array_equal(judged(features[rows], z, outputs[rows], of_columns), together[rows])
