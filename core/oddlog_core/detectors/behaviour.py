"""Kinds of behaviour: connections that the autoencoder's bottleneck puts side by side."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np

from oddlog_core.features.places import place
from oddlog_core.features.rhythm import FAILED
from oddlog_core.records import MISSING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["Behaviour", "Behaviours", "Map"]

N_CLUSTERS = 14
MOST_RECORDS = 50_000
_MOST_POINTS = 2_000
_MOST_NAMES = 5
# Clusters are one kind where one service makes up half of each, or most, and their other notable ones are the same.
_MAINLY, _MOSTLY, _NOTABLE = 0.5, 0.8, 0.15
# Kerberos: who answers there is a domain controller.
_KERBEROS = 88


class Behaviour(msgspec.Struct, frozen=True):
    """What connections of one kind typically are.

    Attributes
    ----------
    share : float
        Of the baseline's connections.
    services : list of (str, float)
        The most frequent of what Zeek recognised, or else port and protocol, each with its share of this kind.
    destinations : list of (str, float)
        The most frequent hosts.
    places : list of (str, float)
        Where destinations are: ``inside``, ``internet``, ``multicast`` or ``unknown``.
    controllers : float
        Share that went to domain controllers: inside hosts that answered Kerberos.
    failed : float
        Share that found no answer or were refused.
    duration, orig_bytes, resp_bytes : float or None
        Typical seconds and bytes: medians of those logged.
    """

    share: float
    services: list[tuple[str, float]]
    destinations: list[tuple[str, float]]
    places: list[tuple[str, float]]
    controllers: float
    failed: float
    duration: float | None
    orig_bytes: float | None
    resp_bytes: float | None


class Map(msgspec.Struct, frozen=True):
    """Some of the baseline's connections, on the first two principal components of the bottleneck.

    Attributes
    ----------
    points : list of (float, float)
    kinds : list of int
        Each point's behaviour.
    explained : (float, float)
        Share of the variance that each component has.
    """

    points: list[tuple[float, float]]
    kinds: list[int]
    explained: tuple[float, float]


class Behaviours(msgspec.Struct, frozen=True):
    """Centroids of k-means over the bottleneck, and what their connections are.

    k-means cuts a large kind in several: clusters that would be described alike are one.

    Attributes
    ----------
    scale : list of float
        What each of the bottleneck's columns is divided by.
    centroids : list of list of float
    kind_of : list of int
        Each centroid's kind.
    kinds : list of Behaviour
        The most frequent first.
    map : Map
    """

    scale: list[float]
    centroids: list[list[float]]
    kind_of: list[int]
    kinds: list[Behaviour]
    map: Map

    @classmethod
    def learn(
        cls, narrow: NDArray[np.float64], rows: NDArray[np.int64], baseline: Sequence[Records], seed: int
    ) -> Self:
        """Cluster.

        Parameters
        ----------
        narrow : (n, n_narrow) float64
            Bottleneck of some of the baseline's records.
        rows : (n,) int64
            Which of them, in order.
        baseline : sequence of Records
        seed : int
        """
        # Importing scikit-learn takes a second, which scoring need not wait for.
        from sklearn.cluster import KMeans  # noqa: PLC0415
        from threadpoolctl import threadpool_limits  # noqa: PLC0415

        scale = narrow.std(axis=0)
        scale[scale < 1e-9] = 1.0
        z = narrow / scale
        # Threads add up in an order of their own: with two, the same seed gave centroids that differ in the last bit.
        with threadpool_limits(1):
            n_clusters = min(N_CLUSTERS, len(np.unique(z, axis=0)))
            model = KMeans(n_clusters, n_init=3, random_state=seed).fit(z)
            map_ = _map(z)
        facts = _facts(rows, baseline)
        controllers = {fact.destination for fact in facts if fact.kerberos and not fact.failed}

        def described(label: NDArray[np.int64]) -> list[Behaviour]:
            of = range(int(label.max()) + 1)
            return [_described([facts[i] for i in np.flatnonzero(label == n)], len(facts), controllers) for n in of]

        likeness = [_likeness(cluster) or n for n, cluster in enumerate(described(model.labels_))]
        alike = np.array([likeness.index(one) for one in likeness])
        often = np.bincount(alike[model.labels_], minlength=n_clusters)
        order = np.argsort(-often, kind="stable")
        kind_of = np.argsort(order)[alike]
        label = kind_of[model.labels_]
        some = np.unique(np.linspace(0, len(z) - 1, min(len(z), _MOST_POINTS)).astype(np.int64))
        return cls(
            scale.tolist(),
            model.cluster_centers_.tolist(),
            kind_of.tolist(),
            described(label),
            Map([(float(x), float(y)) for x, y in map_[0][some].round(3)], label[some].tolist(), map_[1]),
        )

    def nearest(self, narrow: NDArray[np.float64]) -> Behaviour:
        """The kind whose centroid is nearest to a record's bottleneck, (n_narrow,)."""
        apart = np.array(self.centroids) - narrow / np.array(self.scale)
        return self.kinds[self.kind_of[int((apart**2).sum(axis=1).argmin())]]


def _likeness(cluster: Behaviour) -> tuple[object, ...] | None:
    """What makes two clusters one kind: their services, where they go and whether they fail; None of a mixture."""
    if not cluster.services or cluster.services[0][1] < _MAINLY:
        return None
    first, share = cluster.services[0]
    services = [first] if share >= _MOSTLY else [service for service, share in cluster.services if share >= _NOTABLE]
    host = next((host for host, share in cluster.destinations[:1] if share >= _MAINLY), None)
    return tuple(services), host or cluster.places[0][0], cluster.failed >= _MAINLY


def _map(z: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """First two principal components, (n, 2), zeros where there are fewer, and their shares of the variance."""
    centred = z - z.mean(axis=0)
    variance, axes = np.linalg.eigh(centred.T @ centred)
    first = axes[:, ::-1][:, :2]
    # An axis may point either way: its largest part points up.
    first = first * np.sign(first[np.abs(first).argmax(axis=0), np.arange(first.shape[1])])
    points = np.zeros((len(z), 2))
    points[:, : first.shape[1]] = centred @ first
    shares = [*(np.maximum(variance[::-1], 0) / max(float(variance.sum()), 1e-9)), 0.0]
    return points, (round(float(shares[0]), 4), round(float(shares[1]), 4))


class _Fact(msgspec.Struct, frozen=True):
    """One record, of what descriptions are made of."""

    service: str
    destination: str | None
    place: str
    kerberos: bool
    failed: bool
    amounts: tuple[float, float, float]


def _facts(rows: NDArray[np.int64], baseline: Sequence[Records]) -> list[_Fact]:
    facts, before = [], 0
    for batch in baseline:
        mine = rows[(rows >= before) & (rows < before + len(batch))] - before
        before += len(batch)
        service, proto, host, state = (
            _texts(batch, name, mine) for name in ("service", "proto", "id.resp_h", "conn_state")
        )
        port = batch.integers["id.resp_p"][mine].tolist()
        amounts = np.stack([batch.integers[name][mine] for name in ("duration", "orig_bytes", "resp_bytes")], axis=1)
        logged = np.where(amounts == MISSING, np.nan, amounts) * [1e-6, 1, 1]
        facts += [
            _Fact(
                ",".join(sorted(service[i].split(","))) if service[i] else f"{_port(port[i])}/{proto[i] or '?'}",
                host[i],
                place(host[i]),
                port[i] == _KERBEROS and place(host[i]) == "inside",
                state[i] in FAILED,
                tuple(logged[i].tolist()),
            )
            for i in range(len(mine))
        ]
    return facts


def _port(port: int) -> str:
    return "no port" if port == MISSING else str(port)


def _texts(records: Records, name: str, rows: NDArray[np.int64]) -> list[str]:
    column = records.categories[name]
    values = [*column.values, ""]
    return [values[code] for code in column.codes[rows].tolist()]


def _described(facts: list[_Fact], of: int, controllers: set[str | None]) -> Behaviour:
    def often(values: list[str]) -> list[tuple[str, float]]:
        # Ties by name: no batch's dictionary decides which comes first.
        counts = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))[:_MOST_NAMES]
        return [(value, round(count / len(facts), 4)) for value, count in counts]

    amounts = np.array([fact.amounts for fact in facts])
    typical = [
        round(float(np.median(column[~np.isnan(column)])), 6) if (~np.isnan(column)).any() else None
        for column in amounts.T
    ]
    return Behaviour(
        round(len(facts) / of, 4),
        often([fact.service for fact in facts]),
        often([fact.destination for fact in facts if fact.destination]),
        often([fact.place for fact in facts]),
        round(sum(fact.destination in controllers for fact in facts) / len(facts), 4),
        round(sum(fact.failed for fact in facts) / len(facts), 4),
        *typical,
    )
