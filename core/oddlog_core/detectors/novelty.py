"""Novelty: how unlike all that was normal in a baseline is this connection or flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec
import numpy as np
import onnxruntime

from oddlog_core.detectors.contract import Detector, FitOptions, Fitted, Reason, Scored
from oddlog_core.errors import BaselineError
from oddlog_core.features.novelty import Measurements, Scaling
from oddlog_core.features.sequences import SPAN, Sequences, Tape, timeline
from oddlog_core.options import NoveltyModel  # noqa: TC001 - msgspec reads it
from oddlog_core.span import per_day, split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["HISTORY", "ConnNoveltyDetector", "FlowNoveltyDetector", "NoveltyDetector", "Scorer"]

FEWEST = 100
HISTORY = "what came before"
_ROWS = 2048
# onnxruntime computes what does not fill its vectors by other instructions, whose last bits differ: rows are filled up.
_WHOLE = 16
_MOST_REASONS = 4


class Scorer:
    """An ONNX file run by onnxruntime on one thread.

    Parameters
    ----------
    model : bytes
        As `oddlog_core.training.novelty.fit` makes it.
    """

    def __init__(self, model: bytes) -> None:
        self.model = model
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def scores(self, columns: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score of each row, (n,)."""
        return self.of_pieces(len(columns), columns.__getitem__)

    def of_pieces(self, n: int, piece: Callable[[NDArray[np.int64]], NDArray[np.float32]]) -> NDArray[np.float64]:
        """Score `n` rows, a piece of which is made of their numbers when its turn comes."""
        scores = np.empty(n)
        for start in range(0, n, _ROWS):
            part = piece(np.arange(start, min(start + _ROWS, n)))
            short = -len(part) % _WHOLE
            filled = np.concatenate([part, np.repeat(part[-1:], short, axis=0)]) if short else part
            (found,) = self._session.run(["score"], {"columns": filled})
            scores[start : start + len(part)] = found.ravel()[: len(part)]
        return scores


class _Learned(msgspec.Struct, frozen=True):
    model: NoveltyModel
    measurements: Measurements
    scaling: Scaling


class _Evidence(NamedTuple):
    columns: NDArray[np.float64]
    scaled: NDArray[np.float32]
    tape: Tape | None


class NoveltyDetector(Detector):
    """A model of normal records alone, that says how far from them a record is.

    Parameters
    ----------
    learned : _Learned
    scorer : Scorer
    """

    note = "Odd_Flow"

    def __init__(self, learned: _Learned, scorer: Scorer) -> None:
        self._learned, self._scorer = learned, scorer
        self._fields = learned.measurements.fields
        if learned.model == "lstm":
            self.warm_up, self.fading = SPAN, ("sequences",)

    @classmethod
    def fit(cls, baseline: Sequence[Records], options: FitOptions) -> Fitted:
        """Learn from all but the latest part of the baseline; see `Detector.fit`. Needs the extra ``train``."""
        # torch is only there where someone trains.
        from oddlog_core.training import novelty  # noqa: PLC0415

        n = sum(map(len, baseline))
        if n < FEWEST:
            raise BaselineError(f"{cls.log}: {n} records are too few to learn from, {FEWEST} are the least")
        learned_from, held_back = split(baseline, options.held_back)
        measurements = Measurements.learn(learned_from, cls.log)
        columns = np.concatenate([measurements.columns(batch) for batch in learned_from])
        scaling = Scaling.learn(columns)
        scaled = scaling.scaled(columns)
        sequences = Sequences(scaled.shape[1]) if options.novelty.model == "lstm" else None
        tape = sequences.take(*timeline(learned_from), scaled) if sequences else None
        model = novelty.fit(options.novelty, scaled, tape, options.progress)
        detector = cls(_Learned(options.novelty.model, measurements, scaling), Scorer(model))
        scores = [detector.score_samples(batch, sequences, np.inf).score for batch in held_back]
        return Fitted(detector, np.concatenate(scores), per_day(baseline))

    def new_state(self) -> Sequences | None:
        """Of ``lstm`` the sources' latest records, none yet; the other models need no state."""
        return Sequences(len(self._fields), self.room) if self._learned.model == "lstm" else None

    def score_samples(self, records: Records, state: Sequences | None, threshold: float) -> Scored:
        """How unlike the baseline each record is, by its model's measure."""
        return self.begin(records, state, threshold)()

    def begin(self, records: Records, state: Sequences | None, threshold: float) -> Callable[[], Scored]:
        """Measure the next records, and set them after those of their sources."""
        columns = self._learned.measurements.columns(records)
        scaled = self._learned.scaling.scaled(columns)
        tape = state.take(*timeline([records]), scaled) if state is not None else None
        evidence = _Evidence(columns, scaled, tape)

        def scored() -> Scored:
            score = self._scorer.of_pieces(len(records), tape.windows if tape else scaled.__getitem__)
            return Scored.of_records(records, score, threshold, evidence)

        return scored

    def kept(self, scored: Scored, scores: NDArray[np.int64]) -> Scored:
        """See `Detector.kept`."""
        columns, scaled, tape = scored.evidence
        tape = None if tape is None else tape.take(scores)
        return scored.take(scores, _Evidence(columns[scores], scaled[scores], tape))

    def explain(self, scored: Scored, index: int) -> tuple[Reason, ...]:
        """Fields without whose oddness the score would be lower, by how much."""
        evidence: _Evidence = scored.evidence
        usual = np.array(self._learned.scaling.usual, np.float32)
        names = [*dict.fromkeys(self._fields)]
        of = np.array([[field == name for field in self._fields] for name in names])
        changed = np.where(of, usual, evidence.scaled[index])
        if evidence.tape is not None:
            window = evidence.tape.windows(np.array([index]))
            windows = np.repeat(window, len(names) + 1, axis=0)
            windows[:-1, -1, :-1] = changed
            windows[-1, :-1] = 0
            changed, names = windows, [*names, HISTORY]
        carried = np.maximum(float(scored.score[index]) - self._scorer.scores(changed), 0.0)
        if not carried.any():
            # No field by itself: those that are furthest from usual.
            apart = (of * (evidence.scaled[index] - usual) ** 2).sum(axis=1)
            carried = np.append(apart, np.zeros(len(names) - len(apart))) + 1e-9
        share = carried / carried.sum()
        most = np.argsort(-share, kind="stable")[:_MOST_REASONS]
        return tuple(self._reason(names[f], evidence, index, float(share[f])) for f in most.tolist() if share[f] > 0)

    def _reason(self, name: str, evidence: _Evidence, index: int, share: float) -> Reason:
        if name == HISTORY and evidence.tape is not None:
            return Reason(name, float((evidence.tape.before[index] >= 0).sum()), None, share)
        learned = self._learned
        usual = np.array(learned.scaling.usual) * np.array(learned.scaling.scale) + np.array(learned.scaling.mean)
        said = learned.measurements.said
        return Reason(name, said(name, evidence.columns[index]), said(name, usual), share)

    def export_state(self, state: Sequences | None) -> dict[str, Any]:
        """Of ``lstm`` the sources' latest records."""
        return {} if state is None else {"sequences": state.export()}

    def restore_state(self, exported: dict[str, Any]) -> Sequences | None:
        """What `export_state` exported."""
        state = self.new_state()
        if state is not None:
            state.restore(exported["sequences"])
        return state

    def save(self, folder: Path) -> None:
        """Write ``learned.json`` and ``model.onnx``."""
        (folder / "learned.json").write_bytes(msgspec.json.encode(self._learned))
        (folder / "model.onnx").write_bytes(self._scorer.model)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        learned = msgspec.json.decode((folder / "learned.json").read_bytes(), type=_Learned)
        return cls(learned, Scorer((folder / "model.onnx").read_bytes()))

    def describe(self) -> list[str]:
        """The model, what it measures, and the values of each code."""
        measurements = self._learned.measurements
        lines = [f"model: {self._learned.model}", f"{len(measurements.numbers)} numbers"]
        return lines + [f"{name}: {', '.join(values)}" for name, values in measurements.values.items()]


class ConnNoveltyDetector(NoveltyDetector):
    """Of Zeek's connections."""

    name = "conn-novelty"
    log = "conn"
    on_request = True


class FlowNoveltyDetector(NoveltyDetector):
    """Of CICFlowMeter's flows: by all that it measures, but not by ports, addresses and protocol."""

    name = "flow-novelty"
    log = "flows"
