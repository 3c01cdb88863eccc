"""`watch`: live logs to a notice.log that grows, with checkpoints."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oddlog.errors import OddlogError
from oddlog.logs import Decoder
from oddlog.notices import NoticeWriter, notice_ids
from oddlog.packing import pack, unpack
from oddlog.pipeline import roads
from oddlog.tail import Checkpoint, CheckpointError, Tailer, lock, read_checkpoint, write_checkpoint

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from oddlog_core.bundle import Bundle

    from oddlog.config import Config
    from oddlog.errors import LogError
    from oddlog.notices import Finding
    from oddlog.pipeline import Outcome, Road
    from oddlog.tail import Chunk

__all__ = ["Watched", "watch"]

_log = logging.getLogger(__name__)
CHECKPOINT_EVERY = 5.0
"""Seconds."""

_BAD_LINES_TOLD = 20
_RETRY = 1.0


@dataclass(slots=True)
class Watched:
    """What a watch has done since it started.

    Attributes
    ----------
    records, bad_lines : int
    notices : Counter of str
        By type.
    """

    records: int = 0
    bad_lines: int = 0
    notices: Counter[str] = field(default_factory=Counter)


def watch(
    folder: Path,
    bundle: Bundle,
    config: Config,
    out: Path,
    state: Path,
    stop: threading.Event,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Watched:
    """Follow the live logs in a folder until `stop` is set, appending notices to ``out/notice.log``.

    Parameters
    ----------
    folder : Path
        Where Zeek writes; it need not exist yet.
    bundle : Bundle
    config : Config
    out, state : Path
        Where notices go, and what must survive a restart; made if missing.
    stop : threading.Event
    clock : callable
        Seconds, for silence, checkpoints and waiting.

    Raises
    ------
    OddlogError
        If another instance uses `state`, or it is stopped while a notice cannot be written; what was not written is
        then written by the next run.
    OSError
        If `out` or `state` cannot be used.
    """
    out.mkdir(parents=True, exist_ok=True)
    state.mkdir(parents=True, exist_ok=True)
    path = out / "notice.log"
    with lock(state), NoticeWriter(path, config.notice_format, config.suppress_for) as notices:
        watcher = _Watcher(bundle, config, notices, path, state / "checkpoint", stop, clock)
        resume = watcher.resume()
        names = tuple(watcher.roads)
        with Tailer(folder, names, resume, on_trouble=_tell_trouble, clock=clock, sleep=stop.wait) as tailer:
            _log.info("watching %s for %s", folder, ", ".join(f"{name}.log" for name in names))
            while not stop.is_set():
                watcher.take(tailer.poll())
                if watcher.due():
                    watcher.checkpoint(tailer)
                tailer.wait(0.5)
            watcher.checkpoint(tailer)
            # Too long, or half a line at the end of a rotated file: no record, and not to be lost silently.
            watcher.watched.bad_lines += tailer.too_long + tailer.unfinished
    return watcher.watched


class _Watcher:
    """Roads and decoders of a watch, and where its notices and checkpoints go."""

    def __init__(
        self,
        bundle: Bundle,
        config: Config,
        notices: NoticeWriter,
        notice_path: Path,
        checkpoint_path: Path,
        stop: threading.Event,
        clock: Callable[[], float],
    ) -> None:
        self.roads: dict[str, Road] = roads(bundle, config)
        self.watched = Watched()
        self._bundle = bundle.digest
        self._decoders: dict[str, Decoder] = {}
        self._notices, self._notice_path, self._checkpoint_path = notices, notice_path, checkpoint_path
        self._stop, self._clock = stop, clock
        self._heard = dict.fromkeys(self.roads, clock())
        self._checkpointed = clock()
        self._changed = False
        self._said: Counter[str] = Counter()
        self._told: int | None = None

    def resume(self) -> Any:
        """Take over the last checkpoint; where the tailer shall go on, None to begin at the beginning."""
        try:
            checkpoint = read_checkpoint(self._checkpoint_path)
        except CheckpointError as error:
            _log.warning("%s; starting afresh", error)
            checkpoint = None
        if checkpoint is None:
            # Nobody knows how far it came before it was killed.
            self._said = notice_ids(self._notice_path)
            return None
        states = {name: unpack(data) for name, data in checkpoint.states.items()}
        if states["bundle"] == self._bundle:
            for log, road in self.roads.items():
                if f"road {log}" in states:
                    road.restore(states[f"road {log}"])
        else:
            _log.warning("the bundle is another than at the checkpoint: its detectors start afresh")
        for source, decoder in states["decoders"].items():
            self._decoders[source] = Decoder.restore(decoder, self._tell_bad)
        # What was written after the checkpoint is scored once more, and must not be said once more.
        self._said = notice_ids(self._notice_path, states["notices"])
        return checkpoint.position

    def take(self, chunks: Iterable[Chunk]) -> None:
        """Score what came, and close the windows of logs that have been silent for long."""
        for chunk in chunks:
            self._changed = True
            self._heard[chunk.log] = self._clock()
            if chunk.source not in self._decoders:
                self._decoders[chunk.source] = Decoder(str(chunk.path), chunk.log, self._tell_bad)
                # At once: nobody looks for rotated files of a log that no checkpoint knows.
                self._checkpointed = self._clock() - CHECKPOINT_EVERY
            decoder = self._decoders[chunk.source]
            if chunk.fresh:
                # The header stays: a file that was cut back behind Zeek's back has none of its own.
                decoder.line = 0
            for batch in decoder.feed(chunk.data):
                self.watched.records += len(batch)
                self._say(self.roads[chunk.log].take(batch))
        for log, road in self.roads.items():
            silence = round((self._clock() - self._heard[log]) * 1e6)
            self._say(road.close(road.clock.now + silence))

    def _say(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            for finding in outcome.findings:
                self._changed = True
                if self._said[finding.id]:
                    self._said[finding.id] -= 1
                    continue
                self._write(finding)
                self.watched.notices[f"Oddlog::{finding.note}"] += 1

    def _write(self, finding: Finding) -> None:
        """Append a notice; a full disk is waited for, since a notice that is passed over is lost."""
        try:
            self._notices.write(finding)
        except OSError as error:
            reason = error.strerror or str(error)
        else:
            return
        _log.warning("%s cannot be written (%s); waiting until it can", self._notice_path, reason)
        while not self._stop.wait(_RETRY):
            try:
                self._notices.flush()
            except OSError:
                continue
            _log.info("%s can be written again", self._notice_path)
            return
        raise OddlogError(f"{self._notice_path}: {reason}; what was not written will be after the next start")

    def due(self) -> bool:
        """Whether it is time for a checkpoint and there is something new."""
        return self._changed and self._clock() - self._checkpointed >= CHECKPOINT_EVERY

    def checkpoint(self, tailer: Tailer) -> None:
        """Make notices durable, then the position and the state that they follow from.

        Where that fails the last checkpoint stays: a restart from there scores more anew, and says nothing twice.
        """
        self._checkpointed = self._clock()
        try:
            states = {
                "bundle": pack(self._bundle),
                "decoders": pack({source: decoder.state() for source, decoder in self._decoders.items()}),
                "notices": pack(self._notices.sync()),
            }
            states |= {f"road {log}": pack(road.export()) for log, road in self.roads.items()}
            write_checkpoint(self._checkpoint_path, Checkpoint(tailer.position(), states))
        except OSError as error:
            if error.errno != self._told:
                _log.warning("no checkpoint could be written (%s); the last one stays", error)
            self._told = error.errno
        else:
            self._told, self._changed = None, False

    def _tell_bad(self, error: LogError) -> None:
        self.watched.bad_lines += 1
        if self.watched.bad_lines <= _BAD_LINES_TOLD:
            _log.warning("%s", error)
        if self.watched.bad_lines == _BAD_LINES_TOLD:
            _log.warning("further bad lines are counted, not told")


def _tell_trouble(path: Path, error: OSError) -> None:
    _log.warning("%s: %s", path, error.strerror or error)
