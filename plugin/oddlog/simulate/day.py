"""One day while it is being made: who is there, and columns that grow by whole arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from oddlog.simulate import packets
from oddlog.simulate.site import Site, leases

if TYPE_CHECKING:
    from oddlog.simulate.kinds import Ending, Kind, Spread
    from oddlog.simulate.packets import Floats, Ints

__all__ = ["BENIGN", "DAY", "Columns", "Day"]

Columns = dict[str, npt.NDArray[Any]]
DAY = 86_400.0
BENIGN = -1

_OWN_PORT = {67: 68, 123: 123, 137: 137, 138: 138, 5353: 5353}


class Day:
    """Who is in on a day, and the records made so far.

    Parameters
    ----------
    site : Site
    index : int
        Days since the simulation's first; with the site's seed it decides everything but the weekday.
    weekday : int
        0 is Monday.
    """

    def __init__(self, site: Site, index: int, weekday: int) -> None:
        self.site, self.index, self.weekend = site, index, weekday >= 5
        self.rng = rng = np.random.default_rng([site.seed, 3, index])
        people, n = site.people, site.n_people
        self.present = rng.random(n) < (people.on_weekends if self.weekend else 0.93)
        self.arrive = np.clip(people.arrive + rng.normal(0, 900, n), 3600 * 4, 3600 * 14)
        hours = people.leave - people.arrive + rng.normal(0, 1800, n) - (3600 * 4 if self.weekend else 0)
        self.leave = np.clip(self.arrive + np.maximum(hours, 3600), None, DAY - 1800)
        self.lunch = 3600 * 12 + rng.normal(1200, 1500, n)
        self.zeal = people.zeal * rng.lognormal(0, 0.2, n)
        self.up = people.always_on | self.present
        self.up_from = np.where(people.always_on, 0.0, self.arrive - rng.uniform(30, 240, n))
        self.up_to = np.where(people.always_on, DAY, self.leave + rng.uniform(20, 600, n))
        self.up_to = np.where(self.up, self.up_to, self.up_from)
        self._leases = leases(site, index)
        self._moves = rng.uniform(9.5 * 3600, 16 * 3600, n)
        self.conn: list[Columns] = []
        self.ntlm: list[Columns] = []
        self.dce_rpc: list[Columns] = []
        self.rows = 0
        self.timers = 0

    def workstation(self, person: Ints) -> Ints:
        """Give the nodes of people's machines."""
        return person + self.site.n_fixed

    def address(self, node: Ints, ts: Floats) -> Ints:
        """Give the address (a place in the site's table) that each node has at a time."""
        site = self.site
        leased = (node >= site.n_fixed) & (node < site.hosts)
        person = np.where(leased, node - site.n_fixed, 0)
        later = (ts >= self._moves[person]).astype(np.int64)
        return np.where(leased, site.pool + self._leases[person, later], node)

    def spread(self, n: int, spread: Spread) -> Floats:
        """Draw n log-normal values."""
        median, sigma = spread
        return median * np.exp(sigma * self.rng.standard_normal(n)) if median else np.zeros(n)

    def sizes(self, kind: Kind, n: int) -> tuple[Floats, Floats]:
        """Draw the bytes n connections send and receive."""
        out, back = self.spread(n, kind.sent), self.spread(n, kind.received)
        if kind.tail:
            big = self.rng.random(n) < kind.tail
            side, typical = (out, kind.sent[0]) if kind.upload else (back, kind.received[0])
            side[big] = np.minimum(10 * typical * (1 + self.rng.pareto(1.1, int(big.sum()))), 4e9)
        return out, back

    def flows(
        self,
        kind: Kind,
        ts: npt.ArrayLike,
        orig: npt.ArrayLike,
        resp: npt.ArrayLike,
        *,
        port: npt.ArrayLike | None = None,
        sent: npt.ArrayLike | None = None,
        received: npt.ArrayLike | None = None,
        seconds: npt.ArrayLike | None = None,
        at_least: npt.ArrayLike = 0.0,
        turns: npt.ArrayLike | None = None,
        endings: tuple[Ending, ...] | None = None,
        service: npt.ArrayLike | None = None,
        attack: int = BENIGN,
    ) -> Ints:
        """Add connections.

        Parameters
        ----------
        kind : Kind
        ts, orig, resp : (n,) array_like
            Seconds since midnight, and the nodes; `orig` and `resp` may be single nodes.
        port, sent, received, seconds, turns, service : (n,) array_like, optional
            Instead of the kind's; service as codes.
        at_least : (n,) array_like
            What happens inside takes so many seconds.
        endings : tuple, optional
            Instead of the kind's.
        attack : int
            Code of the attack's name; -1 for what is benign.

        Returns
        -------
        (n,) int64
            Numbers of the new connections within the day.
        """
        site, rng, strings = self.site, self.rng, self.site.strings
        ts = np.atleast_1d(np.asarray(ts, float))
        n = len(ts)
        orig, resp = (np.broadcast_to(np.asarray(node, np.int64), n) for node in (orig, resp))
        end = packets.Endings(endings or kind.endings, n, rng)
        out, back = self.sizes(kind, n)
        out = out if sent is None else np.broadcast_to(np.asarray(sent, float), n)
        back = back if received is None else np.broadcast_to(np.asarray(received, float), n)
        exchanges = np.broadcast_to(np.asarray(kind.turns if turns is None else turns, np.int64), n)
        linux = site.linux[orig]
        if kind.proto == "tcp":
            shape = packets.tcp(end, (out, back), exchanges, linux & site.linux[resp], rng)
        else:
            header = np.where((orig >= site.six) & (orig < site.six + site.n_people), 48, 28)
            shape = packets.udp(end, (out, back), exchanges, header, rng)
        lossy, silent, waited = shape.pop("lossy"), shape.pop("silent"), shape.pop("waited")
        state, history = end.names(strings, lossy, shape["missed_bytes"] > 0)
        rtt = np.maximum(site.rtt[orig], site.rtt[resp]) * np.exp(0.25 * rng.standard_normal(n))
        duration = self.spread(n, kind.seconds) if seconds is None else np.broadcast_to(np.asarray(seconds, float), n)
        moved = (shape["orig_bytes"] + shape["resp_bytes"]) / 6e7
        duration = np.maximum(np.maximum(duration, at_least), rtt + moved + 0.2 * lossy)
        if kind.proto == "tcp":
            # Without data a connection is over as soon as the handshake is.
            duration = np.where(end.has("D") | end.has("d"), duration, rtt * (1 + 0.5 * rng.random(n)))
            duration = np.where(np.isnan(waited), duration, waited)
        source = np.where(linux, rng.integers(32768, 61000, n), rng.integers(49152, 65536, n))
        fixed = _OWN_PORT.get(kind.port) if kind.proto == "udp" else 8 if kind.proto == "icmp" else None
        code = np.full(n, strings.code(kind.service)) if service is None else np.asarray(service)
        if kind.proto == "tcp":
            code = np.where(end.has("D") & end.has("d"), code, -1)
        self.conn.append(
            shape
            | {
                "ts": ts,
                "orig_h": self.address(orig, ts),
                "resp_h": self.address(resp, ts),
                "orig_p": source if fixed is None else np.full(n, fixed),
                "resp_p": np.broadcast_to(np.asarray(kind.port if port is None else port, np.int64), n),
                "proto": np.full(n, strings.code(kind.proto)),
                "service": code,
                "duration": np.where(silent, np.nan, duration),
                "orig_bytes": np.where(silent, -1, shape["orig_bytes"]),
                "resp_bytes": np.where(silent, -1, shape["resp_bytes"]),
                "conn_state": state,
                "history": history,
                "attack": np.full(n, attack),
            }
        )
        self.rows += n
        return np.arange(self.rows - n, self.rows)
