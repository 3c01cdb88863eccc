"""Host events of the Unified Host and Network Data Set (LANL, 2017), which Windows hosts logged, as records.

Turcotte, Kent and Hash, Unified Host and Network Data Set (2018), table 2: a JSON object a line, its keys those that
the event has: UserName, EventID, LogHost, LogonID, DomainName, ParentProcessName, ParentProcessID, ProcessName,
ProcessID, Time, LogonType, LogonTypeDescription, AuthenticationPackage, Source, ServiceName, Destination,
SubjectUserName, SubjectDomainName, SubjectLogonID, Status and FailureReason. A line is known by LogHost and EventID,
whatever its file is called.

- Time, whole seconds, is taken as seconds since the epoch. Lines are in its order.
- Hosts keep their names in place of addresses: ``id.resp_h`` is LogHost, ``id.orig_h`` the Source of a logon, or
  LogHost where an event has none.
- ``success`` is what EventID says (4624 a logon, 4625 a failed one), else whether Status is 0x0; unset where neither
  tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

from oddlog.logs.lenient import shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oddlog.logs.checked import Wrong
    from oddlog.logs.lines import Lines

__all__ = ["NAME", "read_events", "tells_events"]

NAME = "wls"
"""What such a log is called, as its files are: ``wls_day-02``."""

_KEYS = {
    "event_id": "EventID",
    "username": "UserName",
    "domainname": "DomainName",
    "logon_type": "LogonType",
    "authentication_package": "AuthenticationPackage",
    "destination": "Destination",
    "service_name": "ServiceName",
    "process_name": "ProcessName",
    "parent_process_name": "ParentProcessName",
    "status": "Status",
}
_NUMBERS = ("EventID", "LogonType")
_SCHEMA = pa.schema(
    [("Time", pa.float64()), ("LogHost", pa.string()), ("Source", pa.string())]
    + [(key, pa.int64() if key in _NUMBERS else pa.string()) for key in _KEYS.values()]
)
_LOGON, _FAILED_LOGON = "4624", "4625"


class _Event(msgspec.Struct):
    Time: float
    LogHost: str
    EventID: int | str
    Source: str | None = None
    UserName: str | None = None
    DomainName: str | None = None
    LogonType: int | str | None = None
    AuthenticationPackage: str | None = None
    Destination: str | None = None
    ServiceName: str | None = None
    ProcessName: str | None = None
    ParentProcessName: str | None = None
    Status: str | None = None


_decode = msgspec.json.Decoder(_Event).decode


def tells_events(data: bytes) -> bool:
    """Whether the first line among these is one of such a file."""
    first = data.split(b"\n", 1)[0]
    return b'"LogHost"' in first and b'"EventID"' in first


def read_events(lines: Lines) -> tuple[dict[str, pa.Array], Wrong]:
    """Lines as columns of `NAME`.

    Parameters
    ----------
    lines : Lines
        Readable lines, each beginning with ``{``.

    Returns
    -------
    columns : dict of str to (n_lines,) array
    wrong : dict
        Lines that are no such event: by line, which key, what was expected there, and what was found.
    """
    table = _read(lines)
    wrong: Wrong = {}
    if table is None:
        table, wrong = _judged(lines)
    else:
        for row in np.flatnonzero(_lacking(table)).tolist():
            wrong[row] = _problem(lines[row])
    host = table["LogHost"]
    columns: dict[str, Any] = {name: table[key].cast(pa.string()) for name, key in _KEYS.items()}
    columns |= {"ts": table["Time"], "id.resp_h": host, "id.orig_h": pc.coalesce(table["Source"], host)}
    columns["success"] = _success(columns["event_id"], columns["status"])
    return columns, wrong


def _success(event: pa.Array, status: pa.Array) -> pa.Array:
    known = pc.if_else(pc.equal(event, _LOGON), True, pc.if_else(pc.equal(event, _FAILED_LOGON), False, None))
    return pc.coalesce(known.cast(pa.bool_()), pc.equal(pc.utf8_lower(status), "0x0"))


def _read(lines: Lines) -> dict[str, pa.Array] | None:
    """Arrow's reading, or None where a line is not exactly one object of these types."""
    if not (lines.bytes_at(lines.ends - 1) == ord("}")).all():
        return None
    try:
        table = arrow_json.read_json(
            pa.BufferReader(lines.data),
            read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(lines.data) + 1),
            parse_options=arrow_json.ParseOptions(
                explicit_schema=_SCHEMA, newlines_in_values=False, unexpected_field_behavior="ignore"
            ),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != len(lines):
        return None
    return {name: table[name].combine_chunks() for name in table.column_names}


def _lacking(table: dict[str, pa.Array]) -> NDArray[np.bool_]:
    time, host, event = (np.array(table[key].is_null(), np.bool_) for key in ("Time", "LogHost", "EventID"))
    return time | host | event


def _judged(lines: Lines) -> tuple[dict[str, pa.Array], Wrong]:
    """Line by line, what is wrong left unset."""
    events: list[_Event | None] = []
    wrong: Wrong = {}
    for row in range(len(lines)):
        try:
            events.append(_decode(lines[row]))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            events.append(None)
            wrong[row] = _problem(lines[row])
    columns = {}
    for name in _SCHEMA.names:
        values = [None if event is None else getattr(event, name) for event in events]
        if name != "Time":
            values = [None if value is None else str(value) for value in values]
        columns[name] = pa.array(values, pa.float64() if name == "Time" else pa.string())
    return columns, wrong


def _problem(line: bytes) -> tuple[str, str, str]:
    """Which key of a line, what is expected there, and what was found."""
    try:
        _decode(line)
    except msgspec.ValidationError as error:
        problem, _, at = str(error).partition(" - at `$.")
        missing = problem.partition("missing required field `")[2].rstrip("`")
        if missing:
            return missing, "a value", "nothing"
        found = msgspec.json.decode(line)
        expected = "a number" if at.startswith("Time") else "text"
        return at.rstrip("`") or "line", expected, str(found.get(at.rstrip("`")) if isinstance(found, dict) else found)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return "line", "a JSON object", shown(line)
