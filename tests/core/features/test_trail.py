"""What came before a call, against plain loops."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.testing as npt
from baselines import anew, records
from hypothesis import given
from hypothesis import strategies as st
from inventions import CUTS, SECOND, pieces
from oddlog_core.features.calls import Calls
from oddlog_core.features.trail import FIRST, Trail

GAPS = st.sampled_from([0, SECOND, 599 * SECOND, 600 * SECOND, 600 * SECOND + 1])


@st.composite
def dialogues(draw):
    rows, time = [], 0
    for gap in draw(st.lists(GAPS, max_size=40)):
        time += gap
        rows.append(
            {
                "ts": time,
                "id.orig_h": draw(st.sampled_from(["a", "b"])),
                "id.resp_h": draw(st.sampled_from(["x", "y", "z"])),
                "id.orig_p": draw(st.sampled_from([1, 2])),
                "id.resp_p": 445,
                "endpoint": "samr",
                "operation": draw(st.sampled_from(["Open", "List", "Close"])),
            }
        )
    return records("dce_rpc", rows)


def naive(log):
    calls = Calls.of(log)
    latest, often, met = {}, defaultdict(int), defaultdict(set)
    for source, destination, operation, ports, now in zip(
        *(k.tolist() for k in calls), log.clock.tolist(), strict=True
    ):
        connection = source, destination, ports
        when, before = latest.get(connection, (now, FIRST))
        latest[connection] = now, operation
        often[source, destination, operation] += 1
        met[source].add(destination)
        yield (
            before if now - when <= 600 * SECOND else FIRST,
            often[source, destination, operation],
            len(met[source]),
        )


def followed(trail, log, cuts=()):
    parts = [
        np.stack(trail.update(Calls.of(piece), piece.clock), axis=1)
        for piece in (anew(log, rows) for rows in pieces(len(log), list(cuts)))
    ]
    return np.concatenate(parts)


@given(dialogues(), CUTS)
def test_what_came_before_is_what_a_loop_finds_however_the_log_is_cut(log, cuts):
    expected = np.array([*naive(log)], np.int64).reshape(-1, 3)
    npt.assert_array_equal(followed(Trail(), log, cuts), expected)


@given(dialogues(), st.floats(0, 1))
def test_a_trail_restored_goes_on(log, at):
    middle = round(at * len(log))
    trail = Trail()
    followed(trail, anew(log, slice(0, middle)))
    rest = anew(log, slice(middle, len(log)))
    restored = Trail.restore(trail.export())
    npt.assert_array_equal(followed(restored, rest), followed(trail, rest))
    npt.assert_equal(restored.export(), trail.export())


@given(dialogues(), CUTS, st.integers(1, 6))
def test_a_trail_without_room_for_more_is_full_however_the_log_is_cut(log, cuts, most):
    whole, cut = Trail(most), Trail(most)
    npt.assert_array_equal(followed(cut, log, cuts), followed(whole, log))
    exported = cut.export()
    npt.assert_equal(exported, whole.export())
    assert max(map(len, exported.values())) <= most
    assert cut.evicted == whole.evicted
    npt.assert_equal(Trail.restore(exported, most).export(), exported)


def test_a_new_window_counts_anew_and_forgets_only_who_has_been_silent():
    def call(second, port):
        return {"ts": second * SECOND, "id.orig_h": "a", "id.orig_p": port, "endpoint": "samr", "operation": "Open"}

    trail = Trail()
    followed(trail, records("dce_rpc", [call(0, 1), call(500, 2)]))
    trail.next_window(700 * SECOND)
    assert len(trail.export()["latest"]) == 1
    again = followed(trail, records("dce_rpc", [call(700, 1), call(700, 2)]))
    npt.assert_array_equal(again[:, 0] == FIRST, [True, False])
    npt.assert_array_equal(again[:, 1:], [[1, 1], [2, 1]])
