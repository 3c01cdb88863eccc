"""Who is known to a network and who came lately, and how a baseline that saw nobody come can tell what that looks like.

Scores of hosts that came lately say nothing of those of hosts that were always there, so each kind is calibrated by
itself (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005, section 4.5: Mondrian predictors). Few
baselines have enough newcomers for that. But any host is one to a detector that was taught without it: some hosts'
records are left out of a second lesson, and what that makes of their later ones is how newcomers score.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from oddlog_core.features.habits import BLOCKS, apart, blocks, most
from oddlog_core.features.keys import of_categories
from oddlog_core.features.places import INTERNET, MULTICAST, kinds
from oddlog_core.kernels.keyindex import KeyIndex
from oddlog_core.records import Categories
from oddlog_core.span import some

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["ENOUGH", "Acquaintance", "Judged", "Strangers"]

N_KINDS = 4
OUTSIDE, NEWCOMER, TO_NEWCOMER, SETTLED = range(N_KINDS)
"""Kinds of records: from the internet, from a host that is there since lately or not at all, to one, of hosts that were
always there."""

ENOUGH = 3
"""Stretches of a baseline, of eight, from which a host is known there, and not just lately come."""

_FEWEST, _MOST = 3, 64
_ENDS = ("id.orig_h", "id.resp_h")


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """Hosts of a baseline.

    Attributes
    ----------
    stretches : (n_hosts, 2) int64
        A host's key, and in how many of the baseline's stretches it was.
    """

    stretches: NDArray[np.int64]
    _index: KeyIndex = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", KeyIndex(np.ascontiguousarray(self.stretches[:, 0])))

    @classmethod
    def learn(cls, *hosts: NDArray[np.int64]) -> tuple[Self, NDArray[np.int64]]:
        """Learn from the keys of a baseline's hosts, in log order, a column for each end that counts.

        Returns
        -------
        acquaintance : Acquaintance
        seen_in : (n, n_columns) int64
            As `seen_in` gives it, every stretch judged as if it were new.
        """
        found, row = np.unique(np.stack(hosts, axis=1), return_inverse=True)
        block = np.repeat(blocks(len(hosts[0])), len(hosts))
        row = row.reshape(-1)
        inside = np.bincount(row * BLOCKS + block, minlength=len(found) * BLOCKS).reshape(-1, BLOCKS) > 0
        seen_in = apart(inside.astype(np.int64))[row, block].reshape(-1, len(hosts))
        stretches = np.stack([found, inside.sum(axis=1)], axis=1)
        return cls(stretches[most(stretches[:, 1])]), seen_in

    @classmethod
    def of(cls, baseline: Sequence[Records]) -> Self:
        """Learn from both ends of records."""
        return cls.learn(*(np.concatenate([of_categories(one.categories[end]) for one in baseline]) for end in _ENDS))[
            0
        ]

    def seen_in(self, hosts: NDArray[np.int64]) -> NDArray[np.int64]:
        """In how many of the baseline's stretches each host was, (n,), by its key."""
        rows = self._index.find(hosts)
        return np.where(rows >= 0, self.stretches[rows, 1], 0) if len(self.stretches) else rows + 1

    def kinds(self, records: Records) -> NDArray[np.int64]:
        """`OUTSIDE`, `NEWCOMER`, `TO_NEWCOMER` or `SETTLED` for each record, (n,)."""
        source, destination = (self._ends(records.categories[end]) for end in _ENDS)
        reached = np.where(destination == NEWCOMER, TO_NEWCOMER, SETTLED)
        kinds: NDArray[np.int64] = np.where(source == SETTLED, reached, source)
        return kinds

    def _ends(self, column: Categories) -> NDArray[np.int64]:
        """`OUTSIDE`, `NEWCOMER` or `SETTLED` for each host of a column, (n,)."""
        each = Categories(np.arange(len(column.values), dtype=np.int32), column.values)
        where = kinds(each)
        kind = np.where(self.seen_in(of_categories(each)) < ENOUGH, NEWCOMER, SETTLED)
        kind[(where == INTERNET) | (where == MULTICAST)] = OUTSIDE
        found: NDArray[np.int64] = np.append(kind, OUTSIDE)[column.codes]
        return found

    def strangers(self, later: Sequence[Records]) -> Strangers | None:
        """Choose every second of the sources that were always there and are seen later, but for the busiest quarter.

        None where they are too few to tell anything.
        """
        keys = []
        for batch in later:
            column = batch.categories[_ENDS[0]]
            keys.append(of_categories(column)[self._ends(column) == SETTLED])
        found, often = np.unique(np.concatenate(keys), return_counts=True)
        # Newcomers are workstations, not the servers that all others talk to.
        quiet = found[np.argsort(often, kind="stable")][: len(found) * 3 // 4 : 2][:_MOST]
        return Strangers(KeyIndex(np.sort(quiet))) if len(quiet) >= _FEWEST else None


@dataclass(frozen=True, slots=True)
class Strangers:
    """Hosts that a second lesson leaves out."""

    _index: KeyIndex

    def without(self, baseline: Sequence[Records]) -> list[Records]:
        """What the second lesson teaches."""
        return [some(batch, np.flatnonzero(~np.any(self._ends(batch), axis=0))) for batch in baseline]

    def rows(self, batch: Records) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Records of a batch in which they take part, and the kind of each."""
        source, destination = self._ends(batch)
        kind = np.where(source, NEWCOMER, np.where(destination, TO_NEWCOMER, SETTLED))
        rows = np.flatnonzero(kind != SETTLED)
        return rows, kind[rows]

    def _ends(self, batch: Records) -> list[NDArray[np.bool_]]:
        return [np.asarray(self._index.find(of_categories(batch.categories[end])) >= 0) for end in _ENDS]


class Judged(NamedTuple):
    """Scores of records that were held back.

    Attributes
    ----------
    score : (n,) float64
    kind : (n,) int64 or None
        Which kind each is of, where those of different kinds do not compare.
    kinds : sequence of arrays of float64
        Scores by kind, some hosts' as of newcomers among them.
    """

    score: NDArray[np.float64]
    kind: NDArray[np.int64] | None = None
    kinds: Sequence[NDArray[np.float64]] = ()

    @classmethod
    def of(
        cls,
        score: NDArray[np.float64],
        kind: NDArray[np.int64],
        strange: Sequence[NDArray[np.float64]],
        of_strange: Sequence[NDArray[np.int64]],
    ) -> Self:
        """Of scores and their kinds, and of those as of newcomers, by batch."""
        every, of_every = np.concatenate([score, *strange]), np.concatenate([kind, *of_strange])
        return cls(score, kind, [every[of_every == number] for number in range(N_KINDS)])

    @classmethod
    def end_to_end(cls, parts: Sequence[Self]) -> Self:
        """One after the other."""
        kind = [part.kind for part in parts if part.kind is not None]
        return cls(
            np.concatenate([part.score for part in parts]),
            np.concatenate(kind) if kind else None,
            [np.concatenate(of_kind) for of_kind in zip(*(part.kinds for part in parts), strict=True)],
        )
