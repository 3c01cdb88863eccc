"""Small made-up logs as detectors see them: ordinary ones, an odd record for each, and whatever hypothesis invents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st
from inventions import SECOND
from oddlog_core.records import MISSING, MISSING_CODE, Categories, Records
from oddlog_core.span import cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from oddlog_core.detectors.contract import Detector

MONDAY = 1_699_833_600 * SECOND
"""2023-11-13, midnight UTC."""
HOUR = 3_600 * SECOND
DAY = 24 * HOUR

INTEGERS = {
    "conn": ("ts", "duration", "orig_bytes", "resp_bytes", "orig_pkts", "resp_pkts", "id.orig_p", "id.resp_p"),
    "ntlm": ("ts", "id.orig_p", "id.resp_p"),
    "dce_rpc": ("ts", "rtt", "id.orig_p", "id.resp_p"),
    "flows": ("ts", "id.orig_p", "id.resp_p", "Flow Duration", "Total Fwd Packet", "Flow Bytes/s", "Flow IAT Min"),
    "wls": ("ts",),
    "auth": ("ts", "label"),
}
CATEGORIES = {
    "conn": ("id.orig_h", "id.resp_h", "proto", "service", "conn_state", "history", "local_orig", "local_resp"),
    "ntlm": (
        *("id.orig_h", "id.resp_h", "username", "hostname", "domainname", "success", "status"),
        *("server_nb_computer_name", "server_dns_computer_name", "server_tree_name"),
    ),
    "dce_rpc": ("id.orig_h", "id.resp_h", "named_pipe", "endpoint", "operation"),
    "flows": ("id.orig_h", "id.resp_h", "proto"),
    "wls": (
        *("id.orig_h", "id.resp_h", "event_id", "username", "domainname", "logon_type", "authentication_package"),
        *("destination", "service_name", "process_name", "parent_process_name", "status", "success"),
    ),
    "auth": (
        *("id.orig_h", "id.resp_h", "username", "destination_username"),
        *("authentication_type", "logon_type", "orientation", "success"),
    ),
}

ODD = {
    "conn": {
        "id.orig_h": "10.0.0.3",
        "id.resp_h": "203.0.113.9",
        "id.orig_p": 700,
        "id.resp_p": 31_337,
        "proto": "icmp",
        "service": "ssh",
        "conn_state": "OTH",
        "duration": 5 * HOUR,
        "orig_bytes": 40 * 10**9,
        "resp_bytes": 10**9,
        "orig_pkts": 30_000_000,
        "resp_pkts": 20_000_000,
    },
    "ntlm": {
        "id.orig_h": "198.51.100.7",
        "id.resp_h": "192.168.77.1",
        "id.resp_p": 8080,
        "username": "krbtgt",
        "hostname": "KALI",
        "domainname": "WORKGROUP",
        "success": "F",
    },
    "flows": {
        "id.orig_h": "10.0.0.3",
        "id.resp_h": "203.0.113.9",
        "id.resp_p": 31_337,
        "proto": "icmp",
        "Flow Duration": 10**15,
        "Total Fwd Packet": 10**13,
        "Flow IAT Min": -(10**12),
    },
    "wls": {
        "id.orig_h": "Comp666",
        "id.resp_h": "ActiveDirectory",
        "event_id": "4625",
        "username": "krbtgt",
        "domainname": "EnterpriseAppServer",
        "logon_type": "10",
        "authentication_package": "NTLM",
        "status": "0xc000006d",
        "success": "F",
    },
}
"""A record unlike all others. Of dce_rpc it takes many: see `odd`."""


def encoded(values: Iterable[str | None]) -> Categories:
    """A dictionary in order of appearance; None is unset."""
    number: dict[str, int] = {}
    codes = [MISSING_CODE if value is None else number.setdefault(value, len(number)) for value in values]
    return Categories(np.array(codes, np.int32), [*number])


INTEGERS["ntlm-sessions"] = (*INTEGERS["ntlm"], "label")
CATEGORIES["ntlm-sessions"] = CATEGORIES["ntlm"]
INTEGERS["auth-sessions"], CATEGORIES["auth-sessions"] = INTEGERS["auth"], CATEGORIES["auth"]


def records(log: str, rows: Sequence[dict[str, Any]]) -> Records:
    """Records of rows by field; a field left out is unset. The clock is ``ts``, unless a row has its own."""
    clock = np.array([row.get("clock", row.get("ts", 0)) for row in rows], np.int64)
    integers = {name: np.array([row.get(name, MISSING) for row in rows], np.int64) for name in INTEGERS[log]}
    return Records(
        log.removesuffix("-sessions"),
        clock,
        integers,
        {name: encoded(row.get(name) for row in rows) for name in CATEGORIES[log]},
    )


def anew(whole: Records, rows: slice) -> Records:
    """Some of the records as a reader would have encoded them alone: only their own values, in another order."""
    piece = cut(whole, rows.start, rows.stop)
    categories = {}
    for name, column in piece.categories.items():
        present = np.unique(column.codes[column.codes >= 0])[::-1]
        lookup = np.full(len(column.values) + 1, MISSING_CODE, np.int32)
        lookup[present] = np.arange(len(present))
        categories[name] = Categories(lookup[column.codes], [column.values[code] for code in present])
    return Records(piece.log, piece.clock, piece.integers, categories)


def office_of(kind: type[Detector]) -> str:
    """Which of these a detector is tried on: who learns from labels needs sessions of both kinds."""
    return kind.log if kind.every_record else kind.name


def office(log: str, n: int, seed: int, *, start: int = MONDAY, days: float = 2.0) -> Records:
    """An ordinary office's log: equal times, unset fields, both cases, and more of some things than of others."""
    rng = np.random.default_rng(seed)
    gaps = rng.exponential(1.0, n) * (rng.random(n) > 0.1)
    times = start + (np.cumsum(gaps) / max(gaps.sum(), 1e-9) * (days * DAY - SECOND)).astype(np.int64)
    if log.endswith("-sessions"):
        return records(log, _sessions(log.removesuffix("-sessions"), times, rng))
    row = {"conn": _connection, "ntlm": _logon, "dce_rpc": _operation, "wls": _event, "flows": _flow}[log]
    return records(log, [{"ts": int(time), **row(rng)} for time in times])


def _sessions(log: str, times: NDArray[np.int64], rng: np.random.Generator) -> list[dict[str, Any]]:
    """Logons of 30 desks to 5 servers, and of one that is malicious: it knows everybody's name and asks everywhere."""
    rows = []
    for number, time in enumerate(times):
        malicious = rng.random() < 0.25
        desk = 66 if malicious else int(rng.integers(1, 31))
        user = int(rng.integers(1, 31)) if malicious else desk
        server = 1 + number // 12 % 12 if malicious else int(rng.integers(1, 6))
        logon = {
            "ts": int(time),
            "label": int(malicious),
            "id.orig_h": f"C{desk}",
            "id.resp_h": f"S{server}",
            "username": f"U{30 + number // 12 % 12 if malicious and log == 'ntlm' else user}",
            "success": None if rng.random() < 0.1 else str(rng.choice(["T", "F"], p=[0.8, 0.2])),
        }
        if log == "ntlm":
            rows.append({**logon, "domainname": str(rng.choice(["OFFICE", "lab"])), "hostname": f"PC{desk}"})
            continue
        kinds = {
            "authentication_type": str(rng.choice(["Kerberos", "NTLM"])),
            "logon_type": None if rng.random() < 0.2 else str(rng.choice(["Network", "Batch"])),
            "orientation": str(rng.choice(["LogOn", "LogOff", "TGS"])),
        }
        rows.append({**logon, "destination_username": logon["username"], **kinds})
    return rows


def _connection(rng: np.random.Generator) -> dict[str, Any]:
    ends = {"id.orig_h": f"10.0.0.{rng.integers(1, 20)}", "id.orig_p": int(rng.integers(49_152, 65_536))}
    kind = rng.choice(["dns", "unanswered", "tls", "smb"], p=[0.4, 0.1, 0.3, 0.2])
    if kind == "unanswered":
        return {**ends, "id.resp_h": "10.0.0.250", "id.resp_p": 53, "proto": "udp", "conn_state": "S0", "orig_pkts": 1}
    out, back = (int(amount) for amount in rng.lognormal(7, 1, 2))
    amounts = {
        "orig_bytes": out,
        "resp_bytes": back,
        "orig_pkts": out // 1000 + 1,
        "resp_pkts": back // 1000 + 1,
        "duration": int(rng.exponential(SECOND)),
    }
    what = {
        "dns": {"id.resp_p": 53, "proto": "udp", "service": "dns"},
        "tls": {"id.resp_p": 443, "proto": "tcp", "service": "ssl"},
        "smb": {"id.resp_p": 445, "proto": "tcp", "service": rng.choice(["gssapi,ntlm,smb", "gssapi,smb,ntlm"])},
    }[str(kind)]
    return {**ends, "id.resp_h": f"10.0.1.{rng.integers(1, 5)}", "conn_state": "SF", **amounts, **what}


def _flow(rng: np.random.Generator) -> dict[str, Any]:
    packets = int(rng.integers(1, 40))
    flow = {
        "id.orig_h": f"10.0.0.{rng.integers(1, 20)}",
        "id.resp_h": f"10.0.1.{rng.integers(1, 5)}",
        "id.resp_p": int(rng.choice([53, 443])),
        "proto": "tcp",
        "Total Fwd Packet": packets * SECOND,
        "Flow Duration": int(packets * rng.lognormal(5, 1) * SECOND),
        "Flow IAT Min": int(rng.lognormal(3, 1) * SECOND),
    }
    if rng.random() < 0.8:
        flow["Flow Bytes/s"] = int(rng.lognormal(8, 1) * SECOND)
    return flow


def _logon(rng: np.random.Generator) -> dict[str, Any]:
    logon = {
        "id.orig_h": f"10.{rng.integers(0, 2)}.0.{rng.integers(1, 20)}",
        "id.resp_h": f"10.0.9.{rng.integers(1, 4)}",
        "id.resp_p": int(rng.choice([445, 135, 49_667], p=[0.8, 0.1, 0.1])),
        "hostname": "WS1",
        "success": "T",
        "server_nb_computer_name": "FILE",
    }
    if rng.random() < 0.7:
        logon["domainname"] = str(rng.choice(["OFFICE", "office"]))
        logon["username"] = "ada"
    if rng.random() < 0.1:
        del logon["success"]
    return logon


def _event(rng: np.random.Generator) -> dict[str, Any]:
    desk = f"Comp{rng.integers(20):03}"
    if rng.random() < 0.3:
        started = {"process_name": str(rng.choice(["svchost.exe", "winword.exe"])), "parent_process_name": "services"}
        return {"event_id": "4688", "id.orig_h": desk, "id.resp_h": desk, "username": f"{desk}$", **started}
    server = str(rng.choice(["ActiveDirectory", "Mail"]))
    logon = {"event_id": "4624", "logon_type": "3", "success": "T", "domainname": "Domain001"}
    package = str(rng.choice(["Kerberos", "Negotiate", "NTLM"], p=[0.7, 0.2, 0.1]))
    user = {"username": f"User{desk[4:]}", "authentication_package": package}
    return {"id.orig_h": desk, "id.resp_h": server, **logon, **user}


def _operation(rng: np.random.Generator) -> dict[str, Any]:
    host = min(int(rng.exponential(4.0)), 11)
    operation = {
        "id.orig_h": f"10.0.0.{host}",
        "id.resp_h": f"10.0.9.{rng.integers(0, 1 + host // 4)}",
        "endpoint": str(rng.choice(["samr", "lsarpc", "netlogon"])),
        "operation": f"Op{rng.integers(0, 3 + host)}",
        "named_pipe": "\\PIPE\\samr",
    }
    if rng.random() < 0.05:
        del operation["endpoint"]
    return operation


def odd(log: str, time: int) -> Records:
    """The odd record, or, of dce_rpc, the odd host's records: 10.66.66.66 asks everything of everyone."""
    if log.endswith("-sessions"):
        return records(log, _odd_sessions(log.removesuffix("-sessions"), time))
    if log != "dce_rpc":
        return records(log, [{"ts": time, **ODD[log]}])
    return records(
        log,
        [
            {
                "ts": time,
                "id.orig_h": "10.66.66.66",
                "id.resp_h": f"10.0.{i}.1",
                "endpoint": f"unknown-{i}",
                "operation": f"unknown-{i % 90}",
            }
            for i in range(200)
        ],
    )


def _odd_sessions(log: str, time: int) -> list[dict[str, Any]]:
    """The malicious desk of `_sessions` once more: 12 logons to each of 12 servers, as 12 users."""
    rows = []
    for number in range(144):
        server = 1 + number // 12
        user = 30 + number // 12 if log == "ntlm" else 1 + number % 30
        row = {"ts": time + number * SECOND, "label": 1, "id.orig_h": "C66", "id.resp_h": f"S{server}"}
        row |= {"username": f"U{user}", "success": "T"}
        if log == "ntlm":
            row |= {"domainname": "OFFICE", "hostname": "PC66"}
        else:
            kinds = {"authentication_type": "NTLM", "logon_type": "Network", "orientation": "LogOn"}
            row |= {"destination_username": f"U{user}", **kinds}
        rows.append(row)
    return rows


_TEXTS = st.none() | st.sampled_from(["", "T", "tcp", "dns", "10.0.0.1", "fe80::1", "999.1.1.1"]) | st.text(max_size=8)
_WHOLE = st.just(MISSING) | st.sampled_from([0, 1, 53, 2**44]) | st.integers(0, 2**44)
_PORTS = st.just(MISSING) | st.integers(0, 65_535)


@st.composite
def inventions(draw, log: str, max_size: int = 12):
    """Records that no one has seen, in clock order."""
    n = draw(st.integers(1, max_size))
    times = sorted(draw(st.lists(st.integers(0, 2**32 * SECOND), min_size=n, max_size=n)))
    rows = []
    for time in times:
        row: dict[str, Any] = {name: draw(_PORTS if name.endswith("_p") else _WHOLE) for name in INTEGERS[log]}
        rows.append({**row, **{name: draw(_TEXTS) for name in CATEGORIES[log]}, "ts": time, "clock": time})
    return records(log, rows)
