"""A day's columns in Zeek's order, with uids and labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from oddlog.simulate.day import DAY, Columns, Day
from oddlog.simulate.writer import FIELDS, Coded, Column

__all__ = ["Log", "finish"]

_BASE62 = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)
_CODED = frozenset(
    {name for fields in FIELDS.values() for name, kind in fields if kind in ("string", "enum")} - {"uid"}
)
_PROTOCOL = {"tcp": 6, "udp": 17, "icmp": 1}


@dataclass(frozen=True)
class Log:
    """One log's columns by Zeek's names (times in microseconds of epoch), and its labels."""

    columns: dict[str, Column]
    attack: Coded

    def __len__(self) -> int:
        return len(self.attack.codes)

    @property
    def attacks(self) -> int:
        """Records that belong to attacks."""
        return int((self.attack.codes >= 0).sum())


def _uids(n: int, rng: np.random.Generator) -> npt.NDArray[np.bytes_]:
    """Draw uids as Zeek makes them of 96 random bits: C and mostly 17, at times 16 or 15 digits of base 62."""
    letters = _BASE62[rng.integers(0, 62, (n, 17))]
    length = rng.choice([17, 16, 15], n, p=[0.75, 0.22, 0.03])
    letters[np.arange(17) >= length[:, None]] = 0
    start = np.full((n, 1), ord("C"), np.uint8)
    return np.ascontiguousarray(np.concatenate([start, letters], axis=1)).view("S18").ravel()


def _joined(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def finish(day: Day, midnight: int, carried: Columns | None) -> tuple[dict[str, Log], Columns]:
    """Order a day's records.

    Parameters
    ----------
    day : Day
    midnight : int
        Epoch of the day's start in seconds.
    carried : dict, optional
        Connections begun the day before and not over at midnight, as this function returned them.

    Returns
    -------
    logs : dict of Log
        By log name.
    open : dict
        Connections that are not over at this day's end: they go into the next day's log, as Zeek has it.
    """
    rng = np.random.default_rng([day.site.seed, 7, day.index])
    conn = _joined(day.conn)
    children = {"ntlm": _joined(day.ntlm), "dce_rpc": _joined(day.dce_rpc)}
    n = day.rows
    parent = np.zeros(n, bool)
    for child in children.values():
        parent[child["row"]] = True
    # Records under one uid stay within one day; what would fall outside is folded back.
    latest = np.where(parent, DAY - 60, DAY - 1e-3)
    start = np.abs(conn["ts"])
    start = np.where(start > latest, latest - (start - latest) % 600, start)
    shift = start - conn["ts"]
    for child in children.values():
        child["ts"] = child["ts"] + shift[child["row"]]
    rest = DAY - start - 1e-3
    over = parent & (conn["duration"] > rest)
    last = np.zeros(n)
    for child in children.values():
        np.maximum.at(last, child["row"], child["ts"] - start[child["row"]] + 1e-3)
    conn["duration"] = np.where(over, last + (rest - last) * rng.random(n), conn["duration"])
    conn["ts"] = midnight * 1_000_000 + np.round(start * 1e6).astype(np.int64)
    conn["duration"] = np.where(np.isnan(conn["duration"]), -1, np.round(conn["duration"] * 1e6)).astype(np.int64)
    conn["uid"] = _uids(n, rng)
    for name, child in children.items():
        row = child.pop("row")
        child["ts"] = midnight * 1_000_000 + np.round(child["ts"] * 1e6).astype(np.int64)
        if name == "dce_rpc":
            child["rtt"] = np.round(child["rtt"] * 1e6).astype(np.int64)
        child |= {field: conn[field][row] for field in ("uid", "orig_h", "orig_p", "resp_h", "resp_p")}
        order = np.argsort(child["ts"], kind="stable")
        children[name] = {field: values[order] for field, values in child.items()}
    if carried:
        conn = {name: np.concatenate([carried[name], values]) for name, values in conn.items()}
    end = conn["ts"] + np.maximum(conn["duration"], 0)
    order = np.argsort(end, kind="stable")
    cut = int(np.searchsorted(end[order], (midnight + int(DAY)) * 1_000_000))
    still_open = {name: values[order[cut:]] for name, values in conn.items()}
    conn = {name: values[order[:cut]] for name, values in conn.items()}
    logs = {"conn": _log(day, conn), **{name: _log(day, child) for name, child in children.items()}}
    return logs, still_open


def _log(day: Day, columns: Columns) -> Log:
    site = day.site
    strings = site.strings.values
    out: dict[str, Column] = {}
    for name, values in columns.items():
        if name in ("orig_h", "resp_h"):
            out[f"id.{name}"] = Coded(values, site.addresses)
        elif name in ("orig_p", "resp_p"):
            out[f"id.{name}"] = values
        elif name in _CODED:
            out[name] = Coded(values, strings)
        elif name != "attack":
            out[name] = values
    if "proto" in columns:
        out["local_orig"] = site.local[columns["orig_h"]].astype(np.int64)
        out["local_resp"] = site.local[columns["resp_h"]].astype(np.int64)
        numbers = np.zeros(len(strings), np.int64)
        numbers[[site.strings.code(name) for name in _PROTOCOL]] = list(_PROTOCOL.values())
        out["ip_proto"] = numbers[columns["proto"]]
    return Log(out, Coded(columns["attack"], strings))
