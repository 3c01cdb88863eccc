"""What is remembered is what would be made anew, and no more of it than there is room for."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
from hypothesis import given
from hypothesis import strategies as st
from oddlog_core.features.memo import Memo

BATCHES = st.lists(st.lists(st.integers(-40, 40), unique=True, max_size=40), max_size=8)


def made(keys):
    return np.stack([keys, 3 * keys], axis=1), keys.astype(np.float64) / 7


@given(BATCHES, st.sampled_from([16, 64]), st.booleans())
def test_rows_are_those_of_their_keys_however_many_there_are(batches, most, falls):
    memo = Memo(most)
    for number, batch in enumerate(batches):
        keys = np.array(batch, np.int64) << 57
        clock = np.full(len(keys), -number if falls else number)
        for found, expected in zip(
            memo.recall(clock, keys, lambda rows, keys=keys: made(keys[rows])), made(keys), strict=True
        ):
            npt.assert_array_equal(found, expected)


def test_what_came_before_is_not_made_again():
    memo, asked = Memo(64), []

    def make(rows):
        asked.append(rows.tolist())
        return made(rows)

    for keys in ([1, 2, 3], [3, 1], [2, 9]):
        memo.recall(np.zeros(len(keys), np.int64), np.array(keys), make)
    assert asked == [[0, 1, 2], [1]]
