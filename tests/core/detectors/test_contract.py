"""What every detector promises, whatever it learns; as river's checks run over every estimator."""

from __future__ import annotations

import copy

import numpy as np
import numpy.testing as npt
import pytest
from baselines import DAY, MONDAY, inventions, odd, office
from hypothesis import given, settings
from hypothesis import strategies as st
from inventions import CUTS
from oddlog_core.detectors.contract import Detector, FitOptions
from oddlog_core.detectors.windows import GROWN
from oddlog_core.errors import BaselineError
from oddlog_core.records import Records
from oddlog_core.span import cut, split
from road import answer, answer_of_begun, batches_cut, batches_of

FEW = settings(max_examples=12)


def as_in_a_checkpoint(tree):
    """A deep copy whose arrays cannot be written to, as those that come from a file's bytes cannot."""
    if isinstance(tree, dict):
        return {key: as_in_a_checkpoint(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [as_in_a_checkpoint(value) for value in tree]
    if isinstance(tree, np.ndarray):
        tree = tree.copy()
        tree.flags.writeable = False
        return tree
    assert tree is None or isinstance(tree, int | float | str), f"{type(tree).__name__} is none of a tree's leaves"
    return tree


def files_of(detector, folder):
    folder.mkdir()
    detector.save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_it_says_what_it_is_called_and_what_it_scores(case):
    for word in (case.kind.name, case.kind.log, case.kind.note):
        assert word
    assert issubclass(case.kind, Detector)
    assert case.detector.describe()


def test_the_threshold_of_these_tests_is_passed_by_some_and_not_by_all(case):
    given_ = answer(case.detector, [case.later], case.threshold)
    assert 0 < len(given_.findings) < len(given_.scores)


@pytest.mark.parametrize("size", [1, 7, 333, 4096])
def test_batches_of_any_size_get_the_same_scores_findings_and_reasons(case, size):
    assert answer(case.detector, batches_of(case.later, size), case.threshold) == answer(
        case.detector, [case.later], case.threshold
    )


@FEW
@given(CUTS)
def test_cuts_anywhere_change_nothing(case, cuts):
    assert answer(case.detector, batches_cut(case.later, cuts), case.threshold) == answer(
        case.detector, [case.later], case.threshold
    )


@FEW
@given(CUTS)
def test_what_was_begun_is_scored_and_explained_the_same_once_the_state_has_gone_on(case, cuts):
    assert answer_of_begun(case.detector, batches_cut(case.later, cuts), case.threshold) == answer(
        case.detector, [case.later], case.threshold
    )


@FEW
@given(CUTS)
def test_a_state_restored_from_a_checkpoint_goes_on_as_if_never_interrupted(case, cuts):
    detector = case.detector

    def carry(state):
        return detector.restore_state(as_in_a_checkpoint(detector.export_state(state)))

    assert answer(detector, batches_cut(case.later, cuts), case.threshold, carry) == answer(
        detector, [case.later], case.threshold
    )


def exact(detector, batches):
    """What is remembered after some batches, without what fades."""
    state = detector.new_state()
    for batch in batches:
        detector.score_samples(batch, state, np.inf)
    return {key: value for key, value in detector.export_state(state).items() if key not in detector.fading}


@FEW
@given(CUTS)
def test_what_is_remembered_is_the_same_however_the_log_was_cut(case, cuts):
    npt.assert_equal(exact(case.detector, batches_cut(case.later, cuts)), exact(case.detector, [case.later]))


@FEW
@given(st.floats(0, 1))
def test_a_new_state_that_was_warmed_up_is_as_if_it_had_seen_all(case, at):
    end = round(at * len(case.later))
    since = case.later.clock[end - 1] - case.detector.warm_up if end else 0
    start = int(np.searchsorted(case.later.clock, since))
    warmed = exact(case.detector, [cut(case.later, start, end)])
    npt.assert_equal(warmed, exact(case.detector, [cut(case.later, 0, end)]))


def test_scoring_on_does_not_change_what_was_exported(case):
    state = case.detector.new_state()
    early, late = batches_of(case.later, 200)
    case.detector.score_samples(early, state, case.threshold)
    exported = case.detector.export_state(state)
    kept = copy.deepcopy(exported)
    case.detector.score_samples(late, state, case.threshold)
    restored = case.detector.restore_state(exported)
    case.detector.score_samples(late, restored, case.threshold)
    npt.assert_equal(exported, kept)


def test_saved_and_loaded_it_answers_the_same(case, tmp_path):
    files = files_of(case.detector, tmp_path / "saved")
    assert {name.rpartition(".")[2] for name in files} <= {"json", "npz", "onnx"}
    loaded = case.kind.load(tmp_path / "saved")
    assert answer(loaded, [case.later], case.threshold) == answer(case.detector, [case.later], case.threshold)
    assert (loaded.window, loaded.describe()) == (case.detector.window, case.detector.describe())


def test_scoring_does_not_change_the_detector(case, tmp_path):
    before = files_of(case.detector, tmp_path / "before")
    first = answer(case.detector, [case.later], case.threshold)
    answer(case.detector, [odd(case.office, MONDAY + 3 * DAY)], case.threshold)
    assert answer(case.detector, [case.later], case.threshold) == first
    assert files_of(case.detector, tmp_path / "after") == before


def test_every_record_or_host_window_gets_one_finite_score(case):
    scores = answer(case.detector, batches_of(case.later, 50), case.threshold).scores
    assert np.isfinite([told.score for told in scores]).all()
    subjects = [told.subject for told in scores]
    if not case.kind.every_record:
        assert subjects == sorted({*subjects})
        assert [told.clock for told in scores] == case.later.clock[subjects].tolist()
    elif case.detector.window is None:
        assert subjects == list(range(len(case.later)))
        assert [told.clock for told in scores] == case.later.clock.tolist()
    else:
        hosts = case.later.categories["id.orig_h"]
        windows = case.later.clock // case.detector.window * case.detector.window
        present = {(hosts.values[code], int(since)) for code, since in zip(hosts.codes, windows, strict=True)}
        assert len(subjects) == len(present)
        assert set(subjects) == present


@FEW
@given(st.floats(0, 1), CUTS)
def test_a_subject_is_told_of_if_its_final_score_passes_the_threshold_and_again_only_as_it_grows(case, at, cuts):
    ordinary = answer(case.detector, [case.later], np.inf)
    assert ordinary.findings == []
    threshold = float(np.quantile([told.score for told in ordinary.scores], at))
    given_ = answer(case.detector, batches_cut(case.later, cuts), threshold)
    assert sorted(told.subject for told in given_.findings) == sorted(
        told.subject for told in ordinary.scores if told.score >= threshold
    )
    assert given_.scores == ordinary.scores
    latest = {told.subject: told for told in given_.findings}
    final = {told.subject: told.score for told in given_.scores}
    for told in given_.grown:
        assert GROWN * latest[told.subject].score < told.score <= final[told.subject]
        latest[told.subject] = told


def test_an_odd_record_among_ordinary_ones_scores_highest(case):
    time = int(case.later.clock[-1])
    scores = answer(case.detector, [case.later, odd(case.office, time)], np.inf).scores
    oddest = max(scores, key=lambda told: told.score)
    if case.kind.every_record:
        assert oddest.subject == len(case.later) or oddest.subject[0] == "10.66.66.66"
    else:
        # Who learns from labels is as sure of what is malicious in the ordinary log.
        assert oddest.subject >= len(case.later) or case.later.integers["label"][oddest.subject]
    assert oddest.score > case.fitted.held_back.max()


def test_an_odd_record_has_reasons_the_weightiest_first(case):
    findings = answer(case.detector, [odd(case.office, MONDAY + 3 * DAY)], case.fitted.held_back.max() + 1e-9).findings
    assert findings
    for told in findings:
        assert told.reasons
        assert all(reason.seen != reason.expected for reason in told.reasons[:1])


def test_what_is_kept_of_some_scores_is_explained_as_before(case):
    detector = case.detector
    state = detector.new_state()
    for scored in (detector.score_samples(case.later, state, -np.inf), detector.close(state, -np.inf)):
        if scored is None or not len(scored.score):
            continue
        some = np.unique(np.linspace(0, len(scored.score) - 1, 7).astype(np.int64))
        kept = detector.kept(scored, some)
        assert kept.score.tolist() == scored.score[some].tolist()
        assert kept.host == (scored.host and [scored.host[i] for i in some.tolist()])
        for at, i in enumerate(some.tolist()):
            assert detector.explain(kept, at) == detector.explain(scored, i)
            assert detector.context(kept, at) == detector.context(scored, i)


def test_shares_of_reasons_are_shares(case):
    for told in answer(case.detector, [case.later], -np.inf).findings:
        shares = [reason.share for reason in told.reasons]
        assert all(0 <= share <= 1 for share in shares)
        assert sum(shares) <= 1 + 1e-9
        assert shares == sorted(shares, reverse=True)
        assert all(reason.field and isinstance(reason.field, str) for reason in told.reasons)


@settings(max_examples=50)
@given(st.data())
def test_values_never_seen_are_scored_and_explained(case, data):
    invented = data.draw(inventions(case.office))
    given_ = answer(case.detector, [invented], -np.inf)
    assert np.isfinite([told.score for told in given_.scores]).all()
    assert {told.subject for told in given_.findings} == {told.subject for told in given_.scores}
    cuts = data.draw(CUTS)
    assert answer(case.detector, batches_cut(invented, cuts), -np.inf).scores == given_.scores


def test_an_empty_batch_brings_no_score_and_leaves_the_state(case):
    state = case.detector.new_state()
    nothing = cut(case.later, 0, 0)
    for before in (cut(case.later, 0, 0), cut(case.later, 0, 30)):
        case.detector.score_samples(before, state, np.inf)
        exported = copy.deepcopy(case.detector.export_state(state))
        assert len(case.detector.score_samples(nothing, state, -np.inf).score) == 0
        npt.assert_equal(case.detector.export_state(state), exported)


def test_held_back_scores_are_finite_and_counted_by_the_day(case):
    assert len(case.fitted.held_back)
    assert np.isfinite(case.fitted.held_back).all()
    if case.detector.window is None and case.kind.every_record:
        n = sum(map(len, split(case.baseline, 0.25)[1]))
        assert len(case.fitted.held_back) == (n if case.fitted.before is None else 2 * n)
        kinds = case.fitted.kind
        assert kinds is None or all(
            set(case.fitted.held_back[kinds == number].tolist()) <= set(of_kind.tolist())
            for number, of_kind in enumerate(case.fitted.kinds)
        )
        assert case.fitted.per_day == pytest.approx(1500 / 2, rel=1e-3)


def test_the_same_records_teach_the_same_however_they_are_cut(case):
    whole = office(case.office, 1500, seed=5)
    recut = [cut(whole, 0, 0), *batches_of(whole, 600), cut(whole, 0, 0)]
    again = case.kind.fit(recut, case.options)
    npt.assert_array_equal(again.held_back, case.fitted.held_back)
    assert again.per_day == case.fitted.per_day
    assert answer(again.detector, [case.later], case.threshold) == answer(case.detector, [case.later], case.threshold)


@pytest.mark.parametrize("n", [0, 1])
def test_a_baseline_too_small_to_learn_from_is_refused(case, n):
    few = cut(case.baseline[0], 0, n)
    for baseline in ([few], [few, cut(few, 0, 0)], [few][:n]):
        with pytest.raises(BaselineError, match=case.kind.log):
            case.kind.fit(baseline, FitOptions())


def test_progress_rises_to_one(case):
    assert case.progress == sorted(case.progress)
    assert case.progress[-1] == 1.0


def test_records_do_not_change_by_being_scored(case):
    assert isinstance(case.later, Records)
    before = copy.deepcopy(case.later)
    answer(case.detector, [case.later], case.threshold)
    npt.assert_equal(case.later.integers, before.integers)
    npt.assert_array_equal(case.later.clock, before.clock)
    for name, column in before.categories.items():
        npt.assert_array_equal(case.later.categories[name].codes, column.codes)
