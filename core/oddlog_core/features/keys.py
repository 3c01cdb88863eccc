"""Values and combinations of values as 64-bit keys, the same in every batch and every process."""

from __future__ import annotations

from functools import lru_cache, reduce
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from oddlog_core.kernels import mixing
from oddlog_core.records import Categories

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["joined", "of_categories", "of_integers", "of_names"]


# Longer texts are not remembered: of names that somebody makes up, 65,536 may be of 32 kB each.
_LONGEST = 64


def _hash(value: str) -> int:
    return int.from_bytes(blake2b(value.encode(), digest_size=8).digest(), "little", signed=True)


_key = lru_cache(maxsize=1 << 16)(_hash)
"""Hash of a text; the same few hosts come in every batch."""


def of_categories(column: Categories) -> NDArray[np.int64]:
    """Key of each value, (n,); what is unset has one of its own."""
    return np.array([*map(_keyed, column.values), 0], np.int64)[column.codes]


def _keyed(value: str) -> int:
    return _key(value) if len(value) <= _LONGEST else _hash(value)


def of_names(column: Categories) -> NDArray[np.int64]:
    """`of_categories` of names, which come in both cases and mean the same."""
    return of_categories(Categories(column.codes, [*map(str.lower, column.values)]))


def of_integers(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Key of each number, (n,)."""
    keys: NDArray[np.int64] = mixing.mixed(values)
    return keys


def joined(*keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """One key for each row of several, (n,); their order counts."""
    return reduce(mixing.joined, map(np.ascontiguousarray, keys))
