"""Each record after those of its source, from whatever pieces a log comes in, in bounded memory."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
from hypothesis import given
from hypothesis import strategies as st
from inventions import CUTS, START, clocks, pieces
from oddlog_core.features.sequences import BEFORE, SOURCES, SPAN, Sequences


@st.composite
def sources(draw):
    clock = draw(clocks(gaps=st.sampled_from([0, 1, SPAN // 3, SPAN - 1, SPAN])))
    keys = draw(st.lists(st.integers(0, 3), min_size=len(clock), max_size=len(clock)))
    return clock, np.array(keys)


@given(sources(), CUTS)
def test_a_window_holds_the_latest_records_of_its_source_from_the_last_hour(sources, cuts):
    clock, keys = sources
    columns = np.column_stack([np.arange(1, len(clock) + 1), keys]).astype(np.float32)
    found, state = [], Sequences(2)
    for piece in pieces(len(clock), cuts):
        tape = state.take(clock[piece], keys[piece], columns[piece])
        found.append(tape.windows(np.arange(len(clock[piece]))))
        again = Sequences(2)
        again.restore(state.export())
        state = again
    for i, window in enumerate(np.concatenate(found)):
        own = [j for j in range(i) if keys[j] == keys[i]][-BEFORE:]
        rows = [[*columns[j], 1] if clock[j] > clock[i] - SPAN else [0, 0, 0] for j in own]
        npt.assert_array_equal(window, [*[[0, 0, 0]] * (BEFORE - len(own)), *rows, [*columns[i], 1]])


def test_more_sources_than_there_is_room_for_take_no_more_memory():
    for room, most in ((100_000_000, SOURCES), (50_000, 256), (0, 16)):
        state = Sequences(4, room)
        n = 3000
        state.take(START + np.arange(n), np.arange(n), np.ones((n, 4), np.float32))
        assert len(state.table) <= most
        assert len(state.rows) == most
        assert len(state.export()["slots"]) <= most
