"""How long a baseline is, and its latest part."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
from baselines import DAY, HOUR, MONDAY, office
from hypothesis import given
from hypothesis import strategies as st
from inventions import CUTS
from oddlog_core.span import cut, days, ends, halves, per_day, split
from road import batches_cut

WHOLE = office("dce_rpc", 60, seed=1, days=2.0)


def spoken(batches):
    """Records one by one, as values."""
    return [
        (
            int(batch.clock[i]),
            int(batch.integers["ts"][i]),
            *(None if c < 0 else column.values[c] for c in [column.codes[i]]),
        )
        for batch in batches
        for column in [batch.categories["operation"]]
        for i in range(len(batch))
    ]


@given(CUTS)
def test_a_baseline_is_as_long_and_as_dense_however_it_is_cut(cuts):
    batches = batches_cut(WHOLE, cuts)
    length = (WHOLE.clock[-1] - WHOLE.clock[0]) / DAY
    assert days(batches) == length
    assert per_day(batches) == 60 / length


@pytest.mark.parametrize("length", [0, 1, HOUR - 1, HOUR])
def test_less_than_an_hour_counts_as_an_hour(length):
    short = office("conn", 2, seed=1)
    short.clock[:] = MONDAY, MONDAY + length
    assert days([short]) == 1 / 24
    assert per_day([short]) == 48


@given(CUTS, st.floats(0, 1))
def test_split_keeps_every_record_in_order_and_the_latest_are_held_back(cuts, held_back):
    batches = batches_cut(WHOLE, cuts)
    before, after = split(batches, held_back)
    assert spoken(before) + spoken(after) == spoken([WHOLE])
    n_after = sum(map(len, after))
    assert n_after == min(max(60 - round(60 * (1 - held_back)), 1), 59)
    assert all(map(len, before + after))


@given(CUTS, st.floats(0, 1))
def test_both_ends_are_held_back_once_and_the_rest_learned_from(cuts, held_back):
    batches = batches_cut(WHOLE, cuts)
    latest, earliest = ends(batches, held_back)
    assert [*map(spoken, latest)] == [*map(spoken, split(batches, held_back))]
    assert spoken(earliest.held_back) + spoken(earliest.others) == spoken([WHOLE])
    assert sum(map(len, earliest.held_back)) == sum(map(len, latest.held_back))


@given(CUTS, st.floats(0, 1))
def test_each_half_of_an_end_is_held_back_once_and_all_else_learned_from_in_order(cuts, held_back):
    for end in ends(batches_cut(WHOLE, cuts), held_back):
        parts = halves(end)
        assert [one for part in parts for one in spoken(part.held_back)] == spoken(end.held_back)
        for part in parts:
            assert part.held_back
            assert sorted(spoken(part.others) + spoken(part.held_back)) == sorted(spoken([WHOLE]))
            clock = np.concatenate([batch.clock for batch in part.others])
            assert (np.diff(clock) >= 0).all()


def test_split_of_one_record_trains_on_nothing():
    before, after = split([cut(WHOLE, 0, 1)], 0.25)
    assert (before, len(after)) == ([], 1)


@given(st.integers(0, 60), st.integers(0, 60))
def test_cut_takes_the_same_rows_of_every_column(start, stop):
    piece = cut(WHOLE, start, stop)
    npt.assert_array_equal(piece.clock, WHOLE.clock[start:stop])
    for name, values in piece.integers.items():
        npt.assert_array_equal(values, WHOLE.integers[name][start:stop])
    for name, column in piece.categories.items():
        npt.assert_array_equal(column.codes, WHOLE.categories[name].codes[start:stop])
        assert column.values is WHOLE.categories[name].values
    assert len(piece) == len(np.arange(60)[start:stop])
