"""Who used which port in a baseline, with whom, and what its connections look like: where attacks can hide."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import pandas as pd

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Habits", "Route", "ends"]

_ANSWERED = ("SF", "S1", "S2", "S3", "RSTO", "RSTR")
# Records that make a port usual, at least and as a share of all; and a destination usual enough to imitate.
_FEWEST, _OFTEN, _IMITATED = 3, 5e-4, 5


def ends(records: pd.DataFrame) -> NDArray[np.float64]:
    """When each connection ended, in seconds since the epoch."""
    durations = pd.to_numeric(records["duration"], errors="coerce").fillna(0.0)
    return (records["ts"].astype(float) + durations).to_numpy()


def _unicast(host: str) -> bool:
    address = ipaddress.ip_address(host)
    return not (
        address.is_multicast or address.is_unspecified or address.is_link_local or host.endswith((".255", ".0"))
    )


@dataclass(frozen=True, slots=True)
class Route:
    """Who talks to whom on which port."""

    source: str
    destination: str
    port: tuple[str, int]


@dataclass(frozen=True, eq=False)
class Habits:
    """Who used which port in a baseline, and what its connections look like.

    Parameters
    ----------
    baseline : DataFrame of str
        Records as text, by Zeek's names, unset as ``-``.
    among : {"answering", "internal"}
        Which destinations attacks may have.
    """

    baseline: pd.DataFrame
    among: Literal["answering", "internal"] = "answering"

    def __post_init__(self) -> None:
        numbers = self.baseline[["resp_pkts", "duration", "orig_bytes", "resp_bytes"]].apply(
            pd.to_numeric, errors="coerce"
        )
        answered = self.baseline["conn_state"].isin(_ANSWERED) & (numbers["resp_pkts"] > 0)
        answered &= self.baseline["proto"].isin(["tcp", "udp"]) & numbers.notna().all(axis=1)
        object.__setattr__(self, "answered", self.baseline[answered])

    answered: pd.DataFrame = field(init=False)

    @cached_property
    def pairs(self) -> set[tuple[str, str]]:
        """Source and destination of every record, answered or not."""
        return set(zip(self.baseline["id.orig_h"], self.baseline["id.resp_h"], strict=True))

    @cached_property
    def internal(self) -> set[str]:
        """Hosts that Zeek calls local, or private addresses where it does not say."""
        hosts: dict[str, str] = {}
        for end, side in (("orig", "id.orig_h"), ("resp", "id.resp_h")):
            hosts |= dict(zip(self.baseline[side], self.baseline[f"local_{end}"], strict=True))
        return {
            host
            for host, local in hosts.items()
            if _unicast(host) and (local == "T" or (local == "-" and ipaddress.ip_address(host).is_private))
        }

    @cached_property
    def ports(self) -> dict[tuple[str, int], tuple[list[str], list[str]]]:
        """Internal clients of each port that is often used, and the hosts that attacks may go to on it."""
        found = {}
        for (proto, port), rows in self._rows_of.items():
            # Not the thousands of ports that are agreed on for one transfer or one endpoint.
            if len(rows) < max(_FEWEST, _OFTEN * len(self.answered)):
                continue
            clients = sorted(set(rows["id.orig_h"]) & self.internal)
            servers = sorted(host for host in set(rows["id.resp_h"]) if _unicast(host))
            if self.among == "internal":
                servers = sorted(self.internal)
            if clients and servers:
                found[proto, int(port)] = clients, servers
        return found

    @cached_property
    def _rows_of(self) -> dict[tuple[str, str], pd.DataFrame]:
        return dict(iter(self.answered.groupby(["proto", "id.resp_p"])))

    def like(self, port: tuple[str, int], destination: str | None = None) -> pd.DataFrame:
        """Answered records of a port, those of one destination where there are enough."""
        rows = self._rows_of[port[0], str(port[1])]
        own = rows[rows["id.resp_h"] == destination]
        return own if len(own) >= _IMITATED else rows

    def routes(self, port: tuple[str, int], *, usual: bool) -> list[Route]:
        """Pairs of a port's clients and servers that talked in the baseline, on that port, or that never did."""
        return self._routes[port][not usual]

    @cached_property
    def _routes(self) -> dict[tuple[str, int], tuple[list[Route], list[Route]]]:
        found = {}
        for port, (clients, servers) in self.ports.items():
            rows = self._rows_of[port[0], str(port[1])]
            talked = set(zip(rows["id.orig_h"], rows["id.resp_h"], strict=True))
            pairs = [(one, other) for one in clients for other in servers if one != other]
            usual = [Route(*pair, port) for pair in pairs if pair in talked]
            # An IPv4 host does not call an IPv6 one.
            never = [pair for pair in pairs if pair not in self.pairs and (":" in pair[0]) == (":" in pair[1])]
            found[port] = usual, [Route(*pair, port) for pair in never]
        return found

    @cached_property
    def ephemeral(self) -> dict[str, tuple[int, int]]:
        """Range of the ports that each source calls from."""
        ports = self.answered["id.orig_p"].astype(int)
        high = ports >= 1024
        bounds = ports[high].groupby(self.answered["id.orig_h"][high]).quantile([0.1, 0.9]).unstack()
        return {host: (int(low), int(high) + 1) for host, (low, high) in zip(bounds.index, bounds.values, strict=True)}

    @cached_property
    def own(self) -> dict[str, dict[str, str]]:
        """What depends on a host alone: whether it is local, and the address of its card where that is logged."""
        found: dict[str, dict[str, str]] = {}
        for end, side in (("resp", "id.resp_h"), ("orig", "id.orig_h")):
            names = {f"local_{end}": "local", f"{end}_l2_addr": "l2_addr"}
            latest = self.baseline.drop_duplicates(side, keep="last").set_index(side)
            found |= latest[[name for name in names if name in latest]].rename(columns=names).to_dict("index")
        return found
