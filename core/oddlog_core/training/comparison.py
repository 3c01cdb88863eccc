"""Models of one conn baseline by one measure: cross-entropy of columns scaled to 0 to 1, on what comes later."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits
from torch import nn

from oddlog_core.features.conn import learn_features, learn_scaling, learn_spec
from oddlog_core.training import flow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from oddlog_core.features.conn import FeatureSpec, Scaling
    from oddlog_core.options import FeatureSet, FlowOptions
    from oddlog_core.records import Records

__all__ = ["Prepared", "Trial", "run"]

_PIECE = 8192
_CLUSTERED = 20_000
# A model that is sure and wrong must not be infinitely wrong.
_SUREST = 1e-6


@dataclass(frozen=True, slots=True)
class Prepared:
    """A baseline as one feature set shows it.

    Attributes
    ----------
    spec : FeatureSpec
    training, held_back : (n_records, n_columns) float64
        Features of what is learned from and of what comes later.
    shared : list of str
        The columns that the set `base` has, too.
    """

    spec: FeatureSpec
    training: NDArray[np.float64]
    held_back: NDArray[np.float64]
    shared: list[str]

    @classmethod
    def of(cls, learned_from: Sequence[Records], held_back: Sequence[Records], features: FeatureSet) -> Self:
        """Learn the features from the first records, and go on with the later ones."""
        spec = learn_spec(learned_from, features)
        transformer, training = learn_features(learned_from, spec)
        later = np.concatenate([transformer.transform(batch) for batch in held_back])
        base = learn_spec(learned_from, "base")
        return cls(spec, training, later, [*base.numbers, *base.coded])


@dataclass(frozen=True, slots=True)
class Trial:
    """What one model came to.

    Attributes
    ----------
    features : str
    options : FlowOptions
    n_columns : int
        Columns it reconstructs.
    n_shared : int
        Those of them that all feature sets have.
    own, shared : float
        Mean binary cross-entropy over its own columns and over the shared ones, of the records held back.
    floor, shared_floor : float
        What is left of both where a model is right: the entropy of columns that are neither 0 nor 1.
    seconds : float
        Of processor, to train it.
    history : list of Epoch
    clusters : (n,) int64
        Which of some kinds of behaviour each record held back is of, by the bottleneck; of many records every nth.
    """

    features: FeatureSet
    options: FlowOptions
    n_columns: int
    n_shared: int
    own: float
    shared: float
    floor: float
    shared_floor: float
    seconds: float
    history: list[flow.Epoch]
    clusters: NDArray[np.int64]


def run(prepared: Prepared, options: FlowOptions, n_clusters: int, progress: Callable[[float], None]) -> Trial:
    """Train a model and measure it on the records held back.

    Parameters
    ----------
    prepared : Prepared
    options : FlowOptions
    n_clusters : int
        Kinds of behaviour to tell apart.
    progress : callable
        Called with the share done, 0 to 1.
    """
    spec = prepared.spec
    unit = learn_scaling(prepared.training, spec, to_one=True)
    scaling = unit if options.loss == "bce" else learn_scaling(prepared.training, spec)
    started = time.process_time()
    model, history = flow.train(prepared.training, spec, scaling, options, progress)
    seconds = time.process_time() - started
    losses, floors, bottleneck = _measured(model, prepared.held_back, scaling, unit)
    names = [*spec.numbers, *spec.coded]
    shared = [names.index(name) for name in prepared.shared]
    return Trial(
        spec.features,
        options,
        len(names),
        len(shared),
        float(np.mean(losses)),
        float(np.mean(losses[shared])),
        float(np.mean(floors)),
        float(np.mean(floors[shared])),
        seconds,
        history,
        _clusters(bottleneck[:: -(-len(bottleneck) // _CLUSTERED)], n_clusters),
    )


def _measured(
    model: flow.FlowAutoencoder, features: NDArray[np.float64], scaling: Scaling, unit: Scaling
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    """Mean binary cross-entropy of each column, its set values from 0 to 1; its entropy; and the bottleneck."""
    mean, scale, low, span = (
        torch.tensor(values, dtype=torch.float32) for values in (scaling.mean, scaling.scale, unit.mean, unit.scale)
    )

    def share(z: torch.Tensor) -> torch.Tensor:
        return torch.clamp((z * scale + mean - low) / span, 0.0, 1.0)

    total = torch.zeros(3, len(scaling.mean) + len(model.sizes), dtype=torch.float64)
    narrows = []
    with torch.no_grad():
        for part in torch.from_numpy(features).split(_PIECE):
            z, known, _, codes = model.split(part)
            numbers, coded, narrow = model.reconstruct(z, codes)
            seen = torch.cat([share(z), codes / model.sizes], dim=1).double()
            expected = torch.cat([share(numbers), _expected_codes(model, coded)], dim=1).double()
            expected = expected.clamp(_SUREST, 1 - _SUREST)
            counted = torch.cat([known, torch.ones_like(codes, dtype=torch.float32)], dim=1).double()
            losses = (nn.functional.binary_cross_entropy(guess, seen, reduction="none") for guess in (expected, seen))
            total += torch.stack([counted, *(loss * counted for loss in losses)]).sum(dim=1)
            narrows.append(narrow.numpy())
    often, loss, entropy = total.numpy()
    often = np.maximum(often, 1.0)
    return loss / often, entropy / often, np.concatenate(narrows)


def _expected_codes(model: flow.FlowAutoencoder, coded: torch.Tensor) -> torch.Tensor:
    """Codes as shares of the highest code; of probabilities the mean, which errs least by this measure."""
    if not model.embedded:
        return coded
    weight = torch.exp(coded)
    column = model.block.argmax(dim=1)
    share = (torch.arange(len(column)) - model.offset[column]) / model.sizes[column]
    return (weight * share) @ model.block / (weight @ model.block)


def _clusters(points: NDArray[np.float32], n_clusters: int) -> NDArray[np.int64]:
    """Cluster points by k-means; units that never fire leave fewer kinds of points than clusters."""
    spread = points.std(axis=0)
    scaled = points[:, spread > 0] / spread[spread > 0]
    distinct = len(np.unique(scaled, axis=0)) if scaled.shape[1] else 1
    if distinct == 1:
        return np.zeros(len(points), np.int64)
    with threadpool_limits(1):
        model = KMeans(min(n_clusters, distinct), n_init=3, random_state=0).fit(scaled.astype(np.float64))
    return np.array(model.labels_, np.int64)
