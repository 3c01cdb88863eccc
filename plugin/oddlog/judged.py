"""Scores as rows of scores.parquet, and as candidates for a notice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from oddlog_core.quality import CAVEATS

from oddlog.notices import Candidate, Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from oddlog_core.bundle import Trained
    from oddlog_core.detectors.contract import Scored

    from oddlog.logs import Batch

__all__ = ["SCORES", "WRITTEN", "Judged"]

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

    def candidates(self, told: NDArray[np.bool_]) -> list[Candidate]:
        """Some scores as candidates, which hold on to their own records and to no other of the batch.

        Parameters
        ----------
        told : (n,) bool
            Which scores.
        """
        chosen = np.flatnonzero(told)
        if not len(chosen):
            return []
        rows = np.unique(self.scored.row[chosen])
        rows = rows[rows >= 0]
        records = _records(self.batch.take(rows)) if self.batch is not None else []
        of_row = dict(zip(rows.tolist(), records, strict=True))
        detector = self.trained.detector
        few = replace(
            self,
            scored=detector.kept(replace(self.scored, odd=told), chosen),
            p_value=self.p_value[chosen],
            rarity=self.rarity[chosen],
            batch=None,
            believed=None,
        )
        odd = [None] * len(chosen) if detector.threshold is None else self.scored.odd[chosen].tolist()
        caveats = map(self._caveats, chosen.tolist())
        return [few._candidate(i, *of_it, of_row) for i, of_it in enumerate(zip(odd, caveats, strict=True))]

    def _caveats(self, i: int) -> tuple[str, ...]:
        if self.scored.host is not None or self.believed is None:
            return ()
        holds = self.believed[1][self.scored.row[i]].tolist()
        return tuple(name for name, held in zip(CAVEATS, holds, strict=True) if held)

    def _candidate(
        self, i: int, odd: bool | None, caveats: tuple[str, ...], of_row: Mapping[int, dict[str, Any]]
    ) -> Candidate:
        detector, scored = self.trained.detector, self.scored
        host = None if scored.host is None else scored.host[i] or None
        # A window is told of by the record that decided it, or by itself.
        by_itself = scored.host is not None and not (detector.tells_records and scored.row[i] >= 0)
        record = {} if by_itself else of_row[int(scored.row[i])]
        return Candidate(
            detector.note,
            detector.name,
            self.log,
            int(scored.clock[i]),
            float(self.rarity[i]),
            odd,
            host if by_itself else record.get("id.orig_h"),
            record.get("id.resp_h"),
            record.get("id.resp_p"),
            record,
            # Told as a finding, as a link, or both.
            cache(partial(self._finding, i, host if by_itself else None, record, caveats)),
            int(scored.since[i]) if scored.since is not None else None,
            bool(scored.final[i]),
            self.trained.calibration.supported,
        )

    def _finding(self, i: int, host: str | None, record: dict[str, Any], caveats: tuple[str, ...]) -> Finding:
        """What is told of a record or, without one, of a host's window."""
        one, scored, rarity = self.trained, self.scored, float(self.rarity[i])
        supported = one.calibration.supported
        since = 0 if scored.since is None else int(scored.since[i])
        return Finding(
            log=self.log,
            detector=one.detector.name,
            note=one.detector.note,
            clock=int(scored.clock[i]),
            ts=record["ts"] if record else since,
            uid=record.get("uid"),
            orig_h=record.get("id.orig_h", host),
            orig_p=record.get("id.orig_p"),
            resp_h=record.get("id.resp_h"),
            resp_p=record.get("id.resp_p"),
            # NTLM and DCE-RPC come over TCP, and their logs do not say so.
            proto="tcp" if self.log in {"ntlm", "dce_rpc"} and record else record.get("proto"),
            service=record.get("service"),
            username=record.get("username"),
            window=one.detector.window,
            score=float(scored.score[i]),
            rarity=min(rarity, supported),
            at_least=rarity > supported,
            reasons=one.detector.explain(scored, i),
            bundle=self.bundle,
            record=record,
            caveats=caveats,
            context=one.detector.context(scored, i),
        )


def _records(batch: Batch) -> list[dict[str, Any]]:
    """The fields of each record that are set, times and intervals in microseconds."""
    names, columns = batch.table.schema.names, batch.table.columns
    values = [column.cast(pa.int64()) if pa.types.is_temporal(column.type) else column for column in columns]
    rows = zip(*(column.to_pylist() for column in values), strict=True)
    return [{name: value for name, value in zip(names, row, strict=True) if value is not None} for row in rows]
