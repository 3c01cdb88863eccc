"""How far from the baseline's habits a logon is: who logs on where from where, and what its source did just before."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Self

import msgspec
import numpy as np

from oddlog_core.calibration import Calibration
from oddlog_core.features import recent
from oddlog_core.features.habits import Chain, Typical, blocks
from oddlog_core.features.keys import joined, of_integers
from oddlog_core.features.logons import NAMES, RELATIONS, WHO, Logons, keys_of, only
from oddlog_core.features.ntlm import JUDGED
from oddlog_core.features.recent import FAILURES, NEW, RECENT, Recent
from oddlog_core.features.tables import read_tables, write_tables
from oddlog_core.records import MISSING_CODE, Categories

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from oddlog_core.kernels.recent import RecentState
    from oddlog_core.records import Records

__all__ = ["PARTS", "Habits", "Looked", "Tail"]

FAMILIES = (WHO, NAMES, ("outcome",), ("together",), FAILURES, NEW)
"""Evidence of one kind, seen from several sides: it counts once, by its mean."""

PARTS = (*RELATIONS, *RECENT)

_WEIGHTS = {name: 1 / len(family) for family in FAMILIES for name in family}
_ORDINARY = 1.0
"""Nats of evidence that an ordinary logon shows in each part, on average: what is above them counts."""
_STEP = 0.02


class Tail(msgspec.Struct, frozen=True, dict=True):
    """How much evidence a value is: minus the logarithm of its p-value in the baseline, beyond what is ordinary.

    Attributes
    ----------
    calibration : Calibration
        Of the baseline's own values.
    """

    calibration: Calibration

    @classmethod
    def fit(cls, values: NDArray[np.float64]) -> Self:
        """Calibrate."""
        return cls(Calibration.fit(np.round(values, 9), 1.0))

    def evidence(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Nats, (n,)."""
        out = np.zeros(len(values))
        # Most are below, and looking up where a value is takes time.
        rows = np.flatnonzero(values >= self._start)
        found = np.round(values[rows], 9)
        scores, nats = self._steps
        out[rows] = nats[np.searchsorted(scores, found)]
        beyond = found > self.calibration.tail_start
        if beyond.any():
            far = -np.log(self.calibration.p_value(found[beyond])) - _ORDINARY
            out[rows[beyond]] = np.maximum(far, 0.0)
        return out

    @cached_property
    def _start(self) -> float:
        return self.calibration.threshold(float(np.exp(_ORDINARY)))

    @cached_property
    def _steps(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Scores with their evidence, no closer than `_STEP`: few enough for a processor's nearest cache."""
        nats = np.maximum(-np.log(self.calibration.exceed) - _ORDINARY, 0.0)
        last = np.flatnonzero(np.diff(np.floor(nats / _STEP), append=np.inf))
        scores = np.array(self.calibration.scores)[last]
        return scores, np.append(nats[last], nats[-1])


class Looked(NamedTuple):
    """What habits make of logons.

    Attributes
    ----------
    related : (n_different, len(RELATIONS)) float64
        Evidence of each relation, in nats, by its weight, of the different logons.
    recent : (n, len(RECENT)) float64
        Of what the source did just before.
    judged : mapping of str to Categories
        `JUDGED`.
    keys : mapping of str to (n_different,) int64
        Of the different logons.
    number : (n,) int64
        Which of them each is.
    counted : (n, n_windows, 5) int64
        What its source did; see `oddlog_core.features.recent`.
    """

    related: NDArray[np.float64]
    recent: NDArray[np.float64]
    judged: Mapping[str, Categories]
    keys: Mapping[str, NDArray[np.int64]]
    number: NDArray[np.int64]
    counted: NDArray[np.int64]

    def total(self) -> NDArray[np.float64]:
        """All evidence of each logon, (n,)."""
        total: NDArray[np.float64] = self.related.sum(axis=1)[self.number] + self.recent.sum(axis=1)
        return total

    def parts(self, index: int) -> NDArray[np.float64]:
        """Evidence of each of `PARTS` of one logon."""
        return np.concatenate([self.related[self.number[index]], self.recent[index]])


class _Different(NamedTuple):
    """Logons that differ in who takes part, and which of them each is."""

    keys: dict[str, NDArray[np.int64]]
    outcome: NDArray[np.int64]
    number: NDArray[np.int64]

    @classmethod
    def of(cls, records: Records) -> _Different:
        different, number = only(records)
        return cls(keys_of(different), recent.outcomes(different), number)


@dataclass(frozen=True, slots=True)
class Habits:
    """A baseline's habits.

    Attributes
    ----------
    logons : Logons
    recent : Recent
    tails : mapping of str to Tail
        By name in `PARTS`.
    """

    logons: Logons
    recent: Recent
    tails: Mapping[str, Tail]

    @classmethod
    def learn(cls, baseline: Sequence[Records]) -> tuple[Self, list[dict[str, Categories]]]:
        """Learn from batches in log order, and give `JUDGED` of each, every stretch judged by the others."""
        batches = [*map(_Different.of, baseline)]
        ends = np.cumsum([0, *(len(batch.number) for batch in batches)])
        keys = {name: np.concatenate([batch.keys[name][batch.number] for batch in batches]) for name in batches[0].keys}
        outcome = np.concatenate([batch.outcome[batch.number] for batch in batches])
        logons, judged = Logons.learn(keys)
        tails = {name: Tail.fit(judged.surprise[:, i]) for i, name in enumerate(RELATIONS)}
        related = _evidence(tails, RELATIONS, judged.surprise)
        clock = np.concatenate([batch.clock for batch in baseline])
        # What is new, and how new, depends on the stretch: in another it is not the same.
        apart_by = keys | {"who": joined(keys["who"], of_integers(blocks(len(clock))))}
        counted = recent.sums(recent.new_state(), clock, apart_by, outcome, _new(related), judged.known[:, 2])
        usual, apart = Recent.learn(keys["source"], counted, outcome)
        tails |= {name: Tail.fit(apart[:, i]) for i, name in enumerate(RECENT)}
        known = [
            _judged(judged.known[start:end], records, counted[start:end])
            for records, start, end in zip(baseline, ends[:-1], ends[1:], strict=True)
        ]
        return cls(logons, usual, tails), known

    def look(self, records: Records, state: RecentState) -> Looked:
        """Judge the next logons, and carry on what their sources did."""
        keys, outcome, number = _Different.of(records)
        judged = self.logons.judge(keys)
        related = _evidence(self.tails, RELATIONS, judged.surprise)
        mine = {name: keys[name][number] for name in ("source", "who")}
        counted = recent.sums(
            state, records.clock, mine, outcome[number], _new(related)[number], judged.known[number, 2]
        )
        apart = recent.apart(counted, self.recent.usual.expected([keys["source"]])[number])
        fields = _judged(judged.known[number], records, counted)
        return Looked(related, _evidence(self.tails, RECENT, apart), fields, keys, number, counted)

    def often(self, looked: Looked, index: int) -> dict[str, NDArray[np.int64]]:
        """How often the baseline had what each relation of one logon asks for, and out of how many."""
        row = looked.number[index]
        found = self.logons.often({name: keys[row : row + 1] for name, keys in looked.keys.items()})
        return {name: counts[0] for name, counts in found.items()}

    def save(self, folder: Path) -> None:
        """Write ``habits.npz`` and ``tails.json``."""
        parts: dict[str, Chain | Typical] = {f"chain-{name}": chain for name, chain in self.logons.chains.items()}
        usual = {"usual-relations": self.logons.usual, "usual-recent": self.recent.usual}
        write_tables(folder / "habits.npz", {name: part.arrays() for name, part in (parts | usual).items()})
        (folder / "tails.json").write_bytes(msgspec.json.encode(self.tails))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        parts = read_tables(folder / "habits.npz")
        chains = {
            name.removeprefix("chain-"): Chain.of_arrays(part)
            for name, part in parts.items()
            if name.startswith("chain-")
        }
        tails = msgspec.json.decode((folder / "tails.json").read_bytes(), type=dict[str, Tail])
        logons = Logons(chains, Typical.of_arrays(parts["usual-relations"]))
        return cls(logons, Recent(Typical.of_arrays(parts["usual-recent"])), tails)


def _evidence(tails: Mapping[str, Tail], names: Sequence[str], values: NDArray[np.float64]) -> NDArray[np.float64]:
    columns = [tails[name].evidence(values[:, i]) * _WEIGHTS[name] for i, name in enumerate(names)]
    return np.stack(columns, axis=1)


def _new(related: NDArray[np.float64]) -> NDArray[np.float64]:
    """How new source, user and host are together."""
    new: NDArray[np.float64] = related[:, : len(WHO)].sum(axis=1) * len(WHO)
    return new


def _judged(known: NDArray[np.bool_], records: Records, counted: NDArray[np.int64]) -> dict[str, Categories]:
    """`JUDGED` of logons: a pair is unset where there is no user."""
    nameless = records.categories["username"].codes == MISSING_CODE
    pairs = {
        name: Categories(np.where(nameless, MISSING_CODE, ~known[:, i]).astype(np.int32), ("known", "new"))
        for i, name in enumerate(JUDGED[:2])
    }
    return pairs | recent.shares(counted)
