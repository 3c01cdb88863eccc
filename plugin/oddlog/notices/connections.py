"""Words for a connection."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from oddlog.notices.amounts import byte_words, count_words, duration_words, number_words, roughly
from oddlog.notices.clause import Clause, peer, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oddlog_core.detectors.contract import Reason

    from oddlog.notices.finding import Finding

__all__ = ["clauses", "sentence"]

_STATES = {
    "S0": ("got no answer", "no answer"),
    "S1": ("was not closed", "no end"),
    "SF": ("ended normally", "a normal end"),
    "REJ": ("was rejected", "a rejection"),
    "S2": ("was not closed by the responder", "a close by the originator alone"),
    "S3": ("was not closed by the originator", "a close by the responder alone"),
    "RSTO": ("was reset by the originator", "a reset by the originator"),
    "RSTR": ("was reset by the responder", "a reset by the responder"),
    "RSTOS0": ("was reset before an answer", "a reset before an answer"),
    "RSTRH": ("was reset by a responder that nobody was seen to ask", "a reset that answers no request"),
    "SH": ("was closed without an answer", "a close without an answer"),
    "SHR": ("was answered without a request", "an answer without a request"),
    "OTH": ("was seen only from its middle", "traffic seen only from its middle"),
}
_VERBS = {"orig": "sent", "resp": "got back"}
_SIDES = {"orig_bytes": "orig", "orig_pkts": "orig", "resp_bytes": "resp", "resp_pkts": "resp"}
_ROLLING = re.compile(r"(mean|std)_(orig|resp)_(bytes|pkts)_(\d+)s")
_TIME = ("time_of_day_sin", "time_of_day_cos")
_RANGES = {
    "system port": "a port below 1024",
    "user port": "a port from 1024 to 49151",
    "dynamic port": "a port from 49152 on",
}


def clauses(reasons: Sequence[Reason], finding: Finding) -> list[Clause]:
    """One clause for what a side sent, in bytes and packets, one for the time of day, one for the traffic around.

    The weightiest comes first, but for those that say little to a reader.
    """
    groups: dict[str, list[Reason]] = {}
    for reason in reasons:
        groups.setdefault(_about(reason.field), []).append(reason)
    found = [_clause(about, group, finding) for about, group in groups.items()]
    return sorted(found, key=lambda clause: (_tells_little(clause.about, groups[clause.about]), -clause.share))


def _tells_little(about: str, reasons: list[Reason]) -> bool:
    """Whether others come first though this weighs more: packets without bytes, a port picked at random."""
    packets_only = about in _VERBS and all(reason.field.endswith("pkts") for reason in reasons)
    return packets_only or about in ("id.orig_p", "time") or about.startswith("around")


def _about(field: str) -> str:
    rolling = _ROLLING.fullmatch(field)
    if rolling:
        # The windows overlap and a mean moves with its spread: the weightiest of them says it all.
        return f"around {rolling[2]}"
    return "time" if field in _TIME else _SIDES.get(field, field)


def _clause(about: str, reasons: list[Reason], finding: Finding) -> Clause:
    share = sum(reason.share for reason in reasons)
    if about == "time":
        moment = datetime.fromtimestamp(finding.clock / 1e6, UTC)
        return Clause(about, f"at {moment:%H:%M} UTC, an unusual time", None, share)
    if about in _VERBS:
        seen, usual = _volume(reasons)
        return Clause(about, f"{_VERBS[about]} {seen}", usual, share)
    return Clause(about, *_phrase(reasons[0], finding), share)


def _volume(reasons: list[Reason]) -> tuple[str, str | None]:
    """Bytes in packets, or whichever of the two is a reason."""
    ordered = sorted(reasons, key=lambda reason: reason.field)
    seen = " in ".join(_amount(reason.field, reason.seen) for reason in ordered)
    usual = [_amount(reason.field, roughly(reason.expected)) for reason in ordered if reason.expected is not None]
    return seen, "about " + " in ".join(usual) if usual else None


def _amount(field: str, value: object) -> str:
    """Bytes or packets, as the field's name has it."""
    unit = "byte" if "bytes" in field else "packet"
    if not isinstance(value, float):
        return f"an unlogged number of {unit}s"
    if value <= 0:
        return f"no {unit}s"
    return byte_words(value) if unit == "byte" else count_words(value, unit)


def _phrase(reason: Reason, finding: Finding) -> tuple[str, str | None]:
    name, seen, expected = reason.field, reason.seen, reason.expected
    if name in _NAMED:
        return _NAMED[name](finding), _port(expected) if name in _PORTS else _category(expected)
    if name == "conn_state":
        state = finding.record.get(name, _category(seen))
        return f"{_STATES.get(state, ('ended',))[0]} ({plain(state)})", _STATES.get(
            str(expected), ("", _category(expected))
        )[1]
    rolling = _ROLLING.fullmatch(name)
    words: Callable[[float], str]
    if rolling:
        statistic, side, _, window = rolling.groups()
        over, words = f"connections over the last {window} s {_VERBS[side]}", partial(_amount, name)
        amount = _amount(name, seen)
        what = f"{over} {amount} each" if statistic == "mean" else f"what {over} varied by {amount}"
    elif name == "duration":
        words, what = duration_words, f"lasted {duration_words(seen)}" if isinstance(seen, float) else "has no duration"
    elif isinstance(seen, float):
        words, what = number_words, f"had {name} {number_words(seen)}"
    else:
        return f"had {name} {_category(seen)}", _category(expected)
    return what, f"about {words(roughly(expected))}" if isinstance(expected, float) else None


def _went(verb: str, port: int | None) -> str:
    return f"{verb} no port" if port is None else f"{verb} port {port}"


_NAMED: dict[str, Callable[[Finding], str]] = {
    "proto": lambda finding: f"used {plain(finding.proto or 'no protocol')}",
    "service": lambda finding: f"used {plain(finding.service)}" if finding.service else "had no recognised service",
    "id.orig_p": lambda finding: _went("came from", finding.orig_p),
    "id.resp_p": lambda finding: _went("went to", finding.resp_p),
    "orig_device": lambda finding: f"came from {plain(finding.orig_h or 'no device')}",
    "resp_device": lambda finding: f"went to {plain(finding.resp_h or 'no device')}",
}
_PORTS = ("id.orig_p", "id.resp_p")


def _port(expected: object) -> str:
    text = _category(expected)
    return _RANGES.get(text, f"port {text}" if text.isdigit() else text)


def _category(value: object) -> str:
    """A value by name; the two that stand for none and for all rare ones in words."""
    return {"unset": "none", "None": "none", "other": "a rarer one"}.get(str(value), plain(value))


def sentence(finding: Finding, said: Sequence[Clause]) -> str:
    """Who did what with whom, what is usual for such a connection, and what else is odd about it."""
    source, to = plain(finding.orig_h or "An unknown host"), peer(finding)
    what = "/".join(plain(part) for part in (finding.proto, finding.service) if part)
    to += f" ({what})" if what else ""
    if not said:
        return f"The connection from {source} to {to} is unusual."
    main, *others = said
    length = finding.record.get("duration")
    told = any(clause.about == "duration" for clause in others)
    lasted = f" over {duration_words(length / 1e6)}" if length and length >= 1_000_000 and not told else ""
    if main.about == "orig":
        start = f"{source} {main.seen} to {to}{lasted}"
    elif main.about == "resp":
        start = f"{source} {main.seen} from {to}{lasted}"
    elif main.about.startswith("around"):
        start = f"{source} connected to {to} when {main.seen}"
    elif main.about == "time":
        start = f"{source} connected to {to} {main.seen}"
    else:
        start = f"The connection from {source} to {to} {main.seen}"
    usual = f"; {main.usual} is usual for such a connection" if main.usual else ""
    also = f" Also: {', '.join(map(str, others))}." if others else ""
    return f"{start}{usual}.{also}"
