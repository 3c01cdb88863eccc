"""Which category is which number: learned once, then fixed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from oddlog_core.records import Categories

__all__ = ["MISSING_NAME", "UNSEEN", "UNSEEN_NAME", "Vocabulary", "count_values"]

UNSEEN = -1
"""The code of a value that the baseline never held."""

UNSEEN_NAME = "a value never seen"
MISSING_NAME = "unset"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Codes of a field's values: 0 is an unset field, the values follow, and what is not among them is `UNSEEN`.

    Parameters
    ----------
    values : sequence of str
        In the order of their codes, from 1.
    """

    values: Sequence[str]
    _codes: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_codes", {value: code for code, value in enumerate(self.values, start=1)})

    def __len__(self) -> int:
        """Codes in all, that of the unset field included, `UNSEEN` not."""
        return len(self.values) + 1

    def encode(self, column: Categories, spell: Callable[[str], str] = str) -> NDArray[np.int32]:
        """Codes of a column, after each distinct value has gone through `spell`."""
        lookup = np.empty(len(column.values) + 1, np.int32)
        lookup[:-1] = [self._codes.get(spell(value), UNSEEN) for value in column.values]
        lookup[-1] = 0
        return lookup[column.codes]

    def name(self, code: int) -> str:
        """What a code stands for, in words where it is no value."""
        if code == UNSEEN:
            return UNSEEN_NAME
        return MISSING_NAME if code == 0 else self.values[code - 1]


def count_values(columns: Iterable[Categories], spell: Callable[[str], str] = str) -> Counter[str]:
    """How often each value occurs over the batches of a baseline; unset fields are not counted."""
    counts: Counter[str] = Counter()
    for column in columns:
        present = column.codes[column.codes >= 0]
        for code, count in enumerate(np.bincount(present, minlength=len(column.values))):
            if count:
                counts[spell(column.values[code])] += int(count)
    return counts
