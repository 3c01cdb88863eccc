"""What an analyst reads of a flow that is unlike all that was normal."""

from __future__ import annotations

import pytest
from oddlog.notices import message, reason_words
from oddlog_core.detectors.contract import Reason
from oddlog_core.detectors.novelty import HISTORY


def test_a_flow_is_told_with_its_measurements_and_what_is_usual(make_finding):
    reasons = (Reason("Flow IAT Mean", 183_192.4, 5370.0, 0.6), Reason("Down/Up Ratio", 1.84, 0.5, 0.3))
    assert message(make_finding("flows", reasons)) == (
        "The flow from 10.2.4.17 to 203.0.113.9:443 (tcp) is unlike the baseline's. Unusual: "
        "Flow IAT Mean 183,192 (usually 5,370), Down/Up Ratio 1.84 (usually 0.5). Once in 90 days."
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason("orig_bytes", 1.2e9, 40_000.0, 0.5), "orig_bytes 1.2 GB (usually 40 kB)"),
        (Reason("duration", 2280.0, 0.0, 0.5), "duration 38 min (usually 0 s)"),
        (Reason("orig_bytes", None, 40_000.0, 0.5), "orig_bytes unset (usually 40 kB)"),
        (Reason("conn_state", "S0", "SF", 0.5), "conn_state S0 (usually SF)"),
        (Reason(HISTORY, 7.0, None, 0.5), "after the 7 that its source made before"),
        (Reason(HISTORY, 0.0, None, 0.5), "as the first of its source"),
        (Reason("Flow IAT Std", 3e-5, 12.0, 0.5), "Flow IAT Std almost 0 (usually 12)"),
    ],
)
def test_a_reason_is_told_in_the_unit_of_its_log(make_finding, reason, words):
    log = "flows" if reason.field.startswith("Flow") else "conn"
    finding = make_finding(log, (reason,), note="Odd_Flow", detector="conn-novelty")
    assert reason_words(reason, finding) == words
