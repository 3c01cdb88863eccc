"""What the kernels of `damped` remember between batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from oddlog_core.kernels.damped import NEVER, RATES, intervals, pair_statistics, statistics

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["IntervalState", "PairState", "StreamState"]


@dataclass(slots=True)
class IntervalState:
    """When each stream was last seen; grows with the slots it meets."""

    since: NDArray[np.int64] = field(init=False)
    latest: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.since = np.full(64, NEVER, np.int64)
        self.latest = np.full(1, NEVER, np.int64)

    def update(self, times: NDArray[np.int64], slots: NDArray[np.int64]) -> NDArray[np.float64]:
        """`intervals` of the next records."""
        self.reach(slots)
        out: NDArray[np.float64] = intervals(times, slots, self.since, self.latest)
        return out

    def reach(self, slots: NDArray[np.int64]) -> None:
        """Have room for these slots."""
        highest = int(np.maximum(slots, ~slots).max(initial=0))
        if highest >= len(self.since):
            grown = np.full(1 << highest.bit_length(), NEVER, np.int64)
            grown[: len(self.since)] = self.since
            self.since = grown

    def export(self) -> dict[str, Any]:
        """What is known of every slot ever seen, as a dict of arrays."""
        (seen,) = np.nonzero(self.since != NEVER)
        return {"slots": seen, "since": self.since[seen], "latest": self.latest.copy()}

    def restore(self, exported: dict[str, Any]) -> None:
        """Take over what `export` exported."""
        self.reach(exported["slots"])
        self.since[:] = NEVER
        self.since[exported["slots"]] = exported["since"]
        self.latest[:] = exported["latest"]


@dataclass(slots=True)
class _Damped:
    """Damped moments of slots, of a shape that `start` tells."""

    typical: NDArray[np.float64]
    rates: NDArray[np.float64] = field(default_factory=RATES.copy)
    seen: IntervalState = field(init=False, default_factory=IntervalState)
    start: NDArray[np.float64] = field(init=False)
    moments: NDArray[np.float64] = field(init=False)

    def _begin(self, start: NDArray[np.float64]) -> None:
        self.start = start
        self.moments = np.zeros((len(self.seen.since), *start.shape))

    def reach(self, slots: NDArray[np.int64]) -> None:
        """Have room for these slots."""
        self.seen.reach(slots)
        capacity = len(self.seen.since)
        if capacity > len(self.moments):
            # Not np.resize or np.full: pages of zeros cost no memory until a slot in them is used.
            grown = np.zeros((capacity, *self.start.shape))
            grown[: len(self.moments)] = self.moments
            self.moments = grown

    def export(self) -> dict[str, Any]:
        """What is known of every slot ever seen, as a dict of arrays."""
        exported = self.seen.export()
        return exported | {"moments": self.moments[exported["slots"]]}

    def restore(self, exported: dict[str, Any]) -> None:
        """Take over what `export` exported."""
        self.seen.restore(exported)
        self.reach(exported["slots"])
        self.moments[exported["slots"]] = exported["moments"]


@dataclass(slots=True)
class StreamState(_Damped):
    """Damped moments of streams.

    Parameters
    ----------
    typical : (n_columns, 3) float64
        Weight, mean and standard deviation of each column that a stream starts from; zeros to start from nothing.
    rates : (n_rates,) float64
        Halvings a second; Kitsune's if not given.
    """

    def __post_init__(self) -> None:
        self._begin(np.stack([_moments(column, 4, len(self.rates)) for column in self.typical]))

    def update(
        self, times: NDArray[np.int64], slots: NDArray[np.int64], values: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """`statistics` of the next records."""
        self.reach(slots)
        out: NDArray[np.float64] = statistics(
            times, slots, values, self.rates, self.start, self.seen.since, self.seen.latest, self.moments
        )
        return out


@dataclass(slots=True)
class PairState(_Damped):
    """Damped moments of pairs of streams.

    Parameters
    ----------
    typical : (2, 3) float64
        Weight, mean and standard deviation that a pair starts from: of the stream of its first record, and of the
        other; zeros to start from nothing.
    rates : (n_rates,) float64
        Halvings a second; Kitsune's if not given.
    """

    def __post_init__(self) -> None:
        streams = [_moments(stream, 5, len(self.rates)) for stream in self.typical]
        self._begin(np.concatenate([*streams, np.zeros((1, len(self.rates)))]))

    def update(
        self,
        times: NDArray[np.int64],
        slots: NDArray[np.int64],
        directions: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """`pair_statistics` of the next records."""
        self.reach(slots)
        out: NDArray[np.float64] = pair_statistics(
            times, slots, directions, values, self.rates, self.start, self.seen.since, self.seen.latest, self.moments
        )
        return out


def _moments(typical: NDArray[np.float64], rows: int, n_rates: int) -> NDArray[np.float64]:
    """A stream's moments at every rate, from a weight, mean and standard deviation."""
    weight, mean, deviation = typical
    moments = np.zeros((rows, n_rates))
    moments[:4] = np.array([weight, mean, 0.0, weight * deviation**2])[:, None]
    return moments
