"""The loop of a watch, and where it begins anew with another bundle or configuration."""

from __future__ import annotations

import logging
import time
from contextlib import closing
from typing import TYPE_CHECKING

from oddlog.notices import NoticeWriter
from oddlog.tail import Tailer, lock
from oddlog.watch.checkpoints import Checkpoints
from oddlog.watch.counters import Counters
from oddlog.watch.engine import Engine
from oddlog.watch.hooks import Hooks

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from oddlog_core.bundle import Bundle

    from oddlog.config import Config

__all__ = ["watch"]

_log = logging.getLogger(__name__)
_TURN = 0.5
"""Seconds between two turns when nothing comes."""


def watch(
    folder: Path,
    bundle: Bundle,
    config: Config,
    out: Path,
    state: Path,
    stop: threading.Event,
    *,
    counters: Counters | None = None,
    hooks: Hooks | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Counters:
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
    counters : Counters, optional
        To count in.
    hooks : Hooks, optional
    clock : callable
        Seconds, for silence, checkpoints, lag and waiting.

    Raises
    ------
    OddlogError
        If another instance uses `state`, or it is stopped while a notice cannot be written; what was not written is
        then written by the next run.
    OSError
        If `out` or `state` cannot be used.
    """
    counters, hooks = counters or Counters(), hooks or Hooks()
    out.mkdir(parents=True, exist_ok=True)
    state.mkdir(parents=True, exist_ok=True)
    with lock(state) as held:
        renewed: tuple[Bundle, Config] | None = bundle, config
        while renewed is not None:
            bundle, config = renewed
            with NoticeWriter(out / "notice.log", config.notice_format, config.suppress_for) as notices:
                engine = Engine(bundle, config, notices, counters, hooks, stop, clock)
                renewed = _follow(folder, engine, Checkpoints(state, held, notices, counters, clock), hooks)
    return counters


def _follow(folder: Path, engine: Engine, checkpoints: Checkpoints, hooks: Hooks) -> tuple[Bundle, Config] | None:
    """Score what comes until it is stopped, or told to go on with what it gives back."""
    names = tuple(engine.roads)
    resume = checkpoints.resume(engine)
    stop, clock = engine.stop, engine.clock
    with (
        closing(checkpoints.journal),
        Tailer(folder, names, resume, on_trouble=_tell_trouble, clock=clock, sleep=stop.wait) as tailer,
    ):
        checkpoints.replay(engine, tailer)
        _log.info("watching %s for %s", folder, ", ".join(f"{name}.log" for name in names))
        renewed = None
        while not stop.is_set():
            hooks.beat()
            engine.take(tailer.poll(), checkpoints.journal)
            engine.close_silent(checkpoints.journal)
            engine.watch_lag(tailer.lag())
            checkpoints.tend(engine, tailer)
            renewed = hooks.renewed()
            if renewed is not None:
                if checkpoints.save(engine, tailer):
                    break
                _log.warning("without a checkpoint the bundle and the configuration stay as they are")
            tailer.wait(_TURN)
        else:
            renewed = None
            checkpoints.save(engine, tailer)
        engine.note_lost(tailer)
    return renewed


def _tell_trouble(path: Path, error: OSError) -> None:
    _log.warning("%s: %s", path, error.strerror or error)
