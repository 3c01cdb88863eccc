"""Saying when records come faster than they are scored."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from oddlog.notices import Remark

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FALLING_BEHIND", "Lag"]

FALLING_BEHIND = "Falling_Behind"
LONG = 60.0
"""Seconds of lag that are worth a notice: a burst is caught up with in less."""

AGAIN = 600.0
"""Seconds until the next notice of the same log."""


class Lag:
    """Judges how far behind each log is; nothing is dropped meanwhile."""

    def __init__(self) -> None:
        self._said: dict[str, float] = {}

    def judge(self, lag: dict[str, float]) -> Iterator[Remark]:
        """Notices of logs that are far behind, one in ten minutes each.

        Parameters
        ----------
        lag : dict of str to float
            Seconds, by log.
        """
        for log, behind in lag.items():
            now = time.time()
            if behind < LONG or now - self._said.get(log, -AGAIN) < AGAIN:
                continue
            self._said[log] = now
            since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now - behind))
            yield Remark(
                FALLING_BEHIND,
                log,
                round(now * 1e6),
                f"{log}.log is scored {behind:.0f} s after it is written, since {since}: records come faster than they "
                "are scored. None is lost; notices are late.",
                f"{behind:.0f} s behind",
            )
