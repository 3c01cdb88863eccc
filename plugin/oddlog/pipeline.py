"""The one road: batches to scores and findings, with the state that is carried along.

`train`, `score` and `watch` all take it; none of them knows what a detector does, and no detector knows where batches
come from.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
from oddlog_core.kernels.timeline import CLOCK_STATE, advance

from oddlog.notices import Finding
from oddlog.packing import pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from oddlog_core.bundle import Bundle, Trained
    from oddlog_core.detectors.contract import Scored
    from oddlog_core.records import Records

    from oddlog.config import Config
    from oddlog.logs import Batch, Order

__all__ = ["SCORES", "WRITTEN", "Clock", "Outcome", "Road", "roads"]

PROGRAM = 400
"""MB that the program itself, a bundle and the batch at hand take; states get what is left."""

T = TypeVar("T")
_TEXT = pa.dictionary(pa.int32(), pa.string())
SCORES = pa.schema(
    {
        "log": _TEXT,
        "uid": pa.string(),
        "ts": pa.float64(),
        "orig_h": _TEXT,
        "resp_h": _TEXT,
        "detector": _TEXT,
        "score": pa.float64(),
        "p_value": pa.float64(),
        "rarity": pa.float64(),
        "window_s": pa.float64(),
    }
)
"""Columns of scores.parquet; `window_s` is the length of a host-window, null for a record."""

WRITTEN: dict[str, Any] = {
    "compression": "zstd",
    "use_dictionary": [name for name, kind in zip(SCORES.names, SCORES.types, strict=True) if kind == _TEXT],
    "column_encoding": {"uid": "DELTA_LENGTH_BYTE_ARRAY"}
    | dict.fromkeys(("ts", "score", "p_value", "rarity"), "BYTE_STREAM_SPLIT"),
    "write_statistics": ["ts", "score", "rarity"],
}
"""How scores.parquet is written: in two thirds of the time, and a tenth more bytes, of plain values and zstd."""


@dataclass(slots=True)
class Clock:
    """A log's clock, carried from batch to batch.

    Attributes
    ----------
    order : {"end", "start"}
        Whether conn logs are in the order connections ended.
    state : (CLOCK_STATE,) int64
    bad : int
        Records over a day away from the clock.
    """

    order: Order
    state: NDArray[np.int64] = field(default_factory=lambda: np.zeros(CLOCK_STATE, np.int64))
    bad: int = 0

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
        clock, bad = advance(batch.moments(self.order), self.state)
        self.bad += bad
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
    findings : list of Finding
        By detector.
    since, until : int
        The clock at its first record and at its last.
    fell : bool
        Whether the clock was moved back just before it.
    """

    scores: list[pa.RecordBatch]
    findings: list[Finding]
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
        Rarity in days from which a score is a finding.
    order : {"end", "start"}

    Attributes
    ----------
    seconds : dict of str to float
        By detector, what scoring took; whoever sums up over roads puts one of his own here.
    """

    def __init__(self, log: str, trained: list[Trained], bundle: str, days: float, order: Order) -> None:
        self.log = log
        self.clock = Clock(order)
        self._bundle = bundle
        self._trained = {one.detector.name: one for one in trained}
        self._thresholds = {name: one.threshold(days) for name, one in self._trained.items()}
        self._states = {name: one.detector.new_state() for name, one in self._trained.items()}
        self.seconds = dict.fromkeys(self._trained, 0.0)

    @property
    def notes(self) -> list[str]:
        """Notice types of its detectors, without the module."""
        return [one.detector.note for one in self._trained.values()]

    def take(self, batch: Batch) -> Iterator[Outcome]:
        """Score the next batch."""
        for begun in self.begin(batch):
            yield begun()

    def begin(self, batch: Batch) -> Iterator[Callable[[], Outcome]]:
        """Carry all state past the next batch, and give what scores it, which needs none of that state."""
        for run in self.clock.runs(batch):
            yield self._begin(*run)

    def _begin(self, piece: Batch, records: Records, fell: bool) -> Callable[[], Outcome]:
        begun = [
            (one, self._timed(name, partial(one.detector.begin, records, self._states[name], self._thresholds[name])))
            for name, one in self._trained.items()
        ]
        since, until = int(records.clock[0]), int(records.clock[-1])
        return lambda: self._outcome(
            [(one, self._timed(one.detector.name, score)) for one, score in begun], piece, since, until, fell
        )

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
        return {"clock": self.clock.state.copy(), "bad": self.clock.bad, "states": states, "kinds": self._kinds()}

    def _kinds(self) -> dict[str, str]:
        """By detector, what its state is of, of this bundle alone unless it knows better, and how large it may be."""
        of = {name: one.detector for name, one in self._trained.items()}
        return {name: f"{one.remembers or self._bundle}, {one.room} bytes" for name, one in of.items()}

    def fingerprint(self) -> bytes:
        """Hash of all that the scores of later records depend on, but for what fades.

        Two roads with the same one score alike from there on.
        """
        exported = self.export()
        now, started, far, in_a_row = exported["clock"].tolist()
        # Once the clock has been believed again, nobody asks where it was said to be in between.
        clock = (now, started, far if in_a_row else 0, in_a_row)
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
        self.clock.state, self.clock.bad = exported["clock"].copy(), exported["bad"]
        kinds, afresh = self._kinds(), []
        for name, one in self._trained.items():
            if exported["kinds"].get(name) == kinds[name]:
                self._states[name] = one.detector.restore_state(exported["states"][name])
            else:
                afresh.append(name)
        return afresh

    def _outcome(
        self, parts: list[tuple[Trained, Scored]], batch: Batch | None, since: int, until: int, fell: bool = False
    ) -> Outcome:
        scores, findings = [], []
        for one, scored in parts:
            p_value = one.calibration.p_value(scored.score)
            rarity = 1 / (p_value * one.calibration.per_day)
            odd = np.flatnonzero(scored.odd).tolist()
            findings += [self._finding(one, scored, i, float(rarity[i]), batch) for i in odd]
            scores.append(self._rows(one, scored, p_value, rarity, batch))
        # As `score` orders them: a window that closes is told of by each detector in turn, all at one moment.
        findings.sort(key=lambda finding: (finding.clock, finding.detector))
        return Outcome(scores, findings, since, until, fell)

    def _rows(
        self,
        one: Trained,
        scored: Scored,
        p_value: NDArray[np.float64],
        rarity: NDArray[np.float64],
        batch: Batch | None,
    ) -> pa.RecordBatch:
        final = np.flatnonzero(scored.final)
        score = scored.score[final]
        n = len(final)
        if scored.host is None and batch is not None:
            uid, orig_h, resp_h, ts = (batch.table[name] for name in ("uid", "id.orig_h", "id.resp_h", "ts"))
            if not one.detector.every_record:
                rows = pa.array(scored.row[final])
                uid, orig_h, resp_h, ts = (column.take(rows) for column in (uid, orig_h, resp_h, ts))
            ts = np.asarray(ts.cast(pa.int64())) / 1e6
            window = pa.nulls(n, pa.float64())
        else:
            hosts, since = scored.host or [], scored.since if scored.since is not None else final
            uid, resp_h = pa.nulls(n, pa.string()), pa.nulls(n, pa.string()).dictionary_encode()
            orig_h = pa.array([hosts[int(i)] for i in final], pa.string()).dictionary_encode()
            ts = since[final] / 1e6
            window = pa.array(np.full(n, one.detector.window / 1e6 if one.detector.window else np.nan))
        same = pa.array(np.zeros(n, np.int32))
        columns = [
            pa.DictionaryArray.from_arrays(same, pa.array([self.log])),
            uid,
            pa.array(ts),
            orig_h,
            resp_h,
            pa.DictionaryArray.from_arrays(same, pa.array([one.detector.name])),
            pa.array(score),
            pa.array(p_value[final]),
            pa.array(rarity[final]),
            window,
        ]
        return pa.RecordBatch.from_arrays(columns, schema=SCORES)

    def _finding(self, one: Trained, scored: Scored, i: int, rarity: float, batch: Batch | None) -> Finding:
        row = int(scored.row[i])
        record: dict[str, Any] = {}
        of_window = scored.host is not None and (row < 0 or not one.detector.tells_records)
        if of_window and scored.host is not None and scored.since is not None:
            record["id.orig_h"], ts = scored.host[i] or None, int(scored.since[i])
        elif batch is not None:
            record = _record(batch, row)
            ts = record["ts"]
        return Finding(
            log=self.log,
            detector=one.detector.name,
            note=one.detector.note,
            clock=int(scored.clock[i]),
            ts=ts,
            uid=record.get("uid"),
            orig_h=record.get("id.orig_h"),
            orig_p=record.get("id.orig_p"),
            resp_h=record.get("id.resp_h"),
            resp_p=record.get("id.resp_p"),
            # NTLM and DCE-RPC come over TCP, and their logs do not say so.
            proto="tcp" if self.log in {"ntlm", "dce_rpc"} and not of_window else record.get("proto"),
            service=record.get("service"),
            username=record.get("username"),
            window=one.detector.window,
            score=float(scored.score[i]),
            rarity=rarity,
            reasons=one.detector.explain(scored, i),
            bundle=self._bundle,
            record={} if of_window else record,
            context=one.detector.context(scored, i),
        )


def _record(batch: Batch, row: int) -> dict[str, Any]:
    """The fields of a record that are set, times and intervals in microseconds."""
    fields = {}
    for name, column in zip(batch.table.schema.names, batch.table.columns, strict=True):
        value = column[row]
        if value.is_valid:
            fields[name] = value.value if pa.types.is_temporal(value.type) else value.as_py()
    return fields


def roads(bundle: Bundle, config: Config) -> dict[str, Road]:
    """A road for each log that the bundle knows, all sharing `notices_per_day` evenly, and memory by appetite."""
    days = len(bundle.trained) / config.notices_per_day
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
        )
        for log in logs
    }
