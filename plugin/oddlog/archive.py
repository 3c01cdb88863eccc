"""`score`: archived logs to scores.parquet and notice.log."""

from __future__ import annotations

import heapq
import shutil
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from oddlog.errors import OddlogError
from oddlog.judged import SCORES, WRITTEN
from oddlog.notices import NoticeWriter, Ordinals, by_clock
from oddlog.pipeline import queue, roads
from oddlog.turns import in_turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from oddlog_core.bundle import Bundle

    from oddlog.config import Config
    from oddlog.logs import Logs
    from oddlog.notices import Candidate, Finding, Queue
    from oddlog.pipeline import Outcome, Road

__all__ = ["PARTS", "Summary", "drafts", "in_order", "known_roads", "said", "score", "tell", "write_scores"]

PARTS = "part-*.parquet"
"""Files of a scores.parquet that is a folder."""

_KEPT = 10
# Bytes of a record's features; of more, large blocks would take 150 MB.
_NARROW = 512


@dataclass(slots=True)
class Summary:
    """What a scoring run did.

    Attributes
    ----------
    notices : Counter of str
        By type.
    rarest : list of Finding
        The oddest ten, the oddest first.
    times : dict of str to Counter of str
        By log, as its `Clock` counted them: records, and those in disorder.
    left_out : list of str
        Logs that were given and that the bundle does not know.
    """

    notices: Counter[str] = field(default_factory=Counter)
    rarest: list[Finding] = field(default_factory=list)
    times: dict[str, Counter[str]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def score(logs: Logs, bundle: Bundle, config: Config, out: Path) -> Summary:
    """Score every record of the logs that the bundle knows.

    Writes ``scores.parquet`` and ``notice.log``, the notices of all logs in clock order. Both appear when they are
    whole and replace those of an earlier run.

    Raises
    ------
    OddlogError
        If the bundle knows none of the logs, or ``scores.parquet`` is a folder that is no run's.
    """
    known = known_roads(logs, bundle, config)
    logs.large = all(one.detector.row_bytes <= _NARROW for one in bundle.trained.values())
    with drafts(out) as written, pq.ParquetWriter(written[0], SCORES, **WRITTEN) as scores:
        streams = [in_order(_outcomes(road, logs, scores)) for road in known.values()]
        summary = tell(streams, known, queue(bundle, config), logs, config, written[1])
    summary.times = {log: road.clock.counted for log, road in known.items()}
    return summary


def known_roads(logs: Logs, bundle: Bundle, config: Config) -> dict[str, Road]:
    """Roads of those logs that the bundle knows.

    Raises
    ------
    OddlogError
        There is none.
    """
    known = {log: road for log, road in roads(bundle, config).items() if log in logs.names}
    if not known:
        raise OddlogError(f"the bundle knows none of these logs: {', '.join(logs.names)}")
    return known


@contextmanager
def drafts(out: Path) -> Iterator[tuple[Path, Path]]:
    """Where to write scores, a file or a folder of parts, and notices; moved into place once both are whole.

    Raises
    ------
    OddlogError
        ``scores.parquet`` is a folder that holds something else than parts.
    """
    out.mkdir(parents=True, exist_ok=True)
    placed = [out / "scores.parquet", out / "notice.log"]
    written = [path.with_name(f".{path.name}.draft") for path in placed]
    if placed[0].is_dir():
        strange = sorted(set(placed[0].iterdir()) - set(placed[0].glob(PARTS)))
        if strange:
            raise OddlogError(f"{strange[0]} is no part of scores; give another folder")
    try:
        for draft in written:
            _remove(draft)
        yield written[0], written[1]
        # Renaming replaces a file, never a folder.
        if placed[0].is_dir() or written[0].is_dir():
            _remove(placed[0])
        for draft, path in zip(written, placed, strict=True):
            draft.replace(path)
    finally:
        for draft in written:
            _remove(draft)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def in_order(outcomes: Iterable[Outcome]) -> Iterator[tuple[int, Candidate | None]]:
    """One log's candidates by clock and detector, each with the moment at which it has its turn among other logs.

    However the log is cut into batches, the order is the same: a candidate waits until the clock has passed it. Those
    of records before the clock was moved back come before those of records after it.

    Yields
    ------
    moment : int
        Never falls.
    candidate : Candidate or None
        None says that nothing with an earlier moment follows.
    """
    held: list[Candidate] = []
    # No moment is before this one; and the clock.
    floor = now = 0
    for outcome in outcomes:
        if outcome.fell:
            for candidate in held:
                yield max(candidate.clock, floor), candidate
            floor = max(floor, now, *(candidate.clock for candidate in held[-1:]))
            held = []
        now, coming = outcome.until, heapq.merge(held, outcome.candidates, key=by_clock)
        held = []
        for candidate in coming:
            if candidate.clock < now:
                yield max(candidate.clock, floor), candidate
            else:
                held.append(candidate)
        yield max(now, floor), None
    for candidate in held:
        yield max(candidate.clock, floor), candidate
    yield max([now, floor, *(candidate.clock for candidate in held)]), None


def tell(
    streams: Iterable[Iterator[tuple[int, Candidate | None]]],
    known: dict[str, Road],
    waiting: Queue,
    logs: Logs,
    config: Config,
    path: Path,
) -> Summary:
    """Write what the queue makes of all logs' candidates, merged, as notices, and sum them up."""
    summary = Summary(
        Counter({f"Oddlog::{note}": 0 for road in known.values() for note in road.notes}),
        left_out=[log for log in logs.names if log not in known],
    )
    rarest: list[tuple[float, int, Finding]] = []
    with NoticeWriter(path, config.notice_format, config.suppress_for) as notices:
        merged = heapq.merge(*streams, key=lambda item: item[0])
        ordinals = Ordinals()
        for number, finding in enumerate(map(ordinals.number, said(merged, waiting))):
            notices.write(finding)
            summary.notices[f"Oddlog::{finding.note}"] += 1
            if finding.repeats:
                continue
            (heapq.heappush if len(rarest) < _KEPT else heapq.heappushpop)(rarest, (finding.rarity, -number, finding))
    summary.rarest = [finding for _, _, finding in sorted(rarest, reverse=True)]
    return summary


def said(merged: Iterator[tuple[int, Candidate | None]], waiting: Queue) -> Iterator[Finding]:
    """What the queue makes of all logs' candidates, each with its moment; the moments never fall."""
    moment, behind = 0, dict[str, int]()
    for moment, candidate in merged:
        if candidate is not None:
            behind.pop(candidate.log, None)
            if candidate.clock < moment:
                behind[candidate.log] = candidate.clock
        # Whatever the batches: all that is due comes before the next candidate.
        yield from waiting.all_due(moment, behind)
        if candidate is not None:
            yield from waiting.take(candidate)
    # Nothing is said after the logs have ended, also of what would have stayed quiet for longer.
    yield from (replace(finding, clock=min(finding.clock, moment)) for finding in waiting.all_due())


def _outcomes(road: Road, logs: Logs, scores: pq.ParquetWriter) -> Iterator[Outcome]:
    """What comes of one log, its scores written on the way."""
    for outcome in chain(in_turns(logs.batches(road.log), road.begin), road.close()):
        write_scores(scores, outcome)
        yield outcome


def write_scores(scores: pq.ParquetWriter, outcome: Outcome) -> None:
    """Append an outcome's rows to a file of scores."""
    for rows in outcome.scores:
        if len(rows):
            scores.write_batch(rows)
