"""Words for a flow that is unlike all that was normal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oddlog_core.detectors.novelty import HISTORY

from oddlog.notices.amounts import byte_words, duration_words
from oddlog.notices.clause import Clause, peer, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oddlog_core.detectors.contract import Reason

    from oddlog.notices.finding import Finding

__all__ = ["clauses", "sentence"]


def clauses(reasons: Sequence[Reason], finding: Finding) -> list[Clause]:
    """One clause a field."""
    return [_clause(reason, finding.log == "conn") for reason in reasons]


def _clause(reason: Reason, of_zeek: bool) -> Clause:
    if reason.field == HISTORY:
        others = int(reason.seen) if isinstance(reason.seen, float) else 0
        what = f"after the {others} that its source made before" if others else "as the first of its source"
        return Clause(reason.field, what, None, reason.share)
    seen, usual = (_said(reason.field, value, of_zeek) for value in (reason.seen, reason.expected))
    return Clause(reason.field, f"{reason.field} {seen}", usual if usual != seen else None, reason.share)


def _said(field: str, value: object, of_zeek: bool) -> str:
    if not isinstance(value, float):
        return "unset" if value is None else plain(value)
    if of_zeek and field == "duration":
        return duration_words(value)
    if of_zeek and field.endswith("_bytes"):
        return byte_words(value)
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return "almost 0" if 0 < abs(value) < 1e-3 else f"{value:.3g}"


def sentence(finding: Finding, said: Sequence[Clause]) -> str:
    """Whose flow it is, and in what it differs from usual ones."""
    source, to = plain(finding.orig_h or "an unknown host"), peer(finding)
    what = f" ({plain(finding.proto)})" if finding.proto else ""
    unusual = ", ".join(map(str, said))
    return f"The flow from {source} to {to}{what} is unlike the baseline's. Unusual: {unusual}."
