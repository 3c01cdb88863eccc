"""Models of what is normal, learned from normal records alone, each exported as one ONNX file.

Scaled columns in, ``columns``, float32; ``score`` out, higher where a record is less like the baseline.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from oddlog_core.training.onnx_files import exported

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from oddlog_core.features.sequences import Tape
    from oddlog_core.options import NoveltyOptions

__all__ = ["fit"]

# Width of the kernel: of two records that differ by one deviation in a tenth of the columns, exp(-1).
_GAMMA, _GAMMA_LINEAR = 10.0, 2.0
# Share of the baseline that may lie outside.
_NU = 0.02
_CENTRES = 300
# What the distance to all centres adds to an SVM whose kernels have all but vanished.
_FAR = 1e-3
_TREES, _SAMPLE = 100, 256
_HIDDEN, _NARROW = 64, 10
_STATE = 32
_OPSET, _IR = 18, 8
_NOISE = 0.2
_BATCH, _RATE = 256, 3e-3
# Records by which a sequence model's usual errors are known.
_SOME = 20_000
# Records that the models of linear time learn from at most; what lies between them says hardly more.
_MOST = 200_000
_LEAST = 0.05


def fit(
    options: NoveltyOptions,
    columns: NDArray[np.float32],
    tape: Tape | None,
    progress: Callable[[float], None],
) -> bytes:
    """Learn one model.

    Parameters
    ----------
    options : NoveltyOptions
    columns : (n_records, n_columns) float32
        Scaled.
    tape : Tape or None
        The same records with those before them, for ``lstm``.
    progress : callable
        Called with the share done, 0 to 1.

    Returns
    -------
    bytes
        An ONNX file.
    """
    torch.manual_seed(options.seed)
    # The same seed gives the same model on any number of processors.
    torch.set_num_threads(1)
    progress(0.0)
    some = np.unique(np.linspace(0, len(columns) - 1, min(len(columns), _MOST)).astype(np.int64))
    with threadpool_limits(1):
        if options.model == "svm":
            model = _svm(columns)
        elif options.model == "svm-linear":
            model = _linear_svm(columns[some], options.seed)
        elif options.model == "forest":
            model = _forest(columns[some], options.seed)
        elif options.model == "lstm" and tape is not None:
            model = _recurrent(tape, some, options.steps, progress)
        else:
            model = _autoencoder(columns[some], options.steps, progress)
    progress(1.0)
    return model


def _svm(columns: NDArray[np.float32]) -> bytes:
    from sklearn.svm import OneClassSVM  # noqa: PLC0415 - importing it takes a second

    gamma = _GAMMA / columns.shape[1]
    svm = OneClassSVM(gamma=gamma, nu=_NU, cache_size=500).fit(columns.astype(np.float64))
    return _of_kernels(svm.support_vectors_, gamma, svm.dual_coef_[0], None)


def _linear_svm(columns: NDArray[np.float32], seed: int) -> bytes:
    """Williams and Seeger, Using the Nyström method to speed up kernel machines (2001)."""
    from sklearn.kernel_approximation import Nystroem  # noqa: PLC0415
    from sklearn.linear_model import SGDOneClassSVM  # noqa: PLC0415

    gamma = _GAMMA_LINEAR / columns.shape[1]
    kernel = Nystroem(gamma=gamma, n_components=min(_CENTRES, len(columns)), random_state=seed)
    features = kernel.fit_transform(columns)
    svm = SGDOneClassSVM(nu=_NU, random_state=seed, tol=1e-4).fit(features)
    alike = np.full(len(kernel.components_), 1 / len(kernel.components_))
    return _of_kernels(kernel.components_, gamma, alike, svm.coef_ @ kernel.normalization_)


def _of_kernels(
    centres: NDArray[np.float64], gamma: float, weights: NDArray[np.float64], plane: NDArray[np.float64] | None
) -> bytes:
    """Minus the logarithm of a weighted sum of Gaussian kernels, as an ONNX file.

    That orders records as the decision function of Schölkopf et al. (Estimating the support of a high-dimensional
    distribution, 2001) does, and goes on growing where that one is as good as flat. Where the kernels' hyperplane has
    weights of either sign, it is the score, and the logarithm is added in so far as needed to have it grow, too. Built
    by hand, for torch takes as long to export it as scikit-learn to fit it.
    """
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    constants = {
        # Products with ones, not sums: their order of addition does not depend on the batch size.
        "of_columns": np.ones((centres.shape[1], 1)),
        "of_centres": np.ones((len(centres), 1)),
        "twice": 2 * centres.T,
        "lengths": (centres**2).sum(axis=1),
        "gamma": np.array(-gamma),
        "weights": np.log(weights),
    }
    steps = [
        ("Mul", "columns columns", "squares"),
        ("MatMul", "squares of_columns", "own"),
        ("MatMul", "columns twice", "products"),
        ("Add", "own lengths", "both"),
        ("Sub", "both products", "apart"),
        ("Mul", "apart gamma", "kernels"),
        ("Add", "kernels weights", "weighted"),
        ("ReduceMax", "weighted axes", "largest"),
        ("Sub", "weighted largest", "relative"),
        ("Exp", "relative", "shares"),
        ("MatMul", "shares of_centres", "sum"),
        ("Log", "sum", "log"),
        ("Add", "log largest", "density"),
    ]
    if plane is None:
        steps.append(("Neg", "density", "score"))
    else:
        constants |= {"plane": -plane[:, None], "far": np.array(-_FAR)}
        steps += [
            ("Exp", "kernels", "near"),
            ("MatMul", "near plane", "side"),
            ("Mul", "density far", "beyond"),
            ("Add", "side beyond", "score"),
        ]
    graph = helper.make_graph(
        [helper.make_node(kind, taken.split(), [given]) for kind, taken, given in steps],
        "novelty",
        [helper.make_tensor_value_info("columns", TensorProto.FLOAT, [None, centres.shape[1]])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])],
        [
            *(numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()),
            numpy_helper.from_array(np.array([1], np.int64), "axes"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
    return bytes(model.SerializeToString())


def _forest(columns: NDArray[np.float32], seed: int) -> bytes:
    from onnx import TensorProto, helper  # noqa: PLC0415
    from skl2onnx import convert_sklearn  # noqa: PLC0415
    from skl2onnx.common.data_types import FloatTensorType  # noqa: PLC0415
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415

    forest = IsolationForest(n_estimators=_TREES, max_samples=min(_SAMPLE, len(columns)), random_state=seed).fit(
        columns
    )
    model = convert_sklearn(
        forest.fit(columns),
        initial_types=[("columns", FloatTensorType([None, columns.shape[1]]))],
        target_opset={"": _OPSET, "ai.onnx.ml": 3},
    )
    # scikit-learn's scores are higher where a record is more usual.
    model.graph.node.append(helper.make_node("Neg", ["scores"], ["score"]))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1]))
    return bytes(model.SerializeToString())


class _Errors(nn.Module, ABC):  # type: ignore[misc]
    """What models of reconstruction share: how far a record is from the expected one, by each column's usual error."""

    def __init__(self, n_columns: int) -> None:
        super().__init__()
        self.register_buffer("usual", torch.ones(n_columns))
        self.register_buffer("of_columns", torch.full((n_columns, 1), 1.0 / n_columns))

    @abstractmethod
    def expected(self, taken: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The records judged, and as the model expects them, (n, n_columns) each."""

    def forward(self, taken: torch.Tensor) -> torch.Tensor:
        seen, expected = self.expected(taken)
        apart = (seen - expected) / self.usual
        return torch.matmul(apart * apart, self.of_columns).squeeze(1)

    def learn_usual(self, taken: torch.Tensor) -> None:
        """Take the errors of a baseline for the unit."""
        with torch.no_grad():
            seen, expected = self.expected(taken)
            self.usual.copy_(((seen - expected) ** 2).mean(dim=0).sqrt() + _LEAST)


class _Autoencoder(_Errors):
    def __init__(self, n_columns: int) -> None:
        super().__init__(n_columns)
        sizes = (n_columns, _HIDDEN, _NARROW, _HIDDEN, n_columns)
        layers = [layer for i in range(4) for layer in (nn.Linear(sizes[i], sizes[i + 1]), nn.ELU())]
        self.body = nn.Sequential(*layers[:-1])

    def expected(self, taken: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return taken, self.body(taken)

    def loss(self, taken: torch.Tensor) -> torch.Tensor:
        # Vincent et al., Extracting and composing robust features with denoising autoencoders (2008).
        return nn.functional.smooth_l1_loss(self.body(taken + _NOISE * torch.randn_like(taken)), taken)


class _Recurrent(_Errors):
    """From what a source did before to what it does next.

    An encoder reads the records before; from its last state one decoder gives them back, in reverse, and another says
    what follows: the composite model of Srivastava et al. (Unsupervised learning of video representations using LSTMs,
    2015). The state must hold what was done in which order, and what follows is judged.
    """

    def __init__(self, n_columns: int) -> None:
        super().__init__(n_columns)
        self.into = nn.Linear(n_columns + 1, 4 * _STATE)
        self.encoder = nn.Linear(_STATE, 4 * _STATE)
        self.decoder = nn.Linear(_STATE, 4 * _STATE)
        self.back = nn.Linear(_STATE, n_columns)
        self.next = nn.Sequential(nn.Linear(_STATE, _HIDDEN), nn.ELU(), nn.Linear(_HIDDEN, n_columns))

    def encoded(self, before: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """State after the records before, (n, BEFORE, n_columns + 1)."""
        cell = hidden = torch.zeros(1, _STATE)
        for gates in self.into(before).unbind(dim=1):
            cell, hidden = _stepped(gates + self.encoder(hidden), cell)
        return cell, hidden

    def expected(self, taken: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return taken[:, -1, :-1], self.next(self.encoded(taken[:, :-1])[1])

    def loss(self, taken: torch.Tensor) -> torch.Tensor:
        before, seen = taken[:, :-1], taken[:, -1, :-1]
        cell, hidden = self.encoded(before)
        follows = nn.functional.smooth_l1_loss(self.next(hidden), seen)
        given_back = []
        for _ in range(before.shape[1]):
            cell, hidden = _stepped(self.decoder(hidden), cell)
            given_back.append(self.back(hidden))
        held = before[..., -1:]
        apart = nn.functional.smooth_l1_loss(torch.stack(given_back[::-1], dim=1), before[..., :-1], reduction="none")
        return follows + (apart * held).mean()


def _stepped(gates: torch.Tensor, cell: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A step of Hochreiter and Schmidhuber's cell (Long short-term memory, 1997), with forget gates."""
    taken, kept, shown, new = gates.chunk(4, dim=1)
    cell = torch.sigmoid(kept) * cell + torch.sigmoid(taken) * torch.tanh(new)
    return cell, torch.sigmoid(shown) * torch.tanh(cell)


def _autoencoder(columns: NDArray[np.float32], steps: int, progress: Callable[[float], None]) -> bytes:
    model, taken = _Autoencoder(columns.shape[1]), torch.from_numpy(columns)
    _train(model, len(columns), taken.index_select, steps, progress)
    model.learn_usual(taken)
    return _exported(model.eval(), (columns.shape[1],))


def _recurrent(tape: Tape, some: NDArray[np.int64], steps: int, progress: Callable[[float], None]) -> bytes:
    n_columns = tape.rows.shape[1]
    model = _Recurrent(n_columns)

    def picked(_dim: int, rows: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(tape.windows(some[rows.numpy()]))

    _train(model, len(some), picked, steps, progress)
    model.learn_usual(picked(0, torch.from_numpy(np.unique(np.linspace(0, len(some) - 1, _SOME).astype(np.int64)))))
    return _exported(model.eval(), (1 + tape.before.shape[1], n_columns + 1))


def _train(
    model: _Autoencoder | _Recurrent,
    n: int,
    picked: Callable[[int, torch.Tensor], torch.Tensor],
    steps: int,
    progress: Callable[[float], None],
) -> None:
    """So many steps of Adam, whatever the size of the baseline, by a one-cycle rate."""
    optimizer = torch.optim.Adam(model.parameters(), lr=_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps)
    for step in range(steps):
        loss = model.loss(picked(0, torch.randint(n, (min(_BATCH, n),))))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        progress((step + 1) / steps)


def _exported(model: nn.Module, shape: tuple[int, ...]) -> bytes:
    return exported(model, "columns", torch.zeros(2, *shape), ["score"])
