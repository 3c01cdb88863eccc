"""What a detector sees of a batch: integers and dictionary codes, in log order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["MISSING", "MISSING_CODE", "Categories", "Records"]

MISSING = int(np.iinfo(np.int64).min)
"""An integer field that Zeek left unset. It is not 0."""

MISSING_CODE = -1
"""The code of a categorical field that Zeek left unset. It is not the empty string."""


@dataclass(frozen=True, slots=True)
class Categories:
    """A dictionary-encoded column.

    Attributes
    ----------
    codes : (n_records,) int32
        Index into `values`; `MISSING_CODE` where the field is unset.
    values : sequence of str
        The distinct values of this batch, in any order. Codes mean nothing outside their batch.
    """

    codes: NDArray[np.int32]
    values: Sequence[str]


@dataclass(frozen=True, slots=True)
class Records:
    """Consecutive records of one log.

    Attributes
    ----------
    log : str
        ``conn``, ``ntlm`` or ``dce_rpc``.
    clock : (n_records,) int64
        Microseconds since the epoch at which Zeek could have told of each record; never falls.
    integers : mapping of str to (n_records,) int64
        By Zeek's field name: times and intervals in microseconds, counts and ports as they are; `MISSING` where unset.
    categories : mapping of str to Categories
        By Zeek's field name: strings, enums, addresses, and booleans as ``T`` and ``F``.
    """

    log: str
    clock: NDArray[np.int64]
    integers: Mapping[str, NDArray[np.int64]]
    categories: Mapping[str, Categories]

    def __len__(self) -> int:
        return len(self.clock)

    def text(self, name: str, row: int) -> str | None:
        """A categorical field of one record; None where it is unset."""
        column = self.categories[name]
        code = int(column.codes[row])
        return column.values[code] if code >= 0 else None

    def number(self, name: str, row: int) -> int | None:
        """An integer field of one record; None where it is unset."""
        value = int(self.integers[name][row])
        return None if value == MISSING else value
