"""dce_rpc.log as a table: what each originator called, as `pandas.DataFrame.describe` would say it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from oddlog_core.kernels.tally import Description
from oddlog_core.records import MISSING_CODE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oddlog_core.records import Categories, Records

__all__ = ["DESCRIBED", "HostTable", "Row"]

DESCRIBED = ("id.resp_h", "operation")
_HOST = "id.orig_h"


@dataclass(frozen=True, slots=True)
class Row:
    """One field of one originator.

    Attributes
    ----------
    count : int
        Records in which the field is set.
    distinct : int
        Different values.
    top : str or None
        The most frequent value; of several the one that was so often first. None where the field was never set.
    frequency : int
        How often that was.
    """

    count: int
    distinct: int
    top: str | None
    frequency: int


@dataclass(slots=True)
class HostTable:
    """Count, distinct values, top value and its frequency of `DESCRIBED`, for every originator."""

    _codes: dict[str, dict[str, int]] = field(default_factory=lambda: {name: {} for name in (_HOST, *DESCRIBED)})
    _description: Description = field(default_factory=lambda: Description(len(DESCRIBED)))

    def update(self, records: Records) -> None:
        """Take in records; those without an originator are nobody's."""
        hosts = self._encode(_HOST, records.categories[_HOST])
        known = hosts >= 0
        values = np.stack([self._encode(name, records.categories[name]) for name in DESCRIBED], axis=1)
        if not known.all():
            hosts, values = hosts[known], np.ascontiguousarray(values[known])
        self._description.update(hosts, values)

    def _encode(self, name: str, column: Categories) -> NDArray[np.int64]:
        """Codes that hold for all batches, -1 where unset."""
        known = self._codes[name]
        lookup = np.full(len(column.values) + 1, MISSING_CODE, np.int64)
        present = np.flatnonzero(np.bincount(column.codes + 1, minlength=len(column.values) + 1)[1:])
        for code in present.tolist():
            lookup[code] = known.setdefault(column.values[code], len(known))
        return lookup[column.codes]

    @property
    def hosts(self) -> list[str]:
        """Every originator."""
        return [*self._codes[_HOST]]

    @property
    def numbers(self) -> NDArray[np.int64]:
        """(n_hosts, 6) int64: count, distinct values and top value's frequency, of responders and of operations."""
        summary = self._description.summary[: len(self.hosts)]
        return summary[:, :, [0, 1, 3]].reshape(len(summary), -1)

    def row(self, host: int, name: str) -> Row:
        """One field of `DESCRIBED`, of one of `hosts`."""
        count, distinct, top, frequency = self._description.summary[host, DESCRIBED.index(name)].tolist()
        return Row(count, distinct, self._values(name)[top] if count else None, frequency)

    def _values(self, name: str) -> list[str]:
        return [*self._codes[name]]
