"""The conn autoencoder: how badly a model of usual connections reconstructs this one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec
import numpy as np
import onnxruntime

from oddlog_core.detectors.behaviour import MOST_RECORDS, Behaviours
from oddlog_core.detectors.contract import Context, Detector, FitOptions, Fitted, Reason, Scored
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
from oddlog_core.features.flows import Flow, UsualFlows
from oddlog_core.features.relations import AMOUNTS, RELATIONS, Relations
from oddlog_core.features.rhythm import WARM_UP, Usual
from oddlog_core.features.units import in_units
from oddlog_core.options import Architecture  # noqa: TC001 - msgspec reads it
from oddlog_core.records import MISSING, Categories, Records
from oddlog_core.span import per_day, split

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

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


class Beside(NamedTuple):
    """What a baseline teaches for explanations alone.

    Attributes
    ----------
    flows : UsualFlows
    behaviours : Behaviours
    """

    flows: UsualFlows
    behaviours: Behaviours


class _Evidence(NamedTuple):
    features: NDArray[np.float64]
    records: Records


class AutoencoderDetector(Detector):
    """Reconstruction error of an autoencoder exported to ONNX and run by onnxruntime on one thread.

    Parameters
    ----------
    learned : Learned
    relations : Relations or None
        Only for the set `full`.
    model : bytes
        An ONNX file: raw features in; score, error by column, expected numbers and codes, and bottleneck out.
    beside : Beside, optional
    """

    name = "conn-autoencoder"
    log = "conn"
    note = "Odd_Connection"

    def __init__(
        self, learned: Learned, relations: Relations | None, model: bytes, beside: Beside | None = None
    ) -> None:
        self._learned, self._relations, self._model, self.beside = learned, relations, model, beside
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
        exported = flow.export(model, features.shape[1])
        before = cls(learned, transformer.relations, exported)
        scores = [before._score(transformer.transform(batch)) for batch in held_back]
        some = np.unique(np.linspace(0, len(features) - 1, min(len(features), MOST_RECORDS)).astype(np.int64))
        (narrow,) = before._run(["bottleneck"], features[some])
        behaviours = Behaviours.learn(narrow, some, learned_from, options.seed)
        # What was held back has been judged; what it knows of who is usual is worth having.
        relations = Relations.learn(baseline)[0] if transformer.relations is not None else None
        detector = cls(learned, relations, exported, Beside(UsualFlows.learn(baseline), behaviours))
        return Fitted(detector, np.concatenate(scores), per_day(baseline))

    def new_state(self) -> ConnFeatures:
        """Empty windows, and streams as the baseline's usually are."""
        return ConnFeatures(self._spec, self._learned.usual, self._relations)

    def score_samples(self, records: Records, state: ConnFeatures, threshold: float) -> Scored:
        """How badly each connection is reconstructed and how unlike the baseline's relations it is, in nats."""
        features = state.transform(records)
        return Scored.of_records(records, self._score(features), threshold, _Evidence(features, records))

    def _score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._run(["score"], features)[0] if len(features) else np.empty(0)

    def _run(self, outputs: list[str], features: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Some of the model's outputs for at least one row."""
        parts = []
        for start in range(0, len(features), _ROWS):
            part = features[start : start + _ROWS]
            short = -len(part) % _WHOLE
            if short:
                part = np.concatenate([part, np.repeat(part[-1:], short, axis=0)])
            parts.append(self._session.run(outputs, {"features": part}))
        return [np.concatenate(output)[: len(features)].astype(np.float64) for output in zip(*parts, strict=True)]

    def explain(self, scored: Scored, index: int) -> tuple[Reason, ...]:
        """The three columns with the largest share of the score."""
        row, record = self._odd(scored, index)
        error, numbers, codes = (output[0] for output in self._run(["error", "numbers", "codes"], row[None, :]))
        share = error / error.sum()
        return tuple(
            Reason(self._spec.columns[f], *compared, share=float(share[f]), of=of)
            for f in np.argsort(-share)[:3].tolist()
            for compared, of in [self._compared(f, row, numbers, codes, record)]
        )

    def context(self, scored: Scored, index: int) -> Context | None:
        """What the record's source usually does, and the kind of connections that the record resembles."""
        if self.beside is None:
            return None
        row, record = self._odd(scored, index)
        (narrow,) = self._run(["bottleneck"], row[None, :])
        return Context(_nearest(self.beside.flows, record), self.beside.behaviours.nearest(narrow[0]))

    def _odd(self, scored: Scored, index: int) -> tuple[NDArray[np.float64], Records]:
        """Features of one score's record, and it alone."""
        evidence: _Evidence = scored.evidence
        row = int(scored.row[index])
        return evidence.features[row], _alone(evidence.records, row)

    def _compared(
        self,
        f: int,
        row: NDArray[np.float64],
        numbers: NDArray[np.float64],
        codes: NDArray[np.float64],
        record: Records,
    ) -> tuple[tuple[str | float | None, str | float | None], float | None]:
        """What a column holds and what is expected there; and what that is a part of."""
        spec = self._spec
        name = spec.columns[f]
        if name in spec.evidence:
            return self._evidence(name, record)
        if f < len(spec.numbers):
            expected = self._learned.scaling.unscaled(f, float(numbers[f]), amount=f < len(spec.amounts))
            seen = None if np.isnan(row[f]) else in_units(name, float(row[f]))
            mean = name.replace("interval_std", "interval_mean")
            of = in_units(mean, float(row[spec.columns.index(mean)])) if mean != name and mean in spec.columns else None
            return (seen, in_units(name, expected)), of
        names = spec.names_of(name)
        if self._learned.architecture == "embedding":
            ends = np.cumsum([len(spec.names_of(column)) for column in spec.coded])
            likeliest = int(np.split(codes, ends[:-1])[spec.coded.index(name)].argmax())
        else:
            likeliest = round(float(codes[spec.coded.index(name)].clip(0, 1)) * max(len(names) - 1, 1))
        return (names[int(row[f])], names[min(likeliest, len(names) - 1)]), None

    def _evidence(self, name: str, record: Records) -> tuple[tuple[float | None, float | None], float | None]:
        """Of a relation how often it was, out of how many; of an amount itself and what is typical."""
        if self._relations is None:
            raise ValueError("evidence comes of relations")
        if name in RELATIONS:
            count, total = self._relations.often(record)[name][0].tolist()
            return (float(count), None), float(total)
        amount = name.removeprefix("unlike_")
        seen = _amount(record, amount)
        typical = float(self._relations.typical(record)[0, AMOUNTS.index(amount)])
        unit = MICROSECONDS if amount == "duration" else 1
        return (None if seen is None else seen / unit, max(typical, 0.0) / unit), None

    def export_state(self, state: ConnFeatures) -> dict[str, Any]:
        """The rows inside the rolling windows, and their sums."""
        return state.export()

    def restore_state(self, exported: dict[str, Any]) -> ConnFeatures:
        """What `export_state` exported."""
        state = self.new_state()
        state.restore(exported)
        return state

    def save(self, folder: Path) -> None:
        """Write ``learned.json``, ``model.onnx``, what explanations need and, for `full`, ``relations.npz``."""
        (folder / "learned.json").write_bytes(msgspec.json.encode(self._learned))
        (folder / "model.onnx").write_bytes(self._model)
        if self._relations is not None:
            self._relations.save(folder / "relations.npz")
        if self.beside is not None:
            (folder / "flows.json").write_bytes(msgspec.json.encode(self.beside.flows.of))
            (folder / "behaviours.json").write_bytes(msgspec.json.encode(self.beside.behaviours))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        learned = msgspec.json.decode((folder / "learned.json").read_bytes(), type=Learned)
        relations = Relations.load(folder / "relations.npz") if learned.spec.evidence else None
        beside = None
        if (folder / "flows.json").exists():
            flows = msgspec.json.decode((folder / "flows.json").read_bytes(), type=dict[str, list[Flow]])
            behaviours = msgspec.json.decode((folder / "behaviours.json").read_bytes(), type=Behaviours)
            beside = Beside(UsualFlows(flows), behaviours)
        return cls(learned, relations, (folder / "model.onnx").read_bytes(), beside)

    def describe(self) -> list[str]:
        """The features, and the values of each column of codes."""
        time_of_day = "used" if TIME_OF_DAY[0] in self._spec.numbers else "not used: the baseline is too short"
        lines = [
            f"{len(self._spec.numbers)} numbers, {len(self._spec.rolling)} of them rolling; time of day {time_of_day}"
        ]
        lines += [f"{column}: {', '.join(self._spec.names_of(column)[1:])}" for column in self._spec.coded]
        return lines


def _alone(records: Records, row: int) -> Records:
    """One record, with dictionaries of its own values: keys of thousands of others are not needed."""
    categories = {}
    for name, column in records.categories.items():
        code = int(column.codes[row])
        values = [column.values[code]] if code >= 0 else []
        categories[name] = Categories(np.array([min(code, 0)], np.int32), values)
    integers = {name: values[row : row + 1] for name, values in records.integers.items()}
    return Records(records.log, records.clock[row : row + 1], integers, categories)


def _amount(record: Records, name: str) -> float | None:
    value = int(record.integers[name][0])
    return None if value == MISSING else float(value)


def _nearest(flows: UsualFlows, record: Records) -> Flow | None:
    source, proto = (next(iter(record.categories[name].values), None) for name in ("id.orig_h", "proto"))
    port = int(record.integers["id.resp_p"][0])
    amounts = [_amount(record, name) for name in AMOUNTS]
    return flows.nearest(source, proto, None if port == MISSING else port, amounts)
