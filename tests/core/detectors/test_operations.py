"""Who may call what: an office whose domain controllers replicate and whose administrator installs services."""

from __future__ import annotations

from copy import copy
from functools import cache

import numpy as np
import pytest
from baselines import DAY, HOUR, MONDAY, records
from hypothesis import given, settings
from hypothesis import strategies as st
from inventions import CUTS, SECOND
from oddlog_core.detectors.contract import FitOptions
from oddlog_core.detectors.operations import OperationsDetector
from road import answer, batches_cut

DCS = ("10.0.0.1", "10.0.0.2")
DESKS = [f"10.0.1.{i}" for i in range(1, 21)]
ADMIN = "10.0.1.99"
SERVICE = ("OpenSCManagerW", "CreateServiceW", "StartServiceW", "CloseServiceHandle")


def calls(time, source, destination, endpoint, *operations, gap=SECOND // 10, port=None):
    """Calls one after the other on one connection."""
    port = 50_000 + time // SECOND % 15_000 if port is None else port
    return [
        {
            "ts": time + i * gap,
            "id.orig_h": source,
            "id.orig_p": port,
            "id.resp_h": destination,
            "id.resp_p": 49_674,
            "named_pipe": "49674",
            "endpoint": endpoint,
            "operation": operation,
        }
        for i, operation in enumerate(operations)
    ]


def log(*sessions):
    return records("dce_rpc", sorted((row for session in sessions for row in session), key=lambda row: row["ts"]))


def day(number, seed):
    """An ordinary day."""
    rng = np.random.default_rng(seed)
    start = MONDAY + number * DAY

    def time(since, until):
        return int(start + rng.uniform(since, until) * HOUR)

    replication = ("drsuapi", "DRSBind", "DRSGetNCChanges")
    sessions = [calls(time(hour, hour + 1), DCS[i], DCS[1 - i], *replication) for hour in range(24) for i in (0, 1)]
    for desk in DESKS:
        for _ in range(6):
            dc = DCS[rng.integers(2)]
            logon = ("NetrServerReqChallenge", "NetrServerAuthenticate3", "NetrLogonSamLogonEx")
            sessions.append(calls(time(8, 17), desk, dc, "netlogon", *logon))
            sessions.append(calls(time(8, 17), desk, dc, "lsarpc", "LsarLookupNames4", "LsarLookupSids3"))
    visited = rng.choice([*DESKS, *DCS], 8)
    return sessions + [calls(time(9, 16), ADMIN, str(host), "svcctl", *SERVICE) for host in visited]


@cache
def learned():
    # The latest quarter is held back.
    whole = log(*(session for number in range(8) for session in day(number, number)))
    return OperationsDetector.fit([whole], FitOptions())


def judged(*sessions, cuts=(), per_day=0.2):
    """What is told of a day with some sessions in it, at a threshold that the held-back days hardly pass."""
    fitted = learned()
    threshold = float(np.quantile(fitted.held_back, 1 - per_day / fitted.per_day))
    whole = log(*day(8, 8), *sessions)
    return whole, answer(fitted.detector, batches_cut(whole, cuts), threshold).findings


def told_of(source, *sessions, **options):
    whole, findings = judged(*sessions, **options)
    hosts = whole.categories["id.orig_h"]
    mine = [told for told in findings if hosts.values[hosts.codes[told.record]] == source]
    return whole, mine


NOON = MONDAY + 8 * DAY + 12 * HOUR


def test_replication_by_a_workstation_is_told_of_at_the_call_with_who_may():
    whole, [told] = told_of(DESKS[3], calls(NOON, DESKS[3], DCS[0], "drsuapi", "DRSBind", "DRSGetNCChanges"))
    operation = whole.categories["operation"]
    assert operation.values[operation.codes[told.record]] in {"DRSBind", "DRSGetNCChanges"}
    by_call = {reason.seen: reason for reason in told.reasons if reason.field == "operation"}
    assert all(
        reason.expected.startswith("domain controllers (2 hosts, ") and "times)" in reason.expected
        for reason in by_call.values()
    )


def test_replication_by_a_domain_controller_is_not():
    session = calls(NOON, DCS[0], DCS[1], "drsuapi", "DRSBind", "DRSGetNCChanges")
    assert told_of(DCS[0], session)[1] == []


def test_a_service_installed_by_who_does_so_is_not_told_of_and_by_another_is():
    assert told_of(ADMIN, calls(NOON, ADMIN, DESKS[4], "svcctl", *SERVICE))[1] == []
    _, [told] = told_of(DESKS[5], calls(NOON, DESKS[5], DESKS[4], "svcctl", *SERVICE))
    assert told.reasons[0].field == "operation"


def test_an_unheard_of_order_of_usual_calls_is_told_of():
    backwards = ("NetrLogonSamLogonEx", "NetrServerAuthenticate3", "NetrServerReqChallenge", "NetrLogonSamLogonEx")
    _, findings = told_of(DESKS[6], calls(NOON, DESKS[6], DCS[0], "netlogon", *backwards))
    [reason] = [told.reasons[0] for told in findings]
    # What the baseline had of it is counted: this desk began a dozen times a day, and never so.
    assert (reason.field, reason.expected, reason.of) == ("order", 0.0, 96.0)


def test_a_flood_of_usual_calls_is_told_of_once_with_how_many_are_usual():
    logon = ("NetrServerReqChallenge", "NetrServerAuthenticate3", "NetrLogonSamLogonEx")
    many = [call for i in range(300) for call in calls(NOON + i * SECOND, DESKS[7], DCS[0], "netlogon", *logon, port=i)]
    _, [told] = told_of(DESKS[7], many)
    flood = next(reason for reason in told.reasons if reason.field.startswith("calls of netlogon Netr"))
    assert 0 < flood.expected < 4 <= flood.seen <= 300


def test_a_sweep_over_many_hosts_is_told_of():
    sweep = [
        call
        for i in range(40)
        for call in calls(NOON + i * SECOND, DESKS[8], f"10.0.7.{i}", "srvsvc", "NetrSessionEnum")
    ]
    _, [told] = told_of(DESKS[8], sweep)
    assert {reason.field for reason in told.reasons} >= {"operation"}
    # Another host that is told of asks nothing new but of very many.
    wide = [
        call
        for i in range(40)
        for call in calls(NOON + i * SECOND, DESKS[9], f"10.0.8.{i}", "lsarpc", "LsarLookupNames4", "LsarLookupSids3")
    ]
    _, [told] = told_of(DESKS[9], wide)
    assert "targets" in {reason.field for reason in told.reasons}


@pytest.mark.parametrize("operation", ["unknown-77", "77"])
def test_an_operation_without_a_name_is_told_of(operation):
    interface = "unknown-12345678-1234-1234-1234-123456789012"
    _, [told] = told_of(DESKS[10], calls(NOON, DESKS[10], DCS[0], interface, operation))
    [reason] = [reason for reason in told.reasons if reason.field == "operation"]
    assert (reason.seen, reason.expected) == (f"{interface} {operation}", None)


def unread(rows, share, *names):
    """Calls of which some have no value in some fields, as Zeek writes what it could not read."""
    rng = np.random.default_rng(5)
    return [
        {name: value for name, value in row.items() if name not in names} if rng.random() < share else row
        for row in rows
    ]


NAMES = st.sampled_from([("operation",), ("endpoint",), ("endpoint", "operation")])


@settings(max_examples=6)
@given(NAMES, st.sampled_from([0.02, 0.3, 1.0]))
def test_calls_that_were_not_read_are_no_news_nor_is_what_follows_them(names, share):
    rows = [row for session in day(8, 8) for row in session]
    threshold = float(np.quantile(learned().held_back, 1 - 0.2 / learned().per_day))
    read = answer(learned().detector, [log(rows)], threshold)
    found = answer(learned().detector, [log(unread(rows, share, *names))], threshold)
    assert len(found.findings) <= len(read.findings)
    assert max(told.score for told in found.scores) <= max(told.score for told in read.scores)
    assert {reason.seen for told in found.findings for reason in told.reasons} <= {
        reason.seen for told in read.findings for reason in told.reasons
    }


def taught_by(share):
    """What a baseline teaches of which a share of the operations could not be read."""
    rows = [row for number in range(8) for session in day(number, number) for row in session]
    return OperationsDetector.fit([log(unread(rows, share, "operation"))], FitOptions())


def test_a_baseline_that_was_read_in_part_teaches_what_was_read():
    fitted, dcsync = taught_by(0.3), calls(NOON, DESKS[3], DCS[0], "drsuapi", "DRSBind", "DRSGetNCChanges")
    assert fitted.held_back.max() < 2.0
    told = sorted(answer(fitted.detector, [log(*day(8, 8), dcsync)], np.inf).scores, key=lambda told: -told.score)
    assert told[0].subject[0] == DESKS[3]
    assert told[0].score > 10.0
    assert told[1].score < 1.0


def test_a_baseline_of_which_nothing_was_read_teaches_how_many_hosts_are_called():
    fitted, rows = taught_by(1.0), [row for session in day(8, 8) for row in session]
    sweep = [row for i in range(40) for row in calls(NOON + i * SECOND, DESKS[8], f"10.0.7.{i}", "srvsvc", "Any")]
    told = answer(fitted.detector, [log(unread([*rows, *sweep], 1.0, "operation"))], np.inf).scores
    assert max(told, key=lambda told: told.score).subject[0] == DESKS[8]


def test_what_a_host_did_earlier_in_the_day_is_no_news():
    session = ("drsuapi", "DRSBind", "DRSGetNCChanges")
    again = [calls(NOON + hour * HOUR, DESKS[3], DCS[0], *session) for hour in range(4)]
    assert len(told_of(DESKS[3], *again)[1]) == 1
    _, findings = told_of(DESKS[3], *again, calls(NOON + DAY, DESKS[3], DCS[0], *session))
    assert len(findings) == 2


@settings(max_examples=10)
@given(CUTS)
def test_cutting_the_day_changes_nothing(cuts):
    session = calls(NOON, DESKS[3], DCS[0], "drsuapi", "DRSBind", "DRSGetNCChanges")
    assert judged(session, cuts=cuts)[1] == judged(session)[1]


@given(st.floats(0, 1))
@settings(max_examples=10)
def test_a_score_before_the_close_is_never_above_the_final_one(at):
    detector, whole = learned().detector, log(*day(8, 8))
    finals = answer(detector, [whole], np.inf).scores
    threshold = float(np.quantile([told.score for told in finals], at))
    by_subject = {told.subject: told.score for told in finals}
    for told in answer(detector, [whole], threshold).findings:
        assert threshold <= told.score <= by_subject[told.subject]


def narrow(callers):
    """The detector with room for so many callers."""
    detector = copy(learned().detector)
    detector.room = 1800 * callers
    return detector


FLOODS = {
    "sources": lambda i: calls(NOON + i, f"2001:db8::{i:x}", DCS[0], "drsuapi", "DRSGetNCChanges", port=1),
    "destinations": lambda i: calls(NOON + i, DESKS[1], f"2001:db8::{i:x}", "drsuapi", "DRSGetNCChanges", port=1),
    "operations": lambda i: calls(NOON + i, DESKS[1], DCS[0], "drsuapi", f"unknown-{i}", port=1),
    "connections": lambda i: calls(NOON + i, DESKS[1], DCS[0], "svcctl", "CreateServiceW", port=i),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_what_is_remembered_of_a_flood_does_not_outgrow_its_room(kind):
    detector, sizes = narrow(64), []
    state = detector.new_state()
    for number in range(3):
        batch = log(*map(FLOODS[kind], range(2000 * number, 2000 * (number + 1))))
        detector.score_samples(batch, state, 3.0)
        exported = detector.export_state(state)
        sizes += [len(exported[name]) for name in ("known", "names", "hosts", "sessions", "told")]
        sizes += map(len, exported["trail"].values())
    assert max(sizes) <= 256
    assert detector.evicted(state) > 5000


@settings(max_examples=6)
@given(CUTS, st.sampled_from([*FLOODS]))
def test_what_has_to_go_does_not_depend_on_how_a_log_is_cut(cuts, kind):
    whole = log(*day(8, 8), *map(FLOODS[kind], range(300)))
    assert answer(narrow(16), batches_cut(whole, cuts), 8.0) == answer(narrow(16), [whole], 8.0)


def test_room_that_suffices_changes_no_score():
    detector, whole = narrow(400), log(*day(8, 8))
    state = detector.new_state()
    detector.score_samples(whole, state, np.inf)
    assert detector.evicted(state) == 0
    assert answer(detector, [whole], 3.0) == answer(learned().detector, [whole], 3.0)


def test_who_does_what_is_new_is_told_of_in_a_flood_of_others():
    flood = (FLOODS["sources"](i) for i in range(300))
    theft = calls(NOON + HOUR // 2, DESKS[3], DCS[0], "svcctl", *SERVICE)

    def score(detector, *sessions):
        return {told.subject: told.score for told in answer(detector, [log(*sessions)], np.inf).scores}[DESKS[3], NOON]

    # In which order the calls came is not known: their connection found no place.
    assert score(narrow(16), *flood, theft) > 0.5 * score(learned().detector, theft)


def test_it_says_which_roles_there_are_and_who_calls_what_is_sensitive():
    lines = learned().detector.describe()
    assert any("2 domain controllers, such as 10.0.0.1" in line for line in lines)
    assert any("drsgetncchanges (DCSync, T1003.006): domain controllers (2 hosts, 384 times)" in line for line in lines)
    assert not any("netrsessionenum" in line for line in lines)
