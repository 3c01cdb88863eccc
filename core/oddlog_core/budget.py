"""How rare a finding must be for a day to bring so many notices: by the baseline's days, and by how this one goes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np

from oddlog_core.span import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["LOOSEST", "TIGHTEST", "Budget", "Pace"]

# Rarities in days at which notices are counted: from 500 findings a day of each detector to one in a month.
_TRIED = tuple(2.0**k for k in range(-9, 6))
_FEWEST = 8
"""Notices in all, below which a count says too little to go by."""

_LEAST_SHARE = 0.05
"""Of the budget, for a log of which the baseline had nothing to tell."""

_MOST_HALVED, _MOST_DOUBLED = 3, 2
_STEP = 2 * HOUR

LOOSEST, TIGHTEST = 2.0**-_MOST_HALVED, 2.0**_MOST_DOUBLED
"""Times as rare as usual a finding must be where a log has told of nothing for long, and where it has of much."""


class Budget(msgspec.Struct, frozen=True):
    """Notices a day that the held-back baseline would have had, by how rare a finding had to be.

    Findings are not notices: of the same thing many are one, and several detectors see one record. So the budget is
    kept by counting what would have been said, not by adding up what each detector is entitled to.

    Attributes
    ----------
    days : list of float
        Rarity from which a score is a finding, in days, rising.
    notices : list of float
        Notices a day at each of them, falling.
    logs : dict of str to list of float
        Those of each log.
    """

    days: list[float]
    notices: list[float]
    logs: dict[str, list[float]] = {}

    @classmethod
    def learn(cls, count: Callable[[float], Mapping[str, int]], length: float) -> Self:
        """Count the notices of a baseline of `length` days at many rarities, by log; too few are left out."""
        tried = [(days, count(days)) for days in _TRIED]
        kept = [(days, n) for days, n in tried if sum(n.values()) >= _FEWEST]
        # More findings can make fewer notices of what they repeat, by one or two; not in the long run.
        rates = np.array([sum(n.values()) for _, n in kept]) / length
        falling = np.maximum.accumulate(rates[::-1])[::-1]
        logs = sorted({log for _, n in kept for log in n})
        by_log = {log: [n.get(log, 0) / length for _, n in kept] for log in logs}
        return cls([days for days, _ in kept], falling.tolist(), by_log)

    def threshold(self, notices_per_day: float, n_detectors: int) -> float:
        """Rarity in days from which a score is a finding, so that an ordinary day brings `notices_per_day`.

        Parameters
        ----------
        notices_per_day : float
        n_detectors : int
            Each of them shows one score as rare as once in D days every D days: beyond what was counted, and where
            nothing was, they share the budget evenly.
        """
        if len(self.days) < 2:
            return n_detectors / notices_per_day
        if not self.notices[-1] < notices_per_day < self.notices[0]:
            end = -1 if notices_per_day <= self.notices[-1] else 0
            return self.days[end] * self.notices[end] / notices_per_day
        rising = np.log(self.notices[::-1]), np.log(self.days[::-1])
        return float(np.exp(np.interp(np.log(notices_per_day), *rising)))

    def shares(self, notices_per_day: float, days: float, logs: Iterable[str]) -> dict[str, float]:
        """Notices a day of each of these logs, of so many in all, as the baseline had them at a threshold of `days`."""
        told = {log: np.interp(np.log(days), np.log(self.days), n) for log, n in self.logs.items() if n}
        whole = sum(told.values()) or 1.0
        share = {log: max(told.get(log, 0.0) / whole, _LEAST_SHARE) for log in dict.fromkeys([*told, *logs])}
        return {log: float(notices_per_day * share[log] / sum(share.values())) for log in logs}


@dataclass(slots=True)
class Pace:
    """How a log keeps to its share of the budget, on days that are not as the baseline's were.

    Each notice doubles how rare the next finding must be, and each time for which the share allows one notice halves
    it, in two hours at best, and within bounds. This is a leaky bucket by virtual scheduling (ITU-T I.371, annex A):
    one moment is all there is to remember, and how often it is asked changes nothing.

    Attributes
    ----------
    share : float
        Notices a day.
    until : int or None
        By the log's clock, when what was told will have been made up for; None before there was anything.
    """

    share: float
    until: int | None = None

    def factor(self, now: int) -> float:
        """Times as rare as usual a finding must be now."""
        step = self._step
        # A clock that was moved back leaves no more behind than a day of notices does.
        self.until = now if self.until is None else min(self.until, now + _MOST_DOUBLED * step)
        return math.exp2(max((self.until - now) / step, -_MOST_HALVED))

    def tell(self, now: int) -> None:
        """Take note of a notice."""
        step = self._step
        until = now if self.until is None else max(self.until, now - _MOST_HALVED * step)
        self.until = min(until + round(DAY / self.share), now + _MOST_DOUBLED * step)

    @property
    def _step(self) -> int:
        return max(round(DAY / self.share), _STEP)
