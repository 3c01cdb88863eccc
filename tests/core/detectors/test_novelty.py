"""Novelty models: what each is, what only order tells, and what a reason names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.testing as npt
import pytest
from baselines import DAY, MONDAY, SECOND, odd, office, records
from oddlog_core.detectors.contract import FitOptions
from oddlog_core.detectors.novelty import HISTORY, ConnNoveltyDetector, FlowNoveltyDetector, Scorer
from oddlog_core.features.novelty import Measurements, Scaling
from oddlog_core.features.sequences import BEFORE
from oddlog_core.options import NoveltyOptions
from oddlog_core.records import Records
from oddlog_core.span import cut
from road import answer
from scipy.stats import spearmanr
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.svm import OneClassSVM

pytest.importorskip("torch", reason="torch comes with the extra `train`")
novelty = pytest.importorskip("oddlog_core.training.novelty")

STEPS = [("udp", "dns", 60, 120), ("tcp", "ssl", 900, 9000), ("tcp", "http", 400, 40_000), ("tcp", "smb", 20_000, 300)]


def rounds(n: int, seed: int, start: int) -> Records:
    """Six hosts, each of which does the same four things in turn."""
    rng = np.random.default_rng(seed)
    rows, done = [], [0] * 6
    for i in range(n):
        host = int(rng.integers(6))
        proto, service, out, back = STEPS[done[host] % 4]
        done[host] += 1
        amounts = {"orig_bytes": int(out * rng.lognormal(0, 0.2)), "resp_bytes": int(back * rng.lognormal(0, 0.2))}
        ends = {"id.orig_h": f"10.0.0.{host}", "proto": proto, "service": service, "conn_state": "SF"}
        rows.append({"ts": start + i * SECOND, **ends, **amounts, "duration": int(SECOND * rng.lognormal(0, 0.3))})
    return records("conn", rows)


def shuffled(log: Records, seed: int) -> Records:
    """The same records, in another order, at the old ones' times."""
    order = np.random.default_rng(seed).permutation(len(log))
    integers = {name: values[order] for name, values in log.integers.items()}
    categories = {name: replace(column, codes=column.codes[order]) for name, column in log.categories.items()}
    return Records(log.log, log.clock, integers, categories)


def scores(detector, log):
    return detector.score_samples(log, detector.new_state(), np.inf).score


@pytest.fixture(scope="module")
def columns():
    measurements = Measurements.learn([office("conn", 400, seed=5)], "conn")
    matrix = measurements.columns(office("conn", 400, seed=5))
    return Scaling.learn(matrix).scaled(matrix)


def learned(model, columns):
    return Scorer(novelty.fit(NoveltyOptions(model, steps=50, seed=2), columns, None, lambda _: None)).scores(columns)


def test_only_the_sequence_model_tells_the_same_records_in_another_order():
    base, later = rounds(1500, 1, MONDAY), rounds(400, 2, MONDAY + DAY)
    mixed = shuffled(later, 3)
    auc = {}
    for model in ("lstm", "autoencoder"):
        detector = ConnNoveltyDetector.fit([base], FitOptions(novelty=NoveltyOptions(model, steps=200))).detector
        both = [scores(detector, log) for log in (later, mixed)]
        auc[model] = roc_auc_score(np.repeat([0, 1], 400), np.concatenate(both))
        if model == "autoencoder":
            npt.assert_array_equal(*map(np.sort, both))
        else:
            told = answer(detector, [mixed], float(np.quantile(both[0], 0.99))).findings
            assert any(reason.field == HISTORY for one in told for reason in one.reasons)
    assert auc["autoencoder"] == pytest.approx(0.5, abs=1e-9)
    assert auc["lstm"] > 0.95


def test_a_source_that_was_silent_for_an_hour_begins_anew():
    base = rounds(600, 1, MONDAY)
    options = FitOptions(novelty=NoveltyOptions("lstm", steps=20))
    detector = ConnNoveltyDetector.fit([base], options).detector
    late = cut(rounds(100, 2, MONDAY + DAY), 0, 100)
    state = detector.new_state()
    detector.score_samples(base, state, np.inf)
    npt.assert_array_equal(detector.score_samples(late, state, np.inf).score, scores(detector, late))
    assert BEFORE > 1


def test_the_svm_orders_records_as_scikit_learns_decision_function(columns):
    svm = OneClassSVM(gamma=10 / columns.shape[1], nu=0.02).fit(columns)
    assert spearmanr(learned("svm", columns), -svm.decision_function(columns)).statistic > 0.9999


def test_the_forest_scores_as_scikit_learns(columns):
    forest = IsolationForest(n_estimators=100, max_samples=256, random_state=2).fit(columns)
    npt.assert_allclose(learned("forest", columns), -forest.decision_function(columns), atol=1e-5)


def test_no_model_is_flat_far_from_all_that_it_knows(columns):
    far = np.full((2, columns.shape[1]), [[5.0], [10.0]], np.float32)
    for model in ("svm", "svm-linear", "autoencoder"):
        scorer = Scorer(novelty.fit(NoveltyOptions(model, steps=50), columns, None, lambda _: None))
        nearer, further = scorer.scores(far)
        assert scorer.scores(columns).max() < nearer < further


@pytest.mark.parametrize("kind", [ConnNoveltyDetector, FlowNoveltyDetector])
def test_a_reason_says_what_was_seen_and_what_is_usual_in_the_logs_unit(kind):
    baseline = office(kind.log, 600, seed=5)
    detector = kind.fit([baseline], FitOptions(novelty=NoveltyOptions("svm"))).detector
    (told,) = answer(detector, [odd(kind.log, MONDAY + 3 * DAY)], -np.inf).findings
    name, seen = {"conn": ("orig_bytes", 40e9), "flows": ("Flow Duration", 1e9)}[kind.log]
    reasons = {reason.field: reason for reason in told.reasons}
    assert reasons[name].seen == pytest.approx(seen, rel=1e-6)
    assert 0 < reasons[name].expected < 1e5
