"""Sessions of an authentication log, by the risk that they turn malicious: learned from labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import msgspec
import numpy as np

from oddlog_core.detectors.contract import Detector, FitOptions, Fitted, Reason, Scored
from oddlog_core.detectors.session import open_model
from oddlog_core.errors import BaselineError
from oddlog_core.features.sessions import (
    AFTER,
    LABEL,
    LEAD,
    SCHEMAS,
    WINDOW,
    Outcomes,
    Sessions,
    log_odds,
    vocabularies,
)
from oddlog_core.options import ROOM
from oddlog_core.span import DAY, days, split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from oddlog_core.features.sessions import Schema
    from oddlog_core.records import Records

__all__ = ["AuthSessionsDetector", "NtlmSessionsDetector", "SessionsDetector"]

_UNKNOWN = -1.0
"""In place of what is not known, which no feature but a skew can be; trees tell it from 0."""

_A_DAY = 20
_MOST_REASONS = 8
_TOLD_FEATURES = 10


class _Judged(msgspec.Struct, frozen=True):
    """How the sessions held back were told apart; None where they were of one kind."""

    sessions: int
    malicious: int
    roc_auc: float | None
    average_precision: float | None
    brier: float
    top: int
    precision: float


class _Learned(msgspec.Struct, frozen=True):
    vocabulary: dict[str, list[str]]
    slope: float
    intercept: float
    usual: list[float]
    importances: list[float]
    sessions: int
    malicious: int
    judged: _Judged


@dataclass(frozen=True, slots=True)
class _Cutoffs:
    """Sessions at their cutoffs: the record's row over all batches, what is told, which way they went, and by when.

    `malicious` is -1 where a session was too short to say.
    """

    row: NDArray[np.int64]
    told: NDArray[np.float64]
    malicious: NDArray[np.int64]
    decided: NDArray[np.int64]


class SessionsDetector(Detector):
    """Probability that a session turns malicious, by a random forest over what its past says at its cutoff.

    It scores a session once a day, at its third record. What it has learned is whatever the labels called malicious:
    other attacks may look like anything to it.
    """

    note = "Risky_Session"
    on_request = True
    every_record = False
    warm_up = DAY

    def __init__(self, learned: _Learned, model: bytes) -> None:
        self._learned, self._bytes = learned, model
        self._model = open_model(model)
        self._usual = np.array(learned.usual, np.float32)

    @property
    def _schema(self) -> Schema:
        return SCHEMAS[self.log]

    @classmethod
    def fit(cls, baseline: Sequence[Records], options: FitOptions) -> Fitted:
        """Train a forest on the earlier sessions; see `Detector.fit`.

        Raises
        ------
        BaselineError
            If nothing is labelled, or the earlier sessions are all of one kind.
        """
        from oddlog_core.training.sessions import train_forest  # noqa: PLC0415  # skl2onnx comes with the extra

        n = sum(map(len, baseline))
        if n < 2:
            raise BaselineError(f"{cls.log}: {n} records are too few to learn from")
        if not all(LABEL in records.integers for records in baseline):
            raise BaselineError(f"{cls.log}: sessions are learned from labels, and none were given")
        vocabulary = vocabularies(SCHEMAS[cls.log], split(baseline, options.held_back)[0])
        found = _cutoffs(SCHEMAS[cls.log], vocabulary, baseline)
        known = np.flatnonzero(found.malicious >= 0)
        boundary = found.row[known[round(len(known) * (1 - options.held_back))]] if len(known) > 1 else 0
        # Of what came later nobody knew, at the boundary, which way it would go.
        train = known[found.decided[known] < boundary]
        malicious = found.malicious[train] == 1
        if not 0 < malicious.sum() < len(train):
            raise BaselineError(
                f"{cls.log}: of the earlier {len(train)} sessions with more than {AFTER + LEAD + 1} records "
                f"{malicious.sum()} turn malicious; some have to, and some must not"
            )
        features = _filled(found.told)
        forest = train_forest(features[train], malicious, options.seed)
        options.progress(1.0)
        later = np.flatnonzero(found.row >= boundary)
        learned = _Learned(
            vocabulary,
            forest.slope,
            forest.intercept,
            np.median(features[train[~malicious]], axis=0).tolist(),
            np.round(forest.importances, 6).tolist(),
            len(train),
            int(malicious.sum()),
            _Judged(0, 0, None, None, 0.0, 0, 0.0),
        )
        risk = cls(learned, forest.model).risk(features)
        held_back = later[found.malicious[later] >= 0]
        clock = np.concatenate([records.clock for records in baseline])[found.row[held_back]]
        judged = _judged(risk[held_back], found.malicious[held_back] == 1, clock)
        detector = cls(msgspec.structs.replace(learned, judged=judged), forest.model)
        if options.keep:
            options.keep(detector._examples(baseline, found))
        # Rarity is that of ordinary sessions: those known to be malicious are no part of what is usual.
        return Fitted(detector, risk[later[found.malicious[later] != 1]], len(found.row) / days(baseline))

    def _examples(self, baseline: Sequence[Records], found: _Cutoffs) -> dict[str, Any]:
        """Columns of the feature matrix: both ends, the cutoff, its label (None where unknown), and the features."""
        schema = self._schema
        columns: dict[str, Any] = {name: [] for name in schema.ends}
        for name in schema.ends:
            for records in baseline:
                values = records.categories[name]
                columns[name] += [values.values[code] if code >= 0 else None for code in values.codes]
            columns[name] = [columns[name][row] for row in found.row.tolist()]
        columns["cutoff"] = np.concatenate([records.clock for records in baseline])[found.row]
        columns[LABEL] = [None if label < 0 else bool(label) for label in found.malicious.tolist()]
        for c, name in enumerate(schema.names):
            columns[name] = self._seen(name, found.told[:, c])
        return columns

    def _seen(self, name: str, told: NDArray[np.float64]) -> list[Any]:
        """What a feature is, in its own unit; None where it is not known."""
        field = name.partition("MODE(log.")[2].rstrip(")")
        values: list[Any] = [None if np.isnan(one) else one for one in told.tolist()]
        if field:
            words = [*self._learned.vocabulary[field], "another"]
            values = [None if one is None else words[int(one)] for one in values]
        return values

    def new_state(self) -> Sessions:
        """No session yet."""
        return Sessions(self._schema, self._learned.vocabulary, self.room)

    def score_samples(self, records: Records, state: Sessions, threshold: float) -> Scored:
        """Risk of each session whose cutoff is among these records."""
        return self.begin(records, state, threshold)()

    def begin(self, records: Records, state: Sessions, threshold: float) -> Callable[[], Scored]:
        """Take in the records; see `Detector.begin`."""
        rows, told = state.update(records)

        def score() -> Scored:
            risk = self.risk(_filled(told))
            final = np.ones(len(rows), np.bool_)
            return Scored(risk, rows, records.clock[rows], final, risk >= threshold, evidence=told)

        return score

    def risk(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Calibrated probability of turning malicious, (n,), of features without NaN."""
        if not len(features):
            return np.zeros(0)
        votes = self._model.run(["probabilities"], {"features": features})[0][:, 1].astype(np.float64)
        odds = self._learned.slope * log_odds(votes) + self._learned.intercept
        # Nine digits: the last bits may depend on how many rows there are.
        risk: NDArray[np.float64] = np.round(1 / (1 + np.exp(-odds)), 9)
        return risk

    def explain(self, scored: Scored, index: int) -> tuple[Reason, ...]:
        """The features without which the risk would be lower: each in turn as it is for the usual harmless session."""
        told = scored.evidence[index]
        features = _filled(told[None, :])
        instead = np.repeat(features, len(told), axis=0)
        np.fill_diagonal(instead, self._usual)
        gain = scored.score[index] - self.risk(instead)
        gain[features[0] == self._usual] = 0.0
        if gain.max() <= 0:
            # No feature decides by itself: those that differ, by what the forest makes of each.
            differs = features[0] != self._usual
            gain = np.where(differs | ~differs.any(), np.array(self._learned.importances) + 1e-9, 0.0)
        weightiest = np.argsort(-gain, kind="stable")[:_MOST_REASONS]
        total = max(float(np.maximum(gain, 0).sum()), 1e-300)
        names = self._schema.names
        usual = np.where(self._usual == _UNKNOWN, np.nan, self._usual.astype(np.float64))
        return tuple(
            Reason(
                names[c],
                self._seen(names[c], told[c : c + 1])[0],
                self._seen(names[c], usual[c : c + 1])[0],
                float(gain[c] / total),
            )
            for c in weightiest.tolist()
            if gain[c] > 0
        )

    def evicted(self, state: Sessions) -> int:
        """What found no room."""
        return state.lost

    def export_state(self, state: Sessions) -> dict[str, Any]:
        """What is known of today's sessions."""
        return state.export()

    def restore_state(self, exported: dict[str, Any]) -> Sessions:
        """What `export_state` exported."""
        state = self.new_state()
        state.restore(exported)
        return state

    def save(self, folder: Path) -> None:
        """Write ``learned.json`` and ``model.onnx``."""
        (folder / "learned.json").write_bytes(msgspec.json.encode(self._learned))
        (folder / "model.onnx").write_bytes(self._bytes)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        learned = msgspec.json.decode((folder / "learned.json").read_bytes(), type=_Learned)
        return cls(learned, (folder / "model.onnx").read_bytes())

    def describe(self) -> list[str]:
        """From what it was learned, how it did on what was held back, and which features decide."""
        learned, judged = self._learned, self._learned.judged
        auc, precision = ("n/a" if one is None else f"{one:.3f}" for one in (judged.roc_auc, judged.average_precision))
        weightiest = np.argsort(-np.array(learned.importances), kind="stable")[:_TOLD_FEATURES].tolist()
        of = " and ".join(self._schema.ends)
        window = f"malicious if any of {WINDOW} is, of which the first comes {LEAD} later"
        worth = f"ROC AUC {auc}, average precision {precision}, Brier score {judged.brier:.4f}"
        top = f"precision of the riskiest {judged.top:,}, {_A_DAY} a day: {judged.precision:.3f}"
        return [
            f"sessions of {of}, judged after {AFTER} records; {window}",
            f"learned from {learned.sessions:,} sessions, of which {learned.malicious:,} turned malicious",
            f"held back, all of them later: {judged.sessions:,}, of which {judged.malicious:,} did; {worth}; {top}",
            "what decides most, and its importance:",
            *(f"{learned.importances[c]:.3f}  {self._schema.names[c]}" for c in weightiest),
        ]


class AuthSessionsDetector(SessionsDetector):
    """Of LANL's authentication events: a source computer and a destination computer."""

    name = "auth-sessions"
    log: ClassVar[str] = "auth"


class NtlmSessionsDetector(SessionsDetector):
    """Of ntlm.log: a user and a responder."""

    name = "ntlm-sessions"
    log: ClassVar[str] = "ntlm"


def _filled(told: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.nan_to_num(told, nan=_UNKNOWN).astype(np.float32)


def _cutoffs(schema: Schema, vocabulary: dict[str, list[str]], baseline: Sequence[Records]) -> _Cutoffs:
    sessions = Sessions(schema, vocabulary, ROOM)
    rows, told, before = [], [], 0
    for records in baseline:
        at, found = sessions.update(records)
        rows.append(at + before)
        told.append(found)
        before += len(records)
    row = np.concatenate(rows)
    outcomes = Outcomes.of(schema, baseline)
    malicious, decided = np.full(len(row), -1, np.int64), np.full(len(row), before, np.int64)
    at = np.searchsorted(row, outcomes.rows)
    # What found no room has an outcome, but nothing is told of it.
    there = at < len(row)
    there[there] = row[at[there]] == outcomes.rows[there]
    malicious[at[there]], decided[at[there]] = outcomes.malicious[there], outcomes.decided[there]
    return _Cutoffs(row, np.concatenate(told), malicious, decided)


def _judged(risk: NDArray[np.float64], malicious: NDArray[np.bool_], clock: NDArray[np.int64]) -> _Judged:
    # scikit-learn takes a second to import, that scoring need not wait for.
    from sklearn.metrics import average_precision_score, roc_auc_score  # noqa: PLC0415

    top = min(max(round(_A_DAY * (int(clock[-1]) - int(clock[0])) / DAY), _A_DAY), len(risk)) if len(risk) else 0
    both = 0 < malicious.sum() < len(risk)
    # Of equal risks, the harmless first: what is told is no better than what a reader gets.
    riskiest = np.lexsort((malicious, -risk))[:top]
    return _Judged(
        len(risk),
        int(malicious.sum()),
        float(roc_auc_score(malicious, risk)) if both else None,
        float(average_precision_score(malicious, risk)) if both else None,
        float(np.mean((risk - malicious) ** 2)) if len(risk) else 0.0,
        top,
        float(malicious[riskiest].mean()) if top else 0.0,
    )
