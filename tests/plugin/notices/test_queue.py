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


def candidate(clock, *, odd=True, rarity=2.0, source="10.0.0.1", target="10.0.0.9", port=445, note="Odd_Connection"):
    about = {"id.orig_h": source, "id.resp_h": target, "id.resp_p": port, "ts": clock}
    found = Finding(
        log="conn",
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
    return Candidate(note, "d", "conn", clock, rarity, odd, source, target, port, lambda: found)


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


def test_what_has_become_ten_times_as_rare_is_told_at_once():
    told = said(queue(), [candidate(0), candidate(1, rarity=19.0), candidate(2, rarity=20.0), candidate(3)])
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


def test_weak_findings_far_apart_are_nothing():
    weak = [candidate(i * HOUR, odd=False, rarity=0.2, target=f"10.0.0.{i}") for i in range(10, 14)]
    assert said(queue(CHAINS), weak) == []


def test_one_thing_that_comes_again_is_no_chain():
    assert said(queue(CHAINS), [candidate(i, odd=False, rarity=0.2) for i in range(50)]) == []


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
