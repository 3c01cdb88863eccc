"""DCE-RPC host profiles: whose window of operations is unlike every usual kind of host."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import msgspec
import numpy as np

from oddlog_core.detectors.contract import Detector, FitOptions, Fitted, Reason, Scored
from oddlog_core.detectors.windows import GROWN, end_to_end, stretches
from oddlog_core.errors import BaselineError
from oddlog_core.features.clusters import cluster
from oddlog_core.features.dce_rpc import COUNTS, NAME, HostWindow
from oddlog_core.span import days, ends

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["HostsDetector"]

N_CLUSTERS = 5


class _Learned(msgspec.Struct, frozen=True):
    window: int
    mean: list[float]
    scale: list[float]
    centroids: list[list[float]]
    sizes: list[int]


@dataclass(slots=True)
class _State:
    """The open window: what hosts did in it, its number, and how odd they were when told of; names lost before it."""

    hosts: HostWindow
    number: int | None = None
    told: dict[str, float] = field(default_factory=dict)
    evicted: int = 0


class HostsDetector(Detector):
    """Distance of a host's counts within a tumbling window to the nearest of five centroids.

    Counts are log1p'd before they are z-scored: they are heavy-tailed, and one busy host would else be the only
    distance there is. A window is judged when it closes, and before that by a bound: counts only grow, so the
    distance of what already exceeds a centroid can only grow too, and once that passes the threshold the closed
    window will. A notice is therefore early, and never one that the closed window would not have raised.
    """

    name = "dce_rpc-hosts"
    log = "dce_rpc"
    note = "Odd_DCE_RPC_Host"

    def __init__(self, learned: _Learned) -> None:
        self._learned = learned
        self.window = self.warm_up = self._window = learned.window
        self.remembers = f"windows of {learned.window} us"
        self._mean, self._scale = np.array(learned.mean), np.array(learned.scale)
        self._centroids = np.array(learned.centroids).reshape(-1, len(COUNTS))

    @classmethod
    def fit(cls, baseline: Sequence[Records], options: FitOptions) -> Fitted:
        """Cluster the baseline's host-windows; see `Detector.fit`."""
        numbers, profiles = [], []
        for number, counts in _closed_windows(baseline, options.window):
            numbers.append(number)
            profiles.append(counts)
        if len(profiles) < 2:
            raise BaselineError(
                f"{cls.log}: the baseline lies within one window of {options.window / 6e7:g} minutes; two are needed"
            )
        latest, earliest = (end.held_back for end in ends(baseline, options.held_back))
        start, stop = (
            min(max(bisect_left(numbers, clock / options.window), 1), len(profiles) - 1)
            for clock in (int(latest[0].clock[0]), int(earliest[-1].clock[-1]))
        )
        before, after = cls._learn(profiles[:start], options), cls._learn(profiles[stop:], options)
        scores = np.concatenate(
            [
                before._distance(np.concatenate(profiles[start:]))[0],
                after._distance(np.concatenate(profiles[:stop]))[0],
            ]
        )
        a_day = sum(map(len, profiles)) / days(baseline)
        options.progress(0.5)
        # What was held back has been judged; what kinds of host it has is worth having.
        detector = cls._learn(profiles, options)
        options.progress(1.0)
        return Fitted(detector, scores, a_day, before)

    @classmethod
    def _learn(cls, profiles: Sequence[NDArray[np.int64]], options: FitOptions) -> Self:
        """Cluster host-windows."""
        found = cluster(np.log1p(np.concatenate(profiles)), N_CLUSTERS, options.seed)
        learned = _Learned(
            options.window,
            found.mean.tolist(),
            found.scale.tolist(),
            found.centroids.tolist(),
            np.bincount(found.label, minlength=len(found.centroids)).tolist(),
        )
        return cls(learned)

    def new_state(self) -> _State:
        """No window is open."""
        return _State(self._window_of_hosts())

    def _window_of_hosts(self) -> HostWindow:
        return HostWindow(self.room // NAME)

    def score_samples(self, records: Records, state: _State, threshold: float) -> Scored:
        """Provisional scores that passed the threshold, and final ones of windows that these records closed."""
        parts: list[Scored] = []
        for number, start, stop in stretches(records, self._window):
            if number != state.number:
                if state.number is not None:
                    parts.append(self._close(state, threshold))
                state.number = number
            hosts, counts = state.hosts.update(records, start, stop)
            early = self._early(records, state, hosts, counts, start, threshold)
            if early is not None:
                parts.append(early)
        return end_to_end(parts, _counts)

    def _early(
        self,
        records: Records,
        state: _State,
        hosts: NDArray[np.int64],
        counts: NDArray[np.int64],
        start: int,
        threshold: float,
    ) -> Scored | None:
        """Hosts whose bound passes the threshold within these records, at the record where it does."""
        bound = self._distance(counts, only_above=True)[0]
        names: list[str] = []
        rows: list[int] = []
        for i in np.flatnonzero((bound >= threshold) & (hosts >= 0)).tolist():
            host = state.hosts.hosts[hosts[i]]
            if bound[i] > GROWN * state.told.get(host, -np.inf):
                state.told[host] = float(bound[i])
                names.append(host)
                rows.append(i)
        if not rows:
            return None
        at = np.array(rows)
        return Scored(
            bound[at],
            start + at,
            records.clock[start + at],
            final=np.zeros(len(at), np.bool_),
            odd=np.ones(len(at), np.bool_),
            host=names,
            since=np.full(len(at), state.number or 0, np.int64) * self._window,
            evidence=counts[at],
        )

    def close(self, state: _State, threshold: float, now: int | None = None) -> Scored | None:
        """Close the open window; by the wall clock only after one more window's length of silence."""
        if state.number is None or (now is not None and now < (state.number + 2) * self._window):
            return None
        return self._close(state, threshold)

    def _close(self, state: _State, threshold: float) -> Scored:
        counts, hosts = state.hosts.counts.copy(), state.hosts.hosts
        score = self._distance(counts)[0]
        n, since = len(hosts), (state.number or 0) * self._window
        told = np.array([host in state.told for host in hosts], np.bool_)
        state.evicted += state.hosts.evicted
        state.number, state.hosts, state.told = None, self._window_of_hosts(), {}
        return Scored(
            score,
            np.full(n, -1, np.int64),
            np.full(n, since + self._window, np.int64),
            final=np.ones(n, np.bool_),
            odd=(score >= threshold) & ~told,
            host=hosts,
            since=np.full(n, since, np.int64),
            evidence=counts,
        )

    def _distance(
        self, counts: NDArray[np.int64], *, only_above: bool = False
    ) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Euclidean distance to the nearest centroid, and which it is; or of what exceeds each centroid only."""
        z = (np.log1p(counts) - self._mean) / self._scale
        apart = z[:, None, :] - self._centroids[None, :, :]
        if only_above:
            apart = np.maximum(apart, 0.0)
        distance = np.sqrt((apart**2).sum(axis=2))
        # Twelve digits: the last bits of a vectorised sum may depend on how many rows there are.
        return np.round(distance.min(axis=1), 12), distance.argmin(axis=1)

    def explain(self, scored: Scored, index: int) -> tuple[Reason, ...]:
        """The counts, against those of the nearest cluster; before the window has closed what is too few may come."""
        counts, only_above = scored.evidence[index], not scored.final[index]
        nearest = self._distance(counts[None, :], only_above=only_above)[1][0]
        apart = (np.log1p(counts) - self._mean) / self._scale - self._centroids[nearest]
        apart = (np.maximum(apart, 0.0) if only_above else apart) ** 2
        usual = np.expm1(self._centroids[nearest] * self._scale + self._mean)
        share = apart / max(apart.sum(), 1e-300)
        return tuple(
            Reason(COUNTS[c], float(counts[c]), round(float(usual[c]), 1), float(share[c]))
            for c in np.argsort(-share)
            if share[c]
        )

    def export_state(self, state: _State) -> dict[str, Any]:
        """The open window."""
        return {
            "number": state.number,
            "hosts": state.hosts.export(),
            "told": [list(one) for one in sorted(state.told.items())],
        }

    def restore_state(self, exported: dict[str, Any]) -> _State:
        """What `export_state` exported."""
        hosts = self._window_of_hosts()
        hosts.restore(exported["hosts"])
        return _State(hosts, exported["number"], dict(exported["told"]))

    def evicted(self, state: _State) -> int:
        """Names that found no place in their window."""
        return state.evicted + state.hosts.evicted

    def save(self, folder: Path) -> None:
        """Write ``profiles.json``."""
        (folder / "profiles.json").write_bytes(msgspec.json.encode(self._learned))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read ``profiles.json``."""
        return cls(msgspec.json.decode((folder / "profiles.json").read_bytes(), type=_Learned))

    def describe(self) -> list[str]:
        """Each cluster of host-windows: how many, and its typical counts."""
        usual = np.expm1(self._centroids * self._scale + self._mean)
        order = np.argsort(self._learned.sizes)[::-1]
        return [
            f"{self._learned.sizes[k]:6d} host-windows  "
            + ", ".join(f"{name} {usual[k, c]:.1f}" for c, name in enumerate(COUNTS))
            for k in order
        ]


def _closed_windows(baseline: Sequence[Records], window: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Number and every host's counts of each window."""
    hosts, open_ = HostWindow(), None
    for records in baseline:
        for number, start, stop in stretches(records, window):
            if open_ is not None and number != open_:
                yield open_, hosts.counts
                hosts = HostWindow()
            open_ = number
            hosts.update(records, start, stop)
    if open_ is not None:
        yield open_, hosts.counts


def _counts(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty((0, len(COUNTS)), np.int64), *parts])
