"""The flow autoencoder: trained with torch, exported as one ONNX file that takes raw features."""

from __future__ import annotations

import io
import logging
import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from oddlog_core.features.conn import NUMBERS, ROLLING, TIME_OF_DAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from oddlog_core.features.conn import FeatureSpec

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
N_AMOUNTS = len(NUMBERS) + len(ROLLING)


class FlowAutoencoder(nn.Module):  # type: ignore[misc]  # torch comes and goes with the extra `train`
    """Autoencoder over conn features, scaling included.

    The error of a number is its squared error as a z-score, that of a category its cross-entropy; the score is the
    sum of each over the one in 10,000 of the training part. The time of day is given, not judged. Linear layers run in
    float32; logarithms of amounts and sums in float64, since in float32 their last bits depend on the batch size.

    Parameters
    ----------
    spec : FeatureSpec
    mean, scale : (n_numbers,) float64
        Of the numbers after log1p.
    """

    def __init__(self, spec: FeatureSpec, mean: NDArray[np.float64], scale: NDArray[np.float64]) -> None:
        super().__init__()
        self.n_numbers = len(spec.numbers)
        self.sizes = [len(spec.names_of(column)) for column in spec.coded]
        columns = [*spec.numbers, *spec.coded]
        weight = [ROLLING_WEIGHT if name in ROLLING else float(name not in TIME_OF_DAY) for name in columns]
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("scale", torch.from_numpy(scale))
        self.register_buffer("weight", torch.tensor(weight, dtype=torch.float64)[:, None])
        wide, middle, narrow = HIDDEN
        self.numbers_in = nn.Linear(self.n_numbers, wide)
        # A table per column of codes: the same as a linear layer over one-hot codes, without the zeros.
        self.codes_in = nn.ModuleList(nn.Embedding(size, wide) for size in self.sizes)
        self.inside = nn.Sequential(
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
        self.codes_out = nn.ModuleList(nn.Linear(wide, size) for size in self.sizes)

    def standardise(self, numbers: torch.Tensor) -> torch.Tensor:
        """(n, n_numbers) float64 z-scores; 0, the baseline's mean, where a number is unset."""
        amounts = torch.log1p(torch.clamp(numbers[:, :N_AMOUNTS], min=0.0))
        z = (torch.cat([amounts, numbers[:, N_AMOUNTS:]], dim=1) - self.mean) / self.scale
        # Only the record's own numbers can be unset; looking at the others too took a seventh of the time.
        own = z[:, : len(NUMBERS)]
        own = torch.where(torch.isnan(numbers[:, : len(NUMBERS)]), torch.zeros_like(own), own)
        return torch.cat([own, z[:, len(NUMBERS) :]], dim=1)

    def reconstruct(self, z: torch.Tensor, codes: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """z-scores as the model expects them, and logits of each column of codes, all float32."""
        hidden = self.numbers_in(torch.clamp(z, -_FURTHEST, _FURTHEST))
        for column, table in enumerate(self.codes_in):
            hidden = hidden + table(codes[:, column])
        hidden = self.inside(hidden)
        return self.numbers_out(hidden), [head(hidden) for head in self.codes_out]

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Raw features to score (n,), weighted error (n, n_features) and the value expected (n, n_features)."""
        numbers = features[:, : self.n_numbers]
        codes = features[:, self.n_numbers :].to(torch.int64)
        z = self.standardise(numbers)
        z_expected, logits = self.reconstruct(z.float(), codes)
        z_expected = z_expected.double()
        squared = (z - z_expected) ** 2
        own = squared[:, : len(NUMBERS)]
        own = torch.where(torch.isnan(numbers[:, : len(NUMBERS)]), torch.zeros_like(own), own)
        errors = [own, squared[:, len(NUMBERS) :]]
        raw = z_expected * self.scale + self.mean
        expected = [torch.expm1(raw[:, :N_AMOUNTS]), raw[:, N_AMOUNTS:]]
        for column, logit in enumerate(logits):
            # In float32, and twice as fast for it: the sum runs within a row, so the batch size does not matter.
            log_share = torch.log_softmax(logit, dim=1)
            errors.append(-torch.gather(log_share, 1, codes[:, column : column + 1]).double())
            expected.append(logit.argmax(dim=1, keepdim=True).double())
        error = torch.cat(errors, dim=1)
        # A product, not a sum: its order of addition does not depend on the batch size.
        score = torch.matmul(error, self.weight).squeeze(1)
        return score, error * self.weight.squeeze(1), torch.cat(expected, dim=1)


def train(
    features: NDArray[np.float64], spec: FeatureSpec, epochs: int, seed: int, progress: Callable[[float], None]
) -> FlowAutoencoder:
    """Fit an autoencoder by Adam with a one-cycle learning rate (Smith and Topin, Super-convergence, 2018).

    Parameters
    ----------
    features : (n_records, n_features) float64
        As `ConnFeatures.transform` makes them.
    spec : FeatureSpec
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
    numbers = torch.from_numpy(features[:, : len(spec.numbers)])
    mean, scale = _moments(numbers, spec)
    model = FlowAutoencoder(spec, mean, scale)
    n = len(features)
    z = torch.cat([model.standardise(part).float() for part in numbers.split(65_536)])
    known = ~torch.isnan(numbers)
    codes = torch.from_numpy(features[:, len(spec.numbers) :].astype(np.int64))
    weight = model.weight[:, 0].clone()
    loss_weight = weight[: len(spec.numbers)].float()
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
        loss = (apart * loss_weight).sum(dim=1).mean()
        for column, logit in enumerate(logits):
            loss = loss + nn.functional.cross_entropy(logit, code_rows[:, column])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        weighted = torch.cat([model(torch.from_numpy(part))[1] for part in np.array_split(features, -(-n // 65_536))])
        rare = torch.from_numpy(np.quantile(weighted.numpy(), _RARE, axis=0)) / weight.clamp(min=1e-12)
        model.weight /= rare.clamp(min=_LEAST_ERROR)[:, None]
    progress(1.0)
    model.eval()
    return model


def _moments(numbers: torch.Tensor, spec: FeatureSpec) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each number after log1p, unset ones aside; 1 where there is no variance."""
    mean, scale = np.zeros(len(spec.numbers)), np.ones(len(spec.numbers))
    for column, name in enumerate(spec.numbers):
        values = numbers[:, column].numpy()
        values = values[~np.isnan(values)]
        if name not in TIME_OF_DAY:
            values = np.log1p(values.clip(0))
        if len(values):
            mean[column] = values.mean()
            spread = values.std()
            scale[column] = spread if spread > 1e-9 else 1.0
    return mean, scale


def export(model: FlowAutoencoder, n_features: int) -> bytes:
    """The model as one ONNX file: ``features`` in, float64; ``score``, ``error`` and ``expected`` out."""
    example = torch.zeros(2, n_features, dtype=torch.float64)
    with warnings.catch_warnings():
        # The exporter warns of its own deprecated calls, and logs that torchvision is not there.
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            model,
            (example,),
            input_names=["features"],
            output_names=["score", "error", "expected"],
            dynamic_shapes={"features": {0: torch.export.Dim("n", min=1)}},
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch exported nothing")
    buffer = io.BytesIO()
    program.save(buffer)
    return buffer.getvalue()
