"""A watch that runs for months: it reloads on SIGHUP, ends on SIGTERM, and tells systemd and Prometheus how it is."""

from __future__ import annotations

import gc
import logging
import signal
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from oddlog_core.bundle import read_bundle
from oddlog_core.errors import OddlogCoreError

from oddlog import own_log
from oddlog.check import refuse_shared
from oddlog.config import read_config
from oddlog.errors import OddlogError
from oddlog.metrics import MetricsServer
from oddlog.service import between_beats, notify, notify_reloading
from oddlog.watch import Counters, Hooks, watch

if TYPE_CHECKING:
    from pathlib import Path

    from oddlog_core.bundle import Bundle

    from oddlog.config import Config

__all__ = ["Given", "run"]

_log = logging.getLogger(__name__)

_SILENT = 60.0
"""Seconds without a beat after which a watch is taken for stuck; WatchdogSec in the unit."""


class Given(NamedTuple):
    """Where bundle and configuration are read from, at the start and on SIGHUP.

    Attributes
    ----------
    bundle : Path
    config : Path or None
    settings : tuple of str
        Of the command line, such as ``train.epochs=3``.
    """

    bundle: Path
    config: Path | None
    settings: tuple[str, ...]

    def read(self) -> tuple[Bundle, Config]:
        """Read both, the configuration first.

        Raises
        ------
        OddlogError, OddlogCoreError
            One of them cannot be used.
        """
        config = read_config(self.config, self.settings)
        return read_bundle(self.bundle), config


def run(logs: Path, given: Given, out: Path, state: Path) -> None:
    """Watch until SIGTERM or SIGINT.

    Raises
    ------
    OddlogError, OddlogCoreError
        It cannot start, or was stopped while a notice could not be written.
    OSError
        `out` or `state` cannot be used.
    """
    refuse_shared(logs, out)
    bundle, config = given.read()
    with _Daemon(given, config) as daemon:
        counters = daemon.counters
        watch(
            logs,
            bundle,
            config,
            out,
            state,
            daemon.stop,
            counters=counters,
            hooks=Hooks(beat=daemon.beat, renewed=daemon.renewed),
        )
    notices = ", ".join(f"{note} {n:,}" for note, n in sorted(counters.notices.items()) if n) or "none"
    _log.info(
        "stopped: %s records, %s bad lines, notices: %s",
        f"{counters.records.total():,}",
        f"{counters.bad_lines.total():,}",
        notices,
    )
    # At its end the interpreter would look for cycles in all that numba, pandas and scikit-learn have loaded: 0.3 s.
    gc.freeze()


class _Daemon:
    """What surrounds a watch.

    Parameters
    ----------
    given : Given
    config : Config
        What was read of it.
    """

    def __init__(self, given: Given, config: Config) -> None:
        self.stop = threading.Event()
        self.counters = Counters()
        self._given = given
        self._log_handler = own_log.set_up(config.log)
        self._hangup = False
        self._announced = False
        self._beaten: float | None = None
        self._told = float("-inf")
        self._every = between_beats()
        self._metrics = self._serve(config)
        self._port = config.metrics.port

    def __enter__(self) -> _Daemon:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_hangup)
        return self

    def __exit__(self, *_: object) -> None:
        if self._metrics:
            self._metrics.close()

    def _on_stop(self, *_: object) -> None:
        self.stop.set()
        notify("STOPPING=1", "STATUS=stopping")

    def _on_hangup(self, *_: object) -> None:
        self._hangup = True

    def _serve(self, config: Config) -> MetricsServer | None:
        port = config.metrics.port
        return MetricsServer(port, self.counters, self._trouble, self._unready) if port else None

    def beat(self) -> None:
        """Be told by the watch that it is well; tell systemd from time to time."""
        self._beaten = now = time.monotonic()
        if not self._announced:
            self._announced = True
            notify("READY=1")
        if now - self._told >= self._every:
            self._told = now
            self._log_handler.settle()
            lag = max(self.counters.lag.values(), default=0.0)
            notices = self.counters.notices.total()
            notify(
                "WATCHDOG=1",
                f"STATUS={self.counters.records.total():,} records, {notices:,} notices, {lag:.1f} s behind",
            )

    def renewed(self) -> tuple[Bundle, Config] | None:
        """Bundle and configuration as they are now, once after each SIGHUP; None where one of them cannot be used."""
        if not self._hangup:
            return None
        self._hangup = self._announced = False
        notify_reloading()
        try:
            bundle, config = self._given.read()
            self._apply(config)
        except (OddlogError, OddlogCoreError, OSError) as error:
            _log.warning("not reloaded, the old bundle and configuration stay: %s", error)
            return None
        _log.info("read anew: bundle %s, %s", bundle.digest, self._given.config or "no configuration file")
        return bundle, config

    def _apply(self, config: Config) -> None:
        """Take over what is not the watch's."""
        if config.metrics.port != self._port:
            old, self._metrics = self._metrics, self._serve(config)
            self._port = config.metrics.port
            if old:
                old.close()
        self._log_handler = own_log.set_up(config.log)

    def _trouble(self) -> str | None:
        """What is wrong where the watch has not been heard of for long."""
        silent = time.monotonic() - (self._beaten or time.monotonic())
        return f"nothing heard of the watch for {silent:.0f} s" if silent > _SILENT else None

    def _unready(self) -> str | None:
        if self._beaten is None:
            return "starting"
        return "stopping" if self.stop.is_set() else self._trouble()
