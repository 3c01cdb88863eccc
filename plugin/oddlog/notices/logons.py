"""Words for an NTLM logon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oddlog.notices.clause import Clause, peer, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oddlog_core.detectors.contract import Reason

    from oddlog.notices.finding import Finding

__all__ = ["clauses", "sentence"]

_OUTCOMES = {"T": "success", "F": "failure", None: "outcome not logged"}
_VERBS: dict[object, str] = {True: "logged on", False: "failed to log on"}
# The hours say more than the names: the afternoon is over at 14:00.
_HOURS = {
    "late_night": "22:00-02:00",
    "early_morning": "02:00-06:00",
    "morning": "06:00-10:00",
    "afternoon": "10:00-14:00",
    "evening": "14:00-18:00",
    "night": "18:00-22:00",
}
_ENDS = {"id.orig_h": "from", "id.resp_h": "to"}


def clauses(reasons: Sequence[Reason], finding: Finding) -> list[Clause]:
    """One clause a field; both parts of an address are one network."""
    found: list[Clause] = []
    by_field = {reason.field: reason for reason in reasons}
    for reason in reasons:
        end = reason.field.split(" ")[0]
        if end not in _ENDS:
            found.append(_field(reason))
        elif not any(clause.about == end for clause in found):
            found.append(_network(end, by_field, finding))
    return found


def _field(reason: Reason) -> Clause:
    seen, usual = (value if value is None else str(value) for value in (reason.seen, reason.expected))
    if reason.field == "success":
        words = [_OUTCOMES.get(value) or plain(value) for value in (seen, usual)]
    elif reason.field == "time_of_day_bin":
        words = [_HOURS.get(str(value), plain(value).replace("_", " ")) for value in (seen, usual)]
        words[0] = f"time {words[0]}"
    elif reason.field == "day_of_week":
        words = ["on a " + plain(seen), "a " + plain(usual)]
    else:
        name = {"domainname": "domain", "id.resp_p": "port"}.get(reason.field, reason.field)
        words = [f"no {name}" if seen is None else f"{name} {plain(seen)}", "none" if usual is None else plain(usual)]
    return Clause(reason.field, words[0], words[1], reason.share)


def _network(end: str, reasons: dict[str, Reason], finding: Finding) -> Clause:
    """10.20.4.x of the parts 10 and 20.4; a part that does not differ is that of the address itself."""
    first, middle = (reasons.get(f"{end} {part} part") for part in ("first", "middle"))
    address = (finding.orig_h if end == "id.orig_h" else finding.resp_h) or ""
    octets = address.split(".")
    own = (octets[0], ".".join(octets[1:3])) if len(octets) == 4 else ("", "")
    seen = [str(part.seen) if part else mine for part, mine in zip((first, middle), own, strict=True)]
    usual = [str(part.expected) if part else mine for part, mine in zip((first, middle), own, strict=True)]
    share = sum(part.share for part in (first, middle) if part)
    return Clause(end, f"{_ENDS[end]} {_joined(seen)}", _joined(usual), share)


def _joined(parts: list[str]) -> str:
    first, middle = map(plain, parts)
    if first == middle or not first or not middle:
        return first or middle
    if first.isdigit() and middle.replace(".", "").isdigit():
        return f"{first}.{middle}.x"
    return f"{first}:{middle}::" if ":" in first and ":" in middle else f"{first} {middle}"


def sentence(finding: Finding, said: Sequence[Clause]) -> str:
    """Who logged on where, and how that differs from the usual logons most like it."""
    who = plain(finding.username) if finding.username else "An unnamed user"
    verb = _VERBS.get(finding.record.get("success"), "tried to log on")
    source = plain(finding.orig_h or "an unknown host")
    unusual = ", ".join(map(str, said)) or "nothing by itself"
    return f"{who} {verb} from {source} to {peer(finding)} by NTLM. Unusual: {unusual}."
