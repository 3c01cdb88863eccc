"""The flow autoencoder: trained with torch, exported as one ONNX file that takes raw features."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from oddlog_core.features.conn import TIME_OF_DAY
from oddlog_core.training import captured
from oddlog_core.training.architectures import ARCHITECTURES
from oddlog_core.training.onnx_files import exported
from oddlog_core.training.resident import BATCH, Resident

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from oddlog_core.features.conn import FeatureSpec, Scaling
    from oddlog_core.options import FlowOptions

__all__ = ["Epoch", "FlowAutoencoder", "Resident", "export", "fit", "inside", "train"]

LEARNING_RATE = {"adam": 5e-3, "sgd": 5e-2}
# The rate rises by this power of how much larger a batch is.
_LARGER = 2 / 3
MOMENTUM = 0.9
EMBEDDED = 8
# Past this many records seen in training the loss hardly falls; a long baseline needs fewer passes.
ENOUGH = 6_000_000
_PATIENCE = 5
# What all reconstructed columns can say together, in nats, where each errs as one training record in 100 does: they
# correlate, and sixty times the same burst must not outweigh who connected to whom.
_TOGETHER = 10 * np.log(2)
_RARE = 0.99
_LEAST_ERROR = 0.05
_FURTHEST = 8.0
# Logits beyond are as good as certain, and their exponentials stay finite.
_SUREST = 30.0
_SAMPLE = 20_000


@dataclass(frozen=True, slots=True)
class Epoch:
    """Mean loss of a pass over the training part, and of the validation part after it."""

    training: float
    validation: float


class FlowAutoencoder(nn.Module):  # type: ignore[misc]  # torch comes and goes with the extra `train`
    """Autoencoder over conn features, scaling included.

    The error of a number is its squared error after scaling, that of a code its cross-entropy, or, where codes are but
    numbers to the architecture, its squared error on a scale of 0 to 1. Each counts by the logarithm of how far it is
    beyond the one in 100 of the training part; evidence is added as it is. The time of day is given, not judged. All
    is float32 from the raw number on: what a runtime computes in whole vectors does not depend on the batch size.

    Parameters
    ----------
    spec : FeatureSpec
    scaling : Scaling
    options : FlowOptions
    sample : (n, n_columns) float64
        Some of the baseline, for architectures that group features.
    """

    def __init__(self, spec: FeatureSpec, scaling: Scaling, options: FlowOptions, sample: NDArray[np.float64]) -> None:
        super().__init__()
        self.n_numbers, self.n_amounts, self.n_evidence = len(spec.numbers), len(spec.amounts), len(spec.evidence)
        self.embedded, self.shares = options.architecture == "embedding", options.loss == "bce"
        sizes = torch.tensor([len(spec.names_of(column)) for column in spec.coded])
        slope = torch.tensor(1 / np.array(scaling.scale), dtype=torch.float32)
        self.register_buffer("slope", slope)
        self.register_buffer("intercept", -torch.tensor(scaling.mean, dtype=torch.float32) * slope)
        judged = [float(name not in TIME_OF_DAY) for name in (*spec.numbers, *spec.coded)]
        self.register_buffer("weight", torch.tensor(judged) * (_TOGETHER / sum(judged)))
        self.register_buffer("rare", torch.ones(len(judged)))
        self.register_buffer("ones", torch.ones(len(spec.columns), 1))
        self.register_buffer("sizes", (sizes - 1).clamp(min=1).float())
        # All columns of codes share one table and one head; a column's codes begin at its offset.
        self.register_buffer("offset", torch.cumsum(sizes, 0) - sizes)
        column_of = torch.repeat_interleave(torch.arange(len(sizes)), sizes)
        self.register_buffer("block", nn.functional.one_hot(column_of).float())
        n_out = self.n_numbers + (int(sizes.sum()) if self.embedded else len(sizes))
        if self.embedded:
            self.table = nn.Embedding(int(sizes.sum()), EMBEDDED)
        with torch.no_grad():
            z, _, _, codes = self.split(torch.from_numpy(sample))
            inputs = self.inputs(z, codes)
        n_shares = 0 if not self.shares else self.n_numbers if self.embedded else n_out
        self.body = ARCHITECTURES[options.architecture](inputs.numpy(), n_out, n_shares)

    def split(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Scaled numbers, 0 where unset; whether each is set, 1 or 0; evidence; codes."""
        # Whole matrices, though only five columns can be unset: slicing and joining took longer than what it saved.
        numbers = features[:, : self.n_numbers].float()
        amounts = torch.log(torch.clamp(numbers[:, : self.n_amounts], min=0.0) + 1.0)
        if self.n_amounts < self.n_numbers:
            amounts = torch.cat([amounts, numbers[:, self.n_amounts :]], dim=1)
        unset = torch.isnan(numbers)
        z = torch.where(unset, torch.zeros_like(amounts), amounts * self.slope + self.intercept)
        last = self.n_numbers + self.n_evidence
        return z, 1.0 - unset.float(), features[:, self.n_numbers : last].float(), features[:, last:].to(torch.int64)

    def inputs(self, z: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """What the architecture takes in: numbers within bounds, and codes by their table or from 0 to 1."""
        bounded = torch.clamp(z, 0.0, 1.0) if self.shares else torch.clamp(z, -_FURTHEST, _FURTHEST)
        coded = self.table(codes + self.offset).flatten(1) if self.embedded else codes.float() / self.sizes
        return torch.cat([bounded, coded], dim=1)

    def reconstruct(self, z: torch.Tensor, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Numbers as the model expects them, codes as logits or from 0 to 1, and the bottleneck."""
        outputs, narrow = self.body(self.inputs(z, codes))
        expected = outputs[:, self.n_numbers :]
        return (
            outputs[:, : self.n_numbers],
            torch.clamp(expected, -_SUREST, _SUREST) if self.embedded else expected,
            narrow,
        )

    def surprise(self, expected: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Error of each column of codes, (n, n_coded)."""
        if not self.embedded:
            apart = codes.float() / self.sizes - expected
            return apart * apart
        # One product sums each column's exponentials: a log-softmax for each column took a third of a score's time.
        chosen = torch.gather(expected, 1, codes + self.offset)
        return torch.log(torch.exp(expected) @ self.block) - chosen

    def errors(self, z: torch.Tensor, known: torch.Tensor, codes: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Errors of numbers and codes, numbers and codes expected, and bottleneck."""
        numbers, coded, narrow = self.reconstruct(z, codes)
        apart = z - numbers
        return torch.cat([apart * apart * known, self.surprise(coded, codes)], dim=1), numbers, coded, narrow

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Raw features to score, error by column in nats, expected numbers (scaled), expected codes and bottleneck."""
        z, known, evidence, codes = self.split(features)
        error, numbers, coded, narrow = self.errors(z, known, codes)
        nats = torch.log(error / self.rare + 1.0) * self.weight
        if self.n_evidence:
            counted = torch.clamp(evidence, min=0.0)
            nats = torch.cat([nats[:, : self.n_numbers], counted, nats[:, self.n_numbers :]], dim=1)
        # A product, not a sum: its order of addition does not depend on the batch size.
        return torch.matmul(nats, self.ones).squeeze(1), nats, numbers, coded, narrow

    def loss(self, z: torch.Tensor, known: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Mean loss over records and columns, of numbers and of codes."""
        numbers, coded, _ = self.reconstruct(z, codes)
        if self.shares:
            apart = nn.functional.binary_cross_entropy(
                numbers.clamp(1e-6, 1 - 1e-6), z.clamp(0.0, 1.0), reduction="none"
            )
        else:
            # Huber's loss: a few huge transfers must not own the scale of everything.
            apart = nn.functional.smooth_l1_loss(numbers, z, reduction="none")
        if self.shares and not self.embedded:
            of_codes = nn.functional.binary_cross_entropy(coded.clamp(1e-6, 1 - 1e-6), codes.float() / self.sizes)
        else:
            of_codes = self.surprise(coded, codes).mean()
        share = self.n_numbers / (self.n_numbers + len(self.sizes))
        return (apart * known).mean() * share + of_codes * (1.0 - share)


def train(
    features: NDArray[np.float64],
    spec: FeatureSpec,
    scaling: Scaling,
    options: FlowOptions,
    progress: Callable[[float], None],
) -> tuple[FlowAutoencoder, list[Epoch]]:
    """Fit an autoencoder to all but the latest tenth, and stop by that tenth.

    A one-cycle learning rate is Smith and Topin's (Super-convergence, 2018). All records lie in memory as tensors, on a
    GPU where there is one.

    Parameters
    ----------
    features : (n_records, n_columns) float64
        As `ConnFeatures.transform` makes them, in log order.
    spec : FeatureSpec
    scaling : Scaling
    options : FlowOptions
        The same seed gives the same model on the same kind of processor. Of the epochs those are left out that are
        more than `ENOUGH` records.
    progress : callable
        Called with the share done, 0 to 1.

    Returns
    -------
    model : FlowAutoencoder
        As it was after the epoch with the lowest loss on the validation part.
    history : list of Epoch
    """
    torch.manual_seed(options.seed)
    # Layers this small gain nothing from a second thread, and on a busy machine two that spin for each other made ten
    # minutes of half a minute.
    torch.set_num_threads(1)
    n = len(features)
    sample = features[np.sort(np.random.default_rng(options.seed).choice(n, min(n, _SAMPLE), replace=False))]
    model = FlowAutoencoder(spec, scaling, options, sample)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    resident = Resident.of(model, features)
    # Steps move a model, however many records one takes.
    most = -(-ENOUGH * max(resident.batch(options) // BATCH, 1) // resident.n_train)
    history = fit(model, resident, options, max(1, min(options.epochs, most)), progress)
    # By column, each in one piece: half the time of a quantile along the first axis.
    rare = np.quantile(np.ascontiguousarray(resident.errors(model).T), _RARE, axis=1)
    model.to("cpu").eval()
    with torch.no_grad():
        model.rare.copy_(torch.from_numpy(rare).clamp(min=_LEAST_ERROR))
    return model, history


def fit(
    model: FlowAutoencoder,
    resident: Resident,
    options: FlowOptions,
    epochs: int,
    progress: Callable[[float], None],
) -> list[Epoch]:
    """Pass over the training part up to `epochs` times, and keep the model of the lowest loss on the later records.

    Parameters
    ----------
    model : FlowAutoencoder
    resident : Resident
        On the model's device.
    options : FlowOptions
    epochs : int
    progress : callable
        Called with the share done, 0 to 1.
    """
    batch = resident.batch(options)
    passes = _on_gpu if resident.z.is_cuda else _passes
    history: list[Epoch] = []
    best: dict[str, torch.Tensor] = {}
    for epoch, training in zip(range(epochs), passes(model, resident, options, epochs, batch), strict=False):
        history.append(Epoch(training, resident.validation(model)))
        progress((epoch + 1) / epochs)
        lowest = min(range(len(history)), key=lambda number: history[number].validation)
        if lowest == epoch:
            best = copy.deepcopy(model.state_dict())
        if epoch - lowest >= _PATIENCE:
            break
    model.load_state_dict(best)
    return history


def _passes(
    model: FlowAutoencoder, resident: Resident, options: FlowOptions, epochs: int, batch: int
) -> Iterator[float]:
    """Pass over the training part, again and again; the mean loss of each pass."""
    n_train = resident.n_train
    optimizer, schedule = _optimizer(model.parameters(), options, epochs * -(-n_train // batch), batch)
    while True:
        total = torch.zeros(())
        for rows in torch.randperm(n_train).split(batch):
            loss = resident.loss(model, rows)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.detach() * len(rows)
        yield float(total) / n_train


def _on_gpu(
    model: FlowAutoencoder, resident: Resident, options: FlowOptions, epochs: int, batch: int
) -> Iterator[float]:
    """The same on a GPU, where every batch is full."""

    def rates() -> Iterator[tuple[float, float]]:
        # Of an optimizer that has nothing to do: torch's schedules turn one, and know no graphs.
        idle = nn.Parameter(torch.zeros(()))
        optimizer, schedule = _optimizer([idle], options, epochs * (resident.n_train // batch), batch)
        while True:
            now = optimizer.param_groups[0]
            yield now["lr"], now["betas"][0] if "betas" in now else now["momentum"]
            optimizer.step()
            schedule.step()

    return captured.passes(
        lambda rows: resident.loss(model, rows), model.parameters(), options.optimizer, rates(), resident.n_train, batch
    )


def _optimizer(
    parameters: Iterable[nn.Parameter], options: FlowOptions, n_steps: int, batch: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """An optimizer, and the schedule of its learning rate."""
    rate = LEARNING_RATE[options.optimizer] * max(batch / BATCH, 1.0) ** _LARGER
    optimizer = (
        torch.optim.Adam(parameters, lr=rate)
        if options.optimizer == "adam"
        else torch.optim.SGD(parameters, lr=rate, momentum=MOMENTUM)
    )
    schedules = torch.optim.lr_scheduler
    if options.schedule == "one-cycle":
        return optimizer, schedules.OneCycleLR(optimizer, rate, total_steps=n_steps)
    return optimizer, schedules.ConstantLR(optimizer, factor=1.0)


def export(model: FlowAutoencoder, n_columns: int) -> bytes:
    """The model as one ONNX file: ``features`` in, float64; score, error, numbers, codes and bottleneck out."""
    example = torch.zeros(2, n_columns, dtype=torch.float64)
    return exported(model, "features", example, ["score", "error", "numbers", "codes", "bottleneck"])


def inside(model: FlowAutoencoder) -> tuple[bytes, dict[str, NDArray[Any]]]:
    """The network alone as an ONNX file, and what kernels need to do what stands around it in the whole one.

    Of a model that embeds codes.

    Returns
    -------
    network : bytes
        ``inputs`` in, float32; ``outputs`` and bottleneck out.
    around : dict of str to array
        ``slope``, ``intercept``, ``table``, ``rare`` and ``weight`` of float32; ``offsets``, where the codes of each
        column begin, and end; ``limits``, which are bounds of scaled numbers, and of logits.
    """
    table = model.table.weight.detach()
    network = exported(
        model.body,
        "inputs",
        torch.zeros(2, model.n_numbers + len(model.sizes) * table.shape[1]),
        ["outputs", "bottleneck"],
    )
    around = {name: getattr(model, name).numpy() for name in ("slope", "intercept", "rare", "weight")}
    around["table"] = table.numpy()
    around["offsets"] = np.append(model.offset.numpy(), len(table))
    bounds = (0.0, 1.0) if model.shares else (-_FURTHEST, _FURTHEST)
    around["limits"] = np.array([*bounds, _SUREST], np.float32)
    return network, around
