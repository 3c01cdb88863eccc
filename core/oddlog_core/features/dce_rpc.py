"""dce_rpc.log as host profiles: what each originator touched within a window of the clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from oddlog_core.kernels.tally import Tally
from oddlog_core.records import MISSING_CODE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oddlog_core.records import Categories, Records

__all__ = ["COUNTS", "HostWindow"]

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


@dataclass(slots=True)
class HostWindow:
    """What every originator has done in the present window; forgotten when the window closes."""

    hosts: list[str] = field(default_factory=list)
    tally: Tally = field(default_factory=lambda: Tally(len(COUNTED)))
    _codes: dict[str, dict[str | None, int]] = field(default_factory=lambda: {n: {} for n in ("id.orig_h", *COUNTED)})

    def update(self, records: Records, start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Take in records `start` to `stop`.

        Returns
        -------
        hosts : (stop - start,) int64
            Which of `self.hosts` each record's originator is.
        counts : (stop - start, 7) int64
            That host's `COUNTS` so far, this record included.
        """
        hosts = self._encode("id.orig_h", records.categories["id.orig_h"], start, stop)
        known = self._codes["id.orig_h"]
        self.hosts += [host or "" for host in list(known)[len(self.hosts) :]]
        values = np.stack([self._encode(name, records.categories[name], start, stop) for name in COUNTED], axis=1)
        return hosts, self.tally.update(hosts, values)

    def _encode(self, name: str, column: Categories, start: int, stop: int) -> NDArray[np.int64]:
        """Codes that hold for the whole window; an unset field is a value of its own."""
        codes, known = column.codes[start:stop], self._codes[name]
        lookup = np.full(len(column.values) + 1, -1, np.int64)
        present, first = np.unique(codes, return_index=True)
        # By first appearance: the order of hosts, and so of scores, must not depend on a batch's dictionary.
        for code in present[np.argsort(first)]:
            value = None if code == MISSING_CODE else column.values[code]
            lookup[code] = known.setdefault(value, len(known))
        return lookup[codes]

    def export(self) -> dict[str, Any]:
        """The open window as a tree of dicts, lists and arrays; the same however the records came in batches."""
        return {
            "codes": {name: [*known] for name, known in self._codes.items()},
            "seen": [*self.tally.keys()],
            "counts": self.counts.copy(),
        }

    @classmethod
    def restore(cls, exported: dict[str, Any]) -> Self:
        """What `export` exported."""
        window = cls()
        window._codes = {name: {v: code for code, v in enumerate(values)} for name, values in exported["codes"].items()}
        window.hosts = [host or "" for host in exported["codes"]["id.orig_h"]]
        keys, often = exported["seen"]
        window.tally.restore(keys, often, exported["counts"])
        return window

    @property
    def counts(self) -> NDArray[np.int64]:
        """(n_hosts, 7) int64: every host's `COUNTS` so far."""
        return self.tally.counts[: len(self.hosts)]
