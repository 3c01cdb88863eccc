"""Values and combinations of values as 64-bit keys, the same in every batch and every process."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oddlog_core.records import Categories

__all__ = ["joined", "of_categories", "of_integers"]

# Steele, Lea and Flood, Fast splittable pseudorandom number generators (2014): the finaliser of SplitMix64.
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def _mixed(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    keys = (keys ^ (keys >> np.uint64(30))) * _FIRST
    keys = (keys ^ (keys >> np.uint64(27))) * _SECOND
    return keys ^ (keys >> np.uint64(31))


def of_categories(column: Categories) -> NDArray[np.int64]:
    """Key of each value, (n,); what is unset has one of its own."""
    lookup = np.empty(len(column.values) + 1, np.int64)
    for code, value in enumerate(column.values):
        lookup[code] = int.from_bytes(blake2b(value.encode(), digest_size=8).digest(), "little", signed=True)
    lookup[-1] = 0
    return lookup[column.codes]


def of_integers(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Key of each number, (n,)."""
    return _mixed(values.view(np.uint64) + _STEP).view(np.int64)


def joined(*keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """One key for each row of several, (n,); their order counts."""
    together = keys[0].view(np.uint64)
    for more in keys[1:]:
        together = _mixed(together * _STEP + more.view(np.uint64))
    return together.view(np.int64)
