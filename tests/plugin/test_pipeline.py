"""The one road: however a log comes in pieces, the same comes out."""

from __future__ import annotations

import dataclasses
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oddlog.config import Config
from oddlog.judged import SCORES
from oddlog.logs import Decoder, open_logs
from oddlog.logs.batch import concat
from oddlog.notices import WEAK, message
from oddlog.packing import pack, unpack
from oddlog.pipeline import Clock, roads, threshold
from oddlog_core.budget import LOOSEST
from oddlog_core.bundle import read_bundle
from oddlog_core.detectors.autoencoder import Beside
from oddlog_core.detectors.behaviour import Behaviour, Behaviours, Map
from oddlog_core.features.flows import UsualFlows
from oddlog_core.features.relations import RELATIONS

STARTER = Path(str(files("oddlog") / "starter"))
LOGS = ("conn", "dce_rpc", "ntlm")
# So many that the sample of each log has findings, and not so many that all of it is found odd.
CONFIGS = {log: Config(notices_per_day=n) for log, n in {"conn": 100_000, "dce_rpc": 3_000, "ntlm": 6_000}.items()}
RECORDS = 700


@pytest.fixture(scope="module")
def batches(small_office):
    """The first records of each log of the attacked day, in one batch; of dce_rpc enough to close some windows."""
    found = {}
    for log in LOGS:
        whole = concat(list(open_logs([small_office.attacked]).batches(log)))
        step = len(whole) // RECORDS if log == "dce_rpc" else 1
        found[log] = whole.take(np.arange(0, RECORDS * step, step))
    return found


@pytest.fixture
def road(starter_bundle):
    def road(log):
        return roads(starter_bundle, CONFIGS[log])[log]

    return road


def told(outcomes):
    """Rows of the scores file, then candidates: each detector's in order, whose turn it is follows from the cuts."""
    outcomes = list(outcomes)
    rows = [row for outcome in outcomes for scores in outcome.scores for row in scores.to_pylist()]
    findings = [one.tell() for outcome in outcomes for one in outcome.candidates]
    return sorted(rows, key=lambda row: row["detector"]), sorted(findings, key=lambda finding: finding.detector)


def take(road, batch, cuts=()):
    edges = [0, *sorted(cuts), len(batch)]
    for start, stop in pairwise(edges):
        yield from road.take(batch.slice(start, stop - start))


def whole(road, batch, cuts=()):
    rows, findings = told(take(road, batch, cuts))
    more_rows, more_findings = told(road.close())
    return (
        sorted(rows + more_rows, key=lambda row: row["detector"]),
        sorted(findings + more_findings, key=lambda finding: finding.detector),
    )


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("size", [1, 7, 333])
def test_cutting_a_log_never_changes_a_score_or_a_finding(road, batches, log, size):
    expected = whole(road(log), batches[log])
    assert min(map(len, expected)) > 0
    assert whole(road(log), batches[log], range(size, RECORDS, size)) == expected


@pytest.mark.parametrize("log", LOGS)
@settings(max_examples=15)
@given(cuts=st.sets(st.integers(0, RECORDS), max_size=20))
def test_no_cut_changes_a_score_or_a_finding(starter_bundle, batches, log, cuts):
    once, cut = (roads(starter_bundle, CONFIGS[log])[log] for _ in range(2))
    assert whole(cut, batches[log], cuts) == whole(once, batches[log])


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("at", [0, 1, 250, RECORDS])
def test_a_road_restored_midway_goes_on_as_if_it_had_never_stopped(road, batches, log, at):
    first, rest = batches[log].slice(0, at), batches[log].slice(at)
    left = road(log)
    told(left.take(first))
    exported = pack(left.export())
    expected = whole(left, rest)
    resumed = road(log)
    resumed.restore(unpack(exported))
    assert whole(resumed, rest) == expected
    assert resumed.clock.now == left.clock.now
    assert resumed.clock.counted == left.clock.counted


def test_what_was_exported_does_not_change_as_the_road_goes_on(road, batches):
    for log in LOGS:
        left = road(log)
        told(left.take(batches[log].slice(0, 300)))
        exported = left.export()
        before = pack(exported)
        told(left.take(batches[log].slice(300)))
        assert pack(exported) == before


@pytest.mark.parametrize("log", LOGS)
def test_scores_are_rows_of_the_contract(road, batches, log):
    taken = road(log)
    outcomes = [*taken.take(batches[log]), *taken.close()]
    assert all(scores.schema == SCORES for outcome in outcomes for scores in outcome.scores)
    rows, _ = told(outcomes)
    assert {row["log"] for row in rows} == {log}
    assert all(0 < row["p_value"] <= 1 and row["rarity"] > 0 for row in rows)
    if log == "dce_rpc":
        assert {row["window_s"] for row in rows} == {3600.0}
        assert len({(row["detector"], row["orig_h"], row["ts"]) for row in rows}) == len(rows)
        assert {row["uid"] for row in rows} == {row["resp_h"] for row in rows} == {None}
    else:
        assert [row["uid"] for row in rows] == batches[log].table["uid"].to_pylist()
        assert {row["window_s"] for row in rows} == {None}


@pytest.mark.parametrize("log", LOGS)
def test_a_candidate_is_what_passes_the_loosest_threshold_and_tells_of_its_record(road, batches, log, starter_bundle):
    rows, findings = whole(road(log), batches[log])
    days = min(LOOSEST * threshold(starter_bundle, CONFIGS[log]), WEAK)
    trained = {name: one for name, one in starter_bundle.trained.items() if one.detector.log == log}
    # A host-window is told of as a whole, or by the record in it that decided.
    key, whole_of = ("detector", "ts", "orig_h"), 3_600_000_000
    if log != "dce_rpc":
        key, whole_of = (*key, "uid", "resp_h"), 1
    odd = {tuple(row[name] for name in key) for row in rows if row["rarity"] >= days}
    assert {name for name, *_ in odd} == set(trained)
    found = [
        tuple({"ts": finding.ts // whole_of * whole_of / 1e6}.get(name) or getattr(finding, name) for name in key)
        for finding in findings
    ]
    assert set(found) == odd
    assert all((finding.uid is None) == (not finding.record) for finding in findings)
    assert all((finding.reasons or not finding.score) and finding.rarity >= days for finding in findings)
    # Of a host-window there may be several candidates, and the queue tells of one.
    assert len({finding.id for finding in findings}) == len(findings) or log == "dce_rpc"
    assert {finding.bundle for finding in findings} == {starter_bundle.digest}


def test_a_connections_finding_is_set_beside_what_the_baseline_had(batches):
    bundle = read_bundle(STARTER)
    detector, records = bundle.trained["conn-autoencoder"].detector, Clock("end").records(batches["conn"])
    flows = UsualFlows.learn([records])
    kinds = [Behaviour(0.5, [("dns", 1.0)], [], [("inside", 1.0)], 0.0, 0.0, None, None, None)]
    detector.beside = Beside(flows, Behaviours([1.0], [[0.0]], [0], kinds, Map([(0.0, 0.0)], [0], (1.0, 0.0))))
    _, findings = whole(roads(bundle, CONFIGS["conn"])["conn"], batches["conn"])
    assert findings
    for finding in findings:
        assert finding.context.usual in flows.of[finding.orig_h]
        assert finding.context.behaviour is kinds[0]
        assert set(finding.context.often) == set(RELATIONS)
        for reason in finding.reasons:
            if reason.field in RELATIONS:
                assert finding.context.often[reason.field] == (reason.seen, reason.of)


def test_findings_come_in_clock_order_and_none_before_its_record(road, batches):
    for log in LOGS:
        _, findings = whole(road(log), batches[log], range(100, RECORDS, 100))
        clocks = [finding.clock for finding in findings]
        assert all(finding.clock >= finding.ts for finding in findings)
        if log != "dce_rpc":
            assert clocks == sorted(clocks)


def test_a_flood_is_told_of_as_its_parts_are_and_a_link_of_it_holds_on_to_few_of_its_records(starter_bundle):
    call = '{"_path":"conn","ts":%d.0,"uid":"C%d","id.orig_h":"10.1.%d.%d","id.resp_h":"203.0.113.9","id.resp_p":%d}\n'
    lines = "".join(call % (1_700_000_000 + i // 50, i, i >> 8, i & 255, i) for i in range(5000))
    (batch,) = Decoder("conn.log").feed(lines.encode())
    config = Config(notices_per_day=1_000_000)
    (whole,) = roads(starter_bundle, config)["conn"].take(batch)
    told_of = [*whole.candidates]
    parts = take(roads(starter_bundle, config)["conn"], batch, range(100, 5000, 100))
    assert len(told_of) == len(batch)
    assert [one.tell() for one in told_of[:200]] == [one.tell() for outcome in parts for one in outcome.candidates][
        :200
    ]
    link, held = told_of[-1], told_of[-1].record.func.__self__
    assert link.record()["uid"] == "C4999"
    assert held.batch is held.judged.batch is None
    assert len(held._records) == len(held.judged.scored.evidence.records) <= 128


def test_a_time_a_day_away_is_counted_and_leaves_the_clock(logons):
    now, day = 1_700_000_000, 86_400
    times = [now, now + 5, now - 2 * day, now + 400 * day, now + 6]
    clock = Clock("end")
    (batch,) = Decoder("ntlm.log").feed(logons(*({"ts": moment} for moment in times)))
    records = clock.records(batch)
    assert clock.counted == {"records": 5, "bad": 2, "late": 1, "back": 0}
    assert list(records.clock) == [moment * 1_000_000 for moment in (now, now + 5, now + 5, now + 5, now + 6)]
    assert clock.now == (now + 6) * 1_000_000


def test_a_batch_within_which_the_clock_is_moved_back_is_cut_there(logons, logon_bundle):
    now, day = 1_700_000_000, 86_400
    back = [now - 3 * day + second for second in (0, 1, 2, 3, 9)]
    (batch,) = Decoder("ntlm.log").feed(logons(*({"ts": moment} for moment in (now, now + 5, *back))))
    seconds = 1_000_000
    expected = [(now, now + 5, False), (back[3], back[4], True)]
    for cuts in ([], [4], [2, 5]):
        road = roads(logon_bundle, Config())["ntlm"]
        spans = [(one.since // seconds, one.until // seconds, one.fell) for one in take(road, batch, cuts)]
        epochs = [0, *(i for i, span in enumerate(spans) if span[2]), len(spans)]
        assert [(spans[i][0], spans[j - 1][1], spans[i][2]) for i, j in pairwise(epochs)] == expected


def test_a_conn_logs_clock_is_the_end_or_the_start_as_told():
    line = b'{"_path":"conn","ts":1700000000.0,"uid":"C1","duration":60.0,"conn_state":"SF"}\n'
    ends = {}
    for order in ("end", "start"):
        clock = Clock(order)
        (batch,) = Decoder("conn.log").feed(line)
        clock.records(batch)
        ends[order] = clock.now / 1e6
    assert ends == {"end": 1700000060.0, "start": 1700000000.0}


def test_what_a_record_leaves_unset_is_not_made_up(starter_bundle):
    line = b'{"_path":"conn","ts":1700000000.0,"uid":"C1","id.orig_h":"10.0.0.1","conn_state":"OTH"}\n'
    (batch,) = Decoder("conn.log").feed(line)
    _, (finding,) = told(roads(starter_bundle, Config(notices_per_day=1_000_000))["conn"].take(batch))
    assert finding.proto is finding.resp_h is finding.resp_p is finding.service is None
    assert set(finding.record) == {"ts", "uid", "id.orig_h", "conn_state"}


def test_calls_as_regular_as_a_machines_are_told_with_their_interval(starter_bundle):
    call = '{"_path":"conn","ts":%d.0,"uid":"C%d","id.orig_h":"10.0.0.1","id.resp_h":"203.0.113.9","id.resp_p":443}\n'
    lines = "".join(call % (1_700_000_000 + 300 * i, i) for i in range(25))
    (batch,) = Decoder("conn.log").feed(lines.encode())
    _, findings = told(roads(starter_bundle, Config(notices_per_day=1_000_000))["conn"].take(batch))
    assert findings[0].beat is None
    assert findings[-1].beat == pytest.approx((300.0, 0.0, 7200.0), abs=0.5)
    assert "It has been calling there every 300 s for at least 2 h." in message(findings[-1])


def test_one_rarity_is_the_loosest_threshold_of_all_detectors_and_follows_from_the_budget(starter_bundle):
    for n in (20, 100_000):
        config = Config(notices_per_day=n)
        days = threshold(starter_bundle, config)
        found = roads(starter_bundle, config)
        assert set(found) == set(LOGS)
        for log in LOGS:
            mine = [one for one in starter_bundle.trained.values() if one.detector.log == log]
            assert list(found[log]._thresholds.values()) == [one.threshold(LOOSEST * days) for one in mine]


def test_without_a_counted_budget_detectors_and_chains_share_it_evenly(starter_bundle):
    uncounted = dataclasses.replace(starter_bundle, budget=None)
    assert threshold(uncounted, Config(notices_per_day=20)) == (len(starter_bundle.trained) + 1) / 20
    unchained = dataclasses.replace(uncounted, chains=None)
    assert threshold(unchained, Config(notices_per_day=20)) == len(starter_bundle.trained) / 20
