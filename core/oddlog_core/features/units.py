"""Columns of the conn matrix in units that a person reads."""

from __future__ import annotations

import math

__all__ = ["in_units"]


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


def _grown(logarithm: float) -> float:
    """`expm1`, of what a model says too, which may be anything."""
    return math.expm1(min(max(logarithm, 0.0), 700.0))
