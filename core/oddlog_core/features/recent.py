"""What the source of a logon did in the minutes before: how often it failed, and how much of it was new."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from oddlog_core.features.habits import Typical
from oddlog_core.features.ntlm import column, outcome
from oddlog_core.kernels.recent import MOST, RecentState, failing, standing
from oddlog_core.options import ROOM
from oddlog_core.records import Categories
from oddlog_core.span import HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = [
    "FAILED",
    "FAILURES",
    "NEW",
    "NEWS",
    "OPEN",
    "RECENT",
    "WARM_UP",
    "WINDOWS",
    "Recent",
    "apart",
    "deeds",
    "new_state",
    "outcomes",
    "shares",
    "sums",
]

WINDOWS = {"10 min": HOUR // 6, "60 min": HOUR}
WARM_UP = HOUR
FAILURES = tuple(f"failures in {window}" for window in WINDOWS)
NEW = tuple(f"new in {window}" for window in WINDOWS)
RECENT = (*FAILURES, *NEW)
"""How far from usual for its source are its failures, and what it did that is new, over the last minutes."""

SHARES = tuple(f"failure share in {window}" for window in WINDOWS)

FAILED, OPEN, NEWNESS, NEWS = range(1, 5)
"""Columns of sums: failures, logons with a name whose outcome Zeek does not know, how new what it did was, in 256ths of
a nat, and on how many hosts it was users that the baseline never saw there from it. Before them stand logons."""

_UNIT = 256
# Of a record in a full window: its row, and two slots in each of two tables.
_BYTES = 56 + 2 * (88 + 24)
_LEAST_SHARE, _LEAST_SPREAD = 1e-3, 0.3
_HOW_MANY = ("none", "few", "some", "most")


def new_state(room: int = ROOM) -> RecentState:
    """State before the first logon, in so many bytes at most."""
    fits = 1 << (room // _BYTES).bit_length() - 1
    return RecentState(np.array([*WINDOWS.values()]), n_plain=2, n_once=2, most=min(MOST, fits))


def outcomes(records: Records) -> NDArray[np.int64]:
    """Whether each logon failed, and whether nobody knows, (n, 2).

    Zeek leaves `success` out on some real failures, and where it did not see the answer.
    """
    found, user = outcome(records), column(records, "username")
    failed = np.array([*(value not in {"T", "SUCCESS"} for value in found.values), False], np.int64)[found.codes]
    # Most host events are no logons and have no outcome.
    unknown = (found.codes < 0) & (user.codes >= 0) & (records.log == "ntlm")
    return np.stack([failed, unknown.astype(np.int64)], axis=1)


def sums(
    state: RecentState,
    clock: NDArray[np.int64],
    number: NDArray[np.int64],
    keys: Mapping[str, NDArray[np.int64]],
    did: NDArray[np.int64],
) -> NDArray[np.int64]:
    """What each logon's source did, itself included, (n, n_windows, 5), and carry the state on.

    Parameters
    ----------
    state : RecentState
    clock, number : (n,) int64
        When each logon was, and which of the different ones it is.
    keys : mapping of str to (n_different,) int64
        ``source``, and ``who``, source, user and host as one.
    did : (n_different, 4) int64
        Of `deeds`.
    """
    return state.update(clock, number, np.stack([keys["source"], keys["who"]], axis=1), did)


def deeds(outcome: NDArray[np.int64], new: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """What is summed of logons, (n, 4): whether it failed, whether it may have, how new it was, and whether it was.

    Parameters
    ----------
    outcome : (n, 2) int64
        Of `outcomes`.
    new : (n,) float64
        How new source, user and host are together, in nats: equal where they are.
    known : (n,) bool
        Whether the baseline ever saw them together.
    """
    return np.column_stack([outcome, np.round(new * _UNIT).astype(np.int64), (~known).astype(np.int64)])


def shares(counted: NDArray[np.int64]) -> dict[str, Categories]:
    """`SHARES`, the share of failures as fields of a logon: none, few (under a tenth), some (under a half) or most."""
    return {name: Categories(codes, _HOW_MANY) for name, codes in zip(SHARES, failing(counted), strict=True)}


@dataclass(frozen=True, slots=True)
class Recent:
    """What is usual for a source.

    Attributes
    ----------
    usual : Typical
        Of failing, and of the logarithm of how new it was in each window, by source.
    """

    usual: Typical

    @classmethod
    def learn(
        cls, source: NDArray[np.int64], counted: NDArray[np.int64], outcome: NDArray[np.int64]
    ) -> tuple[Self, NDArray[np.float64]]:
        """Learn from a baseline in log order, and judge each stretch of it by the others."""
        amounts = np.concatenate([outcome.sum(axis=1)[:, None], _logarithms(counted)], axis=1)
        usual, expected = Typical.learn([source], amounts.astype(np.float64), _LEAST_SPREAD)
        return cls(usual), apart(counted, np.arange(len(counted)), expected)

    def expected(self, source: NDArray[np.int64]) -> NDArray[np.float64]:
        """What is usual for sources, (n, 2, 3)."""
        return self.usual.expected([source])


def _logarithms(counted: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.log1p(counted[:, :, NEWNESS] / _UNIT)


def apart(counted: NDArray[np.int64], number: NDArray[np.int64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """`RECENT`: failures beyond the source's share of them, and how new beyond what is usual, in standard deviations.

    Parameters
    ----------
    counted : (n, n_windows, 5) int64
    number : (n,) int64
        Which row of `expected` is each logon's.
    expected : (n_different, 2, 3) float64

    Returns
    -------
    (n, 4) float64
    """
    found: NDArray[np.float64] = standing(counted, number, expected, _LEAST_SHARE, _UNIT).T
    return found
