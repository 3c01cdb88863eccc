"""The columns oddlog reads of each log, in Zeek's names and order; zat's type map gives them their types."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "ALIASES",
    "FLOWS",
    "FLOW_NUMBERS",
    "LABEL",
    "LOGS",
    "PATH_KEYS",
    "SCHEMAS",
    "TYPES",
    "ZEEK_TYPES",
    "log_of_fields",
    "log_of_name",
    "read_types",
    "spelling",
]

_IDS = {
    "ts": "time",
    "uid": "string",
    "id.orig_h": "addr",
    "id.orig_p": "port",
    "id.resp_h": "addr",
    "id.resp_p": "port",
}

ZEEK_TYPES: Mapping[str, Mapping[str, str]] = {
    "conn": _IDS
    | {
        "proto": "enum",
        "service": "string",
        "duration": "interval",
        "orig_bytes": "count",
        "resp_bytes": "count",
        "conn_state": "string",
        "local_orig": "bool",
        "local_resp": "bool",
        "missed_bytes": "count",
        "history": "string",
        "orig_pkts": "count",
        "orig_ip_bytes": "count",
        "resp_pkts": "count",
        "resp_ip_bytes": "count",
        "tunnel_parents": "set[string]",
        "ip_proto": "count",
    },
    "ntlm": _IDS
    | {
        "username": "string",
        "hostname": "string",
        "domainname": "string",
        "server_nb_computer_name": "string",
        "server_dns_computer_name": "string",
        "server_tree_name": "string",
        "success": "bool",
        "status": "string",
    },
    "dce_rpc": _IDS | {"rtt": "interval", "named_pipe": "string", "endpoint": "string", "operation": "string"},
}
"""Zeek's type of every canonical field, by log. `ntlm.status` is what older Zeek wrote for `success`."""

LOGS = tuple(sorted(ZEEK_TYPES))

FLOWS = "flows"
"""What CICFlowMeter writes: no log of Zeek's."""

LABEL = "Label"

FLOW_NUMBERS = (
    "Flow Duration",
    "Total Fwd Packet",
    "Total Bwd packets",
    "Total Length of Fwd Packet",
    "Total Length of Bwd Packet",
    "Fwd Packet Length Max",
    "Fwd Packet Length Min",
    "Fwd Packet Length Mean",
    "Fwd Packet Length Std",
    "Bwd Packet Length Max",
    "Bwd Packet Length Min",
    "Bwd Packet Length Mean",
    "Bwd Packet Length Std",
    "Flow Bytes/s",
    "Flow Packets/s",
    "Flow IAT Mean",
    "Flow IAT Std",
    "Flow IAT Max",
    "Flow IAT Min",
    "Fwd IAT Total",
    "Fwd IAT Mean",
    "Fwd IAT Std",
    "Fwd IAT Max",
    "Fwd IAT Min",
    "Bwd IAT Total",
    "Bwd IAT Mean",
    "Bwd IAT Std",
    "Bwd IAT Max",
    "Bwd IAT Min",
    "Fwd PSH Flags",
    "Bwd PSH Flags",
    "Fwd URG Flags",
    "Bwd URG Flags",
    "Fwd RST Flags",
    "Bwd RST Flags",
    "Fwd Header Length",
    "Bwd Header Length",
    "Fwd Packets/s",
    "Bwd Packets/s",
    "Packet Length Min",
    "Packet Length Max",
    "Packet Length Mean",
    "Packet Length Std",
    "Packet Length Variance",
    "FIN Flag Count",
    "SYN Flag Count",
    "RST Flag Count",
    "PSH Flag Count",
    "ACK Flag Count",
    "URG Flag Count",
    "CWR Flag Count",
    "ECE Flag Count",
    "Down/Up Ratio",
    "Average Packet Size",
    "Fwd Segment Size Avg",
    "Bwd Segment Size Avg",
    "Fwd Bytes/Bulk Avg",
    "Fwd Packet/Bulk Avg",
    "Fwd Bulk Rate Avg",
    "Bwd Bytes/Bulk Avg",
    "Bwd Packet/Bulk Avg",
    "Bwd Bulk Rate Avg",
    "Subflow Fwd Packets",
    "Subflow Fwd Bytes",
    "Subflow Bwd Packets",
    "Subflow Bwd Bytes",
    "FWD Init Win Bytes",
    "Bwd Init Win Bytes",
    "Fwd Act Data Pkts",
    "Fwd Seg Size Min",
    "Active Mean",
    "Active Std",
    "Active Max",
    "Active Min",
    "Idle Mean",
    "Idle Std",
    "Idle Max",
    "Idle Min",
    "ICMP Code",
    "ICMP Type",
    "Total TCP Flow Time",
)
"""Measurements of a flow, as the newer CICFlowMeter spells them."""

TYPES: Mapping[str, Mapping[str, str]] = {
    **ZEEK_TYPES,
    "wls": _IDS
    | dict.fromkeys(("event_id", "username", "domainname", "logon_type", "authentication_package"), "string")
    | dict.fromkeys(("destination", "service_name", "process_name", "parent_process_name", "status"), "string")
    | {"success": "bool"},
    "auth": _IDS
    | dict.fromkeys(("username", "destination_username", "authentication_type", "logon_type", "orientation"), "string")
    | {"success": "bool"},
    FLOWS: _IDS | {"proto": "enum"} | dict.fromkeys(FLOW_NUMBERS, "double") | {LABEL: "string"},
}
"""Also of what Windows hosts log and LANL's authentication events, which `oddlog.logs.host_events` and
`oddlog.logs.authentication` read, and of CICFlowMeter's flows."""

ALIASES = {f"id_{end}": f"id.{end}" for end in ("orig_h", "orig_p", "resp_h", "resp_p")}
"""Other spellings of a field, as Corelight and Filebeat exports have them."""

PATH_KEYS = ("_path", "@stream")
"""Keys of a JSON record that name its log: json-streaming-logs' and the older spelling of it."""

_DICTIONARY = pa.dictionary(pa.int32(), pa.string())
# zat's type map in Arrow's types: asking zat would import pandas, a third of a second at every start.
_OF_ZAT = {
    "bool": _DICTIONARY,
    "count": pa.uint64(),
    "int": pa.int32(),
    "double": pa.float64(),
    "time": pa.float64(),
    "interval": pa.float64(),
    "port": pa.uint16(),
}
_OF_ZEEK = {"time": pa.timestamp("us", "UTC"), "interval": pa.duration("us"), "bool": pa.bool_()}

# Each is in every record of its log that holds anything at all, and in no other log's.
_TELLING = {
    "conn": ("conn_state",),
    "dce_rpc": ("endpoint", "operation"),
    "ntlm": ("server_nb_computer_name", "domainname", "server_tree_name"),
}
_IN_NAME = re.compile(rf"(?:^|[^a-z])({'|'.join(LOGS)})(?![a-z]|_(?:long|red)\b)")


def read_types(fields: Sequence[str], zeek_types: Sequence[str]) -> dict[str, pa.DataType]:
    """Arrow's types for a first reading, as zat's type map names them: times and intervals are still numbers.

    Parameters
    ----------
    fields, zeek_types : sequences of str
        As a log's ``#fields`` and ``#types`` give them.
    """
    return {
        name: _OF_ZAT.get(zeek_type, pa.string() if "uid" in name else _DICTIONARY)
        for name, zeek_type in zip(fields, zeek_types, strict=True)
    }


def _schema(log: str) -> pa.Schema:
    types = TYPES[log]
    first = read_types(list(types), list(types.values()))
    return pa.schema([(name, _OF_ZEEK.get(types[name], first[name])) for name in types])


SCHEMAS: Mapping[str, pa.Schema] = {log: _schema(log) for log in TYPES}
"""Arrow's schema of every batch of a log."""


def spelling(field: str) -> str:
    """Zeek's own spelling of a field's name."""
    return ALIASES.get(field, field)


def log_of_name(name: str) -> str | None:
    """Log type that a file's name tells: ``conn_logger-1.log`` is conn, ``notice.log`` is None."""
    found = _IN_NAME.search(name.lower())
    return found[1] if found else None


def log_of_fields(fields: Iterable[str]) -> str | None:
    """Log type that only these fields can belong to, or None."""
    names = {spelling(field) for field in fields}
    if "ts" in names:
        for log, telling in _TELLING.items():
            if any(name in names for name in telling):
                return log
    return None
