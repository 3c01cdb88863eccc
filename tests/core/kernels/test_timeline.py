"""A log's clock against its definition."""

from __future__ import annotations

from itertools import accumulate, chain

import naive
import numpy as np
import numpy.testing as npt
from hypothesis import given
from hypothesis import strategies as st
from inventions import CUTS, SECOND, START, pieces
from oddlog_core.kernels.timeline import CLOCK_STATE, DENSE, advance

HOUR, DAY = 3_600 * SECOND, 86_400 * SECOND
# Around a few bases, so that far-off moments agree by chance; edges of an hour and a day to the microsecond.
BASES = st.sampled_from([START, START, START + 9 * DAY, START + DAY, START + 2 * HOUR, START - 400 * DAY, 0])
EDGES = [sign * (length + more) for sign in (1, -1) for length in (0, HOUR, DAY) for more in (0, 1)]
# Alone, or as many in a row as a clock asks for, each some time after or before the one before.
RUNS = st.builds(
    lambda base, near, n, step: [base + near + i * step for i in range(n)],
    BASES,
    st.sampled_from(EDGES) | st.integers(-90 * SECOND, 90 * SECOND),
    st.sampled_from([1, 1, 1, 2, 3, 4, 98, 99, 100, 101]),
    st.sampled_from([0, 1, SECOND, -SECOND, -60 * SECOND, HOUR, HOUR + 1, -HOUR - 1]),
)
MOMENTS = st.lists(RUNS, max_size=12).map(lambda runs: [*chain.from_iterable(runs)])


def advanced(moments, cuts=(), dense=0):
    state = np.zeros(CLOCK_STATE, np.int64)
    state[-1] = dense
    moments = np.array(moments, np.int64)
    parts = [advance(moments[piece], state) for piece in pieces(len(moments), list(cuts))]
    return np.concatenate([clock for clock, _ in parts]).tolist(), sum(counts for _, counts in parts).tolist()


def midway(moments):
    """Within a log that has had no long silence."""
    return advanced(moments, dense=DENSE)


@given(MOMENTS)
def test_the_clock_and_what_it_counts_are_those_of_the_definition(moments):
    assert advanced(moments) == naive.advance(moments)


@given(MOMENTS, CUTS)
def test_cutting_a_log_into_other_batches_does_not_move_its_clock(moments, cuts):
    assert advanced(moments, cuts) == advanced(moments)


@given(st.lists(st.integers(0, HOUR), min_size=1, max_size=40))
def test_within_an_hour_the_clock_is_the_running_maximum(offsets):
    moments = START + np.array(offsets)
    clock, counts = advanced(moments)
    npt.assert_array_equal(clock, np.maximum.accumulate(moments))
    assert counts == [0, 0, 0]


@given(st.lists(st.integers(0, DAY), max_size=250))
def test_a_log_of_seldom_records_is_believed_at_once(steps):
    # With a silence of some hours in each hundred of them.
    steps = [DAY if i % 100 == 99 else step for i, step in enumerate(steps)]
    moments = list(accumulate(steps, initial=START))
    assert advanced(moments) == (moments, [0, 0, 0])
    seldom = [START + i * 5 * HOUR for i in range(1, 5)]
    moments = list(accumulate(steps, initial=seldom[-1]))
    assert midway([START, *seldom[:3], *moments]) == ([START] * 4 + moments, [4, 0, 0])


def test_after_a_hundred_records_without_a_silence_one_is_doubtful():
    moments = [START + i * SECOND for i in range(100)]
    assert midway(moments) == advanced(moments)
    for n in (99, 100):
        jump = moments[n - 1] + DAY
        assert advanced([*moments[:n], jump])[0][-1] == (moments[-1] if n == 100 else jump)


def test_one_time_far_off_leaves_the_clock_and_is_counted():
    for ahead in (HOUR + 1, 80_000 * SECOND, 400 * DAY):
        assert midway([START, START + ahead, START + SECOND]) == ([START, START, START + SECOND], [1, 0, 0])


def test_three_times_far_off_leave_the_clock_and_the_fourth_that_agrees_moves_it():
    for off in (-30 * DAY, 2 * HOUR, 9 * HOUR, 3 * DAY):
        there, back = [START + off + i * SECOND for i in range(6)], int(off < 0)
        late = [START, *there[:3], START + SECOND]
        assert midway(late) == ([START] * 4 + [START + SECOND], [3, 3 * back, 0])
        assert midway([START, *there]) == ([START] * 4 + there[3:], [4, 4 * back, back])


def test_after_days_of_silence_a_log_of_seldom_records_goes_on():
    there = [START + 3 * DAY + i * 5 * HOUR for i in range(6)]
    assert midway([START, *there]) == ([START] * 4 + there[3:], [4, 0, 0])


def test_a_clock_that_was_ahead_is_set_back_once_a_hundred_records_lie_behind_it():
    wrong = [START + 10 * HOUR + i * SECOND for i in range(20)]
    right = [START + i * SECOND for i in range(150)]
    clock, counts = midway([START, *wrong, *right])
    assert clock == [START] * 4 + wrong[3:] + [wrong[-1]] * 99 + right[99:]
    assert counts == [4, 100, 1]


def test_a_few_that_come_late_do_not_set_the_clock_back():
    late = [START - 2 * HOUR + i * SECOND for i in range(99)]
    assert midway([START, *late, START + 1, *late]) == ([START] * 100 + [START + 1] * 100, [0, 198, 0])


def test_a_log_that_runs_backwards_is_followed_and_counted():
    moments = [START - i * 10 * SECOND for i in range(8_640)]
    clock, (bad, late, back) = advanced(moments)
    assert max(np.subtract(clock, moments)) <= HOUR + 100 * 10 * SECOND
    assert (bad, late, back) == (0, 100 * 18, 18)


def test_a_usual_time_between_far_off_ones_starts_their_count_anew():
    there = START + 9 * DAY
    three = [there] * 3
    assert midway([START, *three, START, *three]) == ([START] * 8, [6, 0, 0])
    assert midway([START, *three, START, *three, there]) == ([START] * 8 + [there], [7, 0, 0])


def test_far_off_times_that_do_not_agree_move_nothing():
    moments = [START, *(START + days * DAY for days in (10, 20, 30, 40))]
    assert midway(moments) == ([START] * 5, [4, 0, 0])
    assert midway([START, *(START + days * DAY for days in (40, 30, 20, 10))]) == ([START] * 5, [4, 0, 0])
    there, back = START + 9 * DAY, START - 9 * DAY
    assert midway([START, there, there, back, there, there]) == ([START] * 6, [5, 1, 0])
