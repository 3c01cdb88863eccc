"""K-means: kinds of hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Clusters", "cluster", "kmeans"]


class Clusters(NamedTuple):
    """What k-means found.

    Attributes
    ----------
    mean, scale : (n_columns,) float64
        That the columns were z-scored by.
    centroids : (n_clusters, n_columns) float64
        In z-scores.
    label : (n,) int32
        Which cluster each row is in.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    centroids: NDArray[np.float64]
    label: NDArray[np.int32]


def cluster(values: NDArray[np.float64], n_clusters: int, seed: int) -> Clusters:
    """Z-score columns and cluster the rows.

    Parameters
    ----------
    values : (n, n_columns) float64
    n_clusters : int
        At most: no more than there are distinct rows.
    seed : int
        The same seed gives the same clusters, bit for bit.
    """
    mean, scale = values.mean(axis=0), values.std(axis=0)
    scale[scale < 1e-9] = 1.0
    centroids, label = kmeans((values - mean) / scale, n_clusters, seed)
    return Clusters(mean, scale, centroids, label)


def kmeans(values: NDArray[np.float64], n_clusters: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Centroids and each row's cluster; see `cluster`."""
    # Importing scikit-learn takes a second, which scoring need not wait for.
    from sklearn.cluster import KMeans  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    n_clusters = min(n_clusters, len(np.unique(values, axis=0)))
    # Threads add up in an order of their own: with two, the same seed gave centroids that differ in the last bit.
    with threadpool_limits(1):
        model = KMeans(n_clusters, n_init=10, random_state=seed).fit(values)
    return model.cluster_centers_, model.labels_
