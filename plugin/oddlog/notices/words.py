"""A finding in words that a tired analyst understands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from oddlog_core.detectors.contract import Reason

    from oddlog.notices.finding import Finding

__all__ = ["message", "rarity_words", "reason_words"]

_SECONDS = (("day", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3))
_BYTES = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("KB", 1e3))
_STATES = {
    "S0": "no answer",
    "S1": "never closed",
    "SF": "ended normally",
    "REJ": "rejected",
    "S2": "responder never closed",
    "S3": "originator never closed",
    "RSTO": "reset by its originator",
    "RSTR": "reset by the responder",
    "RSTOS0": "reset before an answer",
    "RSTRH": "reset after an answer without a request",
    "SH": "closed without an answer",
    "SHR": "answered without a request",
    "OTH": "seen only in its middle",
}
_ROLLING = re.compile(r"(mean|std)_(orig|resp)_(bytes|pkts)_(\d+)s")
_LOGON = {
    "domainname": "domain",
    "success": "outcome",
    "id.resp_p": "port",
    "id.orig_h first part": "source network",
    "id.orig_h middle part": "source subnet",
    "id.resp_h first part": "target network",
    "id.resp_h middle part": "target subnet",
    "day_of_week": "day",
    "time_of_day_bin": "time of day",
}
_OUTCOMES = {"T": "success", "F": "failure"}


def duration_words(seconds: float) -> str:
    """Seconds in the unit that a person would choose."""
    for unit, size in _SECONDS:
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {unit}"
    return "no time" if seconds <= 0 else "under 1 ms"


def byte_words(count: float) -> str:
    """Bytes in the unit that a person would choose."""
    for unit, size in _BYTES:
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} bytes" if count >= 0.5 else "nothing"


def count_words(count: float, what: str) -> str:
    """A count, whole where it is one."""
    number = f"{count:,.0f}" if count >= 10 or float(count).is_integer() else f"{count:.1f}"
    return f"{number} {what}".strip()


def rarity_words(days: float) -> str:
    """Rarity as 'once in D days'."""
    if days < 1:
        often = 1 / days
        return f"{often:,.0f} times a day" if often >= 1.5 else "about once a day"
    if days >= 3650:
        return "once in over 10 years"
    return f"once in {days:.0f} days" if days >= 1.5 else "about once a day"


def reason_words(reason: Reason) -> str:
    """One reason: what was seen, and what was expected."""
    name, seen, expected = reason.field, reason.seen, reason.expected
    if name in ("time_of_day_sin", "time_of_day_cos"):
        return "at an unusual time of day"
    if name in _LOGON and isinstance(seen, str | None):
        return _logon_words(name, seen, expected)
    if name == "conn_state":
        return f"{_state_words(seen)} (expected: {_state_words(expected)})"
    if isinstance(seen, str):
        return f"{_CATEGORY.get(name, name)} {seen} (expected {expected})"
    return _number_words(name, seen, expected)


def _number_words(name: str, seen: float | None, expected: object) -> str:
    rolling = _ROLLING.fullmatch(name)
    if rolling:
        statistic, side, what, window = rolling.groups()
        verb, amount = ("sent" if side == "orig" else "got back"), _amount("bytes" if what == "bytes" else "packets")
        average = f"{verb} {amount(seen)} on average"
        how = average if statistic == "mean" else f"differed by {amount(seen)} in what they {verb}"
        return f"in the last {window} s all connections {how} (expected about {amount(expected)})"
    if name in _CONNECTION:
        verb, words = _CONNECTION[name]
        return f"{verb} {words(seen)} (expected about {words(expected)})"
    usual = expected if isinstance(expected, float) else 0.0
    return f"{count_words(seen or 0.0, name)} (usually about {count_words(usual, '')})"


def _amount(unit: str) -> Callable[[object], str]:
    def words(value: object) -> str:
        if not isinstance(value, float):
            return "an unknown amount"
        return byte_words(max(value, 0.0)) if unit == "bytes" else count_words(max(value, 0.0), unit)

    return words


def _time(value: object) -> str:
    return duration_words(max(value, 0.0)) if isinstance(value, float) else "an unknown time"


_CONNECTION: dict[str, tuple[str, Callable[[object], str]]] = {
    "duration": ("lasted", _time),
    "orig_bytes": ("sent", _amount("bytes")),
    "resp_bytes": ("got back", _amount("bytes")),
    "orig_pkts": ("sent", _amount("packets")),
    "resp_pkts": ("got back", _amount("packets")),
}
_CATEGORY = {"proto": "protocol", "service": "service", "id.orig_p": "from port", "id.resp_p": "to port"}


def _state_words(state: object) -> str:
    return f"{_STATES[state]} ({state})" if isinstance(state, str) and state in _STATES else str(state)


def _logon_words(name: str, seen: object, expected: object) -> str:
    if name == "success":
        words = [_OUTCOMES.get(str(value), str(value)) if value else "not logged" for value in (seen, expected)]
    else:
        words = [str(value).replace("_", " ") if value else "none" for value in (seen, expected)]
    return f"{_LOGON[name]} {words[0]} (usually {words[1]})"


def message(finding: Finding) -> str:
    """One sentence with the main reason, then how rare it is."""
    reasons = "; ".join(reason_words(reason) for reason in finding.reasons[:3])
    once = rarity_words(finding.rarity)
    return f"{_subject(finding)}: {reasons}. {once[0].upper()}{once[1:]}."


def _subject(finding: Finding) -> str:
    if finding.window is not None:
        return f"{finding.orig_h} made DCE-RPC calls within {duration_words(finding.window / 1e6)}"
    peer = f"[{finding.resp_h}]" if ":" in (finding.resp_h or "") else finding.resp_h
    if finding.log == "ntlm":
        who = f"{finding.username} logged on" if finding.username else "a logon"
        return f"{who} from {finding.orig_h} to {peer}:{finding.resp_p} by NTLM"
    what = "/".join(part for part in (finding.proto, finding.service) if part)
    return f"{finding.orig_h} to {peer}:{finding.resp_p}" + (f" ({what})" if what else "")
