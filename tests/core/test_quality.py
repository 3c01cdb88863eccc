"""Confidence: what was half seen counts for less, and why is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from baselines import MONDAY, records
from oddlog_core.quality import CAVEATS, confidence
from oddlog_core.records import MISSING

WHOLE = {
    "ts": MONDAY,
    "conn_state": "SF",
    "missed_bytes": 0,
    "duration": 1_000_000,
    "orig_bytes": 10,
    "resp_bytes": 20,
}


def found(log, row, warm_from=0):
    one = records(log, [row])
    missed = np.array([row.get("missed_bytes", MISSING)], np.int64)
    believed, caveats = confidence(replace(one, integers={**one.integers, "missed_bytes": missed}), warm_from)
    return float(believed[0]), [name for name, holds in zip(CAVEATS, caveats[0].tolist(), strict=True) if holds]


@pytest.mark.parametrize(
    ("changed", "caveat"),
    [
        ({"missed_bytes": 5}, "missed bytes"),
        ({"conn_state": "OTH"}, "seen in part"),
        ({"orig_bytes": None}, "unset fields"),
    ],
)
def test_a_connection_that_was_half_seen_is_believed_less(changed, caveat):
    assert found("conn", WHOLE) == (1.0, [])
    row = {name: value for name, value in {**WHOLE, **changed}.items() if value is not None}
    assert found("conn", row) == (CAVEATS[caveat], [caveat])


def test_what_got_no_answer_has_no_length_to_miss():
    assert found("conn", {"ts": MONDAY, "conn_state": "S0", "missed_bytes": 0}) == (1.0, [])


def test_a_logon_without_a_name_is_one_and_one_without_any_was_not_understood():
    assert found("ntlm", {"ts": MONDAY, "hostname": "PC"}) == (1.0, [])
    assert found("ntlm", {"ts": MONDAY}) == (CAVEATS["unset fields"], ["unset fields"])


def test_a_log_that_has_just_begun_is_cold_and_what_lowers_confidence_multiplies():
    believed, caveats = found("conn", {**WHOLE, "missed_bytes": 1}, warm_from=MONDAY + 1)
    assert caveats == ["missed bytes", "cold start"]
    assert believed == pytest.approx(np.prod([CAVEATS[caveat] for caveat in caveats]))
