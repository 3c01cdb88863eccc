"""Words for every feature that a session's risk may rest on."""

from __future__ import annotations

import pytest
from oddlog.notices.finding import Finding
from oddlog.notices.sessions import clauses, sentence
from oddlog_core.detectors.contract import Reason
from oddlog_core.features.sessions import SCHEMAS


def finding(log):
    return Finding(
        log=log,
        detector=f"{log}-sessions",
        note="Risky_Session",
        clock=5,
        ts=5,
        uid=None,
        orig_h="C1",
        orig_p=None,
        resp_h="C2",
        resp_p=None,
        proto=None,
        service=None,
        username="ada\n",
        window=None,
        score=0.831,
        rarity=3.0,
        reasons=(),
        bundle="b",
        record={},
    )


@pytest.mark.parametrize("log", sorted(SCHEMAS))
def test_every_feature_has_words_without_its_formula(log):
    for name in SCHEMAS[log].names:
        value = "kerberos" if "MODE" in name else 12.0
        (clause,) = clauses([Reason(name, value, None, 0.5)], finding(log))
        assert ("kerberos" if "MODE" in name else "12") in clause.seen.replace("1,200 %", "12")
        assert not set("()_") & set(clause.seen)
        assert clause.usual == "none"


def test_mean_least_and_most_of_one_thing_are_told_once():
    reasons = [Reason(f"{word}(pairs.username.COUNT(log))", 3.0, 1.0, 0.2) for word in ("MAX", "MEAN", "MIN")]
    (clause,) = clauses(reasons, finding("auth"))
    assert clause.share == pytest.approx(0.6)
    assert str(clause) == "records of each user, at most, of this session: 3 (usually 1)"


def test_the_sentence_says_whose_session_it_is_how_risky_and_what_that_rests_on():
    said = clauses([Reason("username.NUM_UNIQUE(log.id.resp_h)", 9.0, 1.0, 0.5)], finding("ntlm"))
    assert sentence(finding("ntlm"), said) == (
        r"The session of ada\n on C2 that has begun today turns malicious with a probability of 83 %, as labelled "
        r"sessions have taught. What tells: different destinations of ada\n: 9 (usually 1)."
    )
