"""What is inside a flow autoencoder's file, with kernels around it: the file's score in half the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from oddlog_core.detectors.session import open_model
from oddlog_core.features.tables import read_tables, write_tables
from oddlog_core.kernels.surprise import inputs, scores

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from oddlog_core.features.conn import FeatureSpec

__all__ = ["WHOLE", "Inside"]

WHOLE = 16
"""onnxruntime computes what does not fill its vectors by other instructions, whose last bits differ: rows are filled
up to a multiple of this."""

# What goes from one step to the next stays in the processor's cache.
_ROWS = 1024


class Inside:
    """The network alone, run by onnxruntime, and what scales its inputs and judges its outputs.

    Parameters
    ----------
    spec : FeatureSpec
    network : bytes
        An ONNX file: bounded numbers and what stands for codes in; numbers and logits expected out.
    around : mapping of str to array
        As `oddlog_core.training.flow.inside` gives it.
    """

    def __init__(self, spec: FeatureSpec, network: bytes, around: Mapping[str, NDArray[Any]]) -> None:
        self._network, self._around = network, around
        self._session = open_model(network)
        self._n_amounts = len(spec.amounts)

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores in nats.

        Parameters
        ----------
        features : (n, n_columns) float64
        """
        around = self._around
        low, high, surest = around["limits"]
        out = np.empty(len(features))
        for start in range(0, len(features), _ROWS):
            part = features[start : start + _ROWS]
            n = len(part)
            z, taken = inputs(
                part,
                self._n_amounts,
                around["slope"],
                around["intercept"],
                low,
                high,
                around["offsets"],
                around["table"],
                -(-n // WHOLE) * WHOLE,
            )
            (outputs,) = self._session.run(["outputs"], {"inputs": taken})
            out[start : start + n] = scores(
                part,
                z,
                outputs,
                around["offsets"],
                around["rare"],
                around["weight"],
                surest,
            )
        return out

    def save(self, folder: Path) -> None:
        """Write ``inside.onnx`` and ``inside.npz``."""
        (folder / "inside.onnx").write_bytes(self._network)
        write_tables(folder / "inside.npz", {"around": self._around})

    @classmethod
    def load(cls, folder: Path, spec: FeatureSpec) -> Self:
        """Read what `save` wrote."""
        return cls(spec, (folder / "inside.onnx").read_bytes(), read_tables(folder / "inside.npz")["around"])
