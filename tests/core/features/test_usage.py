"""Who calls what where, what follows on what, and how many: an office in small against plain counting."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
from baselines import HOUR, MONDAY, anew, records
from hypothesis import given
from inventions import CUTS, SECOND, pieces
from oddlog_core.features.calls import Calls
from oddlog_core.features.trail import Trail
from oddlog_core.features.usage import Doing, Usage

LOGON = ("Challenge", "Authenticate", "Logon")
N_DESKS, N_HOURS = 12, 20


def session(start, source, destination, *operations, port=0):
    return [
        {
            "ts": start + i * SECOND,
            "id.orig_h": source,
            "id.orig_p": port,
            "id.resp_h": destination,
            "id.resp_p": 445,
            "endpoint": "netlogon",
            "operation": operation,
        }
        for i, operation in enumerate(operations)
    ]


def hour(number):
    """Every desk logs on at the one server, and one of them at two others."""
    start = MONDAY + number * HOUR
    rows = [call for i in range(N_DESKS) for call in session(start + i * 60 * SECOND, f"desk{i}", "server", *LOGON)]
    for i, other in enumerate(("other0", "other1")):
        rows += session(start + (20 + i) * 60 * SECOND, "desk0", other, "Query", port=i)
    return rows


def doing_of(log, cuts=()):
    """What is done in a log, window by window."""
    trail, parts, open_ = Trail(), [], None
    for number in dict.fromkeys((log.clock // HOUR).tolist()):
        if open_ is not None:
            trail.next_window(number * HOUR)
        open_ = number
        (rows,) = np.nonzero(log.clock // HOUR == number)
        inside = anew(log, slice(rows[0], rows[-1] + 1))
        for piece in pieces(len(inside), list(cuts)):
            part = anew(inside, piece)
            calls = Calls.of(part)
            if len(calls.source):
                parts.append(Doing(calls, np.zeros(len(calls.source), np.int64), trail.update(calls, part.clock)))
    return parts


BASELINE = records("dce_rpc", [row for number in range(N_HOURS) for row in sorted(hour(number), key=lambda r: r["ts"])])
DOING = doing_of(BASELINE)
USAGE = Usage.learn(DOING, [np.full(len(part.role), number) for number, part in enumerate(DOING)])
LATER = MONDAY + (N_HOURS + 1) * HOUR


def judged(rows):
    [doing] = doing_of(records("dce_rpc", rows))
    return doing, USAGE.surprises(doing)


def test_what_everybody_does_every_hour_surprises_nobody():
    _, surprises = judged(session(LATER, "desk3", "server", *LOGON))
    assert all((amounts < 0.5).all() for amounts in surprises.values())


def test_another_caller_of_a_server_that_had_one_is_surprising_and_one_of_many_more_is_less_so():
    stranger = judged(session(LATER, "stranger", "other0", "Query"))[1]["caller"][0]
    one_more = judged(session(LATER, "stranger", "server", "Challenge"))[1]["caller"][0]
    assert stranger > one_more > judged(session(LATER, "desk0", "other0", "Query"))[1]["caller"][0]


def test_calls_out_of_order_are_surprising():
    backwards = judged(session(LATER, "desk3", "server", *reversed(LOGON)))[1]["order"]
    assert (backwards > 1).all()


def test_how_often_is_what_the_baseline_had():
    doing, _ = judged(
        session(LATER, "desk0", "other1", "Query") + session(LATER + HOUR // 2, "desk9", "server", "Logon")
    )
    often = {name: counts.tolist() for name, counts in USAGE.often(doing).items()}
    assert often["caller"] == [[N_HOURS, N_HOURS], [N_HOURS, N_DESKS * N_HOURS]]
    # desk0 begins at three servers every hour, desk9 never without the usual two calls before.
    assert often["order"] == [[2 * N_HOURS, 3 * N_HOURS], [0, N_HOURS]]


def test_numbers_are_judged_by_what_a_window_usually_comes_to():
    flood = [call for i in range(40) for call in session(LATER + i * SECOND, "desk3", "server", "Logon", port=i)]
    doing, _ = judged(flood)
    excess, typical = USAGE.excess(doing), USAGE.typical(doing)
    assert (np.diff(excess["calls"]) > 0).all()
    assert excess["calls"][0] < 0.5
    assert excess["calls"][-1] > 5
    npt.assert_allclose(typical["calls"], 1, atol=0.01)
    npt.assert_allclose(USAGE.typical(judged(session(LATER, "desk0", "server", "Logon"))[0])["targets"], 3, atol=0.5)


def test_some_of_the_calls_are_judged_as_they_are_among_all():
    doing = DOING[3]
    rows = np.array([7, 2, 20])
    for name, amounts in USAGE.surprises(doing.take(rows)).items():
        npt.assert_allclose(amounts, USAGE.surprises(doing)[name][rows], rtol=1e-12)


@given(CUTS)
def test_cutting_the_log_changes_no_surprise(cuts):
    whole = [USAGE.surprises(part) for part in DOING[:3]]
    cut = [
        USAGE.surprises(part) for part in doing_of(anew(BASELINE, slice(0, sum(len(d.role) for d in DOING[:3]))), cuts)
    ]
    for name in ("caller", "order"):
        together = [np.concatenate([amounts[name] for amounts in of]) for of in (whole, cut)]
        npt.assert_allclose(*together, rtol=1e-12)


def test_it_is_saved_whole():
    again = Usage.of_arrays(USAGE.arrays())
    for name, amounts in USAGE.surprises(DOING[0]).items():
        npt.assert_array_equal(again.surprises(DOING[0])[name], amounts)
    for name, amounts in USAGE.excess(DOING[0]).items():
        npt.assert_array_equal(again.excess(DOING[0])[name], amounts)
