"""Scoring what a tailer brings: decoders, roads, what was said already, and lag."""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from oddlog.disorder import disorder
from oddlog.errors import OddlogError
from oddlog.logs import Decoder
from oddlog.notices import INCIDENT, Ordinals
from oddlog.packing import pack, unpack
from oddlog.pipeline import queue, roads
from oddlog.watch.drift import BASELINE_DRIFT, Drift
from oddlog.watch.journal import Closed, taken
from oddlog.watch.lag import FALLING_BEHIND, Lag

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Sequence

    from oddlog_core.bundle import Bundle

    from oddlog.config import Config
    from oddlog.errors import LogError
    from oddlog.notices import Finding, NoticeWriter, Remark
    from oddlog.pipeline import Outcome, Road
    from oddlog.tail import Chunk, Tailer
    from oddlog.watch.counters import Counters
    from oddlog.watch.hooks import Hooks
    from oddlog.watch.journal import Journal

__all__ = ["Engine"]

_log = logging.getLogger(__name__)
_BAD_LINES_TOLD = 20
_RETRY = 1.0
# When nothing comes after so many seconds, all that was there at the start has been read, and what comes is new.
_CAUGHT_UP = 60.0


class Engine:
    """All that a watch's answers depend on, and the notices that come of it.

    Attributes
    ----------
    roads : dict of str to Road
        By log.
    changed : bool
        Whether anything came since the last checkpoint.
    new_source : bool
        Whether that holds files that no checkpoint knows.
    """

    def __init__(
        self,
        bundle: Bundle,
        config: Config,
        notices: NoticeWriter,
        counters: Counters,
        hooks: Hooks,
        stop: threading.Event,
        clock: Callable[[], float],
    ) -> None:
        self.roads: dict[str, Road] = roads(bundle, config)
        self.stop, self.clock = stop, clock
        self.changed = self.new_source = False
        self.hooks = hooks
        self._notices, self._counters = notices, counters
        self._decoders: dict[str, Decoder] = {}
        self._ordinals = Ordinals()
        self._begun = clock()
        self._heard = dict.fromkeys(self.roads, self._begun)
        self._said: Counter[str] = Counter()
        self._told_bad = 0
        self._told_disorder: set[str] = set()
        self._queue = queue(bundle, config)
        self._drift = {log: Drift(log) for log in self.roads}
        notes = [note for road in self.roads.values() for note in road.notes]
        counters.know(list(self.roads), [*notes, INCIDENT, FALLING_BEHIND, BASELINE_DRIFT], list(bundle.trained))
        self._queue.suppressed = counters.suppressed
        for road in self.roads.values():
            road.seconds = counters.scoring
        self._lag = Lag()

    def export(self) -> dict[str, bytes]:
        """State, packed, by a name for each part."""
        parts = {
            "decoders": pack({source: decoder.state() for source, decoder in self._decoders.items()}),
            "ordinals": pack(self._ordinals.export()),
            "queue": pack(self._queue.export()),
            "said": pack(dict(self._said)),
            "drift": pack(msgspec.to_builtins(self._drift)),
        }
        return parts | {f"road {log}": pack(road.export()) for log, road in self.roads.items()}

    def restore(self, parts: dict[str, bytes]) -> None:
        """Take over what `export` exported, but for what this bundle's detectors cannot use."""
        for log, road in self.roads.items():
            if f"road {log}" in parts:
                for name in road.restore(unpack(parts[f"road {log}"])):
                    _log.warning("%s starts afresh: the state is another bundle's, or of another memory_limit", name)
        for source, state in unpack(parts["decoders"]).items():
            self._decoders[source] = Decoder.restore(state, partial(self._tell_bad, state["log"]))
        self._ordinals.restore(unpack(parts["ordinals"]))
        self._queue.restore(unpack(parts["queue"]))
        self._said.update(unpack(parts["said"]))
        self._drift |= {log: Drift.restore(one) for log, one in unpack(parts["drift"]).items() if log in self.roads}

    def know_said(self, said: Counter[str]) -> None:
        """Not to say these notices again: they were written after the state from which it goes on."""
        self._said.update(said)

    def take(self, chunks: Sequence[Chunk], journal: Journal | None = None) -> None:
        """Score what came; its order goes into the journal beforehand."""
        if journal is not None and chunks:
            journal.write(map(taken, chunks))
        elif not chunks and self.clock() - self._begun > _CAUGHT_UP:
            self._said.clear()
        for chunk in chunks:
            self.changed = True
            self._heard[chunk.log] = self.clock()
            if chunk.source not in self._decoders:
                self._decoders[chunk.source] = Decoder(str(chunk.path), chunk.log, partial(self._tell_bad, chunk.log))
                self.new_source = True
            decoder = self._decoders[chunk.source]
            if chunk.fresh:
                # The header stays: a file that was cut back behind Zeek's back has none of its own.
                decoder.line = 0
            road = self.roads[chunk.log]
            for batch in decoder.feed(chunk.data):
                self._counters.records[chunk.log] += len(batch)
                self._say(chunk.log, road.take(batch))
            self._counters.evicted.update(road.evicted())
            self._watch_times(chunk.log, road.clock.counted)

    def close_silent(self, journal: Journal) -> None:
        """Close the windows of logs that have been silent for long."""
        for log, road in self.roads.items():
            silence = round((self.clock() - self._heard[log]) * 1e6)
            now = road.clock.now + silence
            closed, due = list(road.close(now)), list(self._queue.passed(log, now))
            if closed or due:
                self.changed = True
                journal.write([Closed(log, now)])
                self._say(log, closed)
                self._tell(due)

    def close(self, closed: Closed) -> None:
        """Close a log's windows as an earlier run did."""
        if closed.log in self.roads:
            self.changed = True
            self._say(closed.log, self.roads[closed.log].close(closed.now))
            self._tell(self._queue.passed(closed.log, closed.now))

    def watch_lag(self, lag: dict[str, float]) -> None:
        """Note how far behind each log is, and say so where that is long."""
        self._counters.lag = lag
        for remark in self._lag.judge(lag):
            self._write(remark)

    def note_lost(self, tailer: Tailer) -> None:
        """Count what is no record and must not be lost silently: lines too long, and halves that rotation cut off."""
        for log, n in tailer.lost().items():
            self._counters.bad_lines[log] += n

    def _watch_times(self, log: str, counted: Counter[str]) -> None:
        """Note what came out of order, and say so once where that is much."""
        self._counters.bad_times[log], self._counters.late[log] = counted["bad"], counted["late"]
        said = disorder(log, counted)
        if said is not None and log not in self._told_disorder:
            self._told_disorder.add(log)
            _log.warning("%s; are the clocks right of what writes it?", said)

    def _say(self, log: str, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            for candidate in outcome.candidates:
                self.changed = True
                self._tell(self._queue.take(candidate))
            self._tell(self._queue.passed(log, outcome.until))
            remark = self._drift[log].add(outcome.scores, outcome.until)
            if remark is not None:
                self._once(remark)

    def _tell(self, findings: Iterable[Finding]) -> None:
        for found in findings:
            self._once(self._ordinals.number(found))

    def _once(self, notice: Finding | Remark) -> None:
        if self._said[notice.id]:
            self._said[notice.id] -= 1
        else:
            self._write(notice)

    def _write(self, finding: Finding | Remark) -> None:
        """Append a notice; a full disk is waited for, since a notice that is passed over is lost."""
        self._counters.notices[f"Oddlog::{finding.note}"] += 1
        try:
            self._notices.write(finding)
        except OSError as error:
            reason = error.strerror or str(error)
        else:
            return
        path = self._notices.path
        _log.warning("%s cannot be written (%s); waiting until it can", path, reason)
        while not self.stop.wait(_RETRY):
            self.hooks.beat()
            try:
                self._notices.flush()
            except OSError:
                continue
            _log.info("%s can be written again", path)
            return
        raise OddlogError(f"{path}: {reason}; what was not written will be after the next start")

    def _tell_bad(self, log: str, error: LogError) -> None:
        self._counters.bad_lines[log] += 1
        self._told_bad += 1
        if self._told_bad <= _BAD_LINES_TOLD:
            _log.warning("%s", error)
        if self._told_bad == _BAD_LINES_TOLD:
            _log.warning("further bad lines are counted, not told")
