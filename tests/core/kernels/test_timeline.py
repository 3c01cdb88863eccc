"""A log's clock against its definition."""

from __future__ import annotations

import naive
import numpy as np
import numpy.testing as npt
from hypothesis import given
from hypothesis import strategies as st
from inventions import CUTS, SECOND, START, pieces
from oddlog_core.kernels.timeline import CLOCK_STATE, advance

DAY = 86_400 * SECOND
# Around a few bases, so that far-off moments agree by chance; edges of a day and a minute to the microsecond.
BASES = st.sampled_from([START, START, START + 9 * DAY, START + 9 * DAY, START + DAY, START - 400 * DAY, 0])
NEAR = st.sampled_from([0, 1, -1, 60 * SECOND, 60 * SECOND + 1, DAY, DAY + 1, -DAY, -DAY - 1]) | st.integers(
    -90 * SECOND, 90 * SECOND
)
MOMENTS = st.lists(st.builds(int.__add__, BASES, NEAR), max_size=60)


def advanced(moments, cuts=()):
    state = np.zeros(CLOCK_STATE, np.int64)
    moments = np.array(moments, np.int64)
    parts = [advance(moments[piece], state) for piece in pieces(len(moments), list(cuts))]
    return np.concatenate([clock for clock, _ in parts]).tolist(), sum(bad for _, bad in parts)


@given(MOMENTS)
def test_the_clock_and_the_count_of_bad_times_are_those_of_the_definition(moments):
    assert advanced(moments) == naive.advance(moments)


@given(MOMENTS, CUTS)
def test_cutting_a_log_into_other_batches_does_not_move_its_clock(moments, cuts):
    assert advanced(moments, cuts) == advanced(moments)


@given(st.lists(st.integers(0, DAY // 100), min_size=1, max_size=40))
def test_within_a_day_the_clock_is_the_running_maximum(offsets):
    moments = START + np.array(offsets)
    clock, bad = advanced(moments)
    npt.assert_array_equal(clock, np.maximum.accumulate(moments))
    assert bad == 0


def test_one_time_far_off_leaves_the_clock_and_is_counted():
    assert advanced([START, START + 10 * DAY, START + SECOND]) == ([START, START, START + SECOND], 1)


def test_the_third_far_off_time_in_a_row_that_agrees_moves_the_clock():
    there = START - 30 * DAY
    clock, bad = advanced([START, there, there + SECOND, there + 2 * SECOND, there + 3 * SECOND])
    assert clock == [START, START, START, there + 2 * SECOND, there + 3 * SECOND]
    assert bad == 3


def test_a_usual_time_between_far_off_ones_starts_their_count_anew():
    there = START + 9 * DAY
    assert advanced([START, there, there, START, there, there]) == ([START] * 6, 4)
    assert advanced([START, there, there, START, there, there, there]) == ([START] * 6 + [there], 5)


def test_far_off_times_that_do_not_agree_move_nothing():
    moments = [START, *(START + days * DAY for days in (10, 20, 30, 40))]
    assert advanced(moments) == ([START] * 5, 4)
