"""Models of torch as ONNX files."""

from __future__ import annotations

import io
import logging
import warnings
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["exported"]


def exported(model: torch.nn.Module, taken: str, example: torch.Tensor, given: Sequence[str]) -> bytes:
    """A model as one ONNX file.

    Parameters
    ----------
    model : Module
    taken : str
        Name of its input.
    example : (n, ...) tensor
        An input; any other number of rows will do as well.
    given : sequence of str
        Names of its outputs.
    """
    with warnings.catch_warnings():
        # The exporter warns of its own deprecated calls, and logs that torchvision is not there.
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            model,
            (example,),
            input_names=[taken],
            output_names=list(given),
            dynamic_shapes=({0: torch.export.Dim("n", min=1)},),
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch exported nothing")
    buffer = io.BytesIO()
    program.save(buffer)
    return buffer.getvalue()
