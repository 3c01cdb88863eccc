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
    learn_scaling,
    learn_spec,
)
from oddlog_core.span import per_day

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["AutoencoderDetector"]

FEWEST = 100
_ROWS = 2048
# onnxruntime computes what does not fill its vectors by other instructions, whose last bits differ: rows are filled up.
_WHOLE = 16


class AutoencoderDetector(Detector):
    """Reconstruction error of an autoencoder exported to ONNX and run by onnxruntime on one thread.

    Parameters
    ----------
    spec : FeatureSpec
    scaling : Scaling
    model : bytes
        An ONNX file: raw features in; score, error by feature, expected z-scores and logits of codes out.
    """

    name = "conn-autoencoder"
    log = "conn"
    note = "Odd_Connection"
    warm_up = max(WINDOWS.values()) * MICROSECONDS

    def __init__(self, spec: FeatureSpec, scaling: Scaling, model: bytes) -> None:
        self._spec, self._scaling, self._model = spec, scaling, model
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
        spec = learn_spec(baseline, options.features)
        transformer = ConnFeatures(spec)
        features = np.concatenate([transformer.transform(batch) for batch in baseline])
        boundary = min(max(round(n * (1 - options.held_back)), 1), n - 1)
        scaling = learn_scaling(features[:boundary], spec)
        model = flow.train(features[:boundary], spec, scaling, options.epochs, options.seed, options.progress)
        detector = cls(spec, scaling, flow.export(model, features.shape[1]))
        return Fitted(detector, detector._score(features[boundary:]), per_day(baseline))

    def new_state(self) -> ConnFeatures:
        """Empty rolling windows."""
        return ConnFeatures(self._spec)

    def score_samples(self, records: Records, state: ConnFeatures, threshold: float) -> Scored:
        """Negative log-likelihood of each connection, up to constants."""
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
        """The three features with the largest share of the error."""
        row = scored.evidence[scored.row[index]]
        outputs = self._session.run(
            ["error", "expected", "logits"], {"features": np.repeat(row[None, :], _WHOLE, axis=0)}
        )
        error, expected, logits = (output[0].astype(np.float64) for output in outputs)
        meanings = {name: self._spec.names_of(name) for name in self._spec.coded}
        ends = np.cumsum([len(names) for names in meanings.values()])
        likeliest = [part.argmax() for part in np.split(logits, ends[:-1])]
        share = error / error.sum()
        reasons = []
        for f in np.argsort(-share)[:3]:
            n = f - len(self._spec.numbers)
            if n >= 0:
                name = self._spec.coded[n]
                seen, likely = meanings[name][int(row[f])], meanings[name][int(likeliest[n])]
                reasons.append(Reason(name, seen, likely, float(share[f])))
            else:
                name = self._spec.numbers[f]
                value = None if np.isnan(row[f]) else float(row[f])
                usual = self._scaling.unscaled(f, float(expected[f]), name)
                reasons.append(Reason(name, value, usual, float(share[f])))
        return tuple(reasons)

    def export_state(self, state: ConnFeatures) -> dict[str, Any]:
        """The rows inside the rolling windows, and their sums."""
        return state.rolling.export()

    def restore_state(self, exported: dict[str, Any]) -> ConnFeatures:
        """What `export_state` exported."""
        state = self.new_state()
        state.rolling.restore(exported)
        return state

    def save(self, folder: Path) -> None:
        """Write ``features.json``, ``scaling.json`` and ``model.onnx``."""
        (folder / "features.json").write_bytes(msgspec.json.encode(self._spec))
        (folder / "scaling.json").write_bytes(msgspec.json.encode(self._scaling))
        (folder / "model.onnx").write_bytes(self._model)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read ``features.json``, ``scaling.json`` and ``model.onnx``."""
        spec = msgspec.json.decode((folder / "features.json").read_bytes(), type=FeatureSpec)
        scaling = msgspec.json.decode((folder / "scaling.json").read_bytes(), type=Scaling)
        return cls(spec, scaling, (folder / "model.onnx").read_bytes())

    def describe(self) -> list[str]:
        """The features, and the values of each column of codes."""
        time_of_day = "used" if TIME_OF_DAY[0] in self._spec.numbers else "not used: the baseline is too short"
        lines = [
            f"{len(self._spec.numbers)} numbers, {len(self._spec.rolling)} of them rolling; time of day {time_of_day}"
        ]
        lines += [f"{column}: {', '.join(self._spec.names_of(column)[1:])}" for column in self._spec.coded]
        return lines
