"""Host-window scores against dicts of counters and the centroids in the saved file."""

from __future__ import annotations

import json
from collections import Counter, defaultdict

import numpy as np
import numpy.testing as npt
import pytest
from baselines import DAY, HOUR, MONDAY, odd, office, records
from hypothesis import given, settings
from hypothesis import strategies as st
from inventions import CUTS
from oddlog_core.detectors.contract import FitOptions
from oddlog_core.detectors.hosts import HostsDetector
from oddlog_core.errors import BaselineError
from oddlog_core.features.dce_rpc import COUNTS
from oddlog_core.span import ends
from road import answer, batches_cut
from sklearn.cluster import KMeans

WINDOW = 1_800_000_000
BASELINE = office("dce_rpc", 1200, seed=2)
LATER = office("dce_rpc", 300, seed=3, start=MONDAY + 2 * DAY, days=0.3)
FITTED = HostsDetector.fit([BASELINE], FitOptions(window=WINDOW, held_back=0.5))
DETECTOR = FITTED.detector


def profiles(log, window=WINDOW):
    """Counts by window and host."""
    names = ("id.resp_h", "endpoint", "operation")
    columns = [log.categories[name] for name in ("id.orig_h", *names)]
    seen = defaultdict(list)
    for i, clock in enumerate(log.clock):
        host, *values = (None if c.codes[i] < 0 else c.values[c.codes[i]] for c in columns)
        seen[int(clock) // window, host].append(values)
    counters = {key: [Counter(column) for column in zip(*rows, strict=True)] for key, rows in seen.items()}
    return {
        key: [fields[0].total(), *map(len, fields), *(max(field.values()) for field in fields)]
        for key, fields in counters.items()
    }


def saved(folder):
    DETECTOR.save(folder)
    return json.loads((folder / "profiles.json").read_text())


def test_scores_are_distances_to_the_nearest_saved_centroid(tmp_path):
    learned = saved(tmp_path)
    mean, scale, centroids = (np.array(learned[name]) for name in ("mean", "scale", "centroids"))
    expected = {
        (host, number * WINDOW): np.linalg.norm((np.log1p(counts) - mean) / scale - centroids, axis=1).min()
        for (number, host), counts in profiles(LATER).items()
    }
    found = {told.subject: told.score for told in answer(DETECTOR, [LATER], np.inf).scores}
    assert found.keys() == expected.keys()
    npt.assert_allclose([found[key] for key in expected], [*expected.values()], atol=1e-11)


def test_what_is_learned_is_k_means_of_z_scored_logarithms_of_all_windows(tmp_path):
    learned = saved(tmp_path)
    train = np.log1p([*profiles(BASELINE).values()])
    npt.assert_allclose(learned["mean"], train.mean(axis=0))
    npt.assert_allclose(learned["scale"], train.std(axis=0))
    model = KMeans(5, n_init=10, random_state=0).fit((train - train.mean(axis=0)) / train.std(axis=0))
    npt.assert_allclose(sorted(learned["centroids"]), sorted(model.cluster_centers_.tolist()), atol=1e-9)
    assert sorted(learned["sizes"]) == sorted(np.bincount(model.labels_))


def test_what_is_held_back_is_scored_by_what_all_other_windows_taught():
    fitted, every = HostsDetector.fit([BASELINE], FitOptions(window=WINDOW)), profiles(BASELINE)
    latest, earliest = ends([BASELINE], 0.25)
    since, until = latest.held_back[0].clock[0], earliest.held_back[-1].clock[-1]
    later = np.array([counts for (number, _), counts in every.items() if number * WINDOW >= since])
    first = np.array([counts for (number, _), counts in every.items() if number * WINDOW < until])
    npt.assert_array_equal(fitted.held_back[: len(later)], fitted.before._distance(later)[0])
    others = [counts for (number, _), counts in every.items() if number * WINDOW >= until]
    after = HostsDetector._learn([np.array(others)], FitOptions(window=WINDOW))
    npt.assert_array_equal(fitted.held_back[len(later) :], after._distance(first)[0])


def test_scores_a_day_are_host_windows_a_day():
    days = (BASELINE.clock[-1] - BASELINE.clock[0]) / DAY
    assert FITTED.per_day == pytest.approx(len(profiles(BASELINE)) / days)


@settings(max_examples=60)
@given(st.data(), CUTS)
def test_a_notice_before_the_close_is_never_one_that_the_close_would_not_raise(data, cuts):
    # A threshold at, just above or just below a final score is where an early bound could overstep it.
    finals = {told.subject: told.score for told in answer(DETECTOR, [LATER], np.inf).scores}
    threshold = data.draw(st.sampled_from(sorted(finals.values()))) + data.draw(st.sampled_from([-1e-12, 0.0, 1e-12]))
    findings = answer(DETECTOR, batches_cut(LATER, cuts), threshold).findings
    assert {told.subject for told in findings} == {subject for subject, final in finals.items() if final >= threshold}
    for told in findings:
        if told.record >= 0:
            assert threshold <= told.score <= finals[told.subject]


def test_an_odd_host_is_told_of_before_its_window_closes_at_the_record_that_decides():
    attack = odd("dce_rpc", MONDAY)
    threshold = FITTED.held_back.max() + 1
    [told] = answer(DETECTOR, [attack], threshold).findings
    assert 0 < told.record < len(attack) - 1
    before, upto = (
        answer(DETECTOR, batches_cut(attack, [n / len(attack)])[:1], threshold) for n in (told.record, told.record + 1)
    )
    assert before.scores[0].score < threshold <= upto.scores[0].score
    # What is still too few may come.
    assert told.reasons
    assert all(reason.field in COUNTS and reason.seen > reason.expected for reason in told.reasons)


def test_a_host_that_did_less_than_usual_is_told_of_when_its_window_closes():
    busy = [
        {
            "ts": MONDAY + hour * HOUR + i,
            "id.orig_h": "10.0.0.1",
            "id.resp_h": f"10.0.9.{i}",
            "operation": f"Op{i % (5 + hour % 2)}",
        }
        for hour in range(8)
        for i in range(40 + hour % 3)
    ]
    detector = HostsDetector.fit([records("dce_rpc", busy)], FitOptions()).detector
    quiet = records("dce_rpc", [{"ts": MONDAY, "id.orig_h": "10.0.0.1", "id.resp_h": "10.0.9.1", "operation": "Op1"}])
    [told] = answer(detector, [quiet], 3.0).findings
    assert (told.record, told.clock) == (-1, MONDAY + HOUR)


def test_a_silent_window_closes_by_the_wall_clock_after_one_more_window():
    state = DETECTOR.new_state()
    assert DETECTOR.close(state, np.inf) is None
    DETECTOR.score_samples(records("dce_rpc", [{"ts": MONDAY + 5, "id.orig_h": "10.0.0.1"}]), state, np.inf)
    assert DETECTOR.close(state, np.inf, now=MONDAY + 2 * WINDOW - 1) is None
    closed = DETECTOR.close(state, np.inf, now=MONDAY + 2 * WINDOW)
    assert closed is not None
    assert closed.host == ["10.0.0.1"]
    assert DETECTOR.close(state, np.inf, now=MONDAY + 9 * WINDOW) is None


def test_a_window_is_forgotten_when_the_next_begins():
    rows = [{"ts": MONDAY + i * WINDOW, "id.orig_h": "10.0.0.1", "operation": "Op"} for i in range(3)]
    scores = answer(DETECTOR, [records("dce_rpc", rows)], np.inf).scores
    assert [told.subject for told in scores] == [("10.0.0.1", MONDAY + i * WINDOW) for i in range(3)]
    assert [told.clock for told in scores] == [MONDAY + (i + 1) * WINDOW for i in range(3)]
    assert len({told.score for told in scores}) == 1


@pytest.mark.parametrize("n_hosts", [1, 2, 4])
def test_fewer_than_five_hosts_and_no_variance_can_be_learned(n_hosts):
    rows = [
        {"ts": MONDAY + hour * HOUR + host, "id.orig_h": f"10.0.0.{host}", "id.resp_h": "10.0.9.1", "operation": "Op"}
        for hour in range(4)
        for host in range(n_hosts)
    ]
    fitted = HostsDetector.fit([records("dce_rpc", rows)], FitOptions())
    npt.assert_array_equal(fitted.held_back, np.zeros(2 * n_hosts))
    oddest = answer(fitted.detector, [odd("dce_rpc", MONDAY)], 1.0)
    assert oddest.findings
    assert np.isfinite(oddest.scores[0].score)


def test_a_baseline_within_one_window_is_refused_with_its_length():
    with pytest.raises(BaselineError, match=r"dce_rpc: .* one window of 60 minutes"):
        HostsDetector.fit([office("dce_rpc", 50, seed=1, days=1 / 48)], FitOptions())
