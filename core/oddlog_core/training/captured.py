"""Passes over a baseline on a GPU: the hundred small kernels of a step are captured once, and then launched together.

Launched one by one they take longer to launch than to run (CUDA graphs; Nguyen and others, Accelerating PyTorch with
CUDA Graphs, 2021).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["passes"]

_EPSILON, _OF_SQUARES = 1e-8, 0.999
# Steps before one is captured: libraries set themselves up at first use, which no graph can hold.
_FIRST = 3


class _Launch:
    """A step that is launched kernel by kernel at first, and as one graph from then on."""

    def __init__(self, step: Callable[[], None]) -> None:
        self._step, self._before = step, 0
        # What is captured must have run on the same stream before, which cannot be the default one.
        self._aside = torch.cuda.Stream()
        self._graph = torch.cuda.CUDAGraph()

    def __call__(self) -> None:
        if self._before < _FIRST:
            here = torch.cuda.current_stream()
            self._aside.wait_stream(here)
            with torch.cuda.stream(self._aside):
                self._step()
            here.wait_stream(self._aside)
        else:
            if self._before == _FIRST:
                with torch.cuda.graph(self._graph, stream=self._aside):
                    self._step()
            self._graph.replay()
        self._before += 1


def passes(
    loss: Callable[[torch.Tensor], torch.Tensor],
    parameters: Iterable[torch.nn.Parameter],
    optimizer: str,
    rates: Iterator[tuple[float, float]],
    n_records: int,
    batch: int,
) -> Iterator[float]:
    """Pass over all records in a random order, again and again; the mean loss of each pass.

    What does not fill a last batch waits for the next pass: a graph has one size.

    Parameters
    ----------
    loss : callable
        Of some records, by their numbers.
    parameters : iterable of nn.Parameter
        Become views of one vector, so that a step of the optimizer is a few kernels.
    optimizer : {"sgd", "adam"}
    rates : iterator of (float, float)
        Learning rate and momentum of each step.
    n_records, batch : int
        Records in all, and of a step.
    """
    parameters = list(parameters)
    weights = _as_one(parameters)
    device, update = weights.device, _Adam(weights) if optimizer == "adam" else _SGD(weights)
    rows = torch.zeros(batch, dtype=torch.int64, device=device)
    total = torch.zeros((), device=device)

    def step() -> None:
        for parameter in parameters:
            parameter.grad = None
        of_batch = loss(rows)
        of_batch.backward()
        with torch.no_grad():
            update.step(torch.cat([parameter.grad.flatten() for parameter in parameters]))
            total.add_(of_batch.detach())

    launch, n_steps = _Launch(step) if device.type == "cuda" else step, n_records // batch
    while True:
        total.zero_()
        order = torch.randperm(n_records, device=device)[: n_steps * batch].view(n_steps, batch)
        coefficients = torch.tensor([update.of(*next(rates)) for _ in range(n_steps)]).to(device)
        for some, now in zip(order, coefficients, strict=True):
            rows.copy_(some)
            update.now.copy_(now)
            launch()
        yield float(total) / n_steps


def _as_one(parameters: Sequence[torch.nn.Parameter]) -> torch.Tensor:
    """One vector of all parameters, which become views of it."""
    together = torch.cat([parameter.detach().flatten() for parameter in parameters])
    parts = together.split([parameter.numel() for parameter in parameters])
    for parameter, part in zip(parameters, parts, strict=True):
        parameter.data = part.view_as(parameter)
    return together


class _Adam:
    """`torch.optim.Adam`, whose learning rate and momentum a graph would freeze; `now` holds them here."""

    def __init__(self, weights: torch.Tensor) -> None:
        self._weights, self._mean, self._square = weights, torch.zeros_like(weights), torch.zeros_like(weights)
        self._steps = 0
        self.now = torch.zeros(3, device=weights.device)

    def of(self, rate: float, momentum: float) -> tuple[float, float, float]:
        """What the next step takes: share of the gradient in its mean; then factor and summand of the root."""
        self._steps += 1
        rate /= 1.0 - momentum**self._steps
        return 1.0 - momentum, 1.0 / (rate * (1.0 - _OF_SQUARES**self._steps) ** 0.5), _EPSILON / rate

    def step(self, gradient: torch.Tensor) -> None:
        """Move the weights by one step."""
        share, factor, summand = self.now
        self._mean.lerp_(gradient, share)
        self._square.lerp_(gradient * gradient, 1.0 - _OF_SQUARES)
        self._weights.addcdiv_(self._mean, torch.addcmul(summand, self._square.sqrt(), factor), value=-1.0)


class _SGD:
    """`torch.optim.SGD` in the same way."""

    def __init__(self, weights: torch.Tensor) -> None:
        self._weights, self._velocity = weights, torch.zeros_like(weights)
        self.now = torch.zeros(2, device=weights.device)

    @staticmethod
    def of(rate: float, momentum: float) -> tuple[float, float]:
        """What the next step takes."""
        return rate, momentum

    def step(self, gradient: torch.Tensor) -> None:
        """Move the weights by one step."""
        rate, momentum = self.now
        self._velocity.mul_(momentum).add_(gradient)
        self._weights.sub_(self._velocity * rate)
