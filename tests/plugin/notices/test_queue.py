"""The queue: one notice for one thing, chains, and never a flood; whatever it was restored from."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oddlog.notices import Candidate, Finding, Queue, json_line
from oddlog_core.calibration import Calibration
from oddlog_core.chains import Chains

HOUR = 3_600_000_000
DAY = 24 * HOUR
# Chains as odd as 5 nats come once a day, odder ones less often.
CHAINS = Chains(HOUR, 7.0, {}, Calibration([0.0, 5.0], [1.0, 1 / 100], 5.0, 1 / 100, 1.0, 0.0, 100.0, 700))


def candidate(
    clock, *, odd=True, rarity=2.0, source="10.0.0.1", target="10.0.0.9", port=445, note="Odd_Connection", log="conn"
):
    about = {"id.orig_h": source, "id.resp_h": target, "id.resp_p": port, "ts": clock}
    found = Finding(
        log=log,
        detector="d",
        note=note,
        clock=clock,
        ts=clock,
        uid=f"C{clock}",
        orig_h=source,
        orig_p=50000,
        resp_h=target,
        resp_p=port,
        proto="tcp",
        service=None,
        username=None,
        window=None,
        score=1.0,
        rarity=rarity,
        reasons=(),
        bundle="b",
        record=about,
    )
    return Candidate(note, "d", log, clock, rarity, odd, source, target, port, lambda: found)


def queue(chains=None, *, days=1.0, suppress_for=3600.0, ceiling=100):
    return Queue(chains, days, suppress_for, ceiling)


def said(waiting, candidates, *, end=True):
    found = [one for candidate in candidates for one in waiting.take(candidate)]
    return found + (waiting.all_due() if end else [])


def test_the_same_thing_within_its_time_is_one_notice_and_a_count():
    first, again = said(queue(), [candidate(0), candidate(10), candidate(20)])
    assert (first.n, again.n) == (1, 2)
    assert again.clock == HOUR
    assert again.said.startswith("2 more like the one of 00:00:00 UTC: ")
    assert first.id != again.id


def test_after_its_time_it_is_told_anew():
    told = said(queue(), [candidate(0), candidate(HOUR), candidate(2 * HOUR)])
    assert [(one.clock, one.n) for one in told] == [(0, 1), (HOUR, 1), (2 * HOUR, 1)]


def test_what_goes_on_is_said_again_after_twice_as_long_each_time():
    minutes = [candidate(at) for at in range(0, 8 * HOUR, HOUR // 60)]
    told = said(queue(), minutes)
    assert [one.clock // HOUR for one in told] == [0, 1, 3, 7, 15]
    assert [one.n for one in told] == [1, 59, 120, 240, 60]


def test_what_has_become_a_hundred_times_as_rare_is_told_at_once():
    told = said(queue(), [candidate(0), candidate(1, rarity=199.0), candidate(2, rarity=200.0), candidate(3)])
    assert [(one.clock, one.n) for one in told[:2]] == [(0, 1), (2, 1)]
    assert [one.n for one in told[2:]] == [2]


@pytest.mark.parametrize("other", [{"source": "10.0.0.2"}, {"target": "10.0.0.8"}, {"port": 22}, {"note": "Odd_Flow"}])
def test_another_source_target_port_or_type_is_another_thing(other):
    assert len(said(queue(), [candidate(0), candidate(1, **other)])) == 2


def test_past_the_ceiling_a_days_findings_are_summed_up_and_not_lost():
    flood = [candidate(i, target=f"10.1.0.{i}") for i in range(30)]
    *told, rest = said(queue(ceiling=10), [*flood, candidate(DAY, target="10.2.0.1")])
    assert [one.n for one in told[:10]] == [1] * 10
    summed_up = [one for one in (*told, rest) if one.detector == "queue"]
    assert [one.n for one in summed_up] == [20]
    assert "20 more findings of this type on 1970-01-01 UTC, after the 10 that were told" in summed_up[0].said
    assert "10.0.0.1 (20)" in summed_up[0].said


def test_weak_findings_that_chain_are_an_incident_together():
    weak = [candidate(i, odd=False, rarity=0.2, target=f"10.0.0.{i}") for i in range(10, 14)]
    incident, *_ = said(queue(CHAINS), weak)
    assert incident.note == "Incident"
    assert incident.orig_h == "10.0.0.1"
    assert [link["dst"] for link in incident.links] == [f"10.0.0.{i}" for i in range(10, 10 + incident.n)]
    line = json.loads(json_line(incident, 3600.0))
    assert line["n"] == len(line["oddlog"]["chain"]) == incident.n
    assert line["msg"].startswith(f"From 10.0.0.1 {incident.n} odd things within ")


def test_a_finding_that_is_rarer_than_the_incident_is_not_kept_for_later():
    weak = [candidate(i, odd=False, rarity=0.2, target=f"10.0.0.{i}") for i in range(10, 13)]
    strong = [candidate(i, rarity=500.0, target=f"10.0.0.{i}") for i in (13, 14)]
    incident, finding, *later = said(queue(CHAINS), [*weak, *strong])
    assert (incident.note, incident.clock) == ("Incident", 11)
    assert (finding.rarity, finding.clock) == (500.0, 13)
    assert [(one.note, one.n) for one in later] == [("Incident", 3)]


def test_an_incident_is_at_least_as_rare_as_its_rarest_link():
    weak = [candidate(i, odd=False, rarity=0.2, target=f"10.0.0.{i}") for i in range(10, 13)]
    _, incident, *_ = said(queue(CHAINS), [candidate(9, rarity=500.0, target="10.0.0.9"), *weak])
    assert (incident.note, incident.clock) == ("Incident", 10)
    assert incident.rarity == 500.0


def test_weak_findings_far_apart_are_nothing():
    weak = [candidate(i * HOUR, odd=False, rarity=0.2, target=f"10.0.0.{i}") for i in range(10, 14)]
    assert said(queue(CHAINS), weak) == []


def test_one_thing_that_comes_again_is_no_chain():
    assert said(queue(CHAINS), [candidate(i, odd=False, rarity=0.2) for i in range(50)]) == []


def scan(n, **about):
    return [candidate(i, target=f"10.1.{i >> 8}.{i & 255}", **about) for i in range(n)]


def test_what_belongs_to_an_incident_that_was_told_is_counted_there_and_not_told_by_itself():
    *first, incident, again = said(queue(CHAINS), scan(30))
    assert 0 < len(first) < 4
    assert incident.note == again.note == "Incident"
    # The link that made it an incident is in its chain.
    assert incident.n == len(first) + 1
    assert len(first) + 1 + again.n == 30
    assert again.said.startswith("From 10.0.0.1 28 more odd things after the incident of 00:00:00 UTC. 00:00:00 ")
    assert again.said.endswith(" And 22 more.")
    assert len(json.loads(json_line(again, 3600.0))["oddlog"]["chain"]) == 6


def test_what_is_a_hundred_times_as_rare_as_its_incident_is_told_by_itself():
    told = said(queue(CHAINS), [*scan(30), candidate(31, rarity=1e6, target="10.9.9.9")])
    assert [one.rarity for one in told if one.resp_h == "10.9.9.9" and one.note != "Incident"] == [1e6]


def test_a_scan_of_more_than_makes_links_is_counted_to_the_last():
    waiting = queue(CHAINS, ceiling=1000)
    told = said(waiting, scan(2000))
    assert len(told) < 10
    assert sum(one.n for one in told if one.name is None) + told[-1].n + 1 == 2000
    assert waiting.suppressed["Oddlog::Odd_Connection"] == 2000 - sum(one.name is None for one in told)


def test_how_often_a_thing_came_before_its_incident_is_said_by_that():
    twice = [candidate(0), candidate(1), candidate(2)]
    *_, incident, again = said(queue(CHAINS), [*twice, *scan(30)])
    assert (incident.note, again.note) == ("Incident", "Incident")
    assert "like the one of" not in "".join(one.said or "" for one in (incident, again))


def test_without_a_time_in_which_things_are_one_each_is_told():
    told = said(queue(CHAINS, suppress_for=0), scan(30))
    assert sum(one.note != "Incident" for one in told) == 30


CANDIDATES = st.lists(
    st.tuples(st.integers(0, 3 * HOUR), st.booleans(), st.sampled_from([0.01, 0.3, 2.0]), st.integers(1, 4)),
    max_size=40,
).map(
    lambda rows: [
        candidate(clock, odd=odd, rarity=rarity, target=f"10.0.0.{target}")
        for clock, odd, rarity, target in sorted(rows)
    ]
)


@settings(max_examples=40)
@given(CANDIDATES, st.integers(0, 40))
def test_a_state_that_was_exported_goes_on_as_if_never_interrupted(candidates, at):
    whole = queue(CHAINS, ceiling=3)
    expected = said(whole, candidates)
    first, second = queue(CHAINS, ceiling=3), queue(CHAINS, ceiling=3)
    told = said(first, candidates[:at], end=False)
    second.restore(json.loads(json.dumps(first.export())))
    told += said(second, candidates[at:])
    assert [json_line(one, 3600.0) for one in told] == [json_line(one, 3600.0) for one in expected]


@settings(max_examples=40)
@given(CANDIDATES)
def test_every_finding_is_told_or_counted(candidates):
    told = said(queue(ceiling=3), candidates)
    assert sum(one.n for one in told) == sum(one.odd for one in candidates)


@settings(max_examples=40)
@given(CANDIDATES)
def test_every_finding_is_told_or_counted_or_a_link_of_an_incident(candidates):
    told = said(queue(CHAINS), candidates)
    again = [one for one in told if one.repeats]
    links = {link["id"] for one in told for link in one.links if one not in again}
    ids = {one.id for one in told}
    not_told = [one for one in candidates if one.odd and not {one.tell().id} & (ids | links)]
    assert len(not_told) <= sum(one.n for one in again)


BOTH_LOGS = st.lists(st.tuples(st.sampled_from(["conn", "ntlm"]), st.booleans(), st.integers(1, 12)), max_size=60)


@settings(max_examples=60)
@given(BOTH_LOGS, st.randoms(use_true_random=False))
def test_what_is_said_of_a_logs_findings_hangs_on_that_log_alone(rows, chance):
    made = [
        candidate(i, odd=odd, rarity=2.0 if odd else 0.2, target=f"10.0.0.{target}", log=log)
        for i, (log, odd, target) in enumerate(rows)
    ]
    by_log = {log: [one for one in made if one.log == log] for log in ("conn", "ntlm")}
    order = [one.log for one in made]
    chance.shuffle(order)
    mixed = [by_log[log].pop(0) for log in order]
    one, other = said(queue(CHAINS), made), said(queue(CHAINS), mixed)
    for log in ("conn", "ntlm"):
        lines = [
            [json_line(each, 3600.0) for each in told if each.log == log and each.note != "Incident"]
            for told in (one, other)
        ]
        assert lines[0] == lines[1]
