"""Flows as CICFlowMeter writes them, the log ``flows``: CSV below a header that may come again in mid-file.

The writer's versions spell the same columns in different ways: ``Total Fwd Packet`` the newer one, ``Tot Fwd Pkts``
that of CSE-CIC-IDS2018, ``Total Fwd Packets`` that of CIC-IDS2017. A column is known by the words of its name, whatever
their order and abbreviations.

- Timestamps are ISO 8601 or day/month/year, and taken as UTC. A row without one is bad.
- ``Infinity`` and ``NaN`` are what the writer makes of a division by zero: unset. Any other number is taken as it is,
  a negative one, too.
- Rows are in no order that is known: the clock is their Timestamp.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from oddlog.logs.netflow import protocols
from oddlog.logs.schema import FLOW_NUMBERS, FLOWS, TYPES
from oddlog.logs.tsv import Header, read_rows

if TYPE_CHECKING:
    from oddlog.logs.checked import Wrong
    from oddlog.logs.lines import Lines

__all__ = ["header_of", "header_rows", "read_cicflow"]

_TELLING = b"Flow Duration"
_OWN = {
    "Timestamp": "ts",
    "Flow ID": "uid",
    "Src IP": "id.orig_h",
    "Src Port": "id.orig_p",
    "Dst IP": "id.resp_h",
    "Dst Port": "id.resp_p",
    "Protocol": "proto",
    "Label": "Label",
}
_WORDS = {
    "average": "avg",
    "b": "bulk",
    "backward": "bwd",
    "blk": "bulk",
    "bytes": "byte",
    "byts": "byte",
    "counts": "count",
    "cnt": "count",
    "cwe": "cwr",
    "destination": "dst",
    "forward": "fwd",
    "len": "length",
    "packets": "packet",
    "pkt": "packet",
    "pkts": "packet",
    "seg": "segment",
    "source": "src",
    "tot": "total",
    "var": "variance",
}
_DAY_FIRST = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y %I:%M:%S %p")
_FEWEST = 5
_NOON = re.compile(r"\b[AP]M$")


def _key(name: str) -> frozenset[str]:
    words = re.findall(r"[a-z]+|\d+", name.lower().replace("totlen", "total length"))
    return frozenset(_WORDS.get(word, word) for word in words if word != "of")


_FIELDS = {_key(name): field for name, field in ({name: name for name in FLOW_NUMBERS} | _OWN).items()}


def header_rows(data: bytes) -> list[int]:
    """Where lines that are headers of such a file begin."""
    found, at = [], data.find(_TELLING)
    while at >= 0:
        start = data.rfind(b"\n", 0, at) + 1
        # One name is no header: a broken line of another log may hold it.
        if data[start : start + 1] not in {b"{", b"#"} and data.count(b",", start, data.find(b"\n", at)) >= _FEWEST:
            found.append(start)
        at = data.find(_TELLING, data.find(b"\n", at))
    return found


def header_of(line: bytes) -> Header:
    """The header that a line is: fields by their names in the schema, what is not in it by its own."""
    names = line.decode("utf-8", "backslashreplace").lstrip("\ufeff").split(",")
    fields = tuple(_FIELDS.get(_key(name), name.strip()) for name in names)
    return Header(separator=",", empty_field="", unset_field="", path=FLOWS, fields=fields)


def read_cicflow(lines: Lines, header: Header) -> tuple[dict[str, pa.Array], Wrong]:
    """Lines as columns of flows, as `oddlog.logs.tsv.read_rows` has them.

    Parameters
    ----------
    lines : Lines
        Readable lines.
    header : Header
        As `header_of` makes it.
    """
    # Timestamps are text, and protocols numbers.
    columns, wrong = read_rows(lines, header, {**TYPES[FLOWS], "ts": "addr", "proto": "count"})
    if "ts" in columns:
        columns["ts"] = _times(columns["ts"])
    if "proto" in columns:
        columns["proto"] = protocols(columns["proto"])
    for name in FLOW_NUMBERS:
        if name in columns:
            numbers = columns[name]
            columns[name] = pc.if_else(pc.is_finite(numbers), numbers, None)
    return columns, wrong


def _times(column: pa.DictionaryArray) -> pa.Array:
    """ISO 8601 for whatever is a day first; all else as it is, for whoever checks it."""
    texts = column.dictionary.to_pylist()
    return pa.array([_iso(text) for text in texts], pa.string()).take(column.indices)


def _iso(text: str) -> str:
    if "/" not in text:
        return text
    for form in _DAY_FIRST if not _NOON.search(text) else _DAY_FIRST[2:]:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).isoformat()
        except ValueError:
            continue
    return text
