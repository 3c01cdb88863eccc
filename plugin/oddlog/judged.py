"""Scores as rows of scores.parquet, and as candidates for a notice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from oddlog_core.quality import CAVEATS

from oddlog.notices import Candidate, Finding

if TYPE_CHECKING:
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

    def candidate(self, i: int, *, odd: bool | None) -> Candidate:
        """One score as a candidate."""
        detector, scored, row = self.trained.detector, self.scored, int(self.scored.row[i])
        source, target, port = scored.host[i] or None if scored.host is not None else None, None, None
        if self.batch is not None and not self._of_window(row):
            ends = ("id.orig_h", "id.resp_h", "id.resp_p")
            source, target, port = (self.batch.table[name][row].as_py() for name in ends)
        return Candidate(
            detector.note,
            detector.name,
            self.log,
            int(scored.clock[i]),
            float(self.rarity[i]),
            odd,
            source,
            target,
            port,
            partial(self._finding, i, row),
            int(scored.since[i]) if scored.since is not None else None,
            bool(scored.final[i]),
        )

    def _of_window(self, row: int) -> bool:
        """Whether a score tells of a host's window, and not of the record that decided it."""
        return self.scored.host is not None and (row < 0 or not self.trained.detector.tells_records)

    def _finding(self, i: int, row: int) -> Finding:
        one, scored, rarity = self.trained, self.scored, float(self.rarity[i])
        supported = one.calibration.supported
        of_window = self._of_window(row)
        record: dict[str, Any] = {}
        if of_window and scored.host is not None and scored.since is not None:
            record["id.orig_h"], ts = scored.host[i] or None, int(scored.since[i])
        elif self.batch is not None:
            record = _record(self.batch, row)
            ts = record["ts"]
        caveats: tuple[str, ...] = ()
        if scored.host is None and self.believed is not None:
            caveats = tuple(name for name, holds in zip(CAVEATS, self.believed[1][row].tolist(), strict=True) if holds)
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
            rarity=min(rarity, supported),
            at_least=rarity > supported,
            reasons=one.detector.explain(scored, i),
            bundle=self.bundle,
            record={} if of_window else record,
            caveats=caveats,
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
