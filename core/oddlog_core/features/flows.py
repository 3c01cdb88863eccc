"""The few flows that each source makes most often, to set beside an odd one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np

from oddlog_core.features.keys import joined, of_categories, of_integers
from oddlog_core.features.places import place
from oddlog_core.features.relations import AMOUNTS, logarithms
from oddlog_core.records import MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["Flow", "UsualFlows"]

MOST_SOURCES, MOST_FLOWS = 10_000, 8


class Flow(msgspec.Struct, frozen=True, array_like=True):
    """What a source does often.

    Attributes
    ----------
    host, proto : str or None
        Destination and protocol.
    port : int or None
    often : int
        Connections of the baseline.
    duration, orig_bytes, resp_bytes : float or None
        Typical microseconds and bytes: means of logarithms; None where none was ever logged.
    """

    host: str | None
    port: int | None
    proto: str | None
    often: int
    duration: float | None
    orig_bytes: float | None
    resp_bytes: float | None


@dataclass(frozen=True, slots=True)
class UsualFlows:
    """The most frequent flows of the busiest sources.

    Attributes
    ----------
    of : mapping of str to list of Flow
        By source, the most frequent first.
    """

    of: Mapping[str, list[Flow]]

    @classmethod
    def learn(cls, baseline: Sequence[Records]) -> Self:
        """Learn from batches of conn records in log order."""
        source, flow, amounts = (np.concatenate(parts) for parts in zip(*map(_columns, baseline), strict=True))
        found, first, row, often = np.unique(flow, return_index=True, return_inverse=True, return_counts=True)
        holders, holder = np.unique(source[first], return_inverse=True)
        busy = np.bincount(holder, often)
        # What is unset has the key 0 and is nobody's habit.
        busy[holders == 0] = 0
        busiest = np.zeros(len(holders), np.bool_)
        busiest[np.argsort(-busy, kind="stable")[:MOST_SOURCES]] = True
        order = np.lexsort((first, -often, holder))
        rank = np.arange(len(found)) - np.searchsorted(holder[order], holder[order])
        chosen = order[(rank < MOST_FLOWS) & (busiest & (busy > 0))[holder[order]]]
        typical = _typical(row, amounts, len(found))
        ends = np.cumsum([len(batch) for batch in baseline])
        of: dict[str, list[Flow]] = {}
        for i in chosen[np.lexsort((first[chosen], -often[chosen]))].tolist():
            number = int(np.searchsorted(ends, first[i], side="right"))
            batch, at = baseline[number], int(first[i] - ends[number] + len(baseline[number]))
            name = batch.text("id.orig_h", at)
            port = int(batch.integers["id.resp_p"][at])
            of.setdefault(name or "", []).append(
                Flow(
                    batch.text("id.resp_h", at),
                    None if port == MISSING else port,
                    batch.text("proto", at),
                    int(often[i]),
                    *(None if np.isnan(amount) else round(float(amount), 1) for amount in typical[i]),
                )
            )
        return cls(of)

    def nearest_to(self, records: Records, row: int) -> Flow | None:
        """The usual flow of a connection's source that is nearest to it."""
        source, host, proto = (records.text(name, row) for name in ("id.orig_h", "id.resp_h", "proto"))
        amounts = [records.number(name, row) for name in AMOUNTS]
        return self.nearest(source, host, proto, records.number("id.resp_p", row), amounts)

    def nearest(
        self,
        source: str | None,
        host: str | None,
        proto: str | None,
        port: int | None,
        amounts: Sequence[float | None],
    ) -> Flow | None:
        """The source's usual flow that is nearest: by port and protocol, by where it goes, by duration and bytes."""
        where = place(host or "")

        def distance(flow: Flow) -> tuple[bool, bool, float, int]:
            usual = (flow.duration, flow.orig_bytes, flow.resp_bytes)
            apart = [
                abs(float(np.log1p(seen or 0.0) - np.log1p(expected or 0.0)))
                for seen, expected in zip(amounts, usual, strict=True)
            ]
            return (flow.port, flow.proto) != (port, proto), place(flow.host or "") != where, sum(apart), -flow.often

        return min(self.of.get(source or "", ()), key=distance, default=None)


def _columns(records: Records) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Keys of source and flow, and logarithms of duration and bytes, nan where unset."""
    source, destination, proto = (
        of_categories(records.categories[name]) for name in ("id.orig_h", "id.resp_h", "proto")
    )
    return source, joined(source, destination, of_integers(records.integers["id.resp_p"]), proto), logarithms(records)


def _typical(row: NDArray[np.int64], amounts: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Exponential of the mean of each row's logarithms, (n, n_amounts), nan where there is none."""
    known = ~np.isnan(amounts)
    out = np.full((n, amounts.shape[1]), np.nan)
    for c, (column, set_) in enumerate(zip(np.where(known, amounts, 0.0).T, known.T, strict=True)):
        count = np.bincount(row, set_, n)
        np.divide(np.bincount(row, column, n), count, out[:, c], where=count > 0)
    typical: NDArray[np.float64] = np.expm1(out)
    return typical
