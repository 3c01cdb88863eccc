"""Damped statistics in units that a person reads."""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = ["Beat", "beat", "in_units", "own"]

# Calls that vary by more, or are fewer, may be a person's.
_LARGEST_SPREAD, _FEWEST = 0.25, 4.0
# Half-lives after which what was before cannot be told from the rounding of a count.
_FURTHEST = 5.0


class Beat(NamedTuple):
    """Calls that come regularly, in seconds.

    Attributes
    ----------
    every, spread : float
        Typical interval and its deviation.
    lasting : float
        For how long at least.
    """

    every: float
    spread: float
    lasting: float


def in_units(column: str, value: float) -> float:
    """What a damped statistic says: seconds, bytes, or a share.

    Means of logarithms become typical seconds and bytes, deviations of logarithms by how much, as a share of itself, an
    amount varies. Of a pair, each direction is taken to do half. All other columns are as they are.
    """
    kind, _, rest = column.partition("_")
    value_of, _, what = rest.partition("_")
    if kind in ("source", "service", "stream") and value_of == "failed":
        return min(max(value, 0.0), 1.0)
    if kind in ("source", "stream") and value_of in ("sent", "got", "interval") and what.startswith(("mean", "std")):
        return _grown(value)
    if kind == "pair" and value_of == "magnitude":
        return _grown(value / math.sqrt(2))
    if kind == "pair" and value_of == "radius":
        return _grown(math.sqrt(max(value, 0.0) / math.sqrt(2)))
    return value


def own(mean: float, std: float, weight: float, usual_mean: float, usual_std: float) -> tuple[float, float]:
    """A stream's own mean and deviation, without the one usual record that features add to it; `weight` above 0."""
    own_mean = ((weight + 1) * mean - usual_mean) / weight
    squares = (weight + 1) * std**2 - usual_std**2 - (usual_mean - mean) ** 2
    return own_mean, math.sqrt(max(squares / weight - (own_mean - mean) ** 2, 0.0))


def beat(mean: float, std: float, weight: float, half_life: float) -> Beat | None:
    """What a stream's damped intervals say if they are regular.

    Parameters
    ----------
    mean, std : float
        The stream's own, of ``log1p`` of seconds.
    weight : float
        Damped number of intervals.
    half_life : float
        Seconds.
    """
    every = _grown(mean)
    if every < 1 or weight < _FEWEST or _grown(std) > _LARGEST_SPREAD:
        return None
    # A geometric series, solved for its length.
    rest = 1 - weight * (1 - 2 ** (-every / half_life))
    return Beat(every, every * _grown(std), half_life * -math.log2(max(rest, 2**-_FURTHEST)))


def _grown(logarithm: float) -> float:
    """`expm1`, of what a model says too, which may be anything."""
    return math.expm1(min(max(logarithm, 0.0), 700.0))
