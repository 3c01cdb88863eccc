"""Score to p-value to rarity: how often the baseline would show a score this high, in days.

The p-value comes from scores of baseline records that were held back from training. Among them it is conformal, the
share of them that score as high, itself included (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World,
2005, section 2.2); beyond the highest of them it follows a generalised Pareto tail fitted to the highest twentieth
(Pickands, Statistical inference using extreme order statistics, 1975).
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np

from oddlog_core.kernels.ranking import ranks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Calibration", "fisher"]

_TAIL_SHARE = 0.05
_LEAST_TAIL = 20
_HEAVIEST = 0.9
# Times the length of what was held back, and the scores from which a tail is more than a guess.
_BEYOND, _TAIL_KNOWN = 4, 100
_KEPT = 4096
_LEAST_KIND = 200
# A p-value of 0 would make a rarity infinite, which JSON cannot say.
_LEAST_P = 1e-300


class Calibration(msgspec.Struct, frozen=True, dict=True):
    """How a detector's scores are distributed over a baseline it was not trained on.

    Attributes
    ----------
    scores : list of float
        Distinct scores, rising; of many the highest are kept and of the rest quantiles.
    exceed : list of float
        Of each of them, the share of held-back scores that are as high, the one to judge included.
    tail_start, tail_p : float
        The tail's threshold and the p-value there.
    tail_scale, tail_shape : float
        Of the generalised Pareto distribution of what exceeds it.
    per_day : float
        Scores a day in the baseline.
    n : int
        Scores that were held back.
    kinds : list of Calibration or None
        Of each kind of scores by itself (a Mondrian predictor, section 4.5 there); None of one that had too few, and is
        judged among all.
    """

    scores: list[float]
    exceed: list[float]
    tail_start: float
    tail_p: float
    tail_scale: float
    tail_shape: float
    per_day: float
    n: int
    kinds: list[Calibration | None] = []

    @classmethod
    def fit(cls, held_back: NDArray[np.float64], per_day: float, kinds: Sequence[NDArray[np.float64]] = ()) -> Self:
        """Calibrate.

        Parameters
        ----------
        held_back : (n,) float64
            At least one score.
        per_day : float
        kinds : sequence of arrays of float64
            Scores by kind, where there are several; one with fewer than `_LEAST_KIND` is judged among all.
        """
        of_kinds = [Calibration.fit(scores, per_day) if len(scores) >= _LEAST_KIND else None for scores in kinds]
        rising = np.sort(held_back)
        n = len(rising)
        distinct, first = np.unique(rising, return_index=True)
        exceed = (n - first + 1) / (n + 1)
        if len(distinct) > 2 * _KEPT:
            # By rank, not by distinct score: one that many records share must stay.
            ranks = np.linspace(0, first[-_KEPT], _KEPT, endpoint=False)
            thinned = np.unique(np.searchsorted(first, ranks, side="right") - 1)
            keep = np.concatenate([thinned, np.arange(len(distinct) - _KEPT, len(distinct))])
            distinct, exceed = distinct[keep], exceed[keep]
        n_tail = min(n, max(_LEAST_TAIL, int(n * _TAIL_SHARE)))
        scale, shape = _fit_tail(rising[-n_tail:] - rising[-n_tail])
        # The tail is used beyond the highest score held back and starts there: where both meet there is no step.
        return cls(
            distinct.tolist(),
            exceed.tolist(),
            float(rising[-1]),
            float(exceed[-1]),
            # A generalised Pareto tail seen from further out is one of the same shape and a wider scale.
            float(scale + shape * (rising[-1] - rising[-n_tail])),
            shape,
            per_day,
            n,
            of_kinds,
        )

    def p_value(self, score: NDArray[np.float64], kind: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """Probability of a score at least this high in the baseline, among those of its kind.

        Parameters
        ----------
        score : (n,) float64
        kind : (n,) int64, optional

        Returns
        -------
        (n,) float64
            Above 0, at most 1.
        """
        p = self._p_value(score)
        if kind is not None:
            for number, one in enumerate(self.kinds):
                rows = np.flatnonzero(kind == number)
                if one is not None and len(rows):
                    p[rows] = one._p_value(score[rows])
        return p

    def _p_value(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        scores, exceed = self._arrays
        p: NDArray[np.float64] = exceed[ranks(scores, score)]
        far = np.flatnonzero(score > self.tail_start)
        beyond = (score[far] - self.tail_start) / self.tail_scale
        shape = self.tail_shape
        p[far] = self.tail_p * ((1 + shape * beyond) ** (-1 / shape) if shape else np.exp(-beyond))
        return np.maximum(p, _LEAST_P)

    @cached_property
    def _arrays(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Scores, and the p-value of what is not above each of them or above all."""
        return np.array(self.scores), np.array([*self.exceed, self.tail_p])

    def rarity(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Days in which the baseline shows one score at least this high: 1 / (p-value * scores a day)."""
        return 1 / (self.p_value(score) * self.per_day)

    @property
    def supported(self) -> float:
        """Days up to which a rarity means anything.

        What was held back says of itself how rare its highest score is; a tail fitted to it sees further, as far as
        one dares to read a flood's return period from a record of floods: a few times its length.
        """
        return self.n / self.per_day * (_BEYOND if self.n >= _TAIL_KNOWN else 1)

    def rarity_of(self, score: float) -> float:
        """Rarity of one score."""
        return float(self.rarity(np.array([score]))[0])

    def threshold(self, days: float) -> float:
        """Return the lowest score as rare as once in `days`: minus infinity if all are, infinity if none is."""
        p = 1 / (days * self.per_day)
        if p >= 1:
            return -np.inf
        if p < 2 * _LEAST_P:
            return np.inf
        if p < self.tail_p:
            ratio = self.tail_p / p
            beyond = (ratio**self.tail_shape - 1) / self.tail_shape if self.tail_shape else np.log(ratio)
            return self._settle(self.tail_start + self.tail_scale * beyond, days)
        at = int(np.searchsorted(-np.array(self.exceed), -p, side="left"))
        if at == 0:
            return -np.inf
        # Just above the last score that is too frequent: a score between two of the baseline's is as rare as the
        # higher one.
        return float(np.nextafter(self.scores[at - 1], np.inf))

    def _settle(self, score: float, days: float) -> float:
        """Step over the rounding of the tail's inverse, so that the rarity at the threshold is not below `days`."""
        # Ever longer steps, from what changes the tail at all: near a score of 0 the next float is no step in rarity.
        step = float(np.spacing(max(abs(score), self.tail_scale)))
        while self.rarity(np.array([score]))[0] < days:
            score += step
            step *= 2
        return score


def fisher(surprise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evidence of several detectors on each record, together (Fisher, Statistical methods for research workers, 1932).

    Parameters
    ----------
    surprise : (n_detectors, n) float64
        Minus the logarithms of their p-values.

    Returns
    -------
    (n,) float64
        Their sum, half of Fisher's statistic. It has his distribution only where the detectors are independent, which
        they never are: it is calibrated as a score is.
    """
    together: NDArray[np.float64] = surprise[0].copy()
    for more in surprise[1:]:
        together += more
    return together


def _fit_tail(excess: NDArray[np.float64]) -> tuple[float, float]:
    """Scale and shape of a generalised Pareto distribution by probability-weighted moments.

    Hosking and Wallis, Parameter and quantile estimation for the generalized Pareto distribution (1987), eq. 4. The
    shape is kept from 0, exponential, to `_HEAVIEST`: a bounded tail would call what lies beyond it impossible.
    """
    n = len(excess)
    first = float(excess.mean())
    if first <= 0:
        return 1.0, 0.0
    # excess is rising: the share that exceeds the i-th.
    second = float((excess * (n - np.arange(1, n + 1)) / max(n - 1, 1)).mean())
    shape = 2 - first / (first - 2 * second) if first > 2 * second else 0.0
    shape = min(max(shape, 0.0), _HEAVIEST)
    return first * (1 - shape), shape
