"""Who may call what: how many hosts of each role a baseline saw call each operation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from oddlog_core.features.keys import joined
from oddlog_core.kernels.keyindex import KeyIndex

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from oddlog_core.features.calls import Calls
    from oddlog_core.features.roles import Roles

__all__ = ["Entitled", "Rights"]

# Hosts of a role that count as if they had been seen, behaving as the average of all roles.
_PRIOR = 1.0
_HALF = 0.5


class Entitled(NamedTuple):
    """Who called an operation in the baseline.

    Attributes
    ----------
    hosts, times : int
        How many different hosts, and how often in all.
    roles : tuple of int
        The roles of those hosts, the one that called most often first.
    """

    hosts: int
    times: int
    roles: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rights:
    """Which operations each host and each role called.

    Attributes
    ----------
    own : (n_pairs,) int64
        A source and an operation that it called, as one key.
    operations : (n_operations,) int64
    callers, times : (n_operations, n_roles) int64
        Hosts of each role that called it, and how often they did.
    hosts : (n_roles,) int64
        Hosts of each role.
    """

    own: NDArray[np.int64]
    operations: NDArray[np.int64]
    callers: NDArray[np.int64]
    times: NDArray[np.int64]
    hosts: NDArray[np.int64]
    _own: KeyIndex = field(init=False, repr=False, compare=False)
    _operations: KeyIndex = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_own", KeyIndex(self.own))
        object.__setattr__(self, "_operations", KeyIndex(self.operations))

    @classmethod
    def learn(cls, baseline: Sequence[Calls], roles: Roles) -> Self:
        """Count."""
        source = np.concatenate([calls.source for calls in baseline])
        operation = np.concatenate([calls.operation for calls in baseline])
        own, first, often = np.unique(joined(source, operation), return_index=True, return_counts=True)
        operations, row = np.unique(operation[first], return_inverse=True)
        role = roles.of(source[first])
        callers = np.zeros((len(operations), len(roles.roles)), np.int64)
        times = callers.copy()
        # A source that is unset has no role, and counts for none.
        known = role >= 0
        np.add.at(callers, (row[known], role[known]), 1)
        np.add.at(times, (row[known], role[known]), often[known])
        return cls(own, operations, callers, times, np.bincount(roles.role, minlength=len(roles.roles)))

    def strangeness(self, calls: Calls, role: NDArray[np.int64]) -> NDArray[np.float64]:
        """How unlikely a host of the caller's role is to call such an operation at all, in nats.

        0 where the caller itself did before. Shares of few hosts are drawn towards that of all (a beta prior; Gelman
        and others, Bayesian Data Analysis, section 2.4).

        Parameters
        ----------
        calls : Calls
        role : (n,) int64
            Of the source; -1 where it is unknown.

        Returns
        -------
        (n,) float64
        """
        rows = self._operations.find(calls.operation)
        callers = np.vstack([self.callers, np.zeros_like(self.callers[:1])])[rows]
        anywhere = (callers.sum(axis=1) + _HALF) / (self.hosts.sum() + 1)
        there = np.where(role >= 0, np.take_along_axis(callers, np.maximum(role, 0)[:, None], axis=1)[:, 0], 0)
        among = np.where(role >= 0, self.hosts[np.maximum(role, 0)], 0)
        surprise = -np.log(np.minimum((there + _PRIOR * anywhere) / (among + _PRIOR), 1.0))
        return np.where(self._own.find(joined(calls.source, calls.operation)) >= 0, 0.0, surprise)

    def entitled(self, operation: int) -> Entitled:
        """Who called an operation, by its key."""
        row = int(self._operations.find(np.array([operation]))[0])
        if row < 0:
            return Entitled(0, 0, ())
        often = self.times[row]
        roles = np.argsort(-often, kind="stable")
        return Entitled(int(self.callers[row].sum()), int(often.sum()), tuple(int(r) for r in roles if often[r]))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it, by name."""
        return {name: getattr(self, name) for name in ("own", "operations", "callers", "times", "hosts")}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """What `arrays` gave."""
        return cls(**arrays)
