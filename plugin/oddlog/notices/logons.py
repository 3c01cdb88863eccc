"""Words for a logon: by NTLM, or an event that a Windows host logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oddlog.notices.amounts import number_words
from oddlog.notices.clause import Clause, peer, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oddlog_core.detectors.contract import Reason

    from oddlog.notices.finding import Finding

__all__ = ["clauses", "sentence"]

_OUTCOMES = {"T": "success", "F": "failure", None: "outcome not logged"}
_VERBS: dict[object, str] = {True: "logged on", False: "failed to log on"}
_ENDED: dict[object, str] = {True: "succeeded", False: "failed", None: "had no known outcome"}
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
_NAMES = {
    "domainname": "domain",
    "id.resp_p": "port",
    "hostname": "workstation",
    "username": "user",
    "server_nb_computer_name": "server",
    "server_dns_computer_name": "server's DNS name",
    "server_tree_name": "server's tree",
    "event_id": "event",
}
_FROM = frozenset({"source_of_user", "user_at_source", "user from this source"})
_TO = frozenset({"host_of_user", "user on this host"})
_WINDOWS = ("10 min", "60 min")
# What several reasons speak of is said once.
_TOPICS: dict[str, frozenset[str]] = {
    "who": _FROM | _TO | {"host_of_source", "host_of_both", "together"},
    "failures": frozenset(
        f"{what} in {window}" for what in ("failures", "no success", "failure share") for window in _WINDOWS
    ),
    "new": frozenset(f"new in {window}" for window in _WINDOWS),
    "workstation": frozenset({"workstation"}),
    "server": frozenset({"server"}),
    "domain": frozenset({"domain"}),
    "outcome": frozenset({"outcome"}),
}
_TOPIC_OF = {name: topic for topic, names in _TOPICS.items() for name in names}


def clauses(reasons: Sequence[Reason], finding: Finding) -> list[Clause]:
    """One clause a field or habit; both parts of an address are one network, and what is said twice is one habit."""
    found: dict[str, Clause] = {}
    by_field = {reason.field: reason for reason in reasons}
    by_topic: dict[str, list[Reason]] = {}
    for reason in reasons:
        by_topic.setdefault(_topic(reason), []).append(reason)
    for reason in reasons:
        topic, end = _topic(reason), reason.field.partition(" ")[0]
        if topic:
            found.setdefault(topic, _habit(topic, by_topic[topic], finding))
        elif end in _ENDS and end != reason.field:
            found.setdefault(end, _network(end, by_field, finding))
        else:
            found[reason.field] = _field(reason)
    return [*found.values()]


def _topic(reason: Reason) -> str:
    """The habit that a reason speaks of; none where it is a field that is more usual than the kind of logon has it."""
    tells = isinstance(reason.seen, float) or reason.seen in {"new", "few", "some", "most"}
    return _TOPIC_OF.get(reason.field, "") if tells else ""


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
        name = _NAMES.get(reason.field, reason.field.replace("_", " "))
        words = [f"no {name}" if seen is None else f"{name} {plain(seen)}", "none" if usual is None else plain(usual)]
    return Clause(reason.field, words[0], words[1], reason.share)


def _habit(topic: str, reasons: list[Reason], finding: Finding) -> Clause:
    """What the baseline, or the last minutes, have to say of a topic."""
    # A field of a kind of logon says no more than its habit does, and has no counts.
    counted = [reason for reason in reasons if isinstance(reason.seen, float)] or reasons
    main = max(counted, key=lambda reason: reason.share)
    words = {
        "who": lambda: _who(counted, main, finding),
        "failures": lambda: _failures(main),
        "new": lambda: _new(main),
    }
    said = words.get(topic, lambda: _named(main, finding))()
    return Clause(topic, said, None, sum(reason.share for reason in reasons))


def _who(reasons: list[Reason], main: Reason, finding: Finding) -> str:
    """Whether this user ever logged on from here, or to there; else whether the source did, or all three together."""
    who = plain(finding.username) if finding.username else "an unnamed user"
    source, host = plain(finding.orig_h or "an unknown host"), plain(finding.resp_h or "an unknown host")
    never = {reason.field for reason in reasons if not reason.seen or reason.seen == "new"}
    if never & _FROM:
        return f"{who} never logged on from {source}{f', nor to {host},' if never & _TO else ''} before"
    if never & _TO:
        return f"{who} never logged on to {host} before"
    if "host_of_source" in never:
        return f"{source} never logged on to {host} before"
    if never:
        return f"{who} never logged on to {host} from {source} before"
    said = {
        "source_of_user": f"{who} logged on from {source}",
        "user_at_source": f"{source} logged on as {who}",
        "host_of_user": f"{who} logged on to {host}",
        "host_of_source": f"{source} logged on to {host}",
    }
    return f"{said.get(main.field, f'{who} logged on to {host} from {source}')} {_of(main)}"


def _failures(reason: Reason) -> str:
    what, _, window = reason.field.partition(" in ")
    if not isinstance(reason.seen, float):
        return f"{plain(reason.seen)} of the logons from it in {window} had no success"
    last = f"{number_words(reason.seen)} of the last {_counted(reason.of or 0, 'logon')} from it in {window}"
    return f"{last} {'failed' if what == 'failures' else 'had no success'}"


def _new(reason: Reason) -> str:
    window = reason.field.partition(" in ")[2]
    pairs = _counted(float(reason.seen or 0), "pair")
    return f"{pairs} of user and host from it in {window} {'was' if reason.seen == 1 else 'were'} new"


def _named(reason: Reason, finding: Finding) -> str:
    """What a party called itself, or how it fared."""
    who = plain(finding.username) if finding.username else "an unnamed user"
    source, host = finding.orig_h or "an unknown host", finding.resp_h or "an unknown host"
    subject, did, *fields = {
        "workstation": (source, "called itself", "hostname"),
        "server": (host, "called itself", "server_nb_computer_name", "server_dns_computer_name"),
        "domain": (who, "named the domain", "domainname"),
        "outcome": (who, "", "success", "status"),
    }[reason.field]
    value = next((finding.record[field] for field in fields if finding.record.get(field) is not None), None)
    if reason.field == "outcome":
        did = _ENDED[value] if value in _ENDED else f"had the outcome {plain(value)}"
    else:
        did = f"{did} {plain(value or 'nothing')}"
    return f"{plain(subject)} {did} {_of(reason)}" if reason.seen else f"{plain(subject)} never {did} before"


def _of(reason: Reason) -> str:
    """How often the baseline had it."""
    if reason.field == "together":
        return f"in only {number_words(float(reason.seen or 0))} of all {number_words(reason.of or 0)} logons before"
    return f"only {number_words(float(reason.seen or 0))} of {_counted(reason.of or 0, 'time')} before"


def _counted(count: float, what: str) -> str:
    return f"{number_words(count)} {what}" + ("" if count == 1 else "s")


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
    """Who logged on where, how that differs from what is usual for them, and from the usual logons most like it."""
    habits = [clause.seen for clause in said if clause.about in _TOPICS]
    fields = [str(clause) for clause in said if clause.about not in _TOPICS]
    unusual = f" Unusual: {', '.join(fields)}." if fields else "" if habits else " Unusual: nothing by itself."
    return f"{_event(finding)}.{' ' + '; '.join(habits) + '.' if habits else ''}{unusual}"


def _event(finding: Finding) -> str:
    who = plain(finding.username) if finding.username else "An unnamed user"
    verb = _VERBS.get(finding.record.get("success"), "tried to log on")
    source = plain(finding.orig_h or "an unknown host")
    if finding.log == "ntlm":
        return f"{who} {verb} from {source} to {peer(finding)} by NTLM"
    event = f"event {plain(finding.record.get('event_id', 'unknown'))}"
    return f"{who} caused {event} on {peer(finding)}" + (f" from {source}" if source != finding.resp_h else "")
