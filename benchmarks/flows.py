"""Connections of an attack as Zeek's records, with counts that fit each other."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from habits import Habits, Route

__all__ = ["Flow", "row_of"]

_LETTERS = np.array(list(string.ascii_letters + string.digits))
_SEGMENT = 1380


@dataclass(frozen=True, slots=True)
class Flow:
    """One connection of an attack: a baseline record to look like, and what differs from it.

    Attributes
    ----------
    at : float
        When it starts, in seconds since the epoch.
    route : Route
    template : Series of str
    duration, sent, got : float
        Seconds, bytes there and back; None leaves the template's.
    payload : float
        Mean bytes of a data packet.
    bare : tuple of str
        State and history of a connection that carries nothing.
    """

    at: float
    route: Route
    template: pd.Series
    duration: float | None = None
    sent: float | None = None
    got: float | None = None
    payload: float = _SEGMENT
    bare: tuple[str, str] | None = None


def row_of(flow: Flow, habits: Habits, rng: np.random.Generator) -> dict[str, str]:
    """Write a connection as Zeek would: a value of each field, as text."""
    row = flow.template.to_dict()
    route = flow.route
    low, high = habits.ephemeral.get(route.source, (49152, 65535))
    row |= {
        "ts": f"{flow.at:.6f}",
        "uid": "C" + "".join(rng.choice(_LETTERS, 17)),
        "id.orig_h": route.source,
        "id.resp_h": route.destination,
        "id.orig_p": str(rng.integers(low, high + 1)),
    }
    for end, host in (("orig", route.source), ("resp", route.destination)):
        own = habits.own[host]
        row[f"local_{end}"] = own["local"]
        if "l2_addr" in own:
            row[f"{end}_l2_addr"] = own["l2_addr"]
    if flow.duration is not None:
        row["duration"] = f"{flow.duration:.6f}"
    if flow.bare is not None:
        row["conn_state"], row["history"] = flow.bare
        row["service"], row["orig_bytes"], row["resp_bytes"] = "-", "0", "0"
        _count(row, 0, 0, flow.payload, rng)
    elif flow.sent is not None and flow.got is not None:
        _count(row, round(flow.sent), round(flow.got), flow.payload, rng)
    return row


def _count(row: dict[str, str], sent: int, got: int, payload: float, rng: np.random.Generator) -> None:
    """Bytes, packets and IP bytes that fit each other: data packets, acknowledgements, opening and closing."""
    header = {end: _header(row, end) for end in ("orig", "resp")}
    if row["proto"] == "udp":
        packets = {"orig": 1, "resp": 1}
    else:
        data = {"orig": int(np.ceil(sent / payload)), "resp": int(np.ceil(got / payload))}
        acked = rng.uniform(0.4, 0.7)
        packets = {
            "orig": data["orig"] + round(data["resp"] * acked) + 3,
            "resp": data["resp"] + round(data["orig"] * acked) + 2,
        }
    for end, amount in (("orig", sent), ("resp", got)):
        row[f"{end}_bytes"], row[f"{end}_pkts"] = str(amount), str(packets[end])
        row[f"{end}_ip_bytes"] = str(amount + round(packets[end] * header[end]))
    row["missed_bytes"] = "0"


def _header(row: dict[str, str], end: str) -> float:
    """Bytes of headers a packet has in the template, within what IP, UDP and TCP can have."""
    packets = int(row[f"{end}_pkts"])
    size = (int(row[f"{end}_ip_bytes"]) - int(row[f"{end}_bytes"])) / packets if packets else 0
    least = (20 if ":" not in row["id.orig_h"] else 40) + (8 if row["proto"] == "udp" else 20)
    return float(np.clip(size, least, least + (0 if row["proto"] == "udp" else 20)))
