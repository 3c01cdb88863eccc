"""How well a score puts positives before negatives; rows of equal score are never told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        levels = int(self.rank.max()) + 1 if self.rank.size else 0
        rows = np.bincount(self.rank, minlength=levels)[::-1]
        hits = np.bincount(self.rank[positive], minlength=levels)[::-1]
        self._rows, self._hits = (np.concatenate([[0], np.cumsum(counts)]) for counts in (rows, hits))

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
                float(roc_auc_score(self.positive, self.rank)),
                float(average_precision_score(self.positive, self.rank)),
                self.recall(negatives // 100),
                self.recall(negatives // 1000),
                self.recall(false_alarms),
                self.precision(20),
                self.precision(100),
            ]
        return Measures(rows, positives, *values)
