"""Logon scores against their definitions."""

from __future__ import annotations

import json
from dataclasses import replace

import naive
import numpy as np
import numpy.testing as npt
import pytest
from baselines import DAY, HOUR, MONDAY, office, records
from oddlog_core.detectors.contract import FitOptions
from oddlog_core.detectors.habits import Habits, Tail
from oddlog_core.detectors.kmodes import HostEventsDetector, KModesDetector, _unlike
from oddlog_core.features.ntlm import CLASSIC, LogonFields
from road import OPTIONS, answer

BASELINE = office("ntlm", 1200, seed=2)
LATER = office("ntlm", 300, seed=3, start=MONDAY + 2 * DAY, days=0.5)
CLASSIC_ONLY = replace(OPTIONS, profile="classic")
DETECTOR = KModesDetector.fit([BASELINE], CLASSIC_ONLY).detector
MINUTE = HOUR // 60


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modes")
    DETECTOR.save(folder)
    return json.loads((folder / "modes.json").read_text())


def test_the_classic_score_is_the_number_of_fields_that_differ_from_the_nearest_mode(learned):
    codes = LogonFields(**learned["fields"]).encode(LATER, {})
    _, distance = naive.nearest_mode(codes, np.array(learned["modes"]))
    assert [told.score for told in answer(DETECTOR, [LATER], np.inf).scores] == distance.tolist()


def test_each_classic_reason_is_a_field_that_differs_with_both_values(learned):
    fields = LogonFields(**learned["fields"])
    for told in answer(DETECTOR, [LATER], 1.0).findings:
        assert len(told.reasons) == told.score
        assert len({reason.field for reason in told.reasons}) == told.score
        columns = fields.categorise(LATER, {})
        for reason in told.reasons:
            column = columns[CLASSIC.index(reason.field)]
            code = column.codes[told.record]
            assert reason.seen == (None if code < 0 else column.values[code])
            assert reason.seen != reason.expected
            assert reason.share == pytest.approx(1 / told.score)


def test_the_classic_profile_is_odd_beyond_six_fields_and_knows_seven_days_whatever_the_baseline(learned):
    assert 6 < DETECTOR.threshold < 7
    assert KModesDetector.fit([BASELINE], OPTIONS).detector.threshold is None
    assert learned["fields"]["names"] == list(CLASSIC)
    assert learned["fields"]["whole_weeks"]


def test_a_value_never_seen_is_given_as_the_record_has_it():
    logon = records("ntlm", [{"ts": MONDAY, "domainname": "Mallory.example", "id.resp_p": 8080}])
    [told] = answer(DETECTOR, [logon], 1.0).findings
    seen = {reason.field: reason.seen for reason in told.reasons}
    assert seen["domainname"] == "mallory.example"
    assert seen["id.resp_p"] == "8080"
    assert seen["id.orig_h first part"] is None


def test_a_field_unset_where_it_usually_is_differs_in_nothing():
    rows = [{"ts": MONDAY + i, "id.resp_p": 445} for i in range(40)]
    detector = KModesDetector.fit([records("ntlm", rows)], FitOptions(profile="classic")).detector
    assert answer(detector, [records("ntlm", rows[:1])], np.inf).scores[0].score == 0


def test_shares_of_modes_are_those_of_the_baseline(learned):
    codes = LogonFields(**learned["fields"]).encode(BASELINE, {})
    label, _ = naive.nearest_mode(codes, np.array(learned["modes"]))
    npt.assert_allclose(learned["shares"], np.bincount(label, minlength=len(learned["modes"])) / len(codes))


def desks(n_days=14, seed=1):
    """Ten people at their desks, and a service that goes round all of them every hour and often fails at one."""
    rng = np.random.default_rng(seed)
    rows = []
    for ts in range(MONDAY, MONDAY + n_days * DAY, 10 * MINUTE):
        desk = int(rng.integers(10))
        rows.append({"ts": ts, **logon(desk), "success": "F" if rng.random() < 0.01 else "T"})
        if not ts % HOUR:
            rows += [{"ts": ts + i, **service(i)} for i in range(10)]
    return records("ntlm", rows)


def logon(desk, user=None, host=1):
    ends = {"id.orig_h": f"10.0.1.{desk}", "id.resp_h": f"10.0.9.{host}", "id.resp_p": 445, "hostname": f"WS{desk}"}
    return {**ends, "username": user or f"user{desk}", "domainname": "OFFICE", "success": "T"}


def service(desk):
    return {**logon(99, "svc"), "id.resp_h": f"10.0.1.{desk}", "success": "F" if desk == 3 else "T"}


@pytest.fixture(scope="module")
def full():
    return KModesDetector.fit([desks()], FitOptions()).detector


def scores(detector, rows):
    return [told.score for told in answer(detector, [records("ntlm", rows)], np.inf).scores]


def reasons(detector, rows):
    return {reason.field: reason for reason in answer(detector, [records("ntlm", rows)], -np.inf).findings[-1].reasons}


THEN = MONDAY + 14 * DAY + 10 * HOUR


def test_what_an_attacker_does_is_odder_than_anything_usual(full):
    usual = scores(full, [{"ts": THEN + i * MINUTE, **logon(i % 10)} for i in range(20)])
    stolen = scores(full, [{"ts": THEN, **logon(4, "svc", 1)}])
    moved = scores(full, [{"ts": THEN, **logon(4, "user4", 7)}])
    spray = scores(full, [{"ts": THEN + i, **logon(4, f"user{i}"), "success": "F"} for i in range(10)])
    assert min(*stolen, *moved, spray[-1]) > max(usual)
    assert spray[-1] > spray[4] > max(usual)


def test_rounds_and_failures_that_are_usual_for_a_source_are_not_odd(full):
    round_ = [{"ts": THEN + i, **service(i)} for i in range(10)]
    assert max(scores(full, round_)) < scores(full, [{"ts": THEN, **logon(4, "user4"), "success": "F"}])[0]


def test_a_pair_never_seen_is_told_with_counts(full):
    found = reasons(full, [{"ts": THEN, **logon(4, "user5")}])
    assert (found["source_of_user"].seen, found["source_of_user"].expected) == (0, None)
    assert found["source_of_user"].of > 100
    assert "user from this source" not in found or found["user from this source"].seen == "new"


def test_failures_of_the_last_minutes_are_told_with_counts(full):
    rows = [{"ts": THEN + i, **logon(4), "success": "T" if i < 2 else "F"} for i in range(14)]
    found = reasons(full, rows)["failures in 10 min"]
    assert (found.seen, found.of) == (12, 14)
    half = [row if i % 2 else {k: v for k, v in row.items() if k != "success"} for i, row in enumerate(rows)]
    assert reasons(full, half)["no success in 10 min"].of == 14


def test_of_equal_distances_the_rarer_values_are_odder(full):
    tail = full._learned.tail
    distances = np.repeat(np.arange(0, 20), 5).astype(np.int32)
    rare = np.tile([0.0, 1.0, 5.0, 50.0, 1e9], 20)
    ranked = _unlike(distances, rare)
    assert (np.diff(ranked) >= 0).all()
    assert (np.floor(ranked[rare < 1e9]) == distances[rare < 1e9]).all()
    assert (np.diff(tail.evidence(ranked)) >= 0).all()


def test_a_mode_of_many_people_is_of_various(full):
    table = full.describe()
    assert table[0] == "the most common logons here"
    assert any("various" in line or "user" in line for line in table)


def test_evidence_is_the_logarithm_of_the_p_value_beyond_what_is_ordinary():
    rng = np.random.default_rng(1)
    tail = Tail.fit(rng.exponential(1.0, 5000))
    values = np.array([0.0, 0.1, 1.0, 2.0, 5.0, 8.0, 20.0])
    expected = np.maximum(-np.log(tail.calibration.p_value(values)) - 1.0, 0.0)
    npt.assert_allclose(tail.evidence(values), expected, atol=0.021)
    assert (np.diff(tail.evidence(np.linspace(0, 30, 500))) >= 0).all()


def test_what_was_learned_of_itself_is_not_known_before():
    once = [{"ts": THEN, **logon(4, "guest")}]
    whole = records("ntlm", [{"ts": MONDAY + i * MINUTE, **logon(i % 10)} for i in range(900)] + once)
    _, (judged,) = Habits.learn([whole])
    for name in ("user on this host", "user from this source"):
        assert judged[name].values[judged[name].codes[-1]] == "new"
        assert judged[name].values[judged[name].codes[0]] == "known"


def test_events_without_an_outcome_are_no_failures():
    detector = HostEventsDetector.fit([office("wls", 1500, seed=4)], FitOptions()).detector
    desk = {"id.orig_h": "Comp001", "id.resp_h": "Comp001", "username": "Comp001$"}
    rows = [{"ts": MONDAY + 3 * DAY + i, "event_id": "4688", **desk} for i in range(50)]
    found = answer(detector, [records("wls", rows)], -np.inf).findings[-1].reasons
    assert not any("success" in reason.field or "failures" in reason.field for reason in found)
