"""Attacks between hosts of a baseline over ports that they use, to put among a log's ordinary records.

Every source is internal and has been a client of the port in the baseline. Destinations are one of two: `answering`,
any host that answered on the port in the baseline, so that no source, destination or service is new; or `internal`,
any internal host of the baseline. A record starts as a copy of a baseline record of the same port, so
service, state, history and header sizes are that port's own; what makes an attack is who, when, how often, how much.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from flows import Flow, row_of
from habits import Habits, Route, ends

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["KINDS", "inject"]

_WEB = (80, 443, 3128, 8080, 8443)
_LOGON = (21, 22, 23, 25, 110, 143, 389, 445, 636, 993, 1433, 3306, 3389, 5432, 5985, *_WEB)
_REMOTE = (22, 23, 135, 445, 3389, 5900, 5985, 5986)
_UPLOAD = (21, 22, 25, 445, *_WEB)
_FILES = (21, 22, 139, 445, 1433, 3306, 5432, *_WEB)


@dataclass(frozen=True)
class Scene:
    """What an attack has to do with: the hosts, the time, and how many records it may have."""

    habits: Habits
    begin: float
    end: float
    moments: np.ndarray
    most: int
    rng: np.random.Generator

    def log_uniform(self, low: float, high: float) -> float:
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def count(self, low: int, high: int) -> int:
        return int(self.rng.integers(min(low, self.most), min(high, self.most) + 1))

    def start(self, length: float) -> float:
        """A moment of the log's own, from which `length` seconds are left."""
        fitting = self.moments[self.moments + length <= self.end]
        return float(self.rng.choice(fitting)) if len(fitting) else self.begin

    def times(self, n: int, gaps: Callable[[int], np.ndarray], tail: float = 0.0) -> np.ndarray:
        """Up to `n` moments with such gaps between them, as many as fit before the log ends."""
        offsets = np.concatenate([[0.0], np.cumsum(gaps(n - 1))]) if n > 1 else np.zeros(1)
        offsets = offsets[offsets + tail <= self.end - self.begin]
        return self.start(offsets[-1] + tail) + offsets if len(offsets) else offsets

    def route(
        self,
        *,
        usual: bool | None = None,
        ports: tuple[int, ...] = (),
        only: bool = False,
        inside: bool | None = None,
        proto: str = "tcp",
    ) -> Route | None:
        """A source, destination and port, wishes being met in this order as far as they can be.

        Parameters
        ----------
        usual : bool
            Whether the two talked in the baseline on that port, or never; by chance if not given.
        ports : tuple of int
            Preferred ones, or with `only` the only ones.
        inside : bool
            Whether the destination is internal; by chance if not given.
        """
        known = [port for port in self.habits.ports if port[0] == proto]
        wished = [port for port in known if port[1] in ports]
        usual, inside = (bool(self.rng.integers(2)) if wish is None else wish for wish in (usual, inside))
        for talked, some, near in product(
            (usual, not usual), (wished,) if only else (wished, known), (inside, not inside)
        ):
            for i in self.rng.permutation(len(some)):
                routes = [
                    route
                    for route in self.habits.routes(some[i], usual=talked)
                    if (route.destination in self.habits.internal) == near
                ]
                if routes:
                    return routes[self.rng.integers(len(routes))]
        return None

    def template(self, route: Route, below: float = 1.0) -> pd.Series:
        """A record of the port with data both ways, among the smallest share `below` of them by bytes."""
        rows = self.habits.like(route.port, route.destination)
        sizes = rows[["orig_bytes", "resp_bytes"]].astype(float)
        if (both := (sizes > 0).all(axis=1)).any():
            rows, sizes = rows[both], sizes[both]
        size = sizes.sum(axis=1)
        rows = rows[size <= size.quantile(below)]
        return rows.iloc[self.rng.integers(len(rows))]


def _sweep(scene: Scene, gap: tuple[float, float]) -> Iterator[Flow]:
    """One source tries many hosts that answer on a port: bare connections, or one small request each."""
    rng, habits = scene.rng, scene.habits
    of_source: dict[str, list[Route]] = {}
    for port in habits.ports:
        for usual in (True, False):
            for route in habits.routes(port, usual=usual) if port[0] == "tcp" else ():
                of_source.setdefault(route.source, []).append(route)
    if not of_source:
        return
    # Inside over one port where enough hosts answer on it, else outside too, else over all of the source's ports.
    routes = of_source[list(of_source)[rng.integers(len(of_source))]]
    near = [route for route in routes if route.destination in habits.internal]
    for some in (near, routes):
        wide = [port for port, width in Counter(route.port for route in some).items() if width >= 5]
        if wide:
            routes = some
            break
    if wide:
        port = wide[rng.integers(len(wide))]
        routes = [route for route in routes if route.port == port]
    rng.shuffle(routes)
    mean = scene.log_uniform(*gap)
    bare = bool(rng.integers(2))
    state = (("RSTO", "ShAR"), ("SF", "ShAFf"), ("SF", "ShAFfa"))[rng.integers(3)]
    at = scene.times(min(len(routes), scene.count(10, 60)), lambda n: rng.exponential(mean, n), 5.0)
    for moment, route in zip(at, routes, strict=False):
        template = scene.template(route, 0.5)
        if bare:
            yield Flow(moment, route, template, duration=rng.lognormal(-5, 1.0), bare=state)
        else:
            yield Flow(moment, route, template, duration=min(float(template["duration"]), 3.0) * rng.lognormal(0, 0.3))


def slow_sweep(scene: Scene) -> Iterator[Flow]:
    return _sweep(scene, (20.0, 300.0))


def fast_sweep(scene: Scene) -> Iterator[Flow]:
    return _sweep(scene, (0.01, 1.0))


def password_guessing(scene: Scene) -> Iterator[Flow]:
    """Many short sessions of one pair, each about as long and as large as the last."""
    rng, route = scene.rng, scene.route(ports=_LOGON, inside=True)
    if route is None:
        return
    template = scene.template(route, 0.4)
    mean, spread = scene.log_uniform(0.2, 20.0), rng.uniform(0.0, 0.2)
    at = scene.times(scene.count(15, 80), lambda n: rng.gamma(4.0, mean / 4.0, n), 60.0)
    duration, sent, got = (float(template[name]) for name in ("duration", "orig_bytes", "resp_bytes"))
    duration = min(duration, 30.0)
    for moment in at:
        yield Flow(
            moment,
            route,
            template,
            duration=duration * rng.lognormal(0, 0.3),
            sent=sent + rng.integers(-4, 5) * (sent > 8),
            got=got * rng.lognormal(0, spread),
        )


def lateral_movement(scene: Scene) -> Iterator[Flow]:
    """A session or three between two that never talked, of minutes to an hour, in small packets."""
    rng, route = scene.rng, scene.route(usual=False, ports=_REMOTE, inside=True)
    if route is None:
        return
    at = scene.times(scene.count(1, 3), lambda n: rng.exponential(120.0, n), 60.0)
    for moment in at:
        longest = max(60.0, scene.end - moment - 1.0)
        duration = min(scene.log_uniform(60.0, 3600.0), longest)
        sent = scene.log_uniform(5e3, 2e5)
        yield Flow(
            moment,
            route,
            scene.template(route),
            duration=duration,
            sent=sent,
            got=sent * scene.log_uniform(1, 20),
            payload=rng.uniform(80, 500),
        )


def bulk_exfiltration(scene: Scene) -> Iterator[Flow]:
    """One or two very large uploads over a usual pair."""
    rng, route = scene.rng, scene.route(usual=True, ports=_UPLOAD)
    if route is None:
        return
    rate = scene.log_uniform(3e5, 2e7)
    sizes = [min(scene.log_uniform(1e7, 1e9), rate * 0.5 * (scene.end - scene.begin)) for _ in range(scene.count(1, 2))]
    at = scene.times(len(sizes), lambda n: np.array(sizes[:n]) / rate, sizes[-1] / rate)
    for moment, size in zip(at, sizes, strict=False):
        yield Flow(
            moment, route, scene.template(route), duration=size / rate, sent=size, got=size * rng.uniform(5e-4, 5e-3)
        )


def slow_exfiltration(scene: Scene) -> Iterator[Flow]:
    """Many uploads of medium size, minutes apart."""
    rng, route = scene.rng, scene.route(ports=_UPLOAD)
    if route is None:
        return
    size, rate, gap = scene.log_uniform(1e5, 5e6), scene.log_uniform(1e5, 3e6), scene.log_uniform(20.0, 400.0)
    at = scene.times(scene.count(8, 40), lambda n: rng.exponential(gap, n), 60.0)
    for moment in at:
        sent = size * rng.lognormal(0, 0.3)
        yield Flow(
            moment,
            route,
            scene.template(route),
            duration=sent / rate * rng.lognormal(0, 0.2),
            sent=sent,
            got=scene.log_uniform(500, 5000),
        )


def _beacon(scene: Scene, interval: tuple[float, float], jitter: float) -> Iterator[Flow]:
    """The same small exchange again and again; now and then a task comes down or a result goes up."""
    rng, route = scene.rng, scene.route(ports=_WEB, only=True)
    if route is None:
        return
    every, jitter = rng.uniform(*interval), rng.uniform(0.0, jitter)
    at = scene.times(
        scene.count(12, 80), lambda n: every * rng.uniform(1 - jitter, 1 + jitter, n) + rng.exponential(0.2, n), 5.0
    )
    template = scene.template(route, 0.6)
    sent, got = float(template["orig_bytes"]) or 300.0, float(template["resp_bytes"]) or 500.0
    duration = min(float(template["duration"]), every / 2) if rng.integers(2) else scene.log_uniform(0.05, 2.0)
    for moment in at:
        tasked = rng.random() < 0.04
        yield Flow(
            moment,
            route,
            template,
            duration=duration * rng.lognormal(0, 0.15),
            sent=sent + rng.integers(0, 24) + tasked * scene.log_uniform(500, 20_000),
            got=got + rng.integers(0, 16) + tasked * scene.log_uniform(500, 20_000),
        )


def slow_beacon(scene: Scene) -> Iterator[Flow]:
    return _beacon(scene, (200.0, 350.0), 0.1)


def fast_beacon(scene: Scene) -> Iterator[Flow]:
    return _beacon(scene, (30.0, 60.0), 0.3)


def dns_tunnel(scene: Scene) -> Iterator[Flow]:
    """Many lookups with long names and long answers."""
    rng, route = scene.rng, scene.route(ports=(53,), only=True, proto="udp")
    if route is None:
        return
    length, answer = rng.uniform(90, 220), rng.uniform(150, 450)
    mean = scene.log_uniform(0.1, 15.0)
    at = scene.times(scene.count(20, 120), lambda n: rng.exponential(mean, n), 5.0)
    for moment in at:
        template = scene.template(route)
        yield Flow(
            moment,
            route,
            template,
            duration=min(float(template["duration"]), 0.5) * rng.lognormal(0.5, 0.4),
            sent=min(length * rng.lognormal(0, 0.1), 255.0),
            got=answer * rng.lognormal(0, 0.2),
        )


def staging(scene: Scene) -> Iterator[Flow]:
    """Large downloads from a server by a host that never was its client."""
    rng, route = scene.rng, scene.route(usual=False, ports=_FILES, inside=True)
    if route is None:
        return
    rate = scene.log_uniform(3e5, 3e7)
    sizes = [min(scene.log_uniform(1e7, 1e9), rate * 0.3 * (scene.end - scene.begin)) for _ in range(scene.count(1, 3))]
    at = scene.times(len(sizes), lambda n: np.array(sizes[:n]) / rate + rng.exponential(20.0, n), sizes[-1] / rate)
    for moment, size in zip(at, sizes, strict=False):
        yield Flow(
            moment, route, scene.template(route), duration=size / rate, sent=size * rng.uniform(5e-4, 5e-3), got=size
        )


def relay(scene: Scene) -> Iterator[Flow]:
    """One connection that stays open for hours and carries someone else's; it may have begun before the log did."""
    rng, route = scene.rng, scene.route(ports=(*_REMOTE, *_WEB))
    if route is None:
        return
    duration = min(scene.log_uniform(3600.0, 8 * 3600.0), 1.5 * (scene.end - scene.begin))
    sent = scene.log_uniform(3e5, 1e8)
    yield Flow(
        scene.start(0.0) - duration,
        route,
        scene.template(route),
        duration=duration,
        sent=sent,
        got=sent * scene.log_uniform(0.3, 10),
        payload=rng.uniform(200, 1000),
    )


KINDS: dict[str, Callable[[Scene], Iterator[Flow]]] = {
    kind.__name__.replace("_", " "): kind
    for kind in (
        slow_sweep,
        fast_sweep,
        password_guessing,
        lateral_movement,
        bulk_exfiltration,
        slow_exfiltration,
        slow_beacon,
        fast_beacon,
        dns_tunnel,
        staging,
        relay,
    )
}
"""Each kind of attack, by name."""


def inject(habits: Habits, judged: pd.DataFrame, seed: int, share: float = 0.05, times: int = 4) -> pd.DataFrame:
    """Put attacks among a log's records, in the order in which connections end.

    Kinds take turns in a random order, at most `times` turns each; an attack larger than what is left of the budget is
    left out.

    Parameters
    ----------
    habits : Habits
        Of the baseline.
    judged : DataFrame of str
        Ordinary records after the baseline, as text.
    seed : int
    share : float
        Attack records for each ordinary one, at most.

    Returns
    -------
    DataFrame of str
        All records as text, with two more columns: ``attack``, the kind or "", and ``instance``, "" or its number.
    """
    rng = np.random.default_rng(seed)
    moments = ends(judged)
    budget = int(share * len(judged))
    scene = Scene(habits, float(moments.min()), float(moments.max()), moments, max(budget // 4, 3), rng)
    rows: list[dict[str, str]] = []
    instance = 0
    for _ in range(times):
        for kind in rng.permutation(list(KINDS)):
            flows = list(KINDS[kind](scene))
            if flows and len(rows) + len(flows) <= budget:
                rows += [row_of(flow, habits, rng) | {"attack": kind, "instance": str(instance)} for flow in flows]
                instance += 1
    mixed = pd.concat([judged.assign(attack="", instance=""), pd.DataFrame(rows, dtype=str)], ignore_index=True)
    return mixed.iloc[np.argsort(ends(mixed), kind="stable")].reset_index(drop=True)
