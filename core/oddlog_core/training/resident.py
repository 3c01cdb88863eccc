"""A baseline in memory as a model takes it, on the processor or a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oddlog_core.options import FlowOptions
    from oddlog_core.training.flow import FlowAutoencoder

__all__ = ["BATCH", "GPU_BATCH", "Resident"]

# Records of a step; fewer where an epoch would else have less than `_STEPS`: at 4,096 a log of 1,600 records was one
# step an epoch, and its later part had five times the loss.
BATCH, _LEAST_BATCH = 4096, 64
_STEPS = 64
# A GPU takes hardly longer for more, and a higher learning rate makes up for fewer steps: with six million records the
# loss was as low as with 4,096 at once, and higher with 65,536 whatever the rate.
GPU_BATCH = 32_768
# The latest part of the training records, by which training is stopped.
_VALIDATION = 0.1
# Records at once where all are computed: what they take stays in the processor's cache. A GPU wants many.
_PIECE, _GPU_PIECE = 8192, 1 << 20


def _piece(device: torch.device) -> int:
    return _PIECE if device.type == "cpu" else _GPU_PIECE


@dataclass(frozen=True, slots=True)
class Resident:
    """A baseline in memory as a model takes it: scaled numbers, whether each is set, codes, and where training ends.

    Attributes
    ----------
    z, known : (n_records, n_numbers) float32 tensor
    codes : (n_records, n_coded) int64 tensor
    n_train : int
        Records that are learned from; the later ones tell when to stop.
    """

    z: torch.Tensor
    known: torch.Tensor
    codes: torch.Tensor
    n_train: int

    @classmethod
    def of(cls, model: FlowAutoencoder, features: NDArray[np.float64]) -> Self:
        """Features as `train` takes them, on the model's device."""
        n, device = len(features), model.slope.device
        parts = map(model.split, (part.to(device) for part in torch.from_numpy(features).split(_piece(device))))
        z, known, _, codes = (torch.cat(column) for column in zip(*parts, strict=True))
        return cls(z, known, codes, max(n - int(n * _VALIDATION), 1))

    def batch(self, options: FlowOptions) -> int:
        """Records of a step."""
        most = options.batch or (GPU_BATCH if self.z.is_cuda else BATCH)
        return min(most, max(_LEAST_BATCH, self.n_train // _STEPS))

    def errors(self, model: FlowAutoencoder) -> NDArray[np.float32]:
        """Error of each column of all records, (n_records, n_columns)."""
        pieces = (column.split(_piece(self.z.device)) for column in (self.z, self.known, self.codes))
        with torch.no_grad():
            errors = torch.cat([model.errors(*piece)[0] for piece in zip(*pieces, strict=True)])
        return np.asarray(errors.cpu().numpy())

    def loss(self, model: FlowAutoencoder, rows: torch.Tensor) -> torch.Tensor:
        """Loss of some records. `index_select` takes a third of the time of an index in brackets."""
        return model.loss(
            self.z.index_select(0, rows), self.known.index_select(0, rows), self.codes.index_select(0, rows)
        )

    def validation(self, model: FlowAutoencoder) -> float:
        """Loss of the later records."""
        later = slice(min(self.n_train, len(self.z) - 1), None)
        with torch.no_grad():
            return float(model.loss(self.z[later], self.known[later], self.codes[later]))
