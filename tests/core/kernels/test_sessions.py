from __future__ import annotations

import naive
import numpy as np
import numpy.testing as npt
from hypothesis import given
from hypothesis import strategies as st
from inventions import SECOND, START, pieces
from oddlog_core.kernels import sessions as kernel

N_KEYS, N_KINDS, PERIOD = 2, 2, 3_600 * SECOND


def state(rows=1024, capacity=1 << 15):
    meta = np.zeros(kernel.META, np.int64)
    meta[kernel.PERIOD] = -1
    table = np.zeros(capacity, np.int64), np.zeros(capacity, np.int64)
    return (*table, np.zeros((rows, kernel.n_stats(N_KEYS, N_KINDS))), np.full((rows, 2), -1), meta)


def follow(columns, remembered, begun=0, after=2, most=1 << 14):
    width = kernel.n_features(N_KEYS, N_KINDS)
    return kernel.follow(*map(np.ascontiguousarray, columns), begun, PERIOD, after, *remembered, most, width)


@st.composite
def logs(draw, max_size=40):
    """Few sources, destinations and names, in a clock of equal times, of jumps over midnight, and of one that falls."""
    n = draw(st.integers(1, max_size))
    gaps = st.sampled_from([0, 0, 0, 1, SECOND, 7 * SECOND, 1_200 * SECOND]) | st.just(-30 * SECOND)
    times = START + np.cumsum(draw(st.lists(gaps, min_size=n, max_size=n)))

    def column(low, high):
        return np.array(draw(st.lists(st.integers(low, high), min_size=n, max_size=n)), np.int64)

    one, other, third = column(1, 2), column(1, 3), column(0, 3)
    session = np.where(column(0, 9) == 0, 0, 10 * one + other)
    pair = 1000 + 10 * session + third
    values, kinds = np.stack([third, column(0, 3)], axis=1), np.stack([column(-1, 2), column(0, 1)], axis=1)
    return times, np.stack([session, pair, one, other, third], axis=1), column(-1, 1), values, kinds


@given(logs())
def test_every_cutoff_tells_what_the_records_before_it_say(columns):
    # The oracle asks for the records before a moment: where the clock falls that is another question.
    times = np.maximum.accumulate(columns[0])
    columns = (times, *columns[1:])
    rows, told, _ = follow(columns, state())
    expected = naive.sessions(*(column.tolist() for column in columns), PERIOD, 2)
    assert rows.tolist() == [row for row, _ in expected]
    for found, (_, wanted) in zip(told, expected, strict=True):
        npt.assert_allclose(found, np.array(wanted, float), rtol=1e-9, atol=1e-12)


@given(logs(), st.lists(st.floats(0, 1), max_size=4))
def test_cuts_change_nothing(columns, cuts):
    whole = follow(columns, state())
    remembered, waiting, rows, told = state(), tuple(column[:0] for column in columns), [], []
    for piece in pieces(len(columns[0]), cuts):
        both = tuple(np.concatenate([old, new[piece]]) for old, new in zip(waiting, columns, strict=True))
        begun = len(waiting[0])
        at, found, taken = follow(both, remembered, begun)
        rows += (at - begun + piece.start).tolist()
        told.append(found)
        waiting = tuple(column[taken:] for column in both)
    assert rows == whole[0].tolist()
    npt.assert_array_equal(np.concatenate(told), whole[1])


@given(logs())
def test_where_there_is_no_room_for_what_is_new_it_is_left_out_and_counted(columns):
    remembered = state(rows=3)
    rows, told, _ = follow(columns, remembered, most=40)
    assert remembered[4][kernel.ROWS] <= 3
    assert remembered[4][kernel.HELD] <= 40
    assert set(rows) <= set(follow(columns, state())[0])
    assert len(rows) == len(told)
    roomy = state()
    follow(columns, roomy)
    assert (remembered[4][kernel.LOST] > 0) >= (roomy[4][kernel.ROWS] > 3)


def test_what_is_inserted_is_found_again():
    held, value = np.zeros(64, np.int64), np.zeros(64, np.int64)
    keys = np.arange(1, 30)
    kernel.insert(keys, keys * 7, held, value)
    assert dict(zip(held[held > 0].tolist(), value[held > 0].tolist(), strict=True)) == {k: 7 * k for k in range(1, 30)}
