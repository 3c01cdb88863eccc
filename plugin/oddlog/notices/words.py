"""A finding in words that a tired analyst understands."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from oddlog_core.detectors.novelty import NoveltyDetector

from oddlog.notices import calls, connections, flows, logons, operations, sessions
from oddlog.notices.amounts import as_odd_words, rarity_words

if TYPE_CHECKING:
    from types import ModuleType

    from oddlog_core.detectors.contract import Reason
    from oddlog_core.features.sensitive import Technique

    from oddlog.notices.finding import Finding

__all__ = ["known_use", "message", "reason_words"]

_MOST_CLAUSES = 4
_CAVEATS = {
    "missed bytes": "the sensor missed a part of it",
    "seen in part": "only a part of it was seen",
    "unset fields": "Zeek could not read it",
    "cold start": "oddlog had just begun to read this log",
}
# What carries less of the score than this explains nothing to a reader.
_LEAST_SHARE = 0.1


def _speaker(finding: Finding) -> ModuleType:
    if finding.note == NoveltyDetector.note:
        return flows
    if finding.note == "Odd_DCE_RPC_Operation":
        return operations
    if finding.note == "Risky_Session":
        return sessions
    if finding.window is not None:
        return calls
    return logons if finding.log in {"ntlm", "wls"} else connections


def known_use(finding: Finding) -> Technique | None:
    """What attackers are known to use such calls for."""
    return operations.known_use(finding.reasons) if finding.log == "dce_rpc" else None


def reason_words(reason: Reason, finding: Finding) -> str:
    """One reason by itself: what was seen, and what is usual."""
    alone = dataclasses.replace(finding, context=None)
    return str(_speaker(finding).clauses([reason], alone)[0])


def message(finding: Finding, *, how_rare: bool = True) -> str:
    """What happened and the main reason, then the other reasons, then, if asked for, how rare it is."""
    if finding.said is not None:
        return finding.said
    speaker = _speaker(finding)
    clauses = speaker.clauses(finding.reasons, finding)
    said = [clause for clause in clauses if clause.share >= _LEAST_SHARE][:_MOST_CLAUSES] or clauses[:1]
    if not how_rare:
        return str(speaker.sentence(finding, said))
    once = rarity_words(finding.rarity, at_least=finding.at_least)
    # 'About twice a day' by itself would read as what this host does.
    often = f"{once[0].upper()}{once[1:]}." if finding.rarity >= 1 else f"{as_odd_words(finding.rarity)}."
    less = f" Less certain: {', '.join(_CAVEATS[caveat] for caveat in finding.caveats)}." if finding.caveats else ""
    return f"{speaker.sentence(finding, said)}{less} {often}"
