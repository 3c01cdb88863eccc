"""Words for a session that may turn malicious."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from oddlog.notices.amounts import duration_words, number_words
from oddlog.notices.clause import Clause, peer, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oddlog_core.detectors.contract import Reason

    from oddlog.notices.finding import Finding

__all__ = ["clauses", "sentence"]

_FEATURE = re.compile(r"^(?:(?P<entity>[\w.]+)\.)?(?P<word>[A-Z_]+)\((?P<of>log|pairs|sessions)(?:\.(?P<rest>.+))?\)$")
_NAMES = {
    "username": "users",
    "destination_username": "users logged on as",
    "id.orig_h": "sources",
    "id.resp_h": "destinations",
    "hostname": "workstations",
    "domainname": "domains",
    "authentication_type": "authentication types",
    "logon_type": "logon types",
    "orientation": "orientations",
}
_OF = {"log": "records", "pairs": "users and ways", "sessions": "sessions"}
_SPREAD = {"MEAN": "on average", "STD": "the spread of", "MIN": "at least", "MAX": "at most", "SUM": "in all"}


def clauses(reasons: Sequence[Reason], finding: Finding) -> list[Clause]:
    """One clause a feature: what it is today, and what it is for the usual harmless session."""
    return [_clause(reason, finding) for reason in reasons]


def _clause(reason: Reason, finding: Finding) -> Clause:
    found = _FEATURE.match(reason.field)
    if found is None:
        name = reason.field
        return Clause(name, f"{name} {_value(reason.seen, '')}", _value(reason.expected, ""), reason.share)
    word, of, rest = found["word"], found["of"], found["rest"] or ""
    who = _who(found["entity"], finding)
    seen, usual = (_value(value, word) for value in (reason.seen, reason.expected))
    return Clause(reason.field, f"{_what(word, of, rest)} of {who}: {seen}", usual, reason.share)


def _what(word: str, of: str, rest: str) -> str:
    inner = _FEATURE.match(rest)
    if inner is not None:
        third = inner["entity"]
        told = _what(inner["word"], inner["of"], inner["rest"] or "")
        each = f"of each {_NAMES.get(third, third).rstrip('s')}" if third else f"of each of the {_OF[of]}"
        skew = "the skew of" if word == "SKEW" else _SPREAD[word]
        return f"{skew} {told} {each}"
    name = _NAMES.get(rest, rest)
    return {
        "COUNT": _OF[of],
        "NUM_UNIQUE": f"different {name}",
        "MODE": f"most frequent of the {name}",
        "PERCENT_TRUE": "share of success",
        "TIME_SINCE_FIRST": "time since the first record",
        "AVG_TIME_BETWEEN": "time between records",
    }[word]


def _who(entity: str | None, finding: Finding) -> str:
    if entity is None:
        return "this session"
    named = finding.username if entity == "username" else finding.orig_h if entity == "id.orig_h" else finding.resp_h
    return plain(named or entity)


def _value(value: str | float | None, word: str) -> str:
    if value is None:
        return "none"
    if isinstance(value, str):
        return plain(value)
    if word in {"TIME_SINCE_FIRST", "AVG_TIME_BETWEEN"}:
        return duration_words(value)
    return f"{value * 100:.0f} %" if word == "PERCENT_TRUE" else number_words(value)


def sentence(finding: Finding, said: Sequence[Clause]) -> str:
    """Whose session it is, how likely it turns malicious, and which features say so."""
    source = finding.username if finding.log == "ntlm" else finding.orig_h
    about = f"The session of {plain(source or 'an unknown source')} on {peer(finding)} that has begun today"
    risk = f"turns malicious with a probability of {finding.score * 100:.0f} %, as labelled sessions have taught"
    return f"{about} {risk}. What tells: {'; '.join(map(str, said)) or 'nothing by itself'}."
