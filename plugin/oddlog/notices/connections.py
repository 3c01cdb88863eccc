"""Words for a connection."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from oddlog.notices import relations, statistics
from oddlog.notices.amounts import about, byte_words, count_words, duration_words, number_words, roughly
from oddlog.notices.beside import beat_words
from oddlog.notices.clause import Clause, listed, peer, plain

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
_ATTEMPTS = {
    "S0": "got no answer",
    "REJ": "was rejected",
    "RSTOS0": "gave up before an answer",
    "SH": "gave up without an answer",
}
_VERBS = {"orig": "sent", "resp": "got back"}
_ABOUT = {
    "orig_bytes": "orig",
    "orig_pkts": "orig",
    "unlike_orig_bytes": "orig",
    "resp_bytes": "resp",
    "resp_pkts": "resp",
    "unlike_resp_bytes": "resp",
    "unlike_duration": "duration",
    **dict.fromkeys(relations.RELATIONS, "relations"),
}
_AMOUNTS = ("orig", "resp", "duration")
_WHO = {
    "source": ("it usually", "sends", "there", "gets", "takes"),
    "destination": ("its clients usually", "send", "there", "get", "take"),
    "port": ("connections to this port usually", "send", "", "get", "take"),
    None: ("such connections usually", "send", "", "get", "take"),
}
_ROLLING = re.compile(r"(mean|std)_(orig|resp)_(bytes|pkts)_(\d+)s")
_TIME = ("time_of_day_sin", "time_of_day_cos")
_NETWORKS = {"T": "the local network", "F": "another network"}
_UNSET = {
    "duration_unset": "duration",
    "orig_bytes_unset": "count of bytes sent",
    "resp_bytes_unset": "count of bytes got back",
}
_RANGES = {
    "system port": "a port below 1024",
    "user port": "a port from 1024 to 49151",
    "dynamic port": "a port from 49152 on",
}


def clauses(reasons: Sequence[Reason], finding: Finding) -> list[Clause]:
    """One clause for what a side sent, one for the length, the time of day, the traffic around, the ends' relations.

    The weightiest comes first, but for those that say little to a reader.
    """
    groups: dict[str, list[Reason]] = {}
    for reason in reasons:
        groups.setdefault(_about(reason.field), []).append(reason)
    found = [_clause(subject, group, finding) for subject, group in groups.items()]
    return sorted(found, key=lambda clause: (_tells_little(clause.about, groups[clause.about]), -clause.share))


def _tells_little(subject: str, reasons: list[Reason]) -> bool:
    """Whether others come first though this weighs more: packets without bytes, a port picked at random."""
    packets_only = subject in _VERBS and all(reason.field.endswith("pkts") for reason in reasons)
    return packets_only or subject in ("id.orig_p", "time") or subject.startswith("around")


def _about(field: str) -> str:
    rolling = _ROLLING.fullmatch(field)
    if rolling:
        # The windows overlap and a mean moves with its spread: the weightiest of them says it all.
        return f"around {rolling[2]}"
    return "time" if field in _TIME else _ABOUT.get(field, field)


def _clause(subject: str, reasons: list[Reason], finding: Finding) -> Clause:
    share = sum(reason.share for reason in reasons)
    if subject == "time":
        moment = datetime.fromtimestamp(finding.clock / 1e6, UTC)
        return Clause(subject, f"at {moment:%H:%M} UTC, an unusual time", None, share)
    if subject in _VERBS:
        seen, usual = _volume(reasons)
        return Clause(subject, f"{_VERBS[subject]} {seen}", usual, share, reasons[0].among)
    if subject == "relations":
        return Clause(subject, relations.predicate(reasons, finding), None, share)
    return Clause(subject, *_phrase(reasons[0], finding), share, reasons[0].among)


def _volume(reasons: list[Reason]) -> tuple[str, str | None]:
    """Bytes in packets, or whichever of the two is a reason."""
    by_unit = {"pkts" if reason.field.endswith("pkts") else "bytes": reason for reason in reversed(reasons)}
    ordered = [by_unit[unit] for unit in ("bytes", "pkts") if unit in by_unit]
    seen = " in ".join(_amount(reason.field, reason.seen) for reason in ordered)
    known = [reason for reason in ordered if reason.expected is not None]
    if known and all(float(reason.expected or 0) < 0.5 for reason in known):
        return seen, "nothing"
    usual = [_amount(reason.field, roughly(reason.expected)) for reason in known]
    return seen, about(" in ".join(usual)) if usual else None


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
        usual = _port(expected) if name in _PORTS else _category(expected)
        if name in _LOCAL:
            usual = _NETWORKS.get(usual, usual)
        return _NAMED[name](finding), None if seen == expected else usual
    if name == "conn_state":
        state = finding.record.get(name, _category(seen))
        usual = _STATES.get(str(expected), ("", _category(expected)))[1]
        return f"{_STATES.get(state, ('ended',))[0]} ({plain(state)})", usual
    if name in _UNSET:
        unset, usually_unset = (isinstance(value, float) and value >= 0.5 for value in (seen, expected))
        return f"has {'no' if unset else 'a'} logged {_UNSET[name]}", "none" if usually_unset else "one"
    return statistics.phrase(reason, finding) or _number(reason)


def _number(reason: Reason) -> tuple[str, str | None]:
    name, seen, expected = reason.field, reason.seen, reason.expected
    rolling = _ROLLING.fullmatch(name)
    words: Callable[[float], str]
    if rolling:
        statistic, side, _, window = rolling.groups()
        over, words = f"connections over the last {window} s {_VERBS[side]}", partial(_amount, name)
        amount = _amount(name, seen)
        what = f"{over} {amount} each" if statistic == "mean" else f"what {over} varied by {amount}"
    elif name in ("duration", "unlike_duration"):
        words, what = duration_words, f"lasted {duration_words(seen)}" if isinstance(seen, float) else "has no duration"
    elif isinstance(seen, float):
        words, what = number_words, f"had {name} {number_words(seen)}"
    else:
        return f"had {name} {_category(seen)}", _category(expected)
    if not isinstance(expected, float):
        return what, None
    # Durations are rounded in their own unit.
    return what, about(words(expected if words is duration_words else roughly(expected)))


def _local(verb: str, local: object) -> str:
    return f"{verb} {_NETWORKS.get(str(local)[:1], 'an unlogged network')}"


def _went(verb: str, port: int | None) -> str:
    return f"{verb} no port" if port is None else f"{verb} port {port}"


_NAMED: dict[str, Callable[[Finding], str]] = {
    "proto": lambda finding: f"used {plain(finding.proto or 'no protocol')}",
    "service": lambda finding: f"used {plain(finding.service)}" if finding.service else "had no recognised service",
    "id.orig_p": lambda finding: _went("came from", finding.orig_p),
    "id.resp_p": lambda finding: _went("went to", finding.resp_p),
    "history": lambda finding: f"had the history {plain(finding.record.get('history', 'none'))}",
    "local_orig": lambda finding: _local("came from", finding.record.get("local_orig")),
    "local_resp": lambda finding: _local("went to", finding.record.get("local_resp")),
    "orig_device": lambda finding: f"came from {plain(finding.orig_h or 'no device')}",
    "resp_device": lambda finding: f"went to {plain(finding.resp_h or 'no device')}",
}
_PORTS = ("id.orig_p", "id.resp_p")
_LOCAL = ("local_orig", "local_resp")


def _port(expected: object) -> str:
    text = _category(expected)
    return _RANGES.get(text, f"port {text}" if text.isdigit() else text)


def _category(value: object) -> str:
    """A value by name; the two that stand for none and for all rare ones in words."""
    return {"unset": "none", "None": "none", "other": "a rarer one"}.get(str(value), plain(value))


def sentence(finding: Finding, said: Sequence[Clause]) -> str:
    """Who did what with whom and what is usual there, then what the baseline had of its ends, then what else is odd."""
    amounts = {clause.about: clause for clause in said if clause.about in _AMOUNTS}
    others = [clause for clause in said if clause.about not in (*_AMOUNTS, "relations")]
    between = next((clause for clause in said if clause.about == "relations"), None)
    main = None if amounts or between or not others else others.pop(0)
    what = _happened(finding, amounts) if main is None else _main(finding, main)
    sentences = [f"{what}{_usually(list(amounts.values()))}."]
    if between is not None:
        sentences.append(f"In the baseline it {between.seen}.")
    if finding.beat is not None:
        sentences.append(f"It has been calling there {beat_words(finding.beat)}.")
        others = [clause for clause in others if not clause.about.startswith("stream_interval")]
    if others:
        sentences.append(f"Also: {', '.join(map(str, others))}.")
    return " ".join(sentences)


def _ends(finding: Finding) -> tuple[str, str]:
    what = "/".join(plain(part) for part in (finding.proto, finding.service) if part)
    return plain(finding.orig_h or "An unknown host"), peer(finding) + (f" ({what})" if what else "")


def _happened(finding: Finding, amounts: dict[str, Clause]) -> str:
    """The connection, with those amounts that are odd."""
    source, to = _ends(finding)
    state = finding.record.get("conn_state")
    carried = [finding.record.get(name) for name in ("orig_bytes", "resp_bytes")]
    if state in _ATTEMPTS and not any(carried):
        return f"{source} tried to connect to {to} and {_ATTEMPTS[state]}"
    length = finding.record.get("duration")
    long = duration_words(length / 1e6) if length and (length >= 1_000_000 or "duration" in amounts) else ""
    within, lasting = (f" {word} {long}" if long else "" for word in ("in", "for"))
    sent, got = amounts.get("orig"), amounts.get("resp")
    if sent and got and carried == [0, 0]:
        return f"{source} connected to {to}{lasting} and nothing was sent either way"
    if sent and got:
        start = f"{source} {sent.seen} to {to}{within} and {got.seen}"
    elif sent:
        start = f"{source} {sent.seen} to {to}{within}"
    elif got:
        start = f"{source} {got.seen} from {to}{within}"
    elif "duration" in amounts:
        start = f"The connection from {source} to {to} {amounts['duration'].seen}"
    else:
        start = f"{source} connected to {to}{lasting}"
    return f"{start} and got no answer" if state in ("S0", "SH") and not got else start


def _main(finding: Finding, clause: Clause) -> str:
    """The connection, with what else is odd about it."""
    source, to = _ends(finding)
    if clause.about.startswith("around"):
        start = f"{source} connected to {to} when {clause.seen}"
    elif clause.about == "time":
        start = f"{source} connected to {to} {clause.seen}"
    else:
        start = f"The connection from {source} to {to} {clause.seen}"
    return start + (f"; {clause.usual} is usual for such a connection" if clause.usual else "")


def _usually(amounts: list[Clause]) -> str:
    """What is sent, got and taken usually, and by whom."""
    usual = {clause.about: clause.usual for clause in amounts if clause.usual}
    if not usual:
        return ""
    who, send, there, get, take = _WHO[amounts[0].among]
    said = []
    if "orig" in usual:
        said.append(f"{send} {usual['orig']}" + (f" {there}" if there else ""))
    if "resp" in usual:
        said.append(f"{get} {usual['resp']} back" + (f" {there}" if there and not said else ""))
    if "duration" in usual:
        said.append(f"{take} {usual['duration']}" + (f" {there}" if there and not said else ""))
    return f"; {who} {listed(said)}"
