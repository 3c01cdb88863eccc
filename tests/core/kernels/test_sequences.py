"""The records before each record against a list for each slot."""

from __future__ import annotations

import naive
import numpy as np
import numpy.testing as npt
from hypothesis import given
from hypothesis import strategies as st
from inventions import START, clocks
from oddlog_core.kernels import sequences

SPAN = 60_000_000


@st.composite
def visits(draw):
    clock = draw(clocks())
    slot = st.integers(0, 3) | st.integers(-4, -1)
    return np.array(draw(st.lists(slot, min_size=len(clock), max_size=len(clock)))), clock


@given(visits(), st.integers(1, 4), st.integers(0, 40))
def test_follow_in_one_piece_or_two(visits, length, at):
    slots, clock = visits
    expected = naive.follow(slots, clock, SPAN, length)
    places = np.full((4, length), sequences.NOWHERE)
    times = np.full((4, length), START - 10 * SPAN)
    found = [
        sequences.follow(slots[part], clock[part], start, SPAN, places, times)
        for start, part in ((0, slice(0, at)), (min(at, len(slots)), slice(at, None)))
    ]
    npt.assert_array_equal(np.concatenate(found), expected)
