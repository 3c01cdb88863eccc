"""What stands between the features and their reconstruction: the architectures that `oddlog train` offers."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.cluster import AgglomerativeClustering
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["ARCHITECTURES", "Body"]

_LARGEST_GROUP = 10
_COMPRESSED = 0.75
_CHANNELS = 8


class Body(nn.Module):  # type: ignore[misc]  # torch comes and goes with the extra `train`
    """An autoencoder between (n, n_in) inputs and (n, n_out) outputs; its call gives outputs and bottleneck.

    Parameters
    ----------
    inside : nn.Module
        Inputs to bottleneck.
    outside : nn.Module
        Bottleneck to outputs.
    n_shares : int
        Of the outputs, how many, from the first, are kept between 0 and 1.
    """

    def __init__(self, inside: nn.Module, outside: nn.Module, n_shares: int) -> None:
        super().__init__()
        self.inside, self.outside, self.n_shares = inside, outside, n_shares

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Outputs (n, n_out) and bottleneck (n, n_narrow)."""
        narrow = self.inside(inputs)
        return _shares(self.outside(narrow), self.n_shares), narrow


def _shares(outputs: torch.Tensor, n: int) -> torch.Tensor:
    """The first `n` outputs through a sigmoid."""
    if n in (0, outputs.shape[1]):
        return torch.sigmoid(outputs) if n else outputs
    return torch.cat([torch.sigmoid(outputs[:, :n]), outputs[:, n:]], dim=1)


def _layers(widths: Sequence[int], *, last: bool) -> nn.Sequential:
    """Linear layers with ReLUs between them, and after the `last` one if asked."""
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(pairwise(widths), start=2):
        layers.append(nn.Linear(before, after))
        if last or number < len(widths):
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def _stack(*hidden: int) -> Callable[[NDArray[np.float32], int, int], Body]:
    """Inputs through some widths to the narrowest, and back the same way."""

    def build(sample: NDArray[np.float32], n_out: int, n_shares: int) -> Body:
        inside = _layers([sample.shape[1], *hidden], last=True)
        return Body(inside, _layers([*hidden[::-1], n_out], last=False), n_shares)

    return build


def _double(sample: NDArray[np.float32], n_out: int, n_shares: int) -> Body:
    """Two hidden layers, the second of them the narrowest, and from there straight to the outputs."""
    return Body(_layers([sample.shape[1], 26, 13], last=True), _layers([13, n_out], last=False), n_shares)


def _tree(sample: NDArray[np.float32], n_groups: int | None) -> AgglomerativeClustering:
    """Features clustered by how they correlate over a sample of the baseline, complete linkage."""
    spread = sample.std(axis=0) > 0
    correlation = np.zeros((sample.shape[1], sample.shape[1]))
    correlation[np.ix_(spread, spread)] = np.corrcoef(sample[:, spread], rowvar=False)
    model = AgglomerativeClustering(
        n_groups, metric="precomputed", linkage="complete", distance_threshold=0.0 if n_groups is None else None
    )
    return model.fit(np.clip(1.0 - np.abs(correlation), 0.0, 1.0))


def _leaves(merges: NDArray[np.int64]) -> list[int]:
    """Features in the order of a cluster tree's leaves: what correlates stands side by side."""
    n = len(merges) + 1
    order = [2 * n - 2]
    while any(node >= n for node in order):
        order = [leaf for node in order for leaf in (merges[node - n] if node >= n else [node])]
    return [int(leaf) for leaf in order]


class _Conv(Body):
    """Convolutions over a feature map whose neighbours are what correlates; the way back is linear."""

    def __init__(self, sample: NDArray[np.float32], n_out: int, n_shares: int) -> None:
        order = _leaves(_tree(sample, None).children_)
        side = math.ceil(math.sqrt(len(order)))
        quarter = math.ceil(math.ceil(side / 2) / 2)
        inside = nn.Sequential(
            nn.Conv2d(1, _CHANNELS, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(_CHANNELS, _CHANNELS, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(_CHANNELS * quarter**2, 8),
            nn.ReLU(),
        )
        super().__init__(inside, _layers([8, 32, n_out], last=False), n_shares)
        self.side = side
        self.register_buffer("order", torch.tensor(order))

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Outputs (n, n_out) and bottleneck (n, 8)."""
        flat = nn.functional.pad(inputs[:, self.order], (0, self.side**2 - len(self.order)))
        return super().forward(flat.reshape(-1, 1, self.side, self.side))


class _Ensemble(nn.Module):  # type: ignore[misc]
    """A small autoencoder for each group of correlated features and one over their errors, as in Kitsune's KitNET.

    The small ones are one layer whose weights between groups are zero. What the last one cannot explain of a group's
    error is added to the group's outputs, away from the inputs, so that it counts in the features' own errors.
    """

    def __init__(self, sample: NDArray[np.float32], n_out: int, n_shares: int) -> None:
        super().__init__()
        n = sample.shape[1]
        self.n_shares = n_shares
        if n != n_out:
            raise ValueError("an ensemble reconstructs its inputs")
        groups = _tree(sample, math.ceil(n / _LARGEST_GROUP)).labels_
        member = nn.functional.one_hot(torch.tensor(groups)).float()
        narrow = torch.cat([row.repeat(math.ceil(float(row.sum()) * _COMPRESSED), 1) for row in member.T])
        self.register_buffer("member", member)
        self.register_buffer("share", member / member.sum(dim=0))
        self.register_buffer("into", narrow)
        self.register_buffer("back", narrow.T.contiguous())
        self.encode, self.decode = nn.Linear(n, len(narrow)), nn.Linear(len(narrow), n)
        n_groups = member.shape[1]
        few = max(1, math.ceil(n_groups * _COMPRESSED))
        self.outer_in, self.outer_out = nn.Linear(n_groups, few), nn.Linear(few, n_groups)

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Outputs (n, n_out) and the narrow layer of the last autoencoder."""
        hidden = torch.relu(nn.functional.linear(inputs, self.encode.weight * self.into, self.encode.bias))
        outputs = nn.functional.linear(hidden, self.decode.weight * self.back, self.decode.bias)
        outputs = _shares(outputs, self.n_shares)
        apart = inputs - outputs
        errors = torch.sqrt(apart * apart @ self.share + 1e-12)
        narrow = torch.relu(self.outer_in(errors))
        unexplained = torch.abs(errors - self.outer_out(narrow)) @ self.member.T
        return outputs - torch.sign(apart) * unexplained, narrow


ARCHITECTURES: dict[str, Callable[[NDArray[np.float32], int, int], nn.Module]] = {
    "basic": _stack(13),
    "narrow": _stack(3),
    "double": _double,
    "deep": _stack(26, 13, 5),
    "overcomplete": _stack(128, 64, 12, 6),
    "conv": _Conv,
    "ensemble": _Ensemble,
    "embedding": _stack(32, 16, 8),
}
"""By name: what makes one, of a sample of the baseline's inputs (n_records, n_in), the number of outputs, and of
those between 0 and 1."""
