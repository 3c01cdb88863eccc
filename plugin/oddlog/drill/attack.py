"""An attack as records of conn, ntlm and dce_rpc that fit each other, made of records that the site has."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from oddlog.drill.hours import Row
    from oddlog.drill.site import Site

__all__ = ["SECOND", "Attack"]

SECOND = 1_000_000

_DIGITS = np.array(list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
_SEGMENT = 1380
"""Data bytes of a full packet."""


@dataclass(frozen=True, slots=True)
class Attack:
    """What one host does to others.

    Attributes
    ----------
    site : Site
    rng : numpy.random.Generator
    name, source : str
    records : dict of str to list of Row
        By log; before it has its place, times are microseconds since its start.
    """

    site: Site
    rng: np.random.Generator
    name: str
    source: str
    records: dict[str, list[Row]] = field(default_factory=dict)

    @property
    def targets(self) -> frozenset[str]:
        """Whom it goes to."""
        return frozenset(row["id.resp_h"] for rows in self.records.values() for row in rows)

    @property
    def uids(self) -> frozenset[str]:
        """Its connections."""
        return frozenset(row["uid"] for rows in self.records.values() for row in rows)

    @property
    def begin(self) -> int:
        """When its first record starts."""
        return min(int(row["ts"]) for rows in self.records.values() for row in rows)

    @property
    def end(self) -> int:
        """When its last record ends."""
        return max(_end(row) for rows in self.records.values() for row in rows)

    def placed(self, start: int, until: int) -> Attack:
        """At a moment, as much of it as ends before another, and its first connection in any case."""
        moved = {log: [row | {"ts": row["ts"] + start} for row in rows] for log, rows in self.records.items()}
        first = min((row for rows in moved.values() for row in rows), key=lambda row: int(row["ts"]))["uid"]
        late = {row["uid"] for rows in moved.values() for row in rows if _end(row) > until} - {first}
        return replace(self, records={log: [r for r in rows if r["uid"] not in late] for log, rows in moved.items()})

    def session(self, at: float, uid: str, target: str, *, user: str | None, refused: bool = False) -> None:
        """Do as one of the site's sessions did, from here to a target.

        Parameters
        ----------
        at : float
            Seconds since the attack's start.
        uid : str
            Of the session to copy.
        target : str
        user : str or None
            Who logs on, where that is by NTLM; None is whoever did.
        refused : bool
            Whether the logon fails, after which nothing is called.
        """
        copied = self.site.session(uid)
        if refused:
            copied.pop("dce_rpc", None)
        first = min(row["ts"] for rows in copied.values() for row in rows)
        ends = self._ends(target)
        for log, rows in copied.items():
            for row in rows:
                new = row | ends | {"ts": row["ts"] - first + round(at * SECOND)}
                if log == "ntlm":
                    new |= self._names(row, target)
                    new |= {"username": user} if user is not None and row["username"] is not None else {}
                    if refused:
                        new |= {"success": False} if row["status"] is None else {"status": "LOGON_FAILURE"}
                elif log == "conn":
                    # No two sessions are of the same size.
                    near = self.rng.lognormal(0, 0.1, 3)
                    _resize(new, *(round((row[name] or 0) * by) for name, by in zip(_AMOUNTS, near, strict=True)))
                self.records.setdefault(log, []).append(new)

    def _names(self, row: Row, target: str) -> Row:
        """What the two ends call themselves, where the copied record says it."""
        servers = dict.fromkeys(name for name in row if name.startswith("server"))
        said = servers | self.site.server_names.get(target, {}) | {"hostname": self.site.client_names.get(self.source)}
        return {name: value for name, value in said.items() if row[name] is not None}

    def flow(self, at: float, like: Row, target: str, sent: float, got: float, seconds: float) -> None:
        """Send and get something over a connection like one of the site's."""
        row = like | self._ends(target) | {"ts": round(at * SECOND)}
        _resize(row, round(seconds * SECOND), round(sent), round(got))
        self.records.setdefault("conn", []).append(row)

    def probe(self, at: float, like: Row, target: str, port: int, *, is_open: bool) -> None:
        """Knock, as a scanner does: reset once it is open, refused where it is not."""
        state, history = ("RSTO", "ShR") if is_open else ("REJ", "Sr")
        row = like | self._ends(target) | {"ts": round(at * SECOND), "id.resp_p": port, "service": None}
        row |= {"conn_state": state, "history": history, "missed_bytes": 0}
        _set(row, duration=round(self.rng.lognormal(6.5, 0.7)), orig_bytes=0, resp_bytes=0)
        _set(row, orig_pkts=1 + is_open, orig_ip_bytes=60 + 40 * is_open, resp_pkts=1, resp_ip_bytes=40 + 20 * is_open)
        self.records.setdefault("conn", []).append(row)

    def _ends(self, target: str) -> Row:
        uid = "C" + "".join(self.rng.choice(_DIGITS, 17))
        port = int(self.rng.integers(49152, 65536))
        return {"uid": uid, "id.orig_h": self.source, "id.orig_p": port, "id.resp_h": target}


_AMOUNTS = ("duration", "orig_bytes", "resp_bytes")


def _end(row: Row) -> int:
    return int(row["ts"]) + int(row.get("duration") or 0)


def _set(row: Row, **values: Any) -> None:
    """Set what this log has."""
    row |= {name: value for name, value in values.items() if row.get(name) is not None}


def _resize(row: Row, duration: int, sent: int, got: int) -> None:
    """Give a record other amounts, with packets and IP bytes that fit them."""
    packets = {}
    for end, mine, other in (("orig", sent, got), ("resp", got, sent)):
        was = [row.get(f"{side}_bytes") or 0 for side in (end, "resp" if end == "orig" else "orig")]
        # What was not data stays: opening, closing, acknowledgements of small things.
        more = (mine - was[0]) / _SEGMENT + (other - was[1]) / (2 * _SEGMENT)
        packets[end] = max(round((row.get(f"{end}_pkts") or 0) + more), 3)
    _set(row, duration=duration, orig_bytes=sent, resp_bytes=got)
    _set(row, orig_pkts=packets["orig"], orig_ip_bytes=sent + 40 * packets["orig"])
    _set(row, resp_pkts=packets["resp"], resp_ip_bytes=got + 40 * packets["resp"])
