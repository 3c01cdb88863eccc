"""Scores as rows of scores.parquet, and as candidates for a notice."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from oddlog_core.quality import CAVEATS

from oddlog.notices import Candidate, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from oddlog_core.bundle import Trained
    from oddlog_core.detectors.contract import Scored

    from oddlog.logs import Batch

__all__ = ["SCORES", "WRITTEN", "Judged"]

# Candidates that are made together: few enough that a link, which keeps them all, takes little with it.
_TOGETHER = 128

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
    "compression": "lz4",
    "use_dictionary": [name for name, kind in zip(SCORES.names, SCORES.types, strict=True) if kind == _TEXT],
    "column_encoding": {"uid": "DELTA_LENGTH_BYTE_ARRAY"}
    | dict.fromkeys(("ts", "score", "p_value", "rarity"), "BYTE_STREAM_SPLIT"),
    "write_statistics": ["ts", "score", "rarity"],
}
"""How scores.parquet is written: in half of the time, and a third more bytes, of plain values and zstd."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a detector scored, and how rare that is.

    Attributes
    ----------
    log, bundle : str
        The log, and the digest of the bundle that judged.
    trained : Trained
    scored : Scored
    p_value, rarity : (n,) float64
        Of each score; the rarity, in days, may rest on other detectors' evidence too.
    batch : Batch or None
        None where a window closed without a record.
    believed : tuple or None
        What `oddlog_core.quality.confidence` says of each record.
    """

    log: str
    bundle: str
    trained: Trained
    scored: Scored
    p_value: NDArray[np.float64]
    rarity: NDArray[np.float64]
    batch: Batch | None
    believed: tuple[NDArray[np.float64], NDArray[np.bool_]] | None

    def rows(self) -> pa.RecordBatch:
        """Final scores as rows of `SCORES`."""
        detector, scored, batch = self.trained.detector, self.scored, self.batch
        final = np.flatnonzero(scored.final)
        n = len(final)
        if scored.host is None and batch is not None:
            uid, orig_h, resp_h, ts = (batch.table[name] for name in ("uid", "id.orig_h", "id.resp_h", "ts"))
            if not detector.every_record:
                row = pa.array(scored.row[final])
                uid, orig_h, resp_h, ts = (column.take(row) for column in (uid, orig_h, resp_h, ts))
            ts = np.asarray(ts.cast(pa.int64())) / 1e6
            window = pa.nulls(n, pa.float64())
        else:
            hosts, since = scored.host or [], scored.since if scored.since is not None else final
            uid, resp_h = pa.nulls(n, pa.string()), pa.nulls(n, pa.string()).dictionary_encode()
            orig_h = pa.array([hosts[int(i)] for i in final], pa.string()).dictionary_encode()
            ts = since[final] / 1e6
            window = pa.array(np.full(n, detector.window / 1e6 if detector.window else np.nan))
        same = pa.array(np.zeros(n, np.int32))
        columns = [
            pa.DictionaryArray.from_arrays(same, pa.array([self.log])),
            uid,
            pa.array(ts),
            orig_h,
            resp_h,
            pa.DictionaryArray.from_arrays(same, pa.array([detector.name])),
            pa.array(scored.score[final]),
            pa.array(self.p_value[final]),
            pa.array(self.rarity[final]),
            window,
        ]
        return pa.RecordBatch.from_arrays(columns, schema=SCORES)

    def candidates(self, told: NDArray[np.bool_]) -> Iterator[Candidate]:
        """Some scores as candidates, by clock, made some at a time: a flood has every record of a batch odd.

        They hold on to the records that were made with them, and to no other of the batch.

        Parameters
        ----------
        told : (n,) bool
            Which scores.
        """
        chosen = np.flatnonzero(told)
        chosen = chosen[np.argsort(self.scored.clock[chosen], kind="stable")]
        for start in range(0, len(chosen), _TOGETHER):
            yield from self._some(chosen[start : start + _TOGETHER]).candidates()

    def _some(self, chosen: NDArray[np.int64]) -> _Some:
        detector, scored = self.trained.detector, self.scored
        row = scored.row[chosen]
        if scored.host is not None and not detector.tells_records:
            row = np.full(len(chosen), -1)
        rows = np.unique(row[row >= 0])
        believed = self.believed if scored.host is None else None
        of_them = replace(
            self,
            scored=detector.kept(replace(scored, odd=np.ones(len(scored.odd), np.bool_)), chosen),
            p_value=self.p_value[chosen],
            rarity=self.rarity[chosen],
            batch=None,
            believed=None if believed is None else (believed[0][row], believed[1][row]),
        )
        odd = [None] * len(chosen) if detector.threshold is None else scored.odd[chosen].tolist()
        batch = self.batch.take(rows) if self.batch is not None and len(rows) else None
        return _Some(of_them, batch, odd, np.where(row >= 0, np.searchsorted(rows, row), -1).tolist())


@dataclass(slots=True)
class _Some:
    """Scores of a batch with what tells of them, of which nothing is made before it is asked for.

    Attributes
    ----------
    judged : Judged
        Of these scores alone.
    batch : Batch or None
        Their records, until these are made.
    odd : list of bool or None
    record : list of int
        Which record each is told of by; -1 of a host-window that is told of by itself.
    """

    judged: Judged
    batch: Batch | None
    odd: Sequence[bool | None]
    record: Sequence[int]
    _records: Sequence[dict[str, Any]] = ()
    _findings: dict[int, Finding] = field(default_factory=dict)

    def candidates(self) -> Iterator[Candidate]:
        """Each of them."""
        one, scored = self.judged, self.judged.scored
        detector, hosts = one.trained.detector, scored.host
        since = [None] * len(self.odd) if scored.since is None else scored.since.tolist()
        known = zip(scored.clock.tolist(), one.rarity.tolist(), self.odd, since, scored.final.tolist(), strict=True)
        ends = list(zip(*map(self._column, ("id.orig_h", "id.resp_h", "id.resp_p")), strict=True))
        for i, (clock, rarity, odd, begun, final) in enumerate(known):
            at = self.record[i]
            orig_h, resp_h, resp_p = ends[at] if at >= 0 else (hosts[i] or None if hosts else None, None, None)
            record, tell = partial(self._record, i), partial(self._finding, i)
            yield Candidate(
                detector.note,
                detector.name,
                one.log,
                clock,
                rarity,
                odd,
                orig_h,
                resp_h,
                resp_p,
                record,
                tell,
                begun,
                final,
                one.trained.calibration.supported,
            )

    def _column(self, name: str) -> list[Any]:
        """A field of each record."""
        if self.batch is None:
            return []
        return _values(self.batch.table[name]) if name in self.batch.table.schema.names else [None] * len(self.batch)

    def _record(self, i: int) -> dict[str, Any]:
        """The fields that are set of the record that one score is told of by."""
        if self.record[i] < 0:
            return {}
        if self.batch is not None:
            # The batch's own dictionaries, of all its names, are not held on to.
            self._records, self.batch = _records(self.batch), None
        return self._records[self.record[i]]

    def _finding(self, i: int) -> Finding:
        """One score as it is told of, be it as a finding, as a link, or both."""
        if i not in self._findings:
            self._findings[i] = self._told(i)
        return self._findings[i]

    def _caveats(self, i: int) -> tuple[str, ...]:
        if self.judged.believed is None:
            return ()
        holds = self.judged.believed[1][i].tolist()
        return tuple(name for name, held in zip(CAVEATS, holds, strict=True) if held)

    def _told(self, i: int) -> Finding:
        """What is told of a record or, without one, of a host's window."""
        judged, scored, record = self.judged, self.judged.scored, self._record(i)
        one, log, rarity = judged.trained, judged.log, float(judged.rarity[i])
        host = None if scored.host is None else scored.host[i] or None
        supported = one.calibration.supported
        since = 0 if scored.since is None else int(scored.since[i])
        return Finding(
            log=log,
            detector=one.detector.name,
            note=one.detector.note,
            clock=int(scored.clock[i]),
            ts=record["ts"] if record else since,
            uid=record.get("uid"),
            orig_h=record.get("id.orig_h") if record else host,
            orig_p=record.get("id.orig_p"),
            resp_h=record.get("id.resp_h"),
            resp_p=record.get("id.resp_p"),
            # NTLM and DCE-RPC come over TCP, and their logs do not say so.
            proto="tcp" if log in {"ntlm", "dce_rpc"} and record else record.get("proto"),
            service=record.get("service"),
            username=record.get("username"),
            window=one.detector.window,
            score=float(scored.score[i]),
            rarity=min(rarity, supported),
            at_least=rarity > supported,
            reasons=one.detector.explain(scored, i),
            bundle=judged.bundle,
            record=record,
            caveats=self._caveats(i),
            context=one.detector.context(scored, i),
        )


def _records(batch: Batch) -> list[dict[str, Any]]:
    """The fields of each record that are set, times and intervals in microseconds."""
    names, columns = batch.table.schema.names, map(_values, batch.table.columns)
    rows = zip(*columns, strict=True)
    return [{name: value for name, value in zip(names, row, strict=True) if value is not None} for row in rows]


def _values(column: pa.Array) -> list[Any]:
    """What a column holds, times and intervals in microseconds, unset as None."""
    if pa.types.is_temporal(column.type):
        column = column.cast(pa.int64())
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    # NumPy makes the texts of a column in a tenth of the time.
    texts = pa.types.is_string(column.type)
    values: list[Any] = column.to_numpy(zero_copy_only=False).tolist() if texts else column.to_pylist()
    return values
