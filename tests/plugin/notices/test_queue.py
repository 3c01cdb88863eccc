"""The queue: one notice for one thing, chains, and never a flood; whatever it was restored from."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oddlog.notices import Candidate, Finding, Queue, json_line, memory
from oddlog_core.calibration import Calibration
from oddlog_core.chains import Chains

HOUR = 3_600_000_000
DAY = 24 * HOUR
# Chains as odd as 5 nats come once a day, odder ones less often.
CHAINS = Chains(HOUR, 7.0, {}, Calibration([0.0, 5.0], [1.0, 1 / 100], 5.0, 1 / 100, 1.0, 0.0, 100.0, 700))


def candidate(
    clock,
    *,
    odd=None,
    rarity=2.0,
    source="10.0.0.1",
    target="10.0.0.9",
    port=445,
    note="Odd_Connection",
    log="conn",
    since=None,
    final=True,
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
    return Candidate(
        note, "d", log, clock, rarity, odd, source, target, port, lambda: about, lambda: found, since, final
    )


def queue(chains=None, *, days=1.0, suppress_for=3600.0, ceiling=100, shares=None):
    return Queue(chains, days, suppress_for, ceiling, shares or {})


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
    weak = [candidate(i, rarity=0.2, target=f"10.0.0.{i}") for i in range(10, 14)]
    incident, *_ = said(queue(CHAINS), weak)
    assert incident.note == "Incident"
    assert incident.orig_h == "10.0.0.1"
    assert [link["dst"] for link in incident.links] == [f"10.0.0.{i}" for i in range(10, 10 + incident.n)]
    line = json.loads(json_line(incident, 3600.0))
    assert line["n"] == len(line["oddlog"]["chain"]) == incident.n
    assert line["msg"].startswith(f"From 10.0.0.1 {incident.n} odd things within ")
    assert "; none is rare alone. 00:00:00 " in line["msg"]


def test_a_finding_that_is_rarer_than_the_incident_is_not_kept_for_later():
    weak = [candidate(i, rarity=0.2, target=f"10.0.0.{i}") for i in range(10, 13)]
    strong = [candidate(i, rarity=500.0, target=f"10.0.0.{i}") for i in (13, 14)]
    incident, finding, *later = said(queue(CHAINS), [*weak, *strong])
    assert (incident.note, incident.clock) == ("Incident", 11)
    assert (finding.rarity, finding.clock) == (500.0, 13)
    assert [(one.note, one.n) for one in later] == [("Incident", 3)]


def test_an_incident_is_at_least_as_rare_as_its_rarest_link():
    weak = [candidate(i, rarity=0.2, target=f"10.0.0.{i}") for i in range(10, 13)]
    _, incident, *_ = said(queue(CHAINS), [candidate(9, rarity=500.0, target="10.0.0.9"), *weak])
    assert (incident.note, incident.clock) == ("Incident", 10)
    assert incident.rarity == 500.0
    assert "; the rarest alone comes once in 500 days. " in incident.said


def test_weak_findings_far_apart_are_nothing():
    weak = [candidate(i * HOUR, rarity=0.2, target=f"10.0.0.{i}") for i in range(10, 14)]
    assert said(queue(CHAINS), weak) == []


def test_one_thing_that_comes_again_is_no_chain():
    assert said(queue(CHAINS), [candidate(i, rarity=0.2) for i in range(50)]) == []


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


def test_a_chain_of_which_most_was_told_around_another_end_is_counted_there():
    sprayed = [candidate(i, rarity=0.2, port=1000 + i) for i in range(20)]
    # What also comes to the target makes the chain around it the oddest.
    others = [candidate(20 + i, rarity=0.2, source=f"10.0.1.{i}") for i in range(3)]
    incident, again = said(queue(CHAINS), [*sprayed, *others])
    assert incident.said.startswith("From 10.0.0.1 ")
    assert again.said.startswith(f"From 10.0.0.1 {23 - incident.n} more odd things after the incident of ")


def test_a_chain_around_another_end_of_which_less_was_told_is_another_incident():
    sprayed = [candidate(i, rarity=0.2, target=f"10.0.0.{i}") for i in range(20)]
    others = [candidate(20 + i, rarity=0.2, target="10.0.0.19", source=f"10.0.1.{i}") for i in range(5)]
    told = said(queue(CHAINS), [*sprayed, *others])
    assert [one.said.split(" more ")[0].split(" odd ")[0] for one in told] == [
        f"From 10.0.0.1 {told[0].n}",
        f"At 10.0.0.19 {told[1].n}",
        f"From 10.0.0.1 {told[2].n}",
        f"At 10.0.0.19 {told[3].n}",
    ]


def test_a_log_whose_clock_is_ahead_makes_no_incident_new_nor_part_of_another_logs():
    waiting = queue(CHAINS)
    weak = [candidate(i, rarity=0.2, target=f"10.0.0.{i}", log="ntlm") for i in range(20)]
    ahead = [candidate(DAY + i, rarity=0.05, source="10.0.7.7", target=f"10.0.2.{i}") for i in range(20)]
    mixed = [one for pair in zip(weak, ahead, strict=True) for one in pair]
    told = said(waiting, mixed, end=False)
    assert [one.orig_h for one in told if one.note == "Incident"].count("10.0.0.1") == 1
    far = candidate(2 * DAY, rarity=0.2, target="10.0.0.99")
    assert said(waiting, [far, candidate(30, rarity=0.2, target="10.0.0.98", log="ntlm")], end=False) == []


def test_what_chains_in_a_log_does_so_though_another_logs_clock_is_far_off():
    weak = [candidate(i, rarity=0.2, target=f"10.0.0.{i}") for i in range(20)]
    far = candidate(DAY, rarity=0.05, log="ntlm")
    alone, disturbed = (said(queue(CHAINS), rows) for rows in (weak, [weak[0], far, *weak[1:2], far, *weak[2:]]))
    ids = [[one.id for one in told if one.log == "conn"] for told in (alone, disturbed)]
    assert len(ids[0]) > 1
    assert ids[0] == ids[1]


def test_how_much_rarer_a_thing_has_become_counts_as_far_as_its_detector_can_say():
    known = [replace(one, supported=14.0) for one in (candidate(0, rarity=2.0), candidate(1, rarity=1e6))]
    assert [one.n for one in said(queue(), known)] == [1, 1]
    assert [one.repeats for one in said(queue(), known)] == [False, True]
    windows = [replace(one, since=0, final=False) for one in known]
    assert [one.clock for one in said(queue(), windows)] == [0]


def test_repetitions_are_notices_too_and_past_the_ceiling_summed_up():
    twice = [candidate(at, target=f"10.1.0.{i}") for at in (0, 1) for i in range(10)]
    told = said(queue(ceiling=15), twice)
    assert [one.repeats for one in told] == [False] * 10 + [True] * 6
    assert "5 more findings of this type on 1970-01-01 UTC, after the 15 that were told" in told[-1].said
    assert sum(one.n for one in told) == 20


def test_without_a_time_in_which_things_are_one_each_is_told():
    told = said(queue(CHAINS, suppress_for=0), scan(30))
    assert sum(one.note != "Incident" for one in told) == 30


def test_what_a_detector_knows_by_itself_is_told_whatever_the_budget():
    known = [candidate(0, odd=True, rarity=0.1), candidate(1, odd=False, rarity=9.0, target="10.0.0.8")]
    assert [one.resp_h for one in said(queue(shares={"conn": 20.0}), known)] == ["10.0.0.9"]


def flood(often, days, rarities):
    """So many findings a day of things of their own, at even times, for so many days."""
    return [
        candidate(i * DAY // often, rarity=rarities[i % len(rarities)], target=f"10.{i >> 8}.{i & 255}.1")
        for i in range(often * days)
    ]


def test_a_log_with_much_to_tell_of_keeps_to_its_share_by_asking_for_more():
    # At the usual pace half of them would be told.
    told = said(queue(shares={"conn": 20.0}), flood(100, 5, [0.5, 2.0, 0.7, 3.0]))
    days = Counter(one.clock // DAY for one in told)
    assert all(15 <= days[day] <= 40 for day in range(5))
    assert {one.rarity for one in told if one.clock >= DAY} == {3.0}


def test_a_log_with_little_to_tell_of_has_more_told_by_asking_for_less():
    told = said(queue(shares={"conn": 20.0}), flood(40, 5, [0.3]))
    assert all(10 <= days <= 40 for days in Counter(one.clock // DAY for one in told).values())
    assert said(queue(), flood(40, 5, [0.3])) == []
    assert said(queue(shares={"conn": 20.0}), flood(40, 5, [0.12])) == []


def test_what_is_much_rarer_is_told_at_any_pace():
    assert len(said(queue(shares={"conn": 20.0}, ceiling=1000), flood(500, 1, [4.0]))) == 500


def test_what_comes_again_is_counted_at_any_pace():
    first, *others, again = said(
        queue(shares={"conn": 1.0}), [*scan(4, rarity=1.0), *[candidate(9, target="10.1.0.0", rarity=1.0)] * 50]
    )
    assert others == []
    assert (first.resp_h, again.n) == ("10.1.0.0", 50)


def test_what_belongs_to_an_incident_is_counted_at_any_pace():
    told = said(queue(CHAINS, shares={"conn": 1.0}), scan(2000, rarity=1.0))
    assert sum(one.n for one in told if one.name is None) + told[-1].n + 1 == 2000


@pytest.mark.parametrize("logs", [["conn"] * 4, ["conn", "ntlm", "dce_rpc", "flow"]])
def test_incidents_keep_to_a_share_of_the_budget_too(logs):
    # Of chains that are little rarer than usual there is one an hour.
    usual = Chains(HOUR, 7.0, {}, Calibration([0.0, 5.0], [1.0, 1 / 100], 5.0, 1 / 100, 60.0, 0.0, 100.0, 700))
    links = [
        candidate(hour * HOUR + i, rarity=0.12, source=f"10.3.0.{hour}", target=f"10.3.{hour}.{i}", log=log)
        for hour in range(60)
        for i, log in enumerate(logs)
    ]
    without, kept = said(queue(usual), links), said(queue(usual, shares={"conn": 1.0, "Incident": 1.0}), links)
    assert {one.note for one in (*without, *kept)} == {"Incident"}
    assert 1 <= len(kept) < len(without) / 4


def window(clock, rarity, *, final=False, since=0, **about):
    return candidate(clock, rarity=rarity, since=since, final=final, target=None, port=None, **about)


def test_a_host_window_is_told_of_once_early_or_when_it_has_closed():
    growing = [window(1, 0.5), window(2, 1.5), window(3, 100.0), window(HOUR, 140.0, final=True)]
    assert [one.clock for one in said(queue(), growing)] == [2]
    assert [one.clock for one in said(queue(), [window(1, 0.5), window(HOUR, 1.5, final=True)])] == [HOUR]
    much = [*growing, window(HOUR, 150.0, final=True)]
    assert [one.rarity for one in said(queue(), much) if not one.repeats] == [1.5, 150.0]
    later = [*growing, window(HOUR + 1, 300.0, since=HOUR), window(2 * HOUR, 300.0, since=HOUR, final=True)]
    assert [(one.clock, one.n) for one in said(queue(suppress_for=1800.0), later)] == [(2, 1), (HOUR + 1, 1)]


def test_a_host_window_that_has_not_closed_is_no_weak_link():
    open_ = [window(i, 0.2, source=f"10.0.0.{i // 4}", note=f"Odd_{i % 4}") for i in range(4, 12)]
    assert said(queue(CHAINS), open_) == []


FINDINGS = st.lists(
    st.tuples(st.integers(0, 3 * HOUR), st.sampled_from([0.01, 0.3, 2.0]), st.integers(1, 4)), max_size=40
).map(
    lambda rows: [candidate(clock, rarity=rarity, target=f"10.0.0.{target}") for clock, rarity, target in sorted(rows)]
)
WINDOWS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([0.3, 2.0, 9.0]), st.integers(1, 3), st.booleans()), max_size=40
).map(
    lambda rows: [
        window(
            (hour + final) * HOUR, rarity, since=hour * HOUR, final=final, source=f"10.0.0.{source}", note="Odd_Host"
        )
        for hour, rarity, source, final in sorted(rows, key=lambda row: (row[0] + row[3], not row[3]))
    ]
)


def by_clock(*some):
    return sorted((one for candidates in some for one in candidates), key=lambda one: one.clock)


@settings(max_examples=40)
@given(st.builds(by_clock, FINDINGS, WINDOWS), st.integers(0, 80))
def test_a_state_that_was_exported_goes_on_as_if_never_interrupted(candidates, at):
    first, second, whole = (queue(CHAINS, ceiling=3, shares={"conn": 50.0}) for _ in range(3))
    expected = said(whole, candidates)
    told = said(first, candidates[:at], end=False)
    second.restore(json.loads(json.dumps(first.export())))
    told += said(second, candidates[at:])
    assert [json_line(one, 3600.0) for one in told] == [json_line(one, 3600.0) for one in expected]


@settings(max_examples=40)
@given(FINDINGS)
def test_every_finding_is_told_or_counted(candidates):
    told = said(queue(ceiling=3), candidates)
    assert sum(one.n for one in told) == sum(one.rarity >= 1 for one in candidates)


@settings(max_examples=40)
@given(FINDINGS)
def test_every_finding_is_told_or_counted_or_a_link_of_an_incident(candidates):
    told = said(queue(CHAINS), candidates)
    again = [one for one in told if one.repeats]
    links = {link["id"] for one in told for link in one.links if one not in again}
    ids = {one.id for one in told}
    not_told = [one for one in candidates if one.rarity >= 1 and not {one.tell().id} & (ids | links)]
    assert len(not_told) <= sum(one.n for one in again)


BOTH_LOGS = st.lists(
    st.tuples(st.sampled_from(["conn", "ntlm"]), st.sampled_from([0.2, 2.0]), st.integers(1, 12)), max_size=60
)


@settings(max_examples=60)
@given(BOTH_LOGS, st.randoms(use_true_random=False))
def test_what_is_said_of_a_logs_findings_hangs_on_that_log_alone(rows, chance):
    made = [
        candidate(i * HOUR // 10, rarity=rarity, target=f"10.0.0.{target}", log=log)
        for i, (log, rarity, target) in enumerate(rows)
    ]
    by_log = {log: [one for one in made if one.log == log] for log in ("conn", "ntlm")}
    order = [one.log for one in made]
    chance.shuffle(order)
    mixed = [by_log[log].pop(0) for log in order]
    one, other = (said(queue(CHAINS, shares={"conn": 30.0, "ntlm": 9.0}), order) for order in (made, mixed))
    for log in ("conn", "ntlm"):
        lines = [
            [json_line(each, 3600.0) for each in told if each.log == log and each.note != "Incident"]
            for told in (one, other)
        ]
        assert lines[0] == lines[1]


def test_what_a_queue_holds_of_a_flood_does_not_grow_with_it(monkeypatch):
    monkeypatch.setattr(memory, "_MOST_THINGS", 50)
    waiting = queue(CHAINS, days=1 / 100, ceiling=10**6)
    sizes = []
    for i in range(3000):
        # Every one its own source, target and port, all told: first at one moment, then over the hours.
        clock = HOUR + max(i - 1000, 0) * HOUR // 100
        one = candidate(clock, source=f"10.0.{i >> 8}.{i & 255}", target=f"11.0.{i >> 8}.{i & 255}", port=i)
        assert said(waiting, [one], end=False)
        assert all(len(of._ends) <= 100 for of in waiting._memories.values())
        if i % 500 == 499:
            sizes.append(len(json.dumps(waiting.export())))
    assert max(sizes) < 1.2 * sizes[0]
