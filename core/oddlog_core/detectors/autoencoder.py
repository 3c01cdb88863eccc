"""The conn autoencoder: how badly a model of usual connections reconstructs this one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import msgspec
import numpy as np
import onnxruntime

from oddlog_core.detectors.contract import Detector, FitOptions, Fitted, Reason, Scored
from oddlog_core.errors import BaselineError
from oddlog_core.features.conn import (
    MICROSECONDS,
    TIME_OF_DAY,
    WINDOWS,
    ConnFeatures,
    FeatureSpec,
    Scaling,
    learn_features,
    learn_scaling,
    learn_spec,
)
from oddlog_core.features.relations import Relations
from oddlog_core.features.rhythm import WARM_UP, Usual
from oddlog_core.options import Architecture  # noqa: TC001 - msgspec reads it
from oddlog_core.span import per_day, split

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["AutoencoderDetector", "Learned"]

FEWEST = 100
_ROWS = 2048
# onnxruntime computes what does not fill its vectors by other instructions, whose last bits differ: rows are filled up.
_WHOLE = 16


class Learned(msgspec.Struct, frozen=True):
    """What a baseline taught but for the model and the relations.

    Attributes
    ----------
    spec : FeatureSpec
    scaling : Scaling
    architecture : str
    usual : Usual or None
        Only for the set `full`.
    """

    spec: FeatureSpec
    scaling: Scaling
    architecture: Architecture
    usual: Usual | None


class AutoencoderDetector(Detector):
    """Reconstruction error of an autoencoder exported to ONNX and run by onnxruntime on one thread.

    Parameters
    ----------
    learned : Learned
    relations : Relations or None
        Only for the set `full`.
    model : bytes
        An ONNX file: raw features in; score, error by column, expected numbers and codes, and bottleneck out.
    """

    name = "conn-autoencoder"
    log = "conn"
    note = "Odd_Connection"

    def __init__(self, learned: Learned, relations: Relations | None, model: bytes) -> None:
        self._learned, self._relations, self._model = learned, relations, model
        self._spec = learned.spec
        if self._spec.evidence:
            self.warm_up, self.fading = WARM_UP, ("rhythm",)
        elif self._spec.rolling:
            self.warm_up = max(WINDOWS.values()) * MICROSECONDS
        options = onnxruntime.SessionOptions()
        # One thread: with more, the order of additions, and so the last bits of a score, would vary.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    @classmethod
    def fit(cls, baseline: Sequence[Records], options: FitOptions) -> Fitted:
        """Train on all but the latest part of the baseline; see `Detector.fit`. Needs the extra ``train``."""
        # torch is only there where someone trains.
        from oddlog_core.training import flow  # noqa: PLC0415

        n = sum(map(len, baseline))
        if n < FEWEST:
            raise BaselineError(f"{cls.log}: {n} records are too few to learn from, {FEWEST} are the least")
        learned_from, held_back = split(baseline, options.held_back)
        spec = learn_spec(baseline, options.features)
        transformer, features = learn_features(learned_from, spec)
        scaling = learn_scaling(features, spec, to_one=options.flow.loss == "bce")
        model, _ = flow.train(features, spec, scaling, options.flow, options.progress)
        learned = Learned(spec, scaling, options.flow.architecture, transformer.usual)
        detector = cls(learned, transformer.relations, flow.export(model, features.shape[1]))
        scores = [detector._score(transformer.transform(batch)) for batch in held_back]
        return Fitted(detector, np.concatenate(scores), per_day(baseline))

    def new_state(self) -> ConnFeatures:
        """Empty windows, and streams as the baseline's usually are."""
        return ConnFeatures(self._spec, self._learned.usual, self._relations)

    def score_samples(self, records: Records, state: ConnFeatures, threshold: float) -> Scored:
        """How badly each connection is reconstructed and how unlike the baseline's relations it is, in nats."""
        features = state.transform(records)
        return Scored.of_records(records, self._score(features), threshold, features)

    def _score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        parts = [np.empty(0)]
        for start in range(0, len(features), _ROWS):
            part = features[start : start + _ROWS]
            short = -len(part) % _WHOLE
            if short:
                part = np.concatenate([part, np.repeat(part[-1:], short, axis=0)])
            parts.append(self._session.run(["score"], {"features": part})[0])
        return np.concatenate(parts)[: len(features)].astype(np.float64)

    def explain(self, scored: Scored, index: int) -> tuple[Reason, ...]:
        """The three columns with the largest share of the score."""
        row = scored.evidence[scored.row[index]]
        outputs = self._session.run(
            ["error", "numbers", "codes"], {"features": np.repeat(row[None, :], _WHOLE, axis=0)}
        )
        error, numbers, codes = (output[0].astype(np.float64) for output in outputs)
        share = error / error.sum()
        return tuple(
            Reason(self._spec.columns[f], *self._compared(int(f), row, numbers, codes), float(share[f]))
            for f in np.argsort(-share)[:3]
        )

    def _compared(
        self, f: int, row: NDArray[np.float64], numbers: NDArray[np.float64], codes: NDArray[np.float64]
    ) -> tuple[str | float | None, str | float | None]:
        """What a column holds, and what is expected there."""
        spec = self._spec
        if f < len(spec.numbers):
            expected = self._learned.scaling.unscaled(f, float(numbers[f]), amount=f < len(spec.amounts))
            return None if np.isnan(row[f]) else float(row[f]), expected
        if f < len(spec.numbers) + len(spec.evidence):
            return float(row[f]), 0.0
        name = spec.columns[f]
        names = spec.names_of(name)
        if self._learned.architecture == "embedding":
            ends = np.cumsum([len(spec.names_of(column)) for column in spec.coded])
            likeliest = int(np.split(codes, ends[:-1])[spec.coded.index(name)].argmax())
        else:
            likeliest = round(float(codes[spec.coded.index(name)].clip(0, 1)) * max(len(names) - 1, 1))
        return names[int(row[f])], names[min(likeliest, len(names) - 1)]

    def export_state(self, state: ConnFeatures) -> dict[str, Any]:
        """The rows inside the rolling windows, and their sums."""
        return state.export()

    def restore_state(self, exported: dict[str, Any]) -> ConnFeatures:
        """What `export_state` exported."""
        state = self.new_state()
        state.restore(exported)
        return state

    def save(self, folder: Path) -> None:
        """Write ``learned.json``, ``model.onnx`` and, for the set `full`, ``relations.npz``."""
        (folder / "learned.json").write_bytes(msgspec.json.encode(self._learned))
        (folder / "model.onnx").write_bytes(self._model)
        if self._relations is not None:
            self._relations.save(folder / "relations.npz")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        learned = msgspec.json.decode((folder / "learned.json").read_bytes(), type=Learned)
        relations = Relations.load(folder / "relations.npz") if learned.spec.evidence else None
        return cls(learned, relations, (folder / "model.onnx").read_bytes())

    def describe(self) -> list[str]:
        """The features, and the values of each column of codes."""
        time_of_day = "used" if TIME_OF_DAY[0] in self._spec.numbers else "not used: the baseline is too short"
        lines = [
            f"{len(self._spec.numbers)} numbers, {len(self._spec.rolling)} of them rolling; time of day {time_of_day}"
        ]
        lines += [f"{column}: {', '.join(self._spec.names_of(column)[1:])}" for column in self._spec.coded]
        return lines
