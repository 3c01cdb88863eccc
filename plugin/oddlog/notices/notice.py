"""Findings as lines of a Zeek notice.log: JSON as Zeek's JSON writer, or TSV with Zeek's header."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from oddlog.notices.words import message, rarity_words, reason_words

if TYPE_CHECKING:
    from oddlog.notices.finding import Finding

__all__ = ["MOST_BYTES", "TSV_HEADER", "json_line", "tsv_line"]

MOST_BYTES = 65_536
"""Longest line: what syslog relays and SIEM inputs take in one piece."""

_MOST_CHARACTERS = 1024
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


def _short(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"


def _fields(finding: Finding, suppress_for: float) -> dict[str, Any]:
    """The notice's keys in Zeek's order; None where unset. `oddlog` holds what Zeek has no field for."""
    return {
        "ts": msgspec.Raw(f"{finding.clock // 1_000_000}.{finding.clock % 1_000_000:06d}".encode()),
        "uid": finding.uid,
        "id.orig_h": finding.orig_h if finding.resp_h else None,
        "id.orig_p": finding.orig_p,
        "id.resp_h": finding.resp_h,
        "id.resp_p": finding.resp_p,
        "proto": finding.proto,
        "note": f"Oddlog::{finding.note}",
        "msg": _short(message(finding)),
        "sub": _short(f"{rarity_words(finding.rarity)}, by {finding.detector} on {finding.log}.log"),
        "src": finding.orig_h,
        "dst": finding.resp_h,
        "p": finding.resp_p,
        "n": 1,
        "peer_descr": "oddlog",
        "actions": ["Notice::ACTION_LOG"],
        "suppress_for": suppress_for,
        "oddlog": {
            "id": finding.id,
            "log": finding.log,
            "ts": finding.ts / 1e6,
            "detector": finding.detector,
            "bundle": finding.bundle,
            "score": finding.score,
            "rarity": finding.rarity,
            "reasons": [
                {
                    "field": reason.field,
                    "seen": _short(reason.seen) if isinstance(reason.seen, str) else reason.seen,
                    "expected": _short(reason.expected) if isinstance(reason.expected, str) else reason.expected,
                    "share": round(reason.share, 4),
                    "text": _short(reason_words(reason)),
                }
                for reason in finding.reasons
            ],
        },
    }


def json_line(finding: Finding, suppress_for: float) -> bytes:
    """One JSON line, with its newline."""
    fields = {key: value for key, value in _fields(finding, suppress_for).items() if value is not None}
    return msgspec.json.encode(fields) + b"\n"


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


def tsv_line(finding: Finding, suppress_for: float) -> bytes:
    """One line as Zeek's ASCII writer has it, with its newline; `TSV_HEADER` names the columns."""
    fields = _fields(finding, suppress_for)
    own: dict[str, Any] = fields.pop("oddlog")
    fields |= {f"oddlog.{key}": own[key] for key in ("id", "detector", "bundle", "score", "rarity")}
    fields["ts"] = bytes(fields["ts"]).decode()
    fields["actions"] = ",".join(fields["actions"])
    return ("\t".join(_tsv_value(fields[name]) for name in _TYPES) + "\n").encode()


def _tsv_value(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6f}"
    text = str(value)
    if text in ("", "-"):
        return "(empty)" if not text else "\\x2d"
    return "".join(f"\\x{ord(c):02x}" if c < " " or c == "\x7f" else c for c in text.replace("\\", "\\\\"))


Format = Literal["json", "tsv"]
LINES = {"json": json_line, "tsv": tsv_line}
