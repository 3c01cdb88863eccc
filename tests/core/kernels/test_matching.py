"""Matching dissimilarity against its definition."""

from __future__ import annotations

import naive
import numpy as np
import numpy.testing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oddlog_core.kernels.matching import apart_from_modes, nearest_beside, nearest_mode


@st.composite
def records_and_modes(draw):
    n_fields = draw(st.integers(1, 12))

    def table(rows, lowest):
        return draw(hnp.arrays(np.int32, (draw(rows), n_fields), elements=st.integers(lowest, 3)))

    return table(st.integers(0, 40), -1), table(st.integers(1, 12), 0)


@given(records_and_modes())
def test_nearest_mode_and_its_distance_are_those_of_the_definition(tables):
    for found, expected in zip(nearest_mode(*tables), naive.nearest_mode(*tables), strict=True):
        npt.assert_array_equal(found, expected)


def test_the_lowest_mode_wins_a_tie():
    label, distance = nearest_mode(np.array([[0, 1]], np.int32), np.array([[2, 2], [0, 2], [2, 1]], np.int32))
    assert (label[0], distance[0]) == (1, 1)


def test_a_value_never_seen_differs_from_every_mode():
    modes = np.arange(27, dtype=np.int32).reshape(3, 9)
    assert nearest_mode(np.full((1, 9), -1, np.int32), modes)[1][0] == 9


def test_records_beyond_one_block_are_those_of_the_definition():
    rng = np.random.default_rng(0)
    tables = rng.integers(-1, 3, (1000, 4), np.int32), rng.integers(0, 3, (5, 4), np.int32)
    for found, expected in zip(nearest_mode(*tables), naive.nearest_mode(*tables), strict=True):
        npt.assert_array_equal(found, expected)


@given(records_and_modes(), st.integers(0, 2**31), st.data())
def test_fields_compared_before_and_beside_make_the_distance_and_the_surprise_of_all(tables, seed, data):
    codes, modes = tables
    n_fields = codes.shape[1]
    # Codes from -1 to 3 of every field, one after the other.
    surprise = np.random.default_rng(seed).random((len(modes), 5 * n_fields))
    offsets = np.arange(n_fields) * 5 + 1
    label, distance = naive.nearest_mode(codes, modes)
    before = data.draw(st.integers(0, n_fields))

    def some(table, fields):
        return np.ascontiguousarray(table[:, fields])

    number = np.arange(len(codes))[::-1].copy()
    fields = slice(0, before)
    compared = apart_from_modes(some(codes[::-1], fields), some(modes, fields), surprise, offsets[fields])
    fields = slice(before, None)
    found = nearest_beside(*compared, number, some(codes, fields), some(modes, fields), surprise, offsets[fields])
    npt.assert_array_equal(found[0], label)
    npt.assert_array_equal(found[1], distance)
    npt.assert_allclose(found[2], naive.surprise_in_mode(codes, modes, label, surprise, offsets))
