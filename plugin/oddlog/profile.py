"""`profile`: a dce_rpc log's originators as a table, what kinds of them there are, and which kind is the odd one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from oddlog_core.features.clusters import Clusters, cluster
from oddlog_core.features.host_table import DESCRIBED, HostTable

from oddlog.errors import OddlogError
from oddlog.pipeline import Clock

if TYPE_CHECKING:
    from oddlog.logs import Logs

__all__ = ["NUMBERS", "Profile", "cluster_rows", "host_rows", "profile"]

NUMBERS = (
    "calls to responders",
    "distinct responders",
    "calls to the top one",
    "calls of operations",
    "distinct operations",
    "calls of the top one",
)
"""What hosts are clustered by, in columns of `HostTable.numbers`."""

_FEWEST_HOSTS = 2
# A cluster of more of the hosts than this is no odd one.
_FEW = 0.1


@dataclass(frozen=True, slots=True)
class Profile:
    """Originators and their clusters.

    Attributes
    ----------
    table : HostTable
    clusters : Clusters
        Of `HostTable.numbers`.
    odd : int or None
        The cluster of few hosts that is farthest from the others; None where none has few.
    order : (n_hosts,) int64
        Hosts, those of the odd cluster first, and then by how far they are from the mean.
    """

    table: HostTable
    clusters: Clusters
    odd: int | None
    order: np.typing.NDArray[np.int64]


def profile(logs: Logs, n_clusters: int, seed: int) -> Profile:
    """Describe the originators of dce_rpc logs and cluster them.

    Raises
    ------
    OddlogError
        If there is no dce_rpc log, or only one originator in it.
    """
    table, clock = HostTable(), Clock("end")
    if "dce_rpc" in logs.names:
        for batch in logs.batches("dce_rpc"):
            table.update(clock.records(batch))
    n_hosts = len(table.hosts)
    if n_hosts < _FEWEST_HOSTS:
        raise OddlogError(f"{n_hosts} originator{'s' * (n_hosts != 1)} in dce_rpc logs; two are needed to compare")
    numbers = table.numbers.astype(np.float64)
    found = cluster(numbers, n_clusters, seed)
    far = np.linalg.norm((numbers - found.mean) / found.scale, axis=1)
    odd = _odd(found)
    order = np.lexsort((np.arange(n_hosts), -far, found.label != (-1 if odd is None else odd)))
    return Profile(table, found, odd, order)


def _odd(found: Clusters) -> int | None:
    """The cluster with few hosts whose mean is farthest from that of all others."""
    size = np.bincount(found.label, minlength=len(found.centroids))
    n_hosts = size.sum()
    few = np.flatnonzero(size <= n_hosts * _FEW)
    if not len(few):
        return None
    # Z-scores have the mean 0: that of the others is what balances the cluster's own.
    far = np.linalg.norm(found.centroids[few], axis=1) * n_hosts / (n_hosts - size[few])
    return int(few[np.argmax(far)])


def host_rows(found: Profile, most: int | None = None) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heads and cells of the table of hosts, odd ones first."""
    heads = ["host", "cluster"]
    for name in ("responder", "operation"):
        heads += [f"{name}s", "distinct", f"top {name}", "its share"]
    rows = []
    for host in found.order[:most].tolist():
        label = int(found.clusters.label[host])
        cells = [found.table.hosts[host], f"{label}{' (odd)' if label == found.odd else ''}"]
        for name in DESCRIBED:
            row = found.table.row(host, name)
            share = f"{row.frequency / row.count:.0%}" if row.count else "-"
            cells += [f"{row.count:,}", f"{row.distinct:,}", row.top or "-", share]
        rows.append(tuple(cells))
    return tuple(heads), rows


def cluster_rows(found: Profile) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heads and cells of the table of clusters: how many hosts each has, and their means."""
    size = np.bincount(found.clusters.label, minlength=len(found.clusters.centroids))
    means = found.clusters.centroids * found.clusters.scale + found.clusters.mean
    rows = [
        (f"{k}{' (odd)' if k == found.odd else ''}", f"{size[k]:,}", *(f"{mean:,.1f}" for mean in means[k]))
        for k in np.argsort(-size, kind="stable").tolist()
    ]
    return ("cluster", "hosts", *NUMBERS), rows
