"""k-modes over logons: how unlike every usual kind of logon is this one, and how unlike its own habits."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import msgspec
import numpy as np

from oddlog_core.detectors.contract import Detector, FitOptions, Fitted, Reason, Scored
from oddlog_core.detectors.habits import PARTS, Habits, Looked, Tail
from oddlog_core.detectors.modes import Distinct, fit_modes
from oddlog_core.detectors.table import table
from oddlog_core.errors import BaselineError
from oddlog_core.features import recent
from oddlog_core.features.acquaintance import Acquaintance, Judged
from oddlog_core.features.logons import RELATIONS, Different
from oddlog_core.features.memo import Memo
from oddlog_core.features.ntlm import CLASSIC, FULL, HOST_EVENTS, VARYING, LogonFields, learn_fields
from oddlog_core.features.tables import read_tables, write_tables
from oddlog_core.kernels.matching import apart_from_modes, nearest_beside, nearest_mode
from oddlog_core.span import End, days, ends, per_day, some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from oddlog_core.kernels.recent import RecentState
    from oddlog_core.records import Categories, Records

__all__ = ["HostEventsDetector", "KModesDetector"]

_FAR = 6.0
_RARE = 10.0
"""Nats of rarity within a distance that make half of the way to the next."""
_REMEMBERED, _BYTES = 1 << 15, 256
"""Different logons at most whose judgement is kept for when they come again, and what one of ten modes takes."""


class _Learned(msgspec.Struct, frozen=True):
    fields: LogonFields
    modes: list[list[int]]
    shares: list[float]
    curve: dict[int, int]
    surprise: list[list[float]]
    tail: Tail | None
    """Of how unlike the nearest mode logons are; None in the classic profile, which is that and nothing else."""


class _State(NamedTuple):
    """What sources did in the last hour, and what was made of logons lately."""

    recent: RecentState
    memo: Memo


class _Evidence(NamedTuple):
    """Logons, the mode nearest to each, how unlike it is, what habits make of it, and what was explained so far."""

    records: Records
    label: NDArray[np.int32]
    unlike: NDArray[np.float64]
    looked: Looked | None
    told: dict[int, tuple[_Told, int]]


class _Told(NamedTuple):
    """What explanations of some logons are made of: their fields and codes, and evidence of habits."""

    fields: list[Categories]
    codes: NDArray[np.int32]
    parts: NDArray[np.float64]
    often: Mapping[str, NDArray[np.int64]]


class KModesDetector(Detector):
    """Matching dissimilarity of a logon to the nearest mode, and how far it is from the baseline's habits.

    Huang, Extensions to the k-means algorithm for clustering large data sets with categorical values (1998). The
    score of the classic profile is the number of nine fields that differ. In the default profile it is evidence, in
    nats: of that distance, ties ranked by how rare the differing values are in their mode; of who logs on where, from
    where and as what; and of what the source did in the minutes before.
    """

    name = "ntlm-kmodes"
    log = "ntlm"
    note = "Odd_NTLM_Logon"
    fields: ClassVar[tuple[str, ...]] = FULL
    """Of its default profile."""

    def __init__(self, learned: _Learned, habits: Habits | None, known: Acquaintance | None) -> None:
        self._learned, self._habits, self._known = learned, habits, known
        self._modes = np.array(learned.modes, np.int32).reshape(-1, len(learned.fields.names))
        self._surprise, self._offsets = np.array(learned.surprise), _offsets(learned.fields)
        names = learned.fields.names
        self._varying = [f for f, name in enumerate(names) if name in VARYING]
        self._steady = [f for f, name in enumerate(names) if name not in VARYING]
        self.warm_up = recent.WARM_UP if habits else 0
        # How new something is, which a state adds up, is this baseline's word.
        self.remembers = None if habits else "nothing"
        self.threshold = None if habits else np.nextafter(_FAR, np.inf)

    @classmethod
    def fit(cls, baseline: Sequence[Records], options: FitOptions) -> Fitted:
        """Learn the modes and the habits; see `Detector.fit`."""
        n = sum(map(len, baseline))
        if n < 2:
            raise BaselineError(f"{cls.log}: {n} records are too few to learn from")
        learn = partial(cls._learn, whole_weeks=round(days(baseline), 1) >= 14)
        latest, earliest = ends(baseline, options.held_back)
        before = learn(latest.others, options.part(0.0, 0.2))
        after = learn(earliest.others, options.part(0.2, 0.4))._weighing_as(before)
        judged = Judged.end_to_end(
            [
                before._judge_end(latest, learn, options.part(0.4, 0.5)),
                after._judge_end(earliest, learn, options.part(0.5, 0.6)),
            ]
        )
        # What was held back has been judged; what it knows of who is usual is worth having.
        detector = learn(baseline, options.part(0.6, 1.0))._weighing_as(before)
        return Fitted(detector, judged.score, per_day(baseline), before, judged.kind, judged.kinds)

    def _judge_end(
        self, end: End, learn: Callable[[Sequence[Records], FitOptions], Self], options: FitOptions
    ) -> Judged:
        """Scores of an end of the baseline that it has not learned from."""
        score = np.concatenate([one.score for one in self._one_by_one(end.held_back)])
        if self._known is None:
            return Judged(score)
        strange: list[NDArray[np.float64]] = []
        of_strange: list[NDArray[np.int64]] = []
        strangers = self._known.strangers(end.held_back)
        if strangers is not None:
            # Some hosts' scores as of newcomers, too, by a detector that was never taught of them.
            other = learn(strangers.without(end.others), options)
            theirs = [strangers.rows(batch) for batch in end.held_back]
            of_strange = [kind for _, kind in theirs]
            only = [some(batch, rows) for batch, (rows, _) in zip(end.held_back, theirs, strict=True)]
            strange = [one.score for one in other._one_by_one(only)]
        kind = np.concatenate([self._known.kinds(batch) for batch in end.held_back])
        return Judged.of(score, kind, strange, of_strange)

    def _weighing_as(self, other: Self) -> Self:
        """The same, but for how many nats of evidence each surprise is: as another says.

        What more habits never had is more surprising to them. Scores held back by half of them would not compare.
        """
        if self._habits is None or other._habits is None:
            return self
        learned = msgspec.structs.replace(self._learned, tail=other._learned.tail)
        return type(self)(learned, replace(self._habits, tails=other._habits.tails), self._known)

    def _one_by_one(self, batches: Sequence[Records]) -> Iterator[Scored]:
        """Scores of batches in log order."""
        state = self.new_state()
        return (self.score_samples(batch, state, np.inf) for batch in batches)

    @classmethod
    def _learn(cls, train: Sequence[Records], options: FitOptions, *, whole_weeks: bool) -> Self:
        """Learn the modes and the habits."""
        classic = options.profile == "classic" and cls.fields is FULL
        habits, judged = (None, [{} for _ in train]) if classic else Habits.learn(train)
        # The classic profile is the notebook's, which had whole weeks.
        fields = learn_fields(
            train,
            CLASSIC if classic else cls.fields,
            judged,
            options.networks,
            options.time_zone,
            whole_weeks=classic or whole_weeks,
        )
        distinct = Distinct.of(fields.encode(batch, one) for batch, one in zip(train, judged, strict=True))
        modes = fit_modes(distinct, options.modes, options.seed, options.progress)
        label, distance = nearest_mode(distinct.rows, modes.modes)
        shares = np.bincount(label, distinct.weights, minlength=len(modes.modes)) / distinct.weights.sum()
        surprise = _surprise(distinct, label, fields, len(modes.modes))
        _, rare = apart_from_modes(distinct.rows, modes.modes, surprise, _offsets(fields))
        unlike = _unlike(distance, rare[np.arange(len(rare)), label])
        tail = None if classic else Tail.fit(np.repeat(unlike, distinct.weights))
        learned = _Learned(fields, modes.modes.tolist(), shares.tolist(), dict(modes.curve), surprise.tolist(), tail)
        return cls(learned, habits, None if habits is None else Acquaintance.of(train))

    def new_state(self) -> _State | None:
        """State before the first logon; the classic profile judges logons one by one."""
        if not self._habits:
            return None
        remembered = min(_REMEMBERED, 1 << max(4, (self.room // 3 // _BYTES).bit_length() - 1))
        return _State(recent.new_state(self.room * 2 // 3), Memo(remembered))

    def score_samples(self, records: Records, state: _State | None, threshold: float) -> Scored:
        """Fields in which each logon differs from its nearest mode; in the default profile evidence in nats."""
        fields = self._learned.fields
        habits, known, tail = self._habits, self._known, self._learned.tail
        if habits is None or known is None or state is None or tail is None:
            label, distance = nearest_mode(fields.encode(records, {}), self._modes)
            score = distance.astype(np.float64)
            return Scored.of_records(records, score, threshold, _Evidence(records, label, score, None, {}))
        different = Different.of(records, fields.columns)
        related, deeds, expected, differing, rare = state.memo.recall(
            different.records.clock, different.key, lambda rows: self._judge(habits, different.take(rows))
        )
        counted = recent.sums(state.recent, records.clock, different.number, different.keys, deeds)
        looked = Looked(different, counted, recent.apart(counted, different.number, expected))
        codes = fields.encode(records, recent.shares(counted), self._varying)
        label, distance, beside = nearest_beside(differing, rare, different.number, codes, *self._among(self._varying))
        unlike = tail.evidence(_unlike(distance, beside))
        # Nine digits: the last bits of a vectorised sum may depend on how many rows there are.
        score = np.round(unlike + related[different.number] + habits.did(looked.apart), 9)
        evidence = _Evidence(records, label, unlike, looked, {})
        return Scored.of_records(records, score, threshold, evidence, known.kinds(records))

    def _judge(self, habits: Habits, different: Different) -> tuple[NDArray[Any], ...]:
        """What habits say of different logons, and how far they are from each mode by what does not vary."""
        judgement = habits.judge(different)
        codes = self._learned.fields.encode(different.records, judgement.pairs, self._steady)
        apart = apart_from_modes(codes, *self._among(self._steady))
        return judgement.related.sum(axis=1), judgement.deeds, judgement.expected, *apart

    def _among(self, fields: list[int]) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.int64]]:
        """Modes, and how surprising values are in them, by some fields only."""
        return np.ascontiguousarray(self._modes[:, fields]), self._surprise, self._offsets[fields]

    def kept(self, scored: Scored, scores: NDArray[np.int64]) -> Scored:
        """See `Detector.kept`."""
        records, label, unlike, looked, _ = scored.evidence
        looked = None if looked is None else looked.take(scores)
        return scored.take(scores, _Evidence(some(records, scores), label[scores], unlike[scores], looked, {}))

    def explain(self, scored: Scored, index: int) -> tuple[Reason, ...]:
        """The fields that differ from the nearest mode, with both values; relations and recent failures by counts."""
        evidence: _Evidence = scored.evidence
        told, at = self._tell(scored, index)
        if evidence.looked is None:
            return tuple(self._differing(told, at, evidence.label[index], 1.0))
        unlike, parts = evidence.unlike[index], told.parts[at]
        total = max(unlike + parts.sum(), 1e-300)
        reasons = self._differing(told, at, evidence.label[index], unlike / total) if unlike else []
        often = {name: counts[at] for name, counts in told.often.items()}
        reasons += _unusual(often, evidence.looked.counted[index], parts / total)
        return tuple(sorted(reasons, key=lambda reason: -reason.share))

    def _tell(self, scored: Scored, index: int) -> tuple[_Told, int]:
        """What one score's explanation is made of, and where in it."""
        evidence: _Evidence = scored.evidence
        if index not in evidence.told:
            rows = scored.together(index)
            logons, fields = some(evidence.records, rows), self._learned.fields
            parts = np.empty((len(rows), 0))
            often: Mapping[str, NDArray[np.int64]] = {}
            judged: Mapping[str, Categories] = {}
            if self._habits is not None and evidence.looked is not None:
                looked = evidence.looked.take(rows)
                parts, judged = self._habits.parts(looked)
                often = self._habits.logons.often(looked.different.keys)
            told = _Told(fields.categorise(logons, judged), fields.encode(logons, judged), parts, often)
            evidence.told.update((row, (told, at)) for at, row in enumerate(rows.tolist()))
        return evidence.told[index]

    def _differing(self, told: _Told, at: int, label: int, share: float) -> list[Reason]:
        """Fields that differ, and of the share of all of them what each carries."""
        codes = told.codes[at]
        differing = np.flatnonzero(codes != self._modes[label])
        rare = (
            np.ones(len(differing))
            if self._habits is None
            else self._surprise[label, self._offsets[differing] + codes[differing]]
        )
        reasons = []
        for f, weight in zip(differing.tolist(), rare / max(rare.sum(), 1e-300), strict=True):
            found = told.fields[f]
            seen = found.values[found.codes[at]] if found.codes[at] >= 0 else None
            expected = self._learned.fields.name(f, int(self._modes[label, f]))
            reasons.append(Reason(self._learned.fields.names[f], seen, expected, float(share * weight)))
        return reasons

    def export_state(self, state: _State | None) -> dict[str, Any]:
        """What sources did in the last hour."""
        return {} if state is None else state.recent.export()

    def restore_state(self, exported: dict[str, Any]) -> _State | None:
        """What `export_state` exported."""
        state = self.new_state()
        if state is not None:
            state.recent.restore(exported)
        return state

    def save(self, folder: Path) -> None:
        """Write ``modes.json``, and habits and ``hosts.npz`` where there are any."""
        (folder / "modes.json").write_bytes(msgspec.json.encode(self._learned))
        if self._habits is not None and self._known is not None:
            self._habits.save(folder)
            write_tables(folder / "hosts.npz", {"hosts": {"stretches": self._known.stretches}})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        learned = msgspec.json.decode((folder / "modes.json").read_bytes(), type=_Learned)
        if not learned.tail:
            return cls(learned, None, None)
        known = Acquaintance(read_tables(folder / "hosts.npz")["hosts"]["stretches"])
        return cls(learned, Habits.load(folder), known)

    def describe(self) -> list[str]:
        """The most common logons here, as a table: each mode, its share of the logons, and the fields that differ."""
        learned = self._learned
        curve = ", ".join(f"{count}: {cost:,}" for count, cost in learned.curve.items())
        return [
            "the most common logons here",
            *table(learned.fields, self._modes, learned.shares),
            *([f"cost by number of modes, of which {len(self._modes)} were taken: {curve}"] if curve else []),
        ]


class HostEventsDetector(KModesDetector):
    """The same over the events that Windows hosts log, as in LANL's data set of 2017."""

    name = "wls-kmodes"
    log = "wls"
    note = "Odd_Host_Event"
    fields = HOST_EVENTS


def _offsets(fields: LogonFields) -> NDArray[np.int64]:
    """Where the codes of each field begin among those of all of them; before 0 is the place of a value never seen."""
    sizes = np.array(fields.sizes(), np.int64) + 1
    return np.cumsum(sizes) - sizes + 1


def _surprise(distinct: Distinct, label: NDArray[np.int32], fields: LogonFields, n_modes: int) -> NDArray[np.float64]:
    """Surprise of each value among the logons of each mode, (n_modes, n_values) in nats.

    Every value, one never seen among them, counts as if it had been seen once more, in all its field's values together
    (Laplace's rule of succession, with one pseudo-count).
    """
    offsets, sizes = _offsets(fields), fields.sizes()
    counts = np.zeros((n_modes, sum(sizes) + len(sizes)))
    for f, codes in enumerate(distinct.rows.T):
        np.add.at(counts, (label, offsets[f] + codes), distinct.weights)
    for offset, size in zip(offsets - 1, sizes, strict=True):
        field = counts[:, offset : offset + size + 1]
        field += 1 / (size + 1)
        field /= field.sum(axis=1, keepdims=True)
    surprise: NDArray[np.float64] = -np.log(counts)
    return surprise


def _unlike(distance: NDArray[np.int32], rare: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances, ties ranked by how rare the differing values are: below the next distance, however rare."""
    unlike: NDArray[np.float64] = distance + rare / (rare + _RARE)
    return unlike


def _unusual(
    often: Mapping[str, NDArray[np.int64]], counted: NDArray[np.int64], shares: NDArray[np.float64]
) -> list[Reason]:
    """Relations with how often the baseline had them, and what the source did just before."""
    reasons = []
    for name, share in zip(PARTS, shares.tolist(), strict=True):
        if not share:
            continue
        if name in RELATIONS:
            seen, of = often[name].tolist()
            reasons.append(Reason(name, float(seen), None, share, float(of)))
        else:
            reasons.append(_recent(name, counted, share))
    return reasons


def _recent(name: str, counted: NDArray[np.int64], share: float) -> Reason:
    """Counts of a source's last minutes; not every logon without success is known to have failed."""
    what, _, window = name.partition(" in ")
    sums = counted[[*recent.WINDOWS].index(window)].tolist()
    if what == "new":
        return Reason(name, float(sums[recent.NEWS]), None, share, float(sums[0]))
    field = f"no success in {window}" if sums[recent.OPEN] else name
    return Reason(field, float(sums[recent.FAILED] + sums[recent.OPEN]), None, share, float(sums[0]))
