"""Findings as lines of a Zeek notice.log: JSON as Zeek's JSON writer, or TSV with Zeek's header."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from oddlog.notices.amounts import rarity_words
from oddlog.notices.beside import behaviour_name, flow_words
from oddlog.notices.remark import Remark
from oddlog.notices.words import known_use, message, reason_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oddlog_core.detectors.contract import Context

    from oddlog.notices.finding import Finding

__all__ = ["MOST_BYTES", "TSV_HEADER", "json_line", "tsv_line"]

MOST_BYTES = 65_536
"""Longest line: what syslog relays and SIEM inputs take in one piece."""

# Of a text, in a usual line and in one that would else be too long: sixteen reasons of three texts, each character
# six bytes at most (\\u0001), stay below it then.
_MOST_CHARACTERS = (1024, 128)
_MOST_REASONS = 16
_TYPES = {
    "ts": "time",
    "uid": "string",
    "id.orig_h": "addr",
    "id.orig_p": "port",
    "id.resp_h": "addr",
    "id.resp_p": "port",
    "proto": "enum",
    "note": "enum",
    "msg": "string",
    "sub": "string",
    "src": "addr",
    "dst": "addr",
    "p": "port",
    "n": "count",
    "peer_descr": "string",
    "actions": "set[enum]",
    "suppress_for": "interval",
    "oddlog.id": "string",
    "oddlog.detector": "string",
    "oddlog.bundle": "string",
    "oddlog.score": "double",
    "oddlog.rarity": "double",
}


def _short(value: Any, most: int) -> Any:
    return value if not isinstance(value, str) or len(value) <= most else value[: most - 1] + "…"


def _set(fields: dict[str, Any], most: int) -> dict[str, Any]:
    """Fields that are set, no text longer than `most` characters."""
    return {key: _short(value, most) for key, value in fields.items() if value is not None}


def _fields(finding: Finding, suppress_for: float, most: int) -> dict[str, Any]:
    """The notice's keys in Zeek's order, unset ones left out. `oddlog` holds what Zeek has no field for."""
    reasons = [
        _set(
            {
                "field": reason.field,
                "seen": reason.seen,
                "expected": reason.expected,
                "of": reason.of,
                "share": round(reason.share, 4),
                "text": reason_words(reason, finding),
            },
            most,
        )
        for reason in finding.reasons[:_MOST_REASONS]
    ]
    known = finding.resp_h is not None
    once = rarity_words(finding.rarity, at_least=finding.at_least)
    use = known_use(finding)
    meant = f"; {use.name} ({use.id})" if use else ""
    return _set(
        {
            "ts": _time(finding.clock),
            "uid": finding.uid,
            "id.orig_h": finding.orig_h if known else None,
            "id.orig_p": finding.orig_p if known else None,
            "id.resp_h": finding.resp_h,
            "id.resp_p": finding.resp_p if known else None,
            "proto": finding.proto,
            "note": f"Oddlog::{finding.note}",
            "msg": message(finding),
            "sub": f"{once}, by {finding.detector} on {finding.log}.log{meant}",
            "src": finding.orig_h,
            "dst": finding.resp_h,
            "p": finding.resp_p,
            "n": finding.n,
            "peer_descr": "oddlog",
            "actions": ["Notice::ACTION_LOG"],
            "suppress_for": float(suppress_for),
            "oddlog": _set(
                {
                    "id": finding.id,
                    "log": finding.log,
                    "ts": _time(finding.ts),
                    "detector": finding.detector,
                    "bundle": finding.bundle,
                    "score": finding.score,
                    "rarity": finding.rarity,
                    "at_least": finding.at_least or None,
                    "technique": use.id.split(", ") if use else None,
                    "reasons": reasons,
                    **_beside(finding.context, most),
                    "caveats": list(finding.caveats) or None,
                    "chain": [_link(link, most) for link in finding.links] or None,
                },
                most,
            ),
        },
        most,
    )


def _link(link: Mapping[str, Any], most: int) -> dict[str, Any]:
    """One of the findings that an incident is a chain of."""
    return _set({**link, "ts": _time(link["ts"]), "note": f"Oddlog::{link['note']}"}, most)


def _own_fields(remark: Remark, suppress_for: float, most: int) -> dict[str, Any]:
    """The keys of a notice that tells of no record."""
    return _set(
        {
            "ts": _time(remark.clock),
            "note": f"Oddlog::{remark.note}",
            "msg": remark.msg,
            "sub": remark.sub,
            "n": remark.n,
            "peer_descr": "oddlog",
            "actions": ["Notice::ACTION_LOG"],
            "suppress_for": float(suppress_for),
            "oddlog": {"id": remark.id, "log": remark.log, "ts": _time(remark.clock)},
        },
        most,
    )


def _of(finding: Finding | Remark, suppress_for: float, most: int) -> dict[str, Any]:
    if isinstance(finding, Remark):
        return _own_fields(finding, suppress_for, most)
    return _fields(finding, suppress_for, most)


def _beside(context: Context | None, most: int) -> dict[str, Any]:
    """What the record is set beside: its source's nearest usual flow, its kind of behaviour, its beat; in seconds."""
    if context is None:
        return {}
    said: dict[str, Any] = {}
    if context.usual is not None:
        flow = msgspec.structs.asdict(context.usual)
        flow["duration"] = None if flow["duration"] is None else flow["duration"] / 1e6
        said["usual"] = _set({**flow, "text": flow_words(context.usual)}, most)
    if context.behaviour is not None:
        kind = context.behaviour
        said["behaviour"] = _set({"name": behaviour_name(kind), "share": kind.share}, most)
    if context.beat is not None:
        said["beat"] = {key: round(value, 3) for key, value in context.beat._asdict().items()}
    return said


def _time(moment: int) -> msgspec.Raw:
    """Seconds with six decimals, exactly; a float would show fewer."""
    sign, moment = ("-", -moment) if moment < 0 else ("", moment)
    return msgspec.Raw(f"{sign}{moment // 1_000_000}.{moment % 1_000_000:06d}".encode())


def _fitting(line: Callable[[int], bytes]) -> bytes:
    """The line, with its texts cut shorter if it would be too long."""
    whole = line(_MOST_CHARACTERS[0])
    return whole if len(whole) <= MOST_BYTES else line(_MOST_CHARACTERS[1])


def json_line(finding: Finding | Remark, suppress_for: float) -> bytes:
    """One JSON line, with its newline, of at most `MOST_BYTES`."""
    return _fitting(lambda most: msgspec.json.encode(_of(finding, suppress_for, most)) + b"\n")


def _tsv_header() -> bytes:
    lines = [
        "#separator \\x09",
        "#set_separator\t,",
        "#empty_field\t(empty)",
        "#unset_field\t-",
        "#path\tnotice",
        "#fields\t" + "\t".join(_TYPES),
        "#types\t" + "\t".join(_TYPES.values()),
    ]
    return ("\n".join(lines) + "\n").encode()


TSV_HEADER = _tsv_header()


def tsv_line(finding: Finding | Remark, suppress_for: float) -> bytes:
    """One line as Zeek's ASCII writer has it, with its newline, of at most `MOST_BYTES`; see `TSV_HEADER`."""

    def line(most: int) -> bytes:
        fields = _of(finding, suppress_for, most)
        own: dict[str, Any] = fields.pop("oddlog")
        fields |= {f"oddlog.{key}": own.get(key) for key in ("id", "detector", "bundle", "score", "rarity")}
        return ("\t".join(_tsv_value(fields.get(name)) for name in _TYPES) + "\n").encode()

    return _fitting(line)


def _tsv_value(value: object) -> str:
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    if isinstance(value, float):
        return f"{value:.6f}"
    if isinstance(value, list):
        return ",".join(map(_tsv_value, value))
    text = "-" if value is None else str(value)
    if value is not None and text in ("-", "(empty)"):
        return f"\\x{ord(text[0]):02x}{text[1:]}"
    return "".join(map(_escaped, text)) or "(empty)"


def _escaped(c: str) -> str:
    # Zeek itself leaves # and " alone, and readers built on pandas cut a row at one and join rows at the other.
    if c == "\\":
        return "\\\\"
    return c if c.isprintable() and c not in '#"' else "".join(f"\\x{byte:02x}" for byte in c.encode())


Format = Literal["json", "tsv"]
LINES = {"json": json_line, "tsv": tsv_line}
