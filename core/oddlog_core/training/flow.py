"""The flow autoencoder: trained with torch, exported as one ONNX file that takes raw features."""

from __future__ import annotations

import io
import logging
import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from oddlog_core.features.conn import ROLLING, TIME_OF_DAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from oddlog_core.features.conn import FeatureSpec, Scaling

__all__ = ["FlowAutoencoder", "export", "train"]

HIDDEN = (32, 16, 8)
BATCH = 4096
LEARNING_RATE = 5e-3
# Past this many records seen in training the loss hardly falls; a long baseline needs fewer passes.
ENOUGH = 6_000_000
# The 24 rolling columns say one thing together: how busy the network is. Each alone would drown the record itself.
ROLLING_WEIGHT = 1 / len(ROLLING)
# An error counts by how it compares with the one in 10,000 that training itself shows for that feature. Over usual
# squared errors instead, heavy-tailed columns (durations, packets) drown all others: recall of simulated attacks at
# 1 % false alarms was 0.037 against 0.050.
_RARE = 0.9999
_LEAST_ERROR = 1.0
_FURTHEST = 8.0
# Logits beyond are as good as certain, and their exponentials stay finite.
_SUREST = 30.0
EMBEDDED = 8


class FlowAutoencoder(nn.Module):  # type: ignore[misc]  # torch comes and goes with the extra `train`
    """Autoencoder over conn features, scaling included.

    The error of a number is its squared error as a z-score, that of a category its cross-entropy; the score is the
    sum of each over the one in 10,000 of the training part. The time of day is given, not judged. All is float32 from
    the raw number on: what a runtime computes in whole vectors does not depend on the batch size.

    Parameters
    ----------
    spec : FeatureSpec
    scaling : Scaling
    """

    def __init__(self, spec: FeatureSpec, scaling: Scaling) -> None:
        super().__init__()
        self.n_numbers = len(spec.numbers)
        self.n_amounts = self.n_numbers - (len(TIME_OF_DAY) if spec.time_of_day else 0)
        sizes = torch.tensor([len(spec.names_of(column)) for column in spec.coded])
        columns = [*spec.numbers, *spec.coded]
        weight = [ROLLING_WEIGHT if name in ROLLING else float(name not in TIME_OF_DAY) for name in columns]
        self.register_buffer("slope", torch.tensor(1 / np.array(scaling.scale), dtype=torch.float32))
        mean = torch.tensor(scaling.mean, dtype=torch.float32)
        self.register_buffer("intercept", -mean * self.slope)
        self.register_buffer("weight", torch.tensor(weight, dtype=torch.float32))
        self.register_buffer("ones", torch.ones(len(weight), 1))
        # All columns of codes share one table and one head; a column's codes begin at its offset.
        self.register_buffer("offset", torch.cumsum(sizes, 0) - sizes)
        column_of = torch.repeat_interleave(torch.arange(len(sizes)), sizes)
        self.register_buffer("block", nn.functional.one_hot(column_of).float())
        wide, middle, narrow = HIDDEN
        self.codes_in = nn.Embedding(int(sizes.sum()), EMBEDDED)
        self.inside = nn.Sequential(
            nn.Linear(self.n_numbers + EMBEDDED * len(sizes), wide),
            nn.ReLU(),
            nn.Linear(wide, middle),
            nn.ReLU(),
            nn.Linear(middle, narrow),
            nn.ReLU(),
            nn.Linear(narrow, middle),
            nn.ReLU(),
            nn.Linear(middle, wide),
            nn.ReLU(),
        )
        self.numbers_out = nn.Linear(wide, self.n_numbers)
        self.codes_out = nn.Linear(wide, int(sizes.sum()))

    def split(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """z-scores, 0 where a number is unset; whether each is set, 1 or 0; codes."""
        # Whole matrices, though only five columns can be unset: slicing and joining took longer than what it saved.
        numbers = features[:, : self.n_numbers].float()
        amounts = torch.log(torch.clamp(numbers[:, : self.n_amounts], min=0.0) + 1.0)
        if self.n_amounts < self.n_numbers:
            amounts = torch.cat([amounts, numbers[:, self.n_amounts :]], dim=1)
        unset = torch.isnan(numbers)
        z = torch.where(unset, torch.zeros_like(amounts), amounts * self.slope + self.intercept)
        return z, 1.0 - unset.float(), features[:, self.n_numbers :].to(torch.int64) + self.offset

    def reconstruct(self, z: torch.Tensor, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """z-scores as the model expects them, and logits of all codes."""
        embedded = self.codes_in(codes).flatten(1)
        hidden = self.inside(torch.cat([torch.clamp(z, -_FURTHEST, _FURTHEST), embedded], dim=1))
        return self.numbers_out(hidden), torch.clamp(self.codes_out(hidden), -_SUREST, _SUREST)

    def surprise(self, logits: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of each column of codes, (n, n_coded)."""
        # One product sums each column's exponentials: a log-softmax for each column took a third of a score's time.
        return torch.log(torch.exp(logits) @ self.block) - torch.gather(logits, 1, codes)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Raw features to score (n,), weighted error (n, n_features), z-scores (n, n_numbers) and logits expected."""
        z, known, codes = self.split(features)
        expected, logits = self.reconstruct(z, codes)
        apart = z - expected
        error = torch.cat([apart * apart * known, self.surprise(logits, codes)], dim=1) * self.weight
        # A product, not a sum: its order of addition does not depend on the batch size.
        return torch.matmul(error, self.ones).squeeze(1), error, expected, logits


def train(
    features: NDArray[np.float64],
    spec: FeatureSpec,
    scaling: Scaling,
    epochs: int,
    seed: int,
    progress: Callable[[float], None],
) -> FlowAutoencoder:
    """Fit an autoencoder by Adam with a one-cycle learning rate (Smith and Topin, Super-convergence, 2018).

    Parameters
    ----------
    features : (n_records, n_features) float64
        As `ConnFeatures.transform` makes them.
    spec : FeatureSpec
    scaling : Scaling
    epochs : int
        Passes over `features`; fewer where that is `ENOUGH` records sooner.
    seed : int
        The same seed gives the same model on the same kind of processor.
    progress : callable
        Called with the share done, 0 to 1.
    """
    torch.manual_seed(seed)
    # Layers this small gain nothing from a second thread, and on a busy machine two that spin for each other made ten
    # minutes of half a minute.
    torch.set_num_threads(1)
    model = FlowAutoencoder(spec, scaling)
    n = len(features)
    parts = [model.split(part) for part in torch.from_numpy(features).split(65_536)]
    z, known, codes = (torch.cat(column) for column in zip(*parts, strict=True))
    weight = model.weight.clone()
    loss_weight = weight[: len(spec.numbers)]
    steps_an_epoch = -(-n // BATCH)
    steps = steps_an_epoch * max(1, min(epochs, -(-ENOUGH // n)))
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    order = torch.randperm(n)
    for step in range(steps):
        at = step % steps_an_epoch
        if at == 0:
            order = torch.randperm(n)
            progress(step / steps)
        rows = order[at * BATCH : (at + 1) * BATCH]
        z_rows, code_rows = z[rows], codes[rows]
        z_expected, logits = model.reconstruct(z_rows, code_rows)
        # Huber's loss, not the square: a few huge transfers must not own the scale of everything.
        apart = nn.functional.smooth_l1_loss(z_expected, z_rows, reduction="none") * known[rows]
        loss = (apart * loss_weight).sum(dim=1).mean() + model.surprise(logits, code_rows).sum(dim=1).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        weighted = torch.cat([model(torch.from_numpy(part))[1] for part in np.array_split(features, -(-n // 65_536))])
        rare = torch.from_numpy(np.quantile(weighted.numpy(), _RARE, axis=0)).float() / weight.clamp(min=1e-12)
        model.weight /= rare.clamp(min=_LEAST_ERROR)
    progress(1.0)
    model.eval()
    return model


def export(model: FlowAutoencoder, n_features: int) -> bytes:
    """The model as one ONNX file: ``features`` in, float64; ``score``, ``error``, ``expected`` and ``logits`` out."""
    example = torch.zeros(2, n_features, dtype=torch.float64)
    with warnings.catch_warnings():
        # The exporter warns of its own deprecated calls, and logs that torchvision is not there.
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            model,
            (example,),
            input_names=["features"],
            output_names=["score", "error", "expected", "logits"],
            dynamic_shapes={"features": {0: torch.export.Dim("n", min=1)}},
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch exported nothing")
    buffer = io.BytesIO()
    program.save(buffer)
    return buffer.getvalue()
