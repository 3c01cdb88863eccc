"""When checkpoints are made, in which order that leaves things on the disk, and how a start goes on from them."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING
from uuid import uuid4

from oddlog.notices import notice_ids
from oddlog.packing import pack, unpack
from oddlog.tail import (
    Checkpoint,
    CheckpointError,
    read_checkpoint,
    sync_folder,
    to_bytes,
    write_durably,
)
from oddlog.watch.journal import Closed, Journal, is_of
from oddlog.watch.saving import Child

if TYPE_CHECKING:
    from collections.abc import Callable

    from oddlog.notices import NoticeWriter
    from oddlog.tail import Tailer, TailPosition
    from oddlog.watch.counters import Counters
    from oddlog.watch.engine import Engine

__all__ = ["EVERY", "Checkpoints"]

_log = logging.getLogger(__name__)
EVERY = 5.0
"""Seconds."""


class Checkpoints:
    """Checkpoint N, and the journal of what was read after its state.

    A forked child makes the notices durable, then writes the state beside its place; this process moves it there. The
    next child makes the move durable, and after that the journal before it may go. So each thing is on the disk before
    anything that builds on it, and no child that is left over changes what a new process has read.

    Parameters
    ----------
    folder : Path
    lock : file
        What keeps other processes from the folder.
    notices : NoticeWriter
    counters : Counters
    clock : callable
    """

    def __init__(
        self, folder: Path, lock: IO[str], notices: NoticeWriter, counters: Counters, clock: Callable[[], float]
    ) -> None:
        self.journal = Journal(folder)
        self._folder, self._path = folder, folder / "checkpoint"
        # Not under one name for all: what a killed process's child still holds open is not this one's.
        self._temporary = folder / f".checkpoint.{uuid4().hex}.tmp"
        self._lock = lock
        self._notices, self._counters, self._clock = notices, counters, clock
        self._number = self._placed = 0
        self._begun = self._covered = clock()
        self._child: Child | None = None
        self._told: int | None = None

    def resume(self, engine: Engine) -> TailPosition | None:
        """Take over the last checkpoint; where the tailer shall go on, None to begin at the beginning."""
        for left in self._folder.glob(".checkpoint.*.tmp"):
            left.unlink()
        try:
            checkpoint = read_checkpoint(self._path)
        except CheckpointError as error:
            _log.warning("%s; starting afresh", error)
            checkpoint = None
            self.journal.drop(before=self.journal.last() + 1)
        if checkpoint is None:
            # Nobody knows how far it came before it was killed.
            engine.know_said(notice_ids(self._notices.path))
            return None
        self._number = self._placed = checkpoint.number
        engine.restore(checkpoint.states)
        # What was written after the checkpoint is scored once more, and must not be said once more.
        engine.know_said(notice_ids(self._notices.path, unpack(checkpoint.states["notices"])))
        return checkpoint.position

    def replay(self, engine: Engine, tailer: Tailer) -> None:
        """Read again, in the same order, what was read after the checkpoint, and go on from there."""
        for entry in self.journal.since(self._number):
            engine.hooks.beat()
            if isinstance(entry, Closed):
                engine.close(entry)
                continue
            length, is_it = entry.stop - entry.start, partial(is_of, entry)
            chunk = tailer.again(entry.log, entry.source, Path(entry.folder), length, is_it)
            if chunk is not None:
                engine.take([chunk])
            if chunk is None or not is_it(chunk):
                _log.warning("%s is not as it was read: what follows is read in the order of the day", entry.source)
                engine.changed = True
                break
        self._number = max(self._number, self.journal.last())
        if engine.changed:
            self.save(engine, tailer)
        else:
            self.journal.begin(self._number)

    def tend(self, engine: Engine, tailer: Tailer) -> None:
        """Begin a checkpoint when it is time and there is something new; see to the one that is being written."""
        now = self._clock()
        self._counters.checkpoint_age = now - self._covered
        if self._child is not None:
            self._end_child(engine)
        elif engine.new_source or (engine.changed and now - self._begun >= EVERY):
            try:
                self._child = Child(self._task(engine, tailer), self._lock)
            except OSError as error:
                self._tell(engine, error)

    def save(self, engine: Engine, tailer: Tailer) -> bool:
        """Have a checkpoint of all that came, now and in this process; whether that was possible."""
        self._end_child(engine, wait=True)
        try:
            if engine.changed:
                self._task(engine, tailer)()
                self._temporary.replace(self._path)
            sync_folder(self._folder)
        except OSError as error:
            self._tell(engine, error)
            return False
        self._covered, self._placed, self._told = self._begun, self._number, None
        self.journal.drop(before=self._number)
        return True

    def _task(self, engine: Engine, tailer: Tailer) -> Callable[[], None]:
        """What writes a checkpoint of the state as it is now."""
        self._begun = self._clock()
        mark, position = self._notices.mark(), tailer.position()
        self._number += 1
        number = self._number
        self.journal.begin(number)
        engine.changed = engine.new_source = False

        def write() -> None:
            sync_folder(self._folder)
            self._notices.make_durable()
            states = engine.export() | {"notices": pack(mark)}
            write_durably(self._temporary, to_bytes(Checkpoint(number, position, states)))

        return write

    def _end_child(self, engine: Engine, *, wait: bool = False) -> None:
        """Put what the child wrote in its place, once it has ended."""
        if self._child is None:
            return
        try:
            if not self._child.done(wait=wait):
                return
            self._temporary.replace(self._path)
        except OSError as error:
            self._tell(engine, error)
        else:
            # The child has seen to it that the checkpoint before this one will be found.
            self.journal.drop(before=self._placed)
            self._covered, self._placed, self._told = self._begun, self._number, None
        self._child = None

    def _tell(self, engine: Engine, error: OSError) -> None:
        engine.changed = True
        if error.errno != self._told:
            _log.warning("no checkpoint could be written (%s); the last one stays", error.strerror or error)
        self._told = error.errno
