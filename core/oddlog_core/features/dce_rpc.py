"""dce_rpc.log as host profiles: what each originator touched within a window of the clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from oddlog_core.kernels.tally import Tally
from oddlog_core.records import MISSING_CODE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oddlog_core.records import Categories, Records

__all__ = ["COUNTS", "NAME", "HostWindow"]

COUNTED = ("id.resp_h", "endpoint", "operation")
COUNTS = (
    "operations",
    "distinct responders",
    "distinct endpoints",
    "distinct operations",
    "calls to one responder",
    "calls to one endpoint",
    "calls of one operation",
)
"""Columns of a profile: records, distinct values of id.resp_h, endpoint and operation, and how often each field's most
frequent value was."""


NAME = 1700
"""Bytes that a name of each field takes, and an originator's values."""

_VALUES = 16


@dataclass(slots=True)
class HostWindow:
    """What every originator has done in the present window; forgotten when the window closes.

    Parameters
    ----------
    most : int
        Names that are kept of each field. Originators beyond them are passed over; responders, endpoints and operations
        beyond them are one more value together. Of originators' values 16 times as many are told apart, all together.

    """

    most: int = 1 << 16
    hosts: list[str] = field(default_factory=list)
    tally: Tally = field(init=False)
    _lost: int = 0
    _codes: dict[str, dict[str | None, int]] = field(default_factory=lambda: {n: {} for n in ("id.orig_h", *COUNTED)})

    def __post_init__(self) -> None:
        self.tally = Tally(len(COUNTED), _VALUES * self.most)

    @property
    def evicted(self) -> int:
        """Names and values that found no place; one that comes again in another batch is counted again."""
        return self._lost + self.tally.evicted

    def update(self, records: Records, start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Take in records `start` to `stop`.

        Returns
        -------
        hosts : (stop - start,) int64
            Which of `self.hosts` each record's originator is.
        counts : (stop - start, 7) int64
            That host's `COUNTS` so far, this record included; zeros where the host is none of them, and -1.
        """
        hosts = self._encode("id.orig_h", records.categories["id.orig_h"], start, stop)
        known = self._codes["id.orig_h"]
        self.hosts += [host or "" for host in list(known)[len(self.hosts) :]]
        values = np.stack([self._encode(name, records.categories[name], start, stop) for name in COUNTED], axis=1)
        values[values < 0] = self.most
        kept = hosts >= 0
        if kept.all():
            return hosts, self.tally.update(hosts, values)
        counts = np.zeros((len(hosts), len(COUNTS)), np.int64)
        counts[kept] = self.tally.update(hosts[kept], values[kept])
        return hosts, counts

    def _encode(self, name: str, column: Categories, start: int, stop: int) -> NDArray[np.int64]:
        """Codes that hold for the whole window, -1 for what is beyond `most`; an unset field is a value of its own."""
        codes, known = column.codes[start:stop], self._codes[name]
        lookup = np.full(len(column.values) + 1, -1, np.int64)
        present, first = np.unique(codes, return_index=True)
        # By first appearance: the order of hosts, and so of scores, must not depend on a batch's dictionary.
        for code in present[np.argsort(first)]:
            value = None if code == MISSING_CODE else column.values[code]
            lookup[code] = known.get(value, -1)
            if lookup[code] < 0 and len(known) < self.most:
                lookup[code] = known[value] = len(known)
            self._lost += int(lookup[code] < 0)
        return lookup[codes]

    def export(self) -> dict[str, Any]:
        """The open window as a tree of dicts, lists and arrays; the same however the records came in batches."""
        return {
            "codes": {name: [*known] for name, known in self._codes.items()},
            "seen": [*self.tally.keys()],
            "counts": self.counts.copy(),
        }

    def restore(self, exported: dict[str, Any]) -> None:
        """Take over what `export` exported."""
        codes = exported["codes"]
        self._codes = {name: {v: code for code, v in enumerate(values)} for name, values in codes.items()}
        self.hosts = [host or "" for host in codes["id.orig_h"]]
        keys, often = exported["seen"]
        self.tally.restore(keys, often, exported["counts"])

    @property
    def counts(self) -> NDArray[np.int64]:
        """(n_hosts, 7) int64: every host's `COUNTS` so far."""
        return self.tally.counts[: len(self.hosts)]
