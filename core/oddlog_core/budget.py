"""How rare a finding must be for a day to bring so many notices, as the baseline's own days say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Budget"]

# Rarities in days at which notices are counted: from 500 findings a day of each detector to one in a month.
_TRIED = tuple(float(f"{days:.3g}") for days in np.geomspace(1 / 500, 32, 43))
_FEWEST = 8
"""Notices in all, below which a count says too little to go by."""


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
    """

    days: list[float]
    notices: list[float]

    @classmethod
    def learn(cls, count: Callable[[float], int], length: float) -> Self:
        """Count the notices of a baseline of `length` days at many rarities; those with too few are left out."""
        tried = [(days, count(days)) for days in _TRIED]
        kept = [(days, n / length) for days, n in tried if n >= _FEWEST]
        # More findings can make fewer notices of what they repeat, by one or two; not in the long run.
        falling = np.maximum.accumulate([n for _, n in reversed(kept)])[::-1] if kept else np.empty(0)
        return cls([days for days, _ in kept], falling.tolist())

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
