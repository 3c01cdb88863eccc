"""What oddlog says of itself while it runs: a structured line on stderr for each thing, and not too many of a kind."""

from __future__ import annotations

import json
import logging
import re
import time
import traceback
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

    from oddlog.config import LogConfig

__all__ = ["LimitedHandler", "set_up"]

_MINUTE = 60.0
_PLAIN = re.compile(r'[^\s"=\x00-\x1f\x7f]+')


class LimitedHandler(logging.StreamHandler[TextIO]):
    """Writes a line for each record, of one kind only some a minute, and then one that stands for the rest of them.

    A kind is a logger and a message before its arguments are put in: there are as many as the code has.

    Parameters
    ----------
    config : LogConfig
    stream : text file, optional
        By default stderr.
    clock : callable
        Seconds.
    """

    def __init__(
        self, config: LogConfig, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(stream)
        self._json, self._most, self._clock = config.format == "json", config.per_minute, clock
        # Of each kind: when its minute began, how many came since, and the latest of those that were not said.
        self._minutes: dict[tuple[str, str], tuple[float, int, logging.LogRecord | None]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it."""
        self.settle()
        kind = record.name, str(record.msg)
        began, n, _ = self._minutes.get(kind, (self._clock(), 0, None))
        said = n < self._most
        self._minutes[kind] = began, n + 1, None if said else record
        if said:
            super().emit(record)

    def settle(self) -> None:
        """Say of each kind whose minute is over what was not said: the latest, and how many it stands for."""
        self.acquire()
        try:
            now = self._clock()
            for kind, (began, n, latest) in list(self._minutes.items()):
                if now - began >= _MINUTE:
                    del self._minutes[kind]
                    if latest is not None:
                        latest.__dict__["times"] = n - self._most
                        super().emit(latest)
        finally:
            self.release()

    def format(self, record: logging.LogRecord) -> str:
        """One line of logfmt or JSON: time (UTC), level, logger, msg."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields: dict[str, str | int] = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage().strip(),
        }
        if "times" in record.__dict__:
            fields["times"] = record.__dict__["times"]
        if record.exc_info:
            fields["error"] = "".join(traceback.format_exception(*record.exc_info)).rstrip()
        if self._json:
            return _json(fields)
        words = {name: str(value) for name, value in fields.items()}
        return " ".join(f"{name}={word if _PLAIN.fullmatch(word) else _json(word)}" for name, word in words.items())


def _json(value: object) -> str:
    # Half a character, as in a file's name that is not UTF-8, has no place in JSON.
    return json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace").decode()


def set_up(config: LogConfig) -> LimitedHandler:
    """Send all that is logged or warned of to stderr, in place of whatever was done with it before."""
    handler = LimitedHandler(config)
    # A line that cannot be written, to a terminal that has gone, is no reason to print where it came from.
    logging.raiseExceptions = False
    logging.captureWarnings(True)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    return handler
