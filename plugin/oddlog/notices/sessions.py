"""Words for a session that may turn malicious."""

from __future__ import annotations

import re
from dataclasses import replace
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
_SPREAD = {"MEAN": "on average", "STD": "their spread", "SKEW": "their skew"}
_SPREAD |= {"MIN": "at least", "MAX": "at most", "SUM": "in all"}


def clauses(reasons: Sequence[Reason], finding: Finding) -> list[Clause]:
    """What features are today, and what they are for the usual harmless session; several of one thing are told once."""
    found: dict[str, Clause] = {}
    for reason in reasons:
        clause = _clause(reason, finding)
        about = found.get(clause.about)
        found[clause.about] = clause if about is None else replace(about, share=about.share + clause.share)
    return [*found.values()]


def _clause(reason: Reason, finding: Finding) -> Clause:
    found = _FEATURE.match(reason.field)
    if found is None:
        name = reason.field
        return Clause(name, f"{name} {_value(reason.seen, '')}", _value(reason.expected, ""), reason.share)
    word, of, rest = found["word"], found["of"], found["rest"] or ""
    who = _who(found["entity"], finding)
    seen, usual = (_value(value, word) for value in (reason.seen, reason.expected))
    about = f"{found['entity']}.{rest}" if _FEATURE.match(rest) else reason.field
    return Clause(about, f"{_what(word, of, rest)} of {who}: {seen}", usual, reason.share)


def _what(word: str, of: str, rest: str) -> str:
    inner = _FEATURE.match(rest)
    if inner is not None:
        third = inner["entity"]
        told = _what(inner["word"], inner["of"], inner["rest"] or "")
        each = f"of each {_NAMES.get(third, third).removesuffix('s')}" if third else f"of each of the {_OF[of]}"
        return f"{told} {each}, {_SPREAD[word]},"
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
