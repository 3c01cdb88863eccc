"""Modes of categorical records: fitted on distinct rows with weights, and how many there should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from oddlog_core.kernels.distinct import distinct_rows
from oddlog_core.kernels.matching import nearest_mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    Rows = NDArray[np.int32]

__all__ = ["N_INIT", "Distinct", "Modes", "elbow", "fit_modes"]

N_INIT = 4
_COUNTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30)
"""Numbers of modes that are tried where none is given."""


@dataclass(frozen=True, slots=True)
class Distinct:
    """Distinct rows of codes in the order of their values, and how often each occurs.

    Attributes
    ----------
    rows : (n, n_fields) int32
    weights : (n,) int64
    """

    rows: Rows
    weights: NDArray[np.int64]

    @classmethod
    def of(cls, batches: Iterable[Rows]) -> Distinct:
        """Count; no more is kept of a batch than its distinct rows."""
        parts = []
        for codes in batches:
            first, number = distinct_rows(codes)
            parts.append((codes[first], np.bincount(number, minlength=len(first))))
        rows = np.concatenate([part for part, _ in parts])
        first, number = distinct_rows(rows)
        weights = np.bincount(number, np.concatenate([counts for _, counts in parts])).astype(np.int64)
        order = np.lexsort(rows[first].T[::-1])
        return cls(np.ascontiguousarray(rows[first[order]]), weights[order])


@dataclass(frozen=True, slots=True)
class Modes:
    """The cheapest modes that were found.

    Attributes
    ----------
    modes : (n_modes, n_fields) int32
    cost : int
        Fields in which all records together differ from their nearest modes.
    curve : mapping of int to int
        Cost by number of modes, where more than one number was tried.
    """

    modes: Rows
    cost: int
    curve: Mapping[int, int]


def fit_modes(
    distinct: Distinct,
    n_modes: int | Literal["auto"],
    seed: int,
    progress: Callable[[float], None] = lambda _: None,
) -> Modes:
    """Modes by Huang's algorithm, the cheapest of `N_INIT` runs.

    Parameters
    ----------
    distinct : Distinct
    n_modes : int or "auto"
        ``auto`` tries several numbers and takes the one at the elbow of their costs.
    seed : int
    progress : callable
        Called with the share done.
    """
    tried = _COUNTS if n_modes == "auto" else (n_modes,)
    counts = sorted({min(count, len(distinct.rows)) for count in tried})
    dense, values = _dense(distinct.rows)
    found = {}
    for i, count in enumerate(counts):
        rng = np.random.default_rng(seed)
        runs = []
        for run in range(N_INIT):
            dense_modes = _run(dense, distinct.weights, _draw_modes(dense, distinct.weights, count, rng), seed + run)
            modes = np.stack([values[f][dense_modes[:, f]] for f in range(len(values))], axis=1).astype(np.int32)
            runs.append((_cost(distinct, modes), modes))
            progress((i * N_INIT + run + 1) / (len(counts) * N_INIT))
        found[count] = min(runs, key=lambda run: run[0])
    curve = {count: cost for count, (cost, _) in found.items()}
    cost, modes = found[elbow(curve)]
    return Modes(modes, cost, curve if n_modes == "auto" else {})


def _cost(distinct: Distinct, modes: Rows) -> int:
    return int(nearest_mode(distinct.rows, modes)[1] @ distinct.weights)


def _dense(rows: Rows) -> tuple[Rows, list[Rows]]:
    """Rows with each column's values numbered without gaps, and those values.

    kmodes renumbers categories; dense codes make its numbering ours, so that initial modes can be passed in.
    """
    dense, values = np.empty_like(rows), []
    for f in range(rows.shape[1]):
        found, dense[:, f] = np.unique(rows[:, f], return_inverse=True)
        values.append(found)
    return dense, values


def _run(rows: Rows, weights: NDArray[np.int64], initial: Rows, seed: int) -> NDArray[np.int64]:
    """Modes of one run of the library, from initial ones."""
    # kmodes imports scikit-learn, which takes a second that scoring need not wait for.
    from kmodes.kmodes import KModes  # noqa: PLC0415

    model = KModes(len(initial), init=initial, random_state=seed).fit(rows, sample_weight=weights.tolist())
    modes: NDArray[np.int64] = model.cluster_centroids_
    return modes


def _draw_modes(rows: Rows, weights: NDArray[np.int64], n_modes: int, rng: np.random.Generator) -> Rows:
    """Huang's initial modes, by weight: values drawn by their share, each draw moved to the nearest row not yet taken.

    The library's own drawing disregards weights.
    """
    share = weights / weights.sum()
    drawn = np.stack([column[rng.choice(len(rows), n_modes, p=share)] for column in rows.T], axis=1)
    taken: list[int] = []
    for mode in drawn:
        distance = (rows != mode).sum(axis=1)
        distance[taken] = rows.shape[1] + 1
        taken.append(int(distance.argmin()))
    return rows[taken]


def elbow(curve: Mapping[int, int]) -> int:
    """Number of modes after which more of them save little: where the curve is farthest below its chord.

    Satopaa, Albrecht, Irwin and Raghavan, Finding a "kneedle" in a haystack: detecting knee points in system behavior
    (2011), section III, without smoothing.

    Parameters
    ----------
    curve : mapping of int to int
        Cost by number of modes, rising numbers.
    """
    counts, costs = np.array([*curve]), np.array([*curve.values()], float)
    if costs[0] <= costs[-1]:
        return int(counts[0])
    right = (counts - counts[0]) / (counts[-1] - counts[0])
    down = (costs[0] - costs) / (costs[0] - costs[-1])
    return int(counts[np.argmax(down - right)])
