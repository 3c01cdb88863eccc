"""How far from the baseline's habits a logon is: who logs on where from where, and what its source did just before."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, Self

import msgspec
import numpy as np

from oddlog_core.calibration import Calibration
from oddlog_core.features import recent
from oddlog_core.features.habits import Chain, Typical, blocks
from oddlog_core.features.keys import joined, of_integers
from oddlog_core.features.logons import NAMES, RELATIONS, WHO, Different, Logons
from oddlog_core.features.ntlm import JUDGED
from oddlog_core.features.recent import FAILURES, NEW, RECENT, Recent
from oddlog_core.features.tables import read_tables, write_tables
from oddlog_core.kernels.ranking import ranks
from oddlog_core.records import MISSING_CODE, Categories

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["PARTS", "Habits", "Judgement", "Looked", "Tail"]

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
        out[rows] = nats[ranks(scores, found)]
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


class Judgement(NamedTuple):
    """What a baseline says of different logons, whatever came before them.

    Attributes
    ----------
    related : (n_different, len(RELATIONS)) float64
        Evidence of each relation, in nats, by its weight.
    pairs : mapping of str to Categories
        The fields of `JUDGED` that follow; unset where there is no user.
    deeds : (n_different, 4) int64
        What is summed of them; see `oddlog_core.features.recent`.
    expected : (n_different, 2, 3) float64
        What is usual for their sources.
    """

    related: NDArray[np.float64]
    pairs: Mapping[str, Categories]
    deeds: NDArray[np.int64]
    expected: NDArray[np.float64]


class Looked(NamedTuple):
    """Logons beside what their sources did before.

    Attributes
    ----------
    different : Different
    counted : (n, n_windows, 5) int64
        What the source of each logon did; see `oddlog_core.features.recent`.
    apart : (n, len(RECENT)) float64
        How far that is from what is usual for it.
    """

    different: Different
    counted: NDArray[np.int64]
    apart: NDArray[np.float64]

    def take(self, rows: NDArray[np.int64]) -> Looked:
        """Some logons."""
        return Looked(self.different.take(self.different.number[rows]), self.counted[rows], self.apart[rows])


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
        batches = [*map(Different.of, baseline)]
        ends = np.cumsum([0, *(len(batch.number) for batch in batches)])
        keys = {name: np.concatenate([batch.keys[name][batch.number] for batch in batches]) for name in batches[0].keys}
        outcome = np.concatenate([recent.outcomes(batch.records)[batch.number] for batch in batches])
        nameless = np.concatenate([_nameless(batch.records)[batch.number] for batch in batches])
        logons, judged = Logons.learn(keys)
        tails = {name: Tail.fit(judged.surprise[:, i]) for i, name in enumerate(RELATIONS)}
        related = _evidence(tails, RELATIONS, judged.surprise)
        clock = np.concatenate([batch.clock for batch in baseline])
        # What is new, and how new, depends on the stretch: in another it is not the same.
        apart_by = keys | {"who": joined(keys["who"], of_integers(blocks(len(clock))))}
        deeds = recent.deeds(outcome, _new(related), judged.known[:, 2])
        counted = recent.sums(recent.new_state(), clock, np.arange(len(clock)), apart_by, deeds)
        usual, apart = Recent.learn(keys["source"], counted, outcome)
        tails |= {name: Tail.fit(apart[:, i]) for i, name in enumerate(RECENT)}
        pairs = _pairs(judged.known, nameless)
        known = [
            {name: Categories(found.codes[start:end], found.values) for name, found in pairs.items()}
            | recent.shares(counted[start:end])
            for start, end in pairwise(ends.tolist())
        ]
        return cls(logons, usual, tails), known

    def judge(self, different: Different) -> Judgement:
        """Judge different logons, each by itself."""
        judged = self.logons.judge(different.keys)
        related = _evidence(self.tails, RELATIONS, judged.surprise)
        return Judgement(
            related,
            _pairs(judged.known, _nameless(different.records)),
            recent.deeds(recent.outcomes(different.records), _new(related), judged.known[:, 2]),
            self.recent.expected(different.keys["source"]),
        )

    def did(self, apart: NDArray[np.float64]) -> NDArray[np.float64]:
        """All evidence of what sources did, (n,)."""
        total = np.zeros(len(apart))
        for i, name in enumerate(RECENT):
            total += self.tails[name].evidence(apart[:, i]) * _WEIGHTS[name]
        return total

    def parts(self, looked: Looked) -> tuple[NDArray[np.float64], Mapping[str, Categories]]:
        """Evidence of each of `PARTS` of some logons, (n, n_parts), and their `JUDGED`."""
        judgement = self.judge(looked.different)
        did = _evidence(self.tails, RECENT, looked.apart)
        return np.concatenate([judgement.related, did], axis=1), {**judgement.pairs, **recent.shares(looked.counted)}

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


def _nameless(records: Records) -> NDArray[np.bool_]:
    nameless: NDArray[np.bool_] = records.categories["username"].codes == MISSING_CODE
    return nameless


def _pairs(known: NDArray[np.bool_], nameless: NDArray[np.bool_]) -> dict[str, Categories]:
    """`Judgement.pairs`."""
    codes = np.where(nameless[:, None], MISSING_CODE, ~known[:, :2]).astype(np.int32)
    return {name: Categories(codes[:, i], ("known", "new")) for i, name in enumerate(JUDGED[:2])}
