"""Kinds of hosts that are far apart are found, whatever their units and however often one asks."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oddlog_core.features.clusters import cluster, kmeans


def kinds(seed, n_kinds, spread=0.01):
    """Rows around corners that are apart, one column in units of its own, one that is always the same."""
    rng = np.random.default_rng(seed)
    kind = np.concatenate([np.arange(n_kinds), rng.integers(0, n_kinds, 40)])
    corners = np.stack([np.arange(n_kinds) % 2, np.arange(n_kinds) // 2, np.zeros(n_kinds)], axis=1)
    noise = rng.normal(0, spread, (len(kind), 3)) * [1, 1, 0]
    return kind, (corners[kind] + noise) * [1e6, 1e-3, 1] + [0, 5, 7]


@settings(max_examples=15)
@given(st.integers(0, 2**31), st.integers(2, 4))
def test_kinds_that_are_apart_are_clusters(seed, n_kinds):
    kind, values = kinds(seed, n_kinds)
    found = cluster(values, n_kinds, 0)
    assert len({*zip(kind.tolist(), found.label.tolist(), strict=True)}) == n_kinds
    z = (values - found.mean) / found.scale
    npt.assert_allclose(found.centroids, [z[found.label == k].mean(axis=0) for k in range(n_kinds)], atol=1e-9)


@settings(max_examples=5)
@given(st.integers(0, 2**31))
def test_one_seed_gives_one_answer(seed):
    _, values = kinds(seed, 4, spread=1.0)
    for one, other in zip(cluster(values, 3, 1), cluster(values, 3, 1), strict=True):
        npt.assert_array_equal(one, other)


def test_a_column_that_is_always_the_same_is_only_centred():
    found = cluster(np.array([[1.0, 3.0], [2.0, 3.0], [9.0, 3.0]]), 2, 0)
    assert found.scale[1] == 1.0
    assert (found.centroids[:, 1] == 0).all()


@pytest.mark.parametrize("n_rows", [1, 2, 5])
def test_there_are_no_more_clusters_than_distinct_rows(n_rows):
    centroids, label = kmeans(np.repeat(np.arange(float(n_rows))[:, None], 3, axis=0), 5, 0)
    assert len(centroids) == n_rows == len({*label.tolist()})
