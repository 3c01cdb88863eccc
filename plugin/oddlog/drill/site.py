"""What a site's logs offer to an attacker: hosts, what they answer on, who asks them, names and operations in use."""

from __future__ import annotations

import ipaddress
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from oddlog.drill.hours import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from oddlog.drill.hours import Hours, Row

__all__ = ["HTTPS", "SMB", "LackingError", "Site"]

SMB, HTTPS = 445, 443

_ENDS = {"id.orig_h": "orig", "id.resp_h": "resp", "id.resp_p": "port"}
_COLUMNS = {
    "conn": ("proto", "service", "conn_state", "orig_bytes", "resp_bytes", "local_orig", "local_resp"),
    "ntlm": ("username", "hostname", "server_nb_computer_name", "server_dns_computer_name", "server_tree_name"),
    "dce_rpc": ("endpoint", "operation"),
}
_ANSWERED = ("SF", "S1", "S2", "S3", "RSTO", "RSTR")
_LONGEST = 200
"""Calls in a session, above which it is no model for another."""


class LackingError(Exception):
    """What a site's logs have to have for an attack, and have not."""


class Site:
    """Some hours of a site's logs, to look up what attacks are made of.

    Parameters
    ----------
    hours : Hours
    """

    def __init__(self, hours: Hours) -> None:
        self._tables = {log: batch.table for log, batch in hours.batches.items()}
        self._clocks = hours.clocks
        self._frames = {log: self._frame(log) for log in self._tables}

    def _frame(self, log: str) -> pd.DataFrame:
        """The few columns that sessions are looked up by, a row for each record."""
        names = ["uid", *_ENDS, *_COLUMNS[log]]
        table = pa.table([self._tables[log][name] for name in names], names)
        plain = table.cast(pa.schema([PLAIN[log].field(name) for name in names]))
        frame: pd.DataFrame = plain.to_pandas().rename(columns=_ENDS)
        return frame

    def of(self, log: str) -> pd.DataFrame:
        """Records of a log.

        Raises
        ------
        LackingError
            There is no record of such a log.
        """
        if log not in self._frames:
            raise LackingError(f"there is no {log} record")
        return self._frames[log]

    @property
    def names(self) -> frozenset[str]:
        """Logs that there are."""
        return frozenset(self._frames)

    def row(self, log: str, number: int) -> Row:
        """One record with all its fields."""
        return self._rows(log, [number])[0]

    def _rows(self, log: str, numbers: Iterable[int]) -> list[Row]:
        taken = self._tables[log].take(pa.array(numbers, pa.int64()))
        rows: list[Row] = pa.Table.from_batches([taken]).cast(PLAIN[log]).to_pylist()
        return rows

    @cached_property
    def inside(self) -> frozenset[str]:
        """Hosts of the site: local to Zeek, or private where it does not say."""
        found = set()
        for log, frame in self._frames.items():
            for end in ("orig", "resp"):
                local = frame[f"local_{end}"] if log == "conn" else pd.Series(None, frame.index, object)
                said = pd.DataFrame({"host": frame[end], "local": local}).drop_duplicates()
                found |= {host for host, here in said.itertuples(index=False) if _is_inside(host, here)}
        return frozenset(found)

    @cached_property
    def answered(self) -> pd.DataFrame:
        """Connections over TCP that carried data both ways."""
        conn = self.of("conn")
        both = (conn["orig_bytes"] > 0) & (conn["resp_bytes"] > 0)
        return conn[both & conn["port"].notna() & (conn["proto"] == "tcp") & conn["conn_state"].isin(_ANSWERED)]

    @cached_property
    def services(self) -> Mapping[int, frozenset[str]]:
        """By port, the hosts inside that answer there."""
        near = self.answered[self.answered["resp"].isin(self.inside)]
        found: dict[int, set[str]] = {}
        for port, host in set(zip(near["port"], near["resp"], strict=True)):
            found.setdefault(int(port), set()).add(host)
        return {port: frozenset(found[port]) for port in sorted(found)}

    def clients(self, port: int) -> frozenset[str]:
        """Hosts inside that call a port, or by any log where there is no conn log."""
        frames = [self.answered] if "conn" in self._frames else list(self._frames.values())
        return frozenset().union(*(frame["orig"][frame["port"] == port] for frame in frames)) & self.inside

    @cached_property
    def asked(self) -> frozenset[tuple[str, str]]:
        """Who talks to whom."""
        return frozenset(
            pair for frame in self._frames.values() for pair in zip(frame["orig"], frame["resp"], strict=True)
        )

    @cached_property
    def users(self) -> list[str]:
        """Accounts of people and services, in the spelling in use."""
        names = self.of("ntlm")["username"].dropna()
        return sorted(name for name in set(names) if not name.endswith("$") and name.upper() != "ANONYMOUS LOGON")

    @cached_property
    def client_names(self) -> dict[str, str]:
        """By host, the name under which it logs on."""
        named = self.of("ntlm").dropna(subset="hostname")
        return dict(zip(named["orig"], named["hostname"], strict=True))

    @cached_property
    def own_users(self) -> dict[str, str]:
        """By host, the account that it logs on with most."""
        named = self.of("ntlm").dropna(subset="username") if "ntlm" in self._frames else pd.DataFrame()
        return (
            {str(host): str(rows["username"].mode()[0]) for host, rows in named.groupby("orig")} if len(named) else {}
        )

    @cached_property
    def server_names(self) -> dict[str, Row]:
        """By host, what it calls itself when somebody logs on."""
        names = [name for name in _COLUMNS["ntlm"] if name.startswith("server")]
        named = self.of("ntlm").dropna(subset=names[0]).drop_duplicates("resp", keep="last")
        named = named.astype(object).where(named.notna(), None)
        return {str(row["resp"]): {name: row[name] for name in names} for row in named.to_dict("records")}

    def moments(self, host: str) -> NDArray[np.int64]:
        """The clock of what a host began."""
        return np.concatenate(
            [self._clocks[log][(frame["orig"] == host).to_numpy()] for log, frame in self._frames.items()]
        )

    def sessions(self, records: pd.DataFrame) -> pd.DataFrame:
        """Connections of some of the records, those that every log knows: uid, orig, resp, port.

        Raises
        ------
        LackingError
            There is none.
        """
        found = records[["uid", "orig", "resp", "port"]].dropna().drop_duplicates("uid")
        if "conn" in self._frames:
            found = found[found["uid"].isin(self._rows_of["conn"])]
        if "dce_rpc" in self._frames:
            calls = self._rows_of["dce_rpc"]
            found = found[[len(calls.get(uid, ())) <= _LONGEST for uid in found["uid"]]]
        if found.empty:
            raise LackingError("no such session is in every log")
        return found

    @cached_property
    def _rows_of(self) -> dict[str, dict[str, NDArray[np.int64]]]:
        """By log and uid, the rows of each connection that ntlm or dce_rpc know."""
        known = {uid for log in ("ntlm", "dce_rpc") if log in self._frames for uid in self._frames[log]["uid"].dropna()}
        found: dict[str, dict[str, NDArray[np.int64]]] = {}
        for log, frame in self._frames.items():
            some = frame[frame["uid"].isin(known)]
            rows = some.index.to_numpy()
            found[log] = {str(uid): rows[numbers] for uid, numbers in some.groupby("uid").indices.items()}
        return found

    def session(self, uid: str) -> dict[str, list[Row]]:
        """All records of one connection, by log; one of conn."""
        found = {}
        for log, rows_of in self._rows_of.items():
            numbers = rows_of.get(uid, np.empty(0, np.int64))
            # A long connection can have many records of conn; the last is of all of it.
            found[log] = self._rows(log, numbers[-1:] if log == "conn" else numbers)
        return found


def _is_inside(host: str, local: bool | None) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # LANL's computers have names.
        return local is not False
    if address.is_multicast or address.is_unspecified or address.is_link_local or host.endswith((".255", ".0")):
        return False
    return address.is_private if local is None else bool(local)
