"""The conn autoencoder: how badly a model of usual connections reconstructs this one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec
import numpy as np

from oddlog_core.detectors.behaviour import MOST_RECORDS, Behaviours
from oddlog_core.detectors.contract import Context, Detector, FitOptions, Fitted, Reason, Scored
from oddlog_core.detectors.session import open_model
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
    put_evidence,
)
from oddlog_core.features.flows import Flow, UsualFlows
from oddlog_core.features.relations import AMOUNTS, RELATIONS, Relations
from oddlog_core.features.rhythm import HALF_LIVES, WARM_UP, Usual
from oddlog_core.features.units import Beat, beat, in_units, own
from oddlog_core.options import Architecture  # noqa: TC001 - msgspec reads it
from oddlog_core.records import MISSING, Categories, Records
from oddlog_core.span import per_day, split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["AutoencoderDetector", "Learned"]

FEWEST = 100
_ROWS = 2048
# Of how regularly a stream calls: a beacon that calls every five minutes must be remembered for that long.
_SLOWEST = "1h"
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
    appetite = 4

    def __init__(
        self, learned: Learned, relations: Relations | None, model: bytes, beside: Beside | None = None
    ) -> None:
        self._learned, self._relations, self._model, self.beside = learned, relations, model, beside
        self._spec = learned.spec
        self.remembers = f"features {self._spec.features}"
        if self._spec.evidence:
            self.warm_up, self.fading = WARM_UP, ("rhythm",)
        elif self._spec.rolling:
            self.warm_up = max(WINDOWS.values()) * MICROSECONDS
        self._session = open_model(model)

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
        later = [transformer.transform(batch) for batch in held_back]
        some = np.unique(np.linspace(0, len(features) - 1, min(len(features), MOST_RECORDS)).astype(np.int64))
        (narrow,) = before._run(["bottleneck"], features[some])
        beside = Beside(UsualFlows.learn(baseline), Behaviours.learn(narrow, some, learned_from, options.seed))
        scores = np.concatenate([before._score(part) for part in later])
        fitted = Fitted(before, scores, per_day(baseline))
        if transformer.relations is None:
            return Fitted(cls(learned, None, exported, beside), scores, per_day(baseline), fitted)
        # What was held back has been judged; what it knows of who is usual is worth having. More habits are narrower
        # ones: scores by what half of the baseline knew would make later ones look odder than they are.
        relations, judged = Relations.learn(baseline)
        detector = cls(learned, relations, exported, beside)
        start = len(features)
        for part, batch in zip(later, held_back, strict=True):
            put_evidence(part, spec, batch, judged[start : start + len(part)])
            start += len(part)
        return Fitted(detector, np.concatenate([detector._score(part) for part in later]), per_day(baseline), fitted)

    def new_state(self) -> ConnFeatures:
        """Empty windows, and streams as the baseline's usually are."""
        return ConnFeatures(self._spec, self._learned.usual, self._relations, self.room)

    def score_samples(self, records: Records, state: ConnFeatures, threshold: float) -> Scored:
        """How badly each connection is reconstructed and how unlike the baseline's relations it is, in nats."""
        return self.begin(records, state, threshold)()

    def begin(self, records: Records, state: ConnFeatures, threshold: float) -> Callable[[], Scored]:
        """Features of the next records; the model needs no state."""
        features = state.transform(records)
        return lambda: Scored.of_records(records, self._score(features), threshold, _Evidence(features, records))

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
            self._reason(f, float(share[f]), row, numbers, codes, record) for f in np.argsort(-share)[:3].tolist()
        )

    def context(self, scored: Scored, index: int) -> Context:
        """What the baseline had of the record's ends, its source's usual flow and beat, and the kind it resembles."""
        row, record = self._odd(scored, index)
        usual = behaviour = None
        often: dict[str, tuple[int, int]] = {}
        if self.beside is not None:
            (narrow,) = self._run(["bottleneck"], row[None, :])
            usual, behaviour = _nearest(self.beside.flows, record), self.beside.behaviours.nearest(narrow[0])
        if self._relations is not None:
            found = self._relations.often(record)
            often = {name: (int(counts[0, 0]), int(counts[0, 1])) for name, counts in found.items()}
        return Context(usual, behaviour, self._beat(row), often)

    @property
    def behaviours(self) -> Behaviours | None:
        """Kinds of connections that its bottleneck tells apart."""
        return self.beside.behaviours if self.beside is not None else None

    def _odd(self, scored: Scored, index: int) -> tuple[NDArray[np.float64], Records]:
        """Features of one score's record, and it alone."""
        evidence: _Evidence = scored.evidence
        row = int(scored.row[index])
        return evidence.features[row], _alone(evidence.records, row)

    def _reason(
        self,
        f: int,
        share: float,
        row: NDArray[np.float64],
        numbers: NDArray[np.float64],
        codes: NDArray[np.float64],
        record: Records,
    ) -> Reason:
        """What a column holds, and what the baseline or the model expects there."""
        spec = self._spec
        name = spec.columns[f]
        if name in spec.evidence:
            return self._evidence(name, share, record)
        if f < len(spec.numbers):
            expected = self._learned.scaling.unscaled(f, float(numbers[f]), amount=f < len(spec.amounts))
            return Reason(name, self._seen(f, row), in_units(name, expected), share, self._mean_of(name, row))
        names = spec.names_of(name)
        if self._learned.architecture == "embedding":
            ends = np.cumsum([len(spec.names_of(column)) for column in spec.coded])
            likeliest = int(np.split(codes, ends[:-1])[spec.coded.index(name)].argmax())
        else:
            likeliest = round(float(codes[spec.coded.index(name)].clip(0, 1)) * max(len(names) - 1, 1))
        return Reason(name, names[int(row[f])], names[min(likeliest, len(names) - 1)], share)

    def _evidence(self, name: str, share: float, record: Records) -> Reason:
        """Of a relation how often it was, out of how many; of an amount itself and what is typical."""
        if self._relations is None:
            raise ValueError("evidence comes of relations")
        if name in RELATIONS:
            count, total = self._relations.often(record)[name][0].tolist()
            return Reason(name, float(count), None, share, of=float(total))
        amount = name.removeprefix("unlike_")
        seen = _amount(record, amount)
        typical = float(self._relations.typical(record)[0, AMOUNTS.index(amount)])
        unit = MICROSECONDS if amount == "duration" else 1
        (among,) = self._relations.among(record)
        return Reason(name, None if seen is None else seen / unit, max(typical, 0.0) / unit, share, among=among)

    def _seen(self, f: int, row: NDArray[np.float64]) -> float | None:
        name = self._spec.columns[f]
        kind, _, half_life = name.rpartition("_")
        intervals = self._intervals(half_life, row) if kind.startswith("stream_interval") else None
        value = float(row[f]) if intervals is None else intervals[kind.endswith("std")]
        return None if np.isnan(value) else in_units(name, value)

    def _mean_of(self, name: str, row: NDArray[np.float64]) -> float | None:
        """Seconds of the mean that a deviation of intervals is from."""
        mean = name.replace("interval_std", "interval_mean")
        return self._seen(self._spec.columns.index(mean), row) if mean != name and mean in self._spec.columns else None

    def _intervals(self, half_life: str, row: NDArray[np.float64]) -> tuple[float, float, float] | None:
        """Mean and deviation of a stream's own intervals, and their damped number; None where there were none."""
        columns, usual = self._spec.columns, self._learned.usual
        names = [f"stream_{what}_{half_life}" for what in ("interval_mean", "interval_std", "connections")]
        if usual is None or any(name not in columns for name in names):
            return None
        mean, std, weight = (float(row[columns.index(name)]) for name in names)
        # What is left of the calls of a day long past is rounding, and divided by it would be anything.
        if weight < 0.5:
            return None
        return *own(mean, std, weight, usual.mean["interval"], usual.std["interval"]), weight

    def _beat(self, row: NDArray[np.float64]) -> Beat | None:
        intervals = self._intervals(_SLOWEST, row)
        return beat(*intervals, HALF_LIVES[_SLOWEST]) if intervals is not None else None

    def evicted(self, state: ConnFeatures) -> int:
        """Rows of the windows and keys of the streams."""
        return state.evicted

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
    names = ("id.orig_h", "id.resp_h", "proto")
    source, host, proto = (next(iter(record.categories[name].values), None) for name in names)
    port = int(record.integers["id.resp_p"][0])
    amounts = [_amount(record, name) for name in AMOUNTS]
    return flows.nearest(source, host, proto, None if port == MISSING else port, amounts)
