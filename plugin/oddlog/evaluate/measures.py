"""How well a score puts positives before negatives; rows of equal score are never told apart."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

__all__ = ["Measures", "Queue"]


@dataclass(frozen=True)
class Measures:
    """What one queue is worth; all but the counts are None where it holds one class only."""

    rows: int
    positives: int
    roc_auc: float | None
    average_precision: float | None
    recall_at_1_percent_false_alarms: float | None
    recall_at_0_1_percent_false_alarms: float | None
    recall_at_20_false_alarms_a_day: float | None
    precision_in_top_20: float | None
    precision_in_top_100: float | None


class Queue:
    """Rows in the order of their score, the oddest first.

    Parameters
    ----------
    score : (n_rows,) float64
        Higher is odder; NaN, never scored, stands last.
    positive : (n_rows,) bool
    """

    def __init__(self, score: np.ndarray, positive: np.ndarray) -> None:
        # Ranks stand for scores, so that inf and NaN have a place in every measure.
        self.rank = np.unique(np.where(np.isnan(score), -np.inf, score), return_inverse=True)[1]
        self.positive = positive
        self._count(None)

    def _count(self, weight: np.ndarray | None) -> None:
        levels = int(self.rank.max()) + 1 if self.rank.size else 0
        hit = None if weight is None else weight[self.positive]
        rows = np.bincount(self.rank, weight, minlength=levels)[::-1]
        hits = np.bincount(self.rank[self.positive], hit, minlength=levels)[::-1]
        self._rows, self._hits = (np.concatenate([[0], np.cumsum(counts)]) for counts in (rows, hits))

    def reweighed(self, weight: np.ndarray) -> Self:
        """The queue in which each row stands so many times, (n_rows,)."""
        other = copy.copy(self)
        other._count(weight)
        return other

    @property
    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """False and true alarms at each threshold, from none to all."""
        return self._rows - self._hits, self._hits

    @property
    def roc_auc(self) -> float:
        """Chance that a positive stands before a negative, an equal one counting half."""
        false, true = self.curve
        return float(np.diff(true) @ (false[-1] - (false[1:] + false[:-1]) / 2) / (true[-1] * false[-1]))

    @property
    def average_precision(self) -> float:
        """Each threshold's precision, by the recall that it adds."""
        precision = self._hits[1:] / np.maximum(self._rows[1:], 1)
        return float(np.diff(self._hits) @ precision / self._hits[-1])

    @property
    def judgeable(self) -> bool:
        """Whether both classes are there."""
        return bool(0 < self._hits[-1] < self._rows[-1])

    def caught(self, false_alarms: int) -> np.ndarray:
        """Rows past the lowest threshold that raises no more than `false_alarms` false alarms.

        Returns
        -------
        (n_rows,) bool
        """
        return self.rank >= len(self._rows) - 1 - self._levels(false_alarms)

    def recall(self, false_alarms: int) -> float:
        """Share of the positives caught at no more than `false_alarms` false alarms."""
        return float(self._hits[self._levels(false_alarms)] / self._hits[-1])

    def precision(self, top: int) -> float:
        """Share of positives in the first `top` rows (or in all, if fewer), expected over the orders of equal rows."""
        top = min(top, int(self._rows[-1]))
        return float(np.interp(top, self._rows, self._hits) / top)

    def _levels(self, false_alarms: int) -> int:
        return int(np.searchsorted(self._rows - self._hits, false_alarms, side="right")) - 1

    def measures(self, false_alarms: int) -> Measures:
        """Every measure; `false_alarms` are those that 20 a day make."""
        rows, positives = int(self._rows[-1]), int(self._hits[-1])
        values: Sequence[float | None] = [None] * 7
        if self.judgeable:
            negatives = rows - positives
            values = [
                self.roc_auc,
                self.average_precision,
                self.recall(negatives // 100),
                self.recall(negatives // 1000),
                self.recall(false_alarms),
                self.precision(20),
                self.precision(100),
            ]
        return Measures(rows, positives, *values)
