"""Words for DCE-RPC operations, and what attackers use them for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from oddlog_core.features.sensitive import technique

from oddlog.notices.amounts import count_words, number_words, roughly
from oddlog.notices.clause import Clause, listed, peer, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oddlog_core.detectors.contract import Reason
    from oddlog_core.features.sensitive import Technique

    from oddlog.notices.finding import Finding

__all__ = ["clauses", "known_use", "sentence"]

_CALLS, _AFTER = "calls of ", "order after "


def clauses(reasons: Sequence[Reason], finding: Finding) -> list[Clause]:  # noqa: ARG001  # as the other modules'
    """One clause a piece of news; of the same operation only the weightiest."""
    found: list[Clause] = []
    for reason in reasons:
        clause = _clause(reason)
        if all(clause.about != other.about for other in found):
            found.append(clause)
    return found


def _names(reason: Reason) -> bool:
    """Whether what it has seen is a call; else it has counted."""
    return reason.field != "targets" and not reason.field.startswith(_CALLS)


def _clause(reason: Reason) -> Clause:
    """What was called, a colon, and why that is odd."""
    if _names(reason):
        call = plain(reason.seen)
        return Clause(call, f"called {call}: {_why(reason)}", None, reason.share)
    seen, expected = (value if isinstance(value, float) else 0.0 for value in (reason.seen, reason.expected))
    usual = f"about {number_words(roughly(expected))}"
    if reason.field.startswith(_CALLS):
        call = plain(reason.field.removeprefix(_CALLS))
        return Clause(reason.field, f"called {call} {count_words(seen, 'time')} or more", usual, reason.share)
    return Clause(reason.field, f"called {count_words(seen, 'host')} or more", usual, reason.share)


def _why(reason: Reason) -> str:
    if reason.field == "operation":
        return f"only {plain(reason.expected)} do that here" if reason.expected else "no host did that here before"
    total, own = (value if isinstance(value, float) else 0.0 for value in (reason.of, reason.expected))
    if reason.field.startswith("order"):
        before = plain(reason.field.removeprefix(_AFTER)) if reason.field.startswith(_AFTER) else None
        often = f"only {number_words(own)} of {count_words(total, 'time')} before"
        if before is None:
            return f"it began so {often}" if own else "it never began so before"
        return f"after {before} it did so {often}" if own else f"after {before} it never did so before"
    if not total:
        return "never before on this host"
    return f"{number_words(own) if own else 'none'} of {count_words(total, 'such call')} there were its own"


def sentence(finding: Finding, said: Sequence[Clause]) -> str:
    """Who called what on whom, why that is odd, what attackers use it for, and what else is odd about it."""
    host = plain(finding.orig_h or "An unknown host")
    if not said:
        return f"{host} made unusual calls by DCE-RPC."
    main, *others = _merged(said)
    act, _, why = main.seen.partition(": ")
    on = f" on {peer(finding)}" if finding.resp_h and main.about != "targets" else ""
    because = f": {why}" if why else f"; {main.usual} is usual"
    also = f" Also: {'; '.join(map(str, others))}." if others else ""
    call, use = _known(finding.reasons)
    by = f", by {plain(call)}" if plain(call) not in act else ""
    meant = f" Known from attacks: {use.name} ({use.id}){by}." if use else ""
    return f"{host} {act}{on}{because}.{meant}{also}"


def _merged(said: Sequence[Clause]) -> list[Clause]:
    """Clauses, those of operations that are odd for the same reason, and not by counts of their own, as one."""
    found: dict[str, list[Clause]] = {}
    for clause in said:
        why = clause.seen.removeprefix(f"called {clause.about}: ")
        found.setdefault(clause.seen if " of " in why else why, []).append(clause)
    return [
        replace(same[0], seen=same[0].seen.replace(same[0].about, listed([one.about for one in same]), 1))
        for same in found.values()
    ]


def _known(reasons: Sequence[Reason]) -> tuple[str, Technique | None]:
    """The weightiest operation that attackers are known to use, and what for."""
    for reason in reasons:
        call = str(reason.seen) if _names(reason) else reason.field.removeprefix(_CALLS)
        use = technique(call)
        if use:
            return call, use
    return "", None


def known_use(reasons: Sequence[Reason]) -> Technique | None:
    """What attackers use the weightiest operation for that they are known to use."""
    return _known(reasons)[1]
