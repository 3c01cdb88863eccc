"""Where an address is and what time it is there: named networks, address parts, local hours."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from oddlog_core.features.addresses import scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from oddlog_core.records import Categories

__all__ = ["INTERNET", "MULTICAST", "Places", "kinds", "local_time", "place"]

_MOST_KNOWN = 1 << 14
# Characters of an address, with the name of its interface (RFC 4007).
_LONGEST = 64
_QUARTER = 900_000_000
# 2242: a time out of all bounds, as a damaged record may have, gets the offset of the nearest moment that has one.
_LAST_QUARTER = 2**33 // 900


_INTERNAL, INTERNET, MULTICAST, _NAMELESS = range(4)
_PLACES = ("inside", "internet", "multicast", "unknown")


@lru_cache(maxsize=_MOST_KNOWN)
def _kind(address: str) -> int:
    """Where an address is. What is new among the hosts of the network is much, among those of the internet little."""
    try:
        private, group = scope(address)
    except ValueError:
        return _NAMELESS
    if group or address.endswith(".255"):
        return MULTICAST
    return _INTERNAL if private else INTERNET


def place(address: str) -> str:
    """Where an address is: ``inside``, ``internet``, ``multicast`` or ``unknown``."""
    return _PLACES[_kind(address[:_LONGEST])]


def kinds(column: Categories) -> NDArray[np.int64]:
    """Number of the `place` of each record's address, (n,)."""
    return np.array([*(_kind(value[:_LONGEST]) for value in column.values), _NAMELESS], np.int64)[column.codes]


@dataclass(frozen=True, slots=True)
class Places:
    """Names of networks.

    Parameters
    ----------
    networks : mapping of str to str
        CIDR to name; the longest prefix wins.
    """

    networks: Mapping[str, str] = field(default_factory=dict)
    _by_prefix: list[tuple[IPv4Network | IPv6Network, str]] = field(init=False, repr=False, compare=False)
    _known: dict[str, tuple[str, str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_known", {})
        by_prefix = [(ip_network(cidr), name) for cidr, name in self.networks.items()]
        by_prefix.sort(key=lambda network: -network[0].prefixlen)
        object.__setattr__(self, "_by_prefix", by_prefix)

    def parts(self, address: str) -> tuple[str, str]:
        """First and middle part of an address: 10 and 128.0 of 10.128.0.7, a /32 and the rest of its /64 of IPv6.

        Within a named network both are its name. What is no address is its own first part.
        """
        known = self._known.get(address)
        if known is None:
            known = self._parts(address)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            # What is longer is no address, and there is no end to what else may be in its place.
            if len(address) <= _LONGEST:
                self._known[address] = known
        return known

    def _parts(self, address: str) -> tuple[str, str]:
        try:
            place = ip_address(address)
        except ValueError:
            return address, ""
        for network, name in self._by_prefix:
            if place in network:
                return name, name
        if isinstance(place, IPv6Address):
            # Without its scope (fe80::1%eth0), which Python 3.11 cannot expand.
            groups = IPv6Address(int(place)).exploded.split(":")
            return ":".join(groups[:2]), ":".join(groups[2:4])
        first, second, third, _ = address.split(".")
        return first, f"{second}.{third}"


def local_time(moments: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Microseconds since the epoch as a clock on the wall shows them.

    Parameters
    ----------
    moments : (n,) int64
        Microseconds since the epoch.
    zone : str
        IANA name, such as ``Europe/Berlin``.
    """
    if zone == "UTC" or not len(moments):
        return moments
    # Every zone's offset changes on a quarter of an hour.
    quarters, of = np.unique((moments // _QUARTER).clip(0, _LAST_QUARTER), return_inverse=True)
    tz = ZoneInfo(zone)
    offsets = [datetime.fromtimestamp(int(q) * 900, UTC).astimezone(tz).utcoffset() for q in quarters]
    seconds = np.array([int(offset.total_seconds()) if offset else 0 for offset in offsets], np.int64)
    return moments + seconds[of] * 1_000_000
