"""How often, how regularly and how much each source, service and pair has been connecting lately."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from oddlog_core.features.keys import joined, of_categories, of_integers
from oddlog_core.kernels.damped import shrunk
from oddlog_core.kernels.keytable import KeyTable
from oddlog_core.kernels.streams import IntervalState, PairState, StreamState
from oddlog_core.records import MISSING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["COUNTS", "FAILED", "SLOT", "STATISTICS", "WARM_UP", "Rhythm", "Usual", "failed", "learn_usual"]

HALF_LIVES = {"10s": 10.0, "1m": 60.0, "10m": 600.0, "1h": 3600.0}
"""Seconds in which the weight of what happened halves. Kitsune's are a fifth of a second to 100 seconds, for packets;
flows are rarer, and a beacon that calls every five minutes must be remembered for longer."""

WARM_UP = 24 * 3_600_000_000
"""Microseconds after which nothing that was before weighs more than a ten-millionth of a record."""

_KINDS = ("source", "service", "stream")
COUNTS = tuple(f"{kind}_connections_{half}" for kind in _KINDS for half in HALF_LIVES)
"""Damped numbers of connections by this source, to this service (destination and port), and of both together, where
the first, which comes at no interval, does not count."""

_SHOWN = {
    "source": (("failed", "mean", "1m"), ("failed", "mean", "10m"), ("sent", "mean", "10s"), ("sent", "mean", "10m")),
    "service": (("failed", "mean", "10m"),),
    "stream": (
        ("interval", "mean", "10m"),
        ("interval", "mean", "1h"),
        ("interval", "std", "1m"),
        ("interval", "std", "10m"),
        ("interval", "std", "1h"),
        ("sent", "mean", "10m"),
        ("sent", "std", "10m"),
        ("got", "mean", "10m"),
        ("got", "std", "10m"),
    ),
}
_PAIR = ("magnitude", "radius", "covariance", "correlation")
_PAIR_HALF_LIVES = ("10m", "1h")
STATISTICS = tuple(f"{kind}_{value}_{what}_{half}" for kind in _KINDS for value, what, half in _SHOWN[kind]) + tuple(
    f"pair_{what}_{half}" for what in _PAIR for half in _PAIR_HALF_LIVES
)
"""Damped means and deviations, of logarithms of bytes (sent, got) and of seconds between connections (interval), and of
the share that failed; and of what both directions of a pair of hosts carried, Kitsune's statistics of two streams."""

# Deviations whose product is less are rounding, or what halvings have left of a day long past.
_LEAST_SPREAD = 0.25
_VALUES = ("failed", "sent", "got", "interval")
_OF = {kind: tuple(dict.fromkeys(value for value, _, _ in _SHOWN[kind])) for kind in _KINDS}
# A stream that was silent for longer begins anew.
_LONGEST = 6 * 3600.0
FAILED = frozenset({"S0", "REJ", "RSTOS0", "RSTRH", "SH", "SHR"})
"""Zeek's states of connections that found no answer or were refused."""

CAPACITY = 1 << 16
_ROWS = 2048
"""Slots for each kind of key, unless there is room for fewer or more."""

SLOT = 1100
"""Bytes that a slot of all four kinds takes once it is used."""


class Usual(msgspec.Struct, frozen=True):
    """What a stream is taken for where little is known of it: as the baseline is.

    Attributes
    ----------
    mean, std : dict of str to float
        Of each value that is damped.
    """

    mean: dict[str, float]
    std: dict[str, float]


def learn_usual(baseline: Sequence[Records]) -> Usual:
    """Mean and deviation of every damped value over a baseline, in log order."""
    intervals, table = IntervalState(), KeyTable(CAPACITY, 1 / max(HALF_LIVES.values()))
    columns: dict[str, list[NDArray[np.float64]]] = {value: [] for value in _VALUES}
    for records in baseline:
        *_, stream, _, _ = _keys(records)
        for value, column in _values(records).items():
            columns[value].append(column)
        columns["interval"].append(_intervals(intervals, records, table.update(records.clock, stream)))
    mean, std = {}, {}
    for value, parts in columns.items():
        column = np.concatenate(parts)
        known = column[~np.isnan(column)]
        mean[value] = float(known.mean()) if len(known) else 0.0
        std[value] = float(known.std()) if len(known) else 0.0
    return Usual(mean, std)


@dataclass(slots=True)
class Rhythm:
    """Damped statistics of conn records, carried from batch to batch.

    Parameters
    ----------
    usual : Usual
    capacity : int
        Slots for each kind of key, a power of two from 16.
    """

    usual: Usual
    capacity: int = CAPACITY
    _tables: dict[str, KeyTable] = field(init=False)
    _states: dict[str, StreamState] = field(init=False)
    _intervals: IntervalState = field(init=False, default_factory=IntervalState)
    _pairs: PairState = field(init=False)
    _shown: dict[str, NDArray[np.int64]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        rates = 1 / np.array([*HALF_LIVES.values()])
        self._tables = {kind: KeyTable(self.capacity, float(rates.min())) for kind in (*_KINDS, "pair")}
        self._states = {kind: StreamState(np.zeros((len(_OF[kind]), 3)), rates) for kind in _KINDS}
        halves = [*HALF_LIVES]
        self._shown = {
            kind: np.array([(_OF[kind].index(value), what == "std", halves.index(half)) for value, what, half in shown])
            for kind, shown in _SHOWN.items()
        }
        some = np.array([HALF_LIVES[half] for half in _PAIR_HALF_LIVES])
        self._pairs = PairState(np.zeros((2, 3)), 1 / some)

    @property
    def evicted(self) -> int:
        """Keys that had to go, since there was no room for more."""
        return sum(table.evicted for table in self._tables.values())

    def transform(self, records: Records) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Statistics of the next records, each included in its own.

        Returns
        -------
        counts : (n, len(COUNTS)) float64
        statistics : (n, len(STATISTICS)) float64
        """
        values = _values(records)
        source, service, stream, pair, direction = _keys(records)
        keys = {"source": source, "service": service, "stream": stream}
        n, n_halves = len(records), len(HALF_LIVES)
        counts, statistics = np.empty((n, len(COUNTS))), np.empty((n, len(STATISTICS)))
        first = 0
        for number, kind in enumerate(_KINDS):
            slots = self._tables[kind].update(records.clock, keys[kind])
            if kind == "stream":
                values["interval"] = _intervals(self._intervals, records, slots)
            columns = np.stack([values[value] for value in _OF[kind]], axis=1)
            shown = self._shown[kind]
            usual = np.array([[self.usual.mean[value], self.usual.std[value]] for value in _OF[kind]])
            # Some records at a time: what is damped of them stays in the processor's cache.
            for start in range(0, n, _ROWS):
                rows = slice(start, start + _ROWS)
                damped = self._states[kind].update(records.clock[rows], slots[rows], columns[rows])
                counts[rows, number * n_halves : (number + 1) * n_halves] = damped[:, 0, 0]
                shrunk(damped, usual, shown, statistics[rows, first : first + len(shown)])
            first += len(shown)
        both = np.nan_to_num(np.stack([values["sent"], values["got"]], axis=1))
        slots = self._tables["pair"].update(records.clock, pair)
        paired = self._pairs.update(records.clock, slots, direction, both)
        *_, covariance, correlation = np.moveaxis(paired, 1, 0)
        _damp(correlation, np.abs(covariance))
        statistics[:, first:] = paired[:, 3:].reshape(n, len(STATISTICS) - first)
        return counts, statistics

    def export(self) -> dict[str, Any]:
        """State as a tree of dicts and arrays."""
        return {
            "tables": {kind: table.export() for kind, table in self._tables.items()},
            "states": {kind: state.export() for kind, state in self._states.items()},
            "intervals": self._intervals.export(),
            "pairs": self._pairs.export(),
        }

    def restore(self, exported: dict[str, Any]) -> None:
        """Take over what `export` exported."""
        for kind, table in self._tables.items():
            table.restore(exported["tables"][kind])
        for kind, state in self._states.items():
            state.restore(exported["states"][kind])
        self._intervals.restore(exported["intervals"])
        self._pairs.restore(exported["pairs"])


def _damp(correlation: NDArray[np.float64], covariance: NDArray[np.float64]) -> None:
    """Divide covariances by `_LEAST_SPREAD` more than the correlations did, in place."""
    np.divide(
        correlation * covariance, covariance + _LEAST_SPREAD * np.abs(correlation), correlation, where=correlation != 0
    )


def _intervals(state: IntervalState, records: Records, slots: NDArray[np.int64]) -> NDArray[np.float64]:
    """Logarithm of the seconds since each record's stream was last seen; nan where that is too long ago."""
    seconds = state.update(records.clock, slots)
    return np.log1p(np.where(seconds <= _LONGEST, seconds, np.nan))


def _keys(records: Records) -> tuple[NDArray[np.int64], ...]:
    """Source, service, both as a stream, the unordered pair of hosts, and which of its two directions, 0 or 1."""
    source, destination = (of_categories(records.categories[f"id.{end}_h"]) for end in ("orig", "resp"))
    port = joined(of_categories(records.categories["proto"]), of_integers(records.integers["id.resp_p"]))
    service = joined(destination, port)
    pair = joined(np.minimum(source, destination), np.maximum(source, destination))
    return source, service, joined(source, service), pair, (source > destination).astype(np.int64)


def failed(records: Records) -> NDArray[np.bool_]:
    """Whether each connection came to nothing, by its state, (n,)."""
    state = records.categories["conn_state"]
    return np.array([*(value in FAILED for value in state.values), False])[state.codes]


def _values(records: Records) -> dict[str, NDArray[np.float64]]:
    out = {"failed": failed(records).astype(np.float64)}
    for value, name in (("sent", "orig_bytes"), ("got", "resp_bytes")):
        amounts = records.integers[name]
        out[value] = np.where(amounts == MISSING, np.nan, np.log1p(np.maximum(amounts, 0)))
    return out
