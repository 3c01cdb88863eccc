"""Words for a host's DCE-RPC calls within a window."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from oddlog.notices.amounts import count_words, number_words, roughly
from oddlog.notices.clause import Clause, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oddlog_core.detectors.contract import Reason

    from oddlog.notices.finding import Finding

__all__ = ["clauses", "sentence"]

_COUNTED = {
    "operations": ("made", "call"),
    "distinct responders": ("called", "host"),
    "distinct endpoints": ("used", "endpoint"),
    "distinct operations": ("used", "operation"),
    "calls to one responder": ("called one host", "time"),
    "calls to one endpoint": ("used one endpoint", "time"),
    "calls of one operation": ("called one operation", "time"),
}


def clauses(reasons: Sequence[Reason], finding: Finding) -> list[Clause]:  # noqa: ARG001  # as the other modules'
    """One clause a count."""
    return [_clause(reason) for reason in reasons]


def _clause(reason: Reason) -> Clause:
    verb, what = _COUNTED.get(reason.field, ("had", reason.field.removesuffix("s")))
    if not isinstance(reason.seen, float):
        return Clause(reason.field, f"{verb} {plain(reason.seen)} {what}s", None, reason.share)
    usual, only = None, ""
    if isinstance(reason.expected, float):
        usual = number_words(roughly(reason.expected))
        if usual == number_words(reason.seen):
            usual = f"{reason.expected:.1f}"
        usual = f"about {usual}"
        only = "only " * (reason.seen < reason.expected)
    return Clause(reason.field, f"{verb} {only}{count_words(reason.seen, what)}", usual, reason.share)


def sentence(finding: Finding, said: Sequence[Clause]) -> str:
    """Who called, when, what is usual for hosts like it, and what else is odd about it."""
    host = plain(finding.orig_h or "An unknown host")
    if not said:
        return f"{host} made unusual calls by DCE-RPC {_when(finding)}."
    main, *others = said
    usual = f"; {main.usual} is usual for hosts like it" if main.usual else ""
    also = f" Also: {', '.join(map(str, others))}." if others else ""
    return f"{host} {main.seen} by DCE-RPC {_when(finding)}{usual}.{also}"


def _when(finding: Finding) -> str:
    """The window, or as much of it as had passed."""
    since = datetime.fromtimestamp(finding.ts / 1e6, UTC)
    until = datetime.fromtimestamp(min(finding.clock, finding.ts + (finding.window or 0)) / 1e6, UTC)
    shown = "%H:%M" if since.date() == until.date() else "%Y-%m-%d %H:%M"
    return f"from {since:{shown}} to {until:{shown}} UTC"
