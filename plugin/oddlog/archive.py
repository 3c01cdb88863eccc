"""`score`: archived logs to scores.parquet and notice.log."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from oddlog.errors import OddlogError
from oddlog.notices import NoticeWriter
from oddlog.pipeline import SCORES, roads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from oddlog_core.bundle import Bundle

    from oddlog.config import Config
    from oddlog.logs import Batch, Logs
    from oddlog.notices import Finding
    from oddlog.pipeline import Road

__all__ = ["Summary", "score"]

_KEPT = 10
# Batches read before they are scored; each is a few MiB.
_AHEAD = 3


@dataclass(slots=True)
class Summary:
    """What a scoring run did.

    Attributes
    ----------
    notices : Counter of str
        By type.
    rarest : list of Finding
        The oddest ten, the oddest first.
    bad_time : int
        Records over a day away from their log's clock.
    left_out : list of str
        Logs that were given and that the bundle does not know.
    """

    notices: Counter[str] = field(default_factory=Counter)
    rarest: list[Finding] = field(default_factory=list)
    bad_time: int = 0
    left_out: list[str] = field(default_factory=list)


def score(logs: Logs, bundle: Bundle, config: Config, out: Path) -> Summary:
    """Score every record of the logs that the bundle knows.

    Writes ``scores.parquet`` and ``notice.log``, the notices of all logs in clock order. Both appear when they are
    whole and replace those of an earlier run.

    Raises
    ------
    OddlogError
        If the bundle knows none of the logs.
    """
    known = {log: road for log, road in roads(bundle, config).items() if log in logs.names}
    notes = [one.detector.note for one in bundle.trained.values() if one.detector.log in known]
    summary = Summary(
        Counter({f"Oddlog::{note}": 0 for note in notes}), left_out=[log for log in logs.names if log not in known]
    )
    if not known:
        raise OddlogError(f"the bundle knows none of these logs: {', '.join(logs.names)}")
    out.mkdir(parents=True, exist_ok=True)
    drafts = [out / ".scores.parquet.draft", out / ".notice.log.draft"]
    try:
        drafts[1].unlink(missing_ok=True)
        rarest: list[tuple[float, int, Finding]] = []
        with (
            pq.ParquetWriter(drafts[0], SCORES, compression="zstd") as scores,
            NoticeWriter(drafts[1], config.notice_format, config.suppress_for) as notices,
        ):
            streams = [_findings(road, logs, scores) for road in known.values()]
            for number, finding in enumerate(heapq.merge(*streams, key=lambda finding: finding.clock)):
                notices.write(finding)
                summary.notices[f"Oddlog::{finding.note}"] += 1
                (heapq.heappush if len(rarest) < _KEPT else heapq.heappushpop)(
                    rarest, (finding.rarity, -number, finding)
                )
        drafts[0].replace(out / "scores.parquet")
        drafts[1].replace(out / "notice.log")
    finally:
        for draft in drafts:
            with suppress(FileNotFoundError):
                draft.unlink()
    summary.rarest = [finding for _, _, finding in sorted(rarest, reverse=True)]
    summary.bad_time = sum(road.clock.bad for road in known.values())
    return summary


def _ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Read the next batches on a second thread while this one scores."""
    with ThreadPoolExecutor(1) as reader:
        try:
            waiting = deque(reader.submit(next, batches, None) for _ in range(_AHEAD))
            while (batch := waiting.popleft().result()) is not None:
                waiting.append(reader.submit(next, batches, None))
                yield batch
        finally:
            reader.shutdown(cancel_futures=True)


def _findings(road: Road, logs: Logs, scores: pq.ParquetWriter) -> Iterator[Finding]:
    """One log's findings in clock order, its scores written on the way."""
    for batch in _ahead(logs.batches(road.log)):
        found: list[Finding] = []
        for outcome in road.take(batch):
            _write(scores, outcome.scores)
            found += outcome.findings
        yield from sorted(found, key=lambda finding: finding.clock)
    for outcome in road.close():
        _write(scores, outcome.scores)
        yield from outcome.findings


def _write(scores: pq.ParquetWriter, rows: pa.RecordBatch) -> None:
    if len(rows):
        scores.write_batch(rows)
