"""What came before each call against dicts, with room and without."""

from __future__ import annotations

import naive
import numpy as np
import numpy.testing as npt
from hypothesis import given
from hypothesis import strategies as st
from inventions import falling_clocks
from oddlog_core.kernels.trails import enter, follow


def tables(slots):
    return tuple(np.zeros((slots, n_columns), np.int64) for n_columns in (3, 2, 1, 2))


@given(falling_clocks(), st.integers(0, 2**31), st.sampled_from([0, 1, 2, 5, 64]))
def test_what_came_before_is_what_dicts_say_of_as_many_keys_as_there_is_room_for(clock, seed, most):
    rng = np.random.default_rng(seed)
    n = len(clock)
    source, destination, operation, port = rng.integers(0, 4, (4, n))
    pair = 1 + 5 * source + destination
    # Keys as far apart as hashes are, and some that begin at the same slot.
    keys = np.stack([(pair << 40) + port, (pair << 40) + operation, pair << 40, (1 + source) << 60], axis=1)
    used, held = np.zeros(5, np.int64), tables(256)
    found = follow(clock, keys, operation + 5, 30_000_000, 1, most, *held, used)
    expected, missed = naive.trail(clock.tolist(), keys.tolist(), (operation + 5).tolist(), 30_000_000, 1, most)
    npt.assert_array_equal(found.T, np.array(expected, np.int64).reshape(-1, 3))
    assert used[4] == missed
    assert [np.count_nonzero(table[:, 0]) for table in held] == used[:4].tolist()
    assert max(used[:4]) <= most


def test_rows_entered_are_found_again():
    latest, *others = tables(16)
    enter(np.array([[1 << 60, 7, 9], [2 << 60, 8, 4], [5, 7, 6]]), latest)
    keys = np.array([[1 << 60, 1, 1, 1], [5, 1, 1, 1], [3 << 60, 1, 1, 1]])
    clock, used = np.full(3, 8), np.array([3, 0, 0, 0, 0])
    assert follow(clock, keys, np.ones(3, np.int64), 1, 1, 8, latest, *others, used)[0].tolist() == [9, 6, 0]
