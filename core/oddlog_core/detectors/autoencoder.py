"""The conn autoencoder: how badly a model of usual connections reconstructs this one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec
import numpy as np

from oddlog_core.detectors.behaviour import MOST_RECORDS, Behaviours
from oddlog_core.detectors.contract import Context, Detector, FitOptions, Fitted, Reason, Scored
from oddlog_core.detectors.inside import WHOLE, Inside
from oddlog_core.detectors.session import open_model
from oddlog_core.errors import BaselineError
from oddlog_core.features.acquaintance import Judged
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
from oddlog_core.span import End, ends, halves, per_day, some

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from oddlog_core.features.relations import Among
    from oddlog_core.records import Records

__all__ = ["AutoencoderDetector", "Learned"]

FEWEST = 100
# Held back, below which p = 0.001 rests on less than ten and the other end is worth another training.
_FEW = 10_000
_ROWS = 2048
# Of how regularly a stream calls: a beacon that calls every five minutes must be remembered for that long.
_SLOWEST = "1h"


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


class _Looked(NamedTuple):
    """What some odd records' explanations are made of: their features, what the model says, what the baseline had."""

    features: NDArray[np.float64]
    records: Records
    share: NDArray[np.float64]
    numbers: NDArray[np.float64]
    codes: NDArray[np.float64]
    narrow: NDArray[np.float64]
    often: dict[str, NDArray[np.int64]]
    typical: NDArray[np.float64] | None
    among: list[Among | None]


class _Evidence(NamedTuple):
    features: NDArray[np.float64]
    records: Records
    looked: dict[int, tuple[_Looked, int]]


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
    inside : Inside, optional
        Gives the score that the file would give, in half the time; there is one where codes are embedded.
    """

    name = "conn-autoencoder"
    log = "conn"
    note = "Odd_Connection"
    appetite = 4

    def __init__(
        self,
        learned: Learned,
        relations: Relations | None,
        model: bytes,
        beside: Beside | None = None,
        inside: Inside | None = None,
    ) -> None:
        self._learned, self._relations, self._model, self.beside = learned, relations, model, beside
        self._inside = inside
        self._spec = learned.spec
        self.row_bytes = 8 * len(self._spec.columns)
        self.remembers = f"features {self._spec.features}"
        if self._spec.evidence:
            self.warm_up, self.fading = WARM_UP, ("rhythm",)
        elif self._spec.rolling:
            self.warm_up = max(WINDOWS.values()) * MICROSECONDS
        self._session = open_model(model)

    @classmethod
    def fit(cls, baseline: Sequence[Records], options: FitOptions) -> Fitted:
        """Train on all but the latest part of the baseline; see `Detector.fit`. Needs the extra ``train``."""
        n = sum(map(len, baseline))
        if n < FEWEST:
            raise BaselineError(f"{cls.log}: {n} records are too few to learn from, {FEWEST} are the least")
        latest, earliest = ends(baseline, options.held_back)
        few = sum(map(len, latest.held_back)) < _FEW
        spec = learn_spec(baseline, options.features)
        before, transformer, features = cls._learn(latest.others, spec, options.part(0.0, 0.5 if few else 1.0))
        parts = [before._judge_end(latest, transformer)]
        if few:
            after, *_ = cls._learn(earliest.others, spec, options.part(0.5, 1.0))
            parts.append(after._judge_end(earliest, after.new_state()))
        rows = np.unique(np.linspace(0, len(features) - 1, min(len(features), MOST_RECORDS)).astype(np.int64))
        (narrow,) = before._run(["bottleneck"], features[rows])
        beside = Beside(UsualFlows.learn(baseline), Behaviours.learn(narrow, rows, latest.others, options.seed))
        # What was held back has been judged; what it knows of who is usual is worth having.
        relations = Relations.learn(baseline)[0] if spec.evidence else None
        detector = cls(before._learned, relations, before._model, beside, before._inside)
        judged = Judged.end_to_end(parts)
        return Fitted(detector, judged.score, per_day(baseline), before, judged.kind, judged.kinds)

    @classmethod
    def _learn(
        cls, learned_from: Sequence[Records], spec: FeatureSpec, options: FitOptions
    ) -> tuple[Self, ConnFeatures, NDArray[np.float64]]:
        """Train; also the features as they are after what was learned from, to go on with, and those of it."""
        # torch is only there where someone trains.
        from oddlog_core.training import flow  # noqa: PLC0415

        transformer, features = learn_features(learned_from, spec)
        scaling = learn_scaling(features, spec, to_one=options.flow.loss == "bce")
        model, _ = flow.train(features, spec, scaling, options.flow, options.progress)
        learned = Learned(spec, scaling, options.flow.architecture, transformer.usual)
        inside = Inside(spec, *flow.inside(model)) if options.flow.architecture == "embedding" else None
        exported = flow.export(model, features.shape[1])
        return cls(learned, transformer.relations, exported, inside=inside), transformer, features

    def _judge_end(self, end: End, transformer: ConnFeatures) -> Judged:
        """Scores of an end of the baseline that the model has not learned from."""
        if not self._spec.evidence:
            return Judged(np.concatenate([self._score(transformer.transform(batch)) for batch in end.held_back]))
        return Judged.end_to_end([self._judge_half(half, transformer) for half in halves(end)])

    def _judge_half(self, half: End, transformer: ConnFeatures) -> Judged:
        """Scores of a half of it, by what all others teach of who is usual."""
        features = [transformer.begin(batch) for batch in half.held_back]
        relations, _ = Relations.learn(half.others)
        score = [self._judged_by(relations, *both) for both in zip(features, half.held_back, strict=True)]
        strange, of_strange, strangers = [], [], relations.hosts.strangers(half.held_back)
        if strangers is not None:
            # Some hosts' scores as of newcomers, too, by relations that never saw them.
            others, _ = Relations.learn(strangers.without(half.others))
            for part, batch in zip(features, half.held_back, strict=True):
                rows, kind = strangers.rows(batch)
                of_strange.append(kind)
                strange.append(self._judged_by(others, part[rows], some(batch, rows)))
        kind = np.concatenate([relations.hosts.kinds(batch) for batch in half.held_back])
        return Judged.of(np.concatenate(score), kind, strange, of_strange)

    def _judged_by(
        self, relations: Relations | None, features: NDArray[np.float64], records: Records
    ) -> NDArray[np.float64]:
        """Scores, once features have in them what a baseline's relations say of their records."""
        if relations is not None:
            put_evidence(features, self._spec, records, relations.judge(records))
        return self._score(features)

    def new_state(self) -> ConnFeatures:
        """Empty windows, and streams as the baseline's usually are."""
        return ConnFeatures(self._spec, self._learned.usual, self._relations, self.room)

    def score_samples(self, records: Records, state: ConnFeatures, threshold: float) -> Scored:
        """How badly each connection is reconstructed and how unlike the baseline's relations it is, in nats."""
        return self.begin(records, state, threshold)()

    def begin(self, records: Records, state: ConnFeatures, threshold: float) -> Callable[[], Scored]:
        """Features of the next records; relations and the model need no state."""
        features = state.begin(records)

        def score() -> Scored:
            kind = self._relations.hosts.kinds(records) if self._relations is not None else None
            found = self._judged_by(self._relations, features, records)
            return Scored.of_records(records, found, threshold, _Evidence(features, records, {}), kind)

        return score

    def _score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._inside is not None:
            return self._inside.score(features)
        return self._run(["score"], features)[0] if len(features) else np.empty(0)

    def _run(self, outputs: list[str], features: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Some of the model's outputs for at least one row."""
        parts = []
        for start in range(0, len(features), _ROWS):
            part = features[start : start + _ROWS]
            short = -len(part) % WHOLE
            if short:
                part = np.concatenate([part, np.repeat(part[-1:], short, axis=0)])
            parts.append(self._session.run(outputs, {"features": part}))
        return [np.concatenate(output)[: len(features)].astype(np.float64) for output in zip(*parts, strict=True)]

    def kept(self, scored: Scored, scores: NDArray[np.int64]) -> Scored:
        """See `Detector.kept`."""
        evidence: _Evidence = scored.evidence
        return scored.take(scores, _Evidence(evidence.features[scores], some(evidence.records, scores), {}))

    def explain(self, scored: Scored, index: int) -> tuple[Reason, ...]:
        """The three columns with the largest share of the score."""
        looked, at = self._look(scored, index)
        share = looked.share[at]
        return tuple(self._reason(f, float(share[f]), looked, at) for f in np.argsort(-share)[:3].tolist())

    def context(self, scored: Scored, index: int) -> Context:
        """What the baseline had of the record's ends, its source's usual flow and beat, and the kind it resembles."""
        looked, at = self._look(scored, index)
        usual = behaviour = None
        if self.beside is not None:
            usual = self.beside.flows.nearest_to(looked.records, at)
            behaviour = self.beside.behaviours.nearest(looked.narrow[at])
        often = {name: (int(counts[at, 0]), int(counts[at, 1])) for name, counts in looked.often.items()}
        return Context(usual, behaviour, self._beat(looked.features[at]), often)

    @property
    def behaviours(self) -> Behaviours | None:
        """Kinds of connections that its bottleneck tells apart."""
        return self.beside.behaviours if self.beside is not None else None

    def _look(self, scored: Scored, index: int) -> tuple[_Looked, int]:
        """What one score's explanation is made of, and where in it."""
        evidence: _Evidence = scored.evidence
        if index not in evidence.looked:
            rows = scored.together(index)
            features, records = evidence.features[rows], some(evidence.records, rows)
            error, numbers, codes, narrow = self._run(["error", "numbers", "codes", "bottleneck"], features)
            share = error / error.sum(axis=1, keepdims=True)
            looked = _Looked(features, records, share, numbers, codes, narrow, *self._known(records))
            evidence.looked.update((score, (looked, at)) for at, score in enumerate(rows.tolist()))
        return evidence.looked[index]

    def _known(
        self, records: Records
    ) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.float64] | None, list[Among | None]]:
        """How often the baseline had each of `RELATIONS`, which amounts are typical, and of whom."""
        relations = self._relations
        if relations is None:
            return {}, None, []
        return relations.often(records), relations.typical(records), relations.among(records)

    def _reason(self, f: int, share: float, looked: _Looked, at: int) -> Reason:
        """What a column holds, and what the baseline or the model expects there."""
        spec, row = self._spec, looked.features[at]
        name = spec.columns[f]
        if name in spec.evidence:
            return self._evidence(name, share, looked, at)
        if f < len(spec.numbers):
            expected = self._learned.scaling.unscaled(f, float(looked.numbers[at, f]), amount=f < len(spec.amounts))
            return Reason(name, self._seen(f, row), in_units(name, expected), share, self._mean_of(name, row))
        names, codes = spec.names_of(name), looked.codes[at]
        if self._learned.architecture == "embedding":
            ends = np.cumsum([len(spec.names_of(column)) for column in spec.coded])
            likeliest = int(np.split(codes, ends[:-1])[spec.coded.index(name)].argmax())
        else:
            likeliest = round(float(codes[spec.coded.index(name)].clip(0, 1)) * max(len(names) - 1, 1))
        return Reason(name, names[int(row[f])], names[min(likeliest, len(names) - 1)], share)

    def _evidence(self, name: str, share: float, looked: _Looked, at: int) -> Reason:
        """Of a relation how often it was, out of how many; of an amount itself and what is typical."""
        if looked.typical is None:
            raise ValueError("evidence comes of relations")
        if name in RELATIONS:
            count, total = looked.often[name][at].tolist()
            return Reason(name, float(count), None, share, of=float(total))
        amount = name.removeprefix("unlike_")
        logged = looked.records.number(amount, at)
        typical = float(looked.typical[at, AMOUNTS.index(amount)])
        unit = MICROSECONDS if amount == "duration" else 1
        seen = None if logged is None else logged / unit
        return Reason(name, seen, max(typical, 0.0) / unit, share, among=looked.among[at])

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
        if self._inside is not None:
            self._inside.save(folder)
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
        inside = Inside.load(folder, learned.spec) if (folder / "inside.onnx").exists() else None
        return cls(learned, relations, (folder / "model.onnx").read_bytes(), beside, inside)

    def describe(self) -> list[str]:
        """The features, and the values of each column of codes."""
        time_of_day = "used" if TIME_OF_DAY[0] in self._spec.numbers else "not used: the baseline is too short"
        lines = [
            f"{len(self._spec.numbers)} numbers, {len(self._spec.rolling)} of them rolling; time of day {time_of_day}"
        ]
        lines += [f"{column}: {', '.join(self._spec.names_of(column)[1:])}" for column in self._spec.coded]
        return lines
