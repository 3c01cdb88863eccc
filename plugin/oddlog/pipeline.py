"""The one road: batches to scores and findings, with the state that is carried along.

`train`, `score` and `watch` all take it; none of them knows what a detector does, and no detector knows where batches
come from.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from heapq import merge
from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from oddlog_core.budget import LOOSEST, Budget
from oddlog_core.calibration import fisher
from oddlog_core.kernels.timeline import CLOCK_STATE, DENSE, advance
from oddlog_core.quality import confidence
from oddlog_core.span import HOUR

from oddlog.judged import Judged
from oddlog.notices import CEILING, INCIDENT, WEAK, Queue, by_clock
from oddlog.packing import pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pyarrow as pa
    from numpy.typing import NDArray
    from oddlog_core.bundle import Bundle, Trained
    from oddlog_core.calibration import Calibration
    from oddlog_core.detectors.contract import Scored
    from oddlog_core.records import Records

    from oddlog.config import Config
    from oddlog.logs import Batch, Order
    from oddlog.notices import Candidate

__all__ = ["Clock", "Outcome", "Road", "queue", "roads", "threshold"]

PROGRAM = 430
"""MB that the program itself, a bundle and the batch at hand take; states get what is left."""

_FEW = 1024

T = TypeVar("T")


@dataclass(slots=True)
class Clock:
    """A log's clock, carried from batch to batch.

    Attributes
    ----------
    order : {"end", "start"}
        Whether conn logs are in the order connections ended.
    state : (CLOCK_STATE,) int64
    counted : Counter of str
        Its ``records``; those of a ``bad`` time, too far ahead of the clock to be believed at once, or over a day
        behind; those ``late`` by over an hour; and how often the clock was moved ``back``.
    """

    order: Order
    state: NDArray[np.int64] = field(default_factory=lambda: np.zeros(CLOCK_STATE, np.int64))
    counted: Counter[str] = field(default_factory=Counter)

    def join(self) -> None:
        """Join a log midway, as if many records had come without a long silence."""
        self.state[-1] = DENSE

    def records(self, batch: Batch) -> Records:
        """Give a batch its clock."""
        return batch.records(self._advance(batch))

    def runs(self, batch: Batch) -> Iterator[tuple[Batch, Records, bool]]:
        """Give a batch its clock, cut where the clock was moved back, and say of each piece whether that was there."""
        started, before = self.state[1], self.now
        clock = self._advance(batch)
        falls = np.flatnonzero(np.diff(clock, prepend=before if started else clock[:1]) < 0).tolist()
        for start, stop in pairwise(sorted({0, *falls, len(batch)})):
            piece = batch.slice(start, stop - start)
            yield piece, piece.records(clock[start:stop]), start in falls

    def _advance(self, batch: Batch) -> NDArray[np.int64]:
        clock: NDArray[np.int64]
        clock, counts = advance(batch.moments(self.order), self.state)
        bad, late, back = counts.tolist()
        self.counted.update(records=len(batch), bad=bad, late=late, back=back)
        return clock

    @property
    def now(self) -> int:
        """The clock after the latest record, microseconds since the epoch."""
        return int(self.state[0])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a batch, or of a piece of one within which the clock does not fall.

    Attributes
    ----------
    scores : list of pyarrow.RecordBatch
        Final scores as rows of `SCORES`, by detector.
    candidates : iterable of Candidate
        By clock and detector; to be taken once, since those of a flood are made as they are taken.
    since, until : int
        The clock at its first record and at its last.
    fell : bool
        Whether the clock was moved back just before it.
    """

    scores: list[pa.RecordBatch]
    candidates: Iterable[Candidate]
    since: int
    until: int
    fell: bool = False


class Road:
    """What one log's records pass through, detector by detector, with all state.

    Parameters
    ----------
    log : str
    trained : list of Trained
        Detectors of this log.
    bundle : str
        Digest of their bundle.
    days : float
        Rarity in days from which a score may be a finding.
    order : {"end", "start"}
    joint : Calibration, optional
        Of what the p-values of several detectors of records add up to.

    Attributes
    ----------
    seconds : dict of str to float
        By detector, what scoring took; whoever sums up over roads puts one of his own here.
    """

    def __init__(
        self,
        log: str,
        trained: list[Trained],
        bundle: str,
        days: float,
        order: Order,
        joint: Calibration | None = None,
    ) -> None:
        self.log = log
        self.clock = Clock(order)
        self._bundle, self._least, self._joint = bundle, min(days, WEAK), joint
        self._cold_until: int | None = None
        self._trained = {one.detector.name: one for one in trained}
        self._thresholds = {name: one.threshold(days) for name, one in self._trained.items()}
        self._states = {name: one.detector.new_state() for name, one in self._trained.items()}
        self.seconds = dict.fromkeys(self._trained, 0.0)

    @property
    def notes(self) -> list[str]:
        """Notice types of its detectors, without the module."""
        return [one.detector.note for one in self._trained.values()]

    def take(self, batch: Batch, since: int | None = None) -> Iterator[Outcome]:
        """Score the next batch, but for what was before `since`."""
        for begun in self.begin(batch, since):
            yield begun()

    def begin(self, batch: Batch, since: int | None = None) -> Iterator[Callable[[], Outcome]]:
        """Carry all state past the next batch, and give what scores it, which needs none of that state."""
        for piece, records, fell in self.clock.runs(batch):
            if since is None or records.clock[-1] >= since:
                yield self._begin(piece, records, fell)

    def _begin(self, piece: Batch, records: Records, fell: bool) -> Callable[[], Outcome]:
        begun = [
            (one, self._timed(name, partial(one.detector.begin, records, self._states[name], self._thresholds[name])))
            for name, one in self._trained.items()
        ]
        if self._cold_until is None:
            # Half of what it needs: a stretch of a log, that is given all of it beforehand, must not seem cold.
            self._cold_until = int(records.clock[0]) + min(self.warm_up, HOUR) // 2
        cold_until = self._cold_until
        if records.clock[-1] >= cold_until:
            # Warm from now on, wherever the clock is moved.
            self._cold_until = 0

        def end() -> Outcome:
            parts = [(one, self._timed(one.detector.name, score)) for one, score in begun]
            clock = records.clock
            return self._outcome(parts, piece, int(clock[0]), int(clock[-1]), confidence(records, cold_until), fell)

        return end

    def _timed(self, name: str, call: Callable[[], T]) -> T:
        """What a call gives, its time counted as that detector's."""
        began = perf_counter()
        try:
            return call()
        finally:
            self.seconds[name] += perf_counter() - began

    def close(self, now: int | None = None) -> Iterator[Outcome]:
        """Close what is open at the end of the log, or what silence until `now` has left open."""
        closed = (
            (one, one.detector.close(self._states[name], self._thresholds[name], now))
            for name, one in self._trained.items()
        )
        parts = [(one, scored) for one, scored in closed if scored is not None]
        if parts:
            yield self._outcome(parts, None, self.clock.now, self.clock.now)

    def export(self) -> dict[str, Any]:
        """State as a tree of dicts, lists, numbers, strings and arrays."""
        states = {name: one.detector.export_state(self._states[name]) for name, one in self._trained.items()}
        return {
            "clock": self.clock.state.copy(),
            "counted": dict(self.clock.counted),
            "cold_until": self._cold_until,
            "states": states,
            "kinds": self._kinds(),
        }

    def _kinds(self) -> dict[str, str]:
        """By detector, what its state is of, of this bundle alone unless it knows better, and how large it may be."""
        of = {name: one.detector for name, one in self._trained.items()}
        return {name: f"{one.remembers or self._bundle}, {one.room} bytes" for name, one in of.items()}

    def fingerprint(self) -> bytes:
        """Hash of all that the scores of later records depend on, but for what fades.

        Two roads with the same one score alike from there on.
        """
        exported = self.export()
        now, started, far, in_a_row, dense = exported["clock"].tolist()
        # Once the clock has been believed again, nobody asks where it was said to be in between.
        clock = (now, started, far if in_a_row else 0, in_a_row, dense, self._cold_until)
        states = {
            name: {key: value for key, value in exported["states"][name].items() if key not in one.detector.fading}
            for name, one in self._trained.items()
        }
        return hashlib.blake2b(pack((clock, states)), digest_size=16).digest()

    def evicted(self) -> dict[str, int]:
        """By detector, keys that had to go since there was no memory for more."""
        return {name: one.detector.evicted(self._states[name]) for name, one in self._trained.items()}

    @property
    def warm_up(self) -> int:
        """Microseconds of records after which a new road is as if it had seen all of the log."""
        return max(one.detector.warm_up for one in self._trained.values())

    def restore(self, exported: dict[str, Any]) -> list[str]:
        """Take over what `export` exported; the detectors that start afresh, since it has no state of their kind."""
        self.clock.state, self.clock.counted = exported["clock"].copy(), Counter(exported["counted"])
        self._cold_until = exported["cold_until"]
        kinds, afresh = self._kinds(), []
        for name, one in self._trained.items():
            if exported["kinds"].get(name) == kinds[name]:
                self._states[name] = one.detector.restore_state(exported["states"][name])
            else:
                afresh.append(name)
        return afresh

    def _outcome(
        self,
        parts: list[tuple[Trained, Scored]],
        batch: Batch | None,
        since: int,
        until: int,
        believed: tuple[NDArray[np.float64], NDArray[np.bool_]] | None = None,
        fell: bool = False,
    ) -> Outcome:
        scores: list[pa.RecordBatch] = []
        found: list[Iterator[Candidate]] = []
        n_told = 0
        p_values = [one.calibration.p_value(scored.score, scored.kind) for one, scored in parts]
        records = [n for n, (one, scored) in enumerate(parts) if scored.host is None and one.detector.every_record]
        joint = self._joint if len(records) > 1 else None
        if joint is not None:
            surprise = -np.log(np.stack([p_values[number] for number in records]))
            together, lead = joint.p_value(fisher(surprise)), np.array(records)[surprise.argmax(axis=0)]
        for number, ((one, scored), p_value) in enumerate(zip(parts, p_values, strict=True)):
            p, per_day, mine = p_value, one.calibration.per_day, scored.final
            if number in records and joint is not None:
                p, per_day, mine = together, joint.per_day, lead == number
            if scored.host is None and believed is not None:
                believed_less = np.flatnonzero(believed[0][scored.row] < 1)
                p = p.copy()
                p[believed_less] **= believed[0][scored.row[believed_less]]
            rarity = 1 / (p * per_day)
            told = (rarity >= self._least) & mine
            if scored.host is not None or one.detector.threshold is not None:
                told |= scored.odd
            judged = Judged(self.log, self._bundle, one, scored, p_value, rarity, batch, believed)
            n_told += int(np.count_nonzero(told))
            found.append(judged.candidates(told))
            scores.append(judged.rows())
        candidates = merge(*found, key=by_clock)
        # Of few that are odd, the others of the batch can go.
        return Outcome(scores, [*candidates] if n_told <= _FEW else candidates, since, until, fell)


def roads(bundle: Bundle, config: Config) -> dict[str, Road]:
    """A road for each log that the bundle knows, all sharing memory by appetite."""
    days = LOOSEST * threshold(bundle, config)
    logs = dict.fromkeys(one.detector.log for one in bundle.trained.values())
    shares = sum(one.detector.appetite for one in bundle.trained.values())
    for one in bundle.trained.values():
        one.detector.room = round((config.memory_limit - PROGRAM) * 1e6 * one.detector.appetite / shares)
    return {
        log: Road(
            log,
            [one for one in bundle.trained.values() if one.detector.log == log],
            bundle.digest,
            days,
            config.conn.order,
            bundle.joint.get(log),
        )
        for log in logs
    }


def queue(bundle: Bundle, config: Config) -> Queue:
    """What decides which of the roads' candidates are told."""
    days, budget = threshold(bundle, config), bundle.budget or Budget([], [])
    logs = dict.fromkeys([*(one.detector.log for one in bundle.trained.values()), INCIDENT])
    ceiling = max(round(CEILING * config.notices_per_day), 1)
    return Queue(bundle.chains, days, config.suppress_for, ceiling, budget.shares(config.notices_per_day, days, logs))


def threshold(bundle: Bundle, config: Config) -> float:
    """Rarity in days from which a score is a finding on an ordinary day."""
    budget = bundle.budget or Budget([], [])
    return budget.threshold(config.notices_per_day, len(bundle.trained) + (bundle.chains is not None))
