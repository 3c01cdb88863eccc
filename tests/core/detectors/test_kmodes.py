"""Logon scores against the definition, and weighted fitting against the kmodes library on every row."""

from __future__ import annotations

import json

import naive
import numpy as np
import numpy.testing as npt
import pytest
from baselines import DAY, MONDAY, office, records
from hypothesis import given, settings
from hypothesis import strategies as st
from kmodes.kmodes import KModes
from oddlog_core.detectors.contract import FitOptions
from oddlog_core.detectors.kmodes import N_INIT, N_MODES, KModesDetector, _draw_modes, _fit_modes
from oddlog_core.features.ntlm import FIELDS, LogonFields
from oddlog_core.span import split
from road import OPTIONS, answer

BASELINE = office("ntlm", 1200, seed=2)
LATER = office("ntlm", 300, seed=3, start=MONDAY + 2 * DAY, days=0.5)
DETECTOR = KModesDetector.fit([BASELINE], OPTIONS).detector


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modes")
    DETECTOR.save(folder)
    return json.loads((folder / "modes.json").read_text())


def test_the_score_is_the_number_of_fields_that_differ_from_the_nearest_mode(learned):
    codes = LogonFields(**learned["fields"]).encode(LATER)
    _, distance = naive.nearest_mode(codes, np.array(learned["modes"]))
    assert [told.score for told in answer(DETECTOR, [LATER], np.inf).scores] == distance.tolist()


def test_each_reason_is_a_field_that_differs_with_both_values(learned):
    fields = LogonFields(**learned["fields"])
    for told in answer(DETECTOR, [LATER], 1.0).findings:
        assert len(told.reasons) == told.score
        assert len({reason.field for reason in told.reasons}) == told.score
        columns = fields.categorise(LATER)
        for reason in told.reasons:
            column = columns[FIELDS.index(reason.field)]
            code = column.codes[told.record]
            assert reason.seen == (None if code < 0 else column.values[code])
            assert reason.seen != reason.expected
            assert reason.share == 1 / told.score


def test_a_value_never_seen_is_given_as_the_record_has_it():
    logon = records("ntlm", [{"ts": MONDAY, "domainname": "Mallory.example", "id.resp_p": 8080}])
    [told] = answer(DETECTOR, [logon], 1.0).findings
    seen = {reason.field: reason.seen for reason in told.reasons}
    assert seen["domainname"] == "mallory.example"
    assert seen["id.resp_p"] == "8080"
    assert seen["id.orig_h first part"] is None


def test_a_field_unset_where_it_usually_is_differs_in_nothing():
    rows = [{"ts": MONDAY + i, "id.resp_p": 445} for i in range(40)]
    detector = KModesDetector.fit([records("ntlm", rows)], FitOptions()).detector
    assert answer(detector, [records("ntlm", rows[:1])], np.inf).scores[0].score == 0


def test_shares_of_modes_are_those_of_the_training_part(learned):
    train, held_back = split([BASELINE], OPTIONS.held_back)
    codes = np.concatenate([LogonFields(**learned["fields"]).encode(batch) for batch in train])
    label, _ = naive.nearest_mode(codes, np.array(learned["modes"]))
    npt.assert_allclose(learned["shares"], np.bincount(label, minlength=len(learned["modes"])) / len(codes))
    assert sum(map(len, held_back)) == 300


def some_logons(seed):
    """Rows of codes with few values each, not numbered densely, some rows far more often than others."""
    rng = np.random.default_rng(seed)
    width = rng.integers(3, 10)
    return (3 * rng.integers(0, 4, (200, width)) * (rng.random((200, width)) < 0.4)).astype(np.int32)


@settings(max_examples=15)
@given(st.integers(0, 2**31))
def test_distinct_rows_with_weights_cost_what_all_rows_cost_from_the_same_initial_modes(seed):
    every = some_logons(seed)
    rows, weights = np.unique(every, axis=0, return_counts=True)
    modes = _fit_modes(rows, weights, FitOptions(seed=seed))
    n_modes = min(N_MODES, len(rows))
    assert len(modes) == n_modes

    # In the order of the distinct rows: the library's result depends on the order.
    dense = rows // 3
    repeated = np.repeat(dense, weights, axis=0)
    assert all(len(np.unique(column)) == column.max() + 1 for column in dense.T)
    rng = np.random.default_rng(seed)
    costs = [
        KModes(n_modes, init=_draw_modes(dense, weights, n_modes, rng), random_state=0).fit(repeated).cost_
        for _ in range(N_INIT)
    ]
    assert naive.nearest_mode(every, modes)[1].sum() == min(costs)


@given(st.integers(0, 2**31), st.integers(1, 10))
def test_initial_modes_are_distinct_rows(seed, n_modes):
    rows, weights = np.unique(some_logons(seed), axis=0, return_counts=True)
    initial = _draw_modes(rows, weights, n_modes, np.random.default_rng(seed))
    assert len({tuple(mode) for mode in initial}) == n_modes
    assert {tuple(mode) for mode in initial} <= {tuple(row) for row in rows}


def test_initial_modes_are_drawn_by_weight():
    rows = np.arange(30, dtype=np.int32).reshape(10, 3)
    weights = np.array([1, 1, 1, 10**6, 1, 1, 1, 1, 1, 1])
    for seed in range(20):
        assert _draw_modes(rows, weights, 1, np.random.default_rng(seed)).tolist() == [rows[3].tolist()]
