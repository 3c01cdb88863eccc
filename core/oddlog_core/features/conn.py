"""conn.log as a feature matrix: what each connection was, and how busy the network was around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from oddlog_core.features.relations import RELATIONS, UNLIKE, Relations, faded
from oddlog_core.features.rhythm import COUNTS, SLOT, STATISTICS, Rhythm, learn_usual
from oddlog_core.features.vocabulary import Vocabulary, count_values
from oddlog_core.kernels.columns import amounts, looked_up
from oddlog_core.kernels.rolling import LARGEST, RollingState
from oddlog_core.options import ROOM, FeatureSet
from oddlog_core.records import MISSING
from oddlog_core.span import DAY, HOUR

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from oddlog_core.features.rhythm import Usual
    from oddlog_core.records import Records

__all__ = ["ConnFeatures", "FeatureSpec", "Scaling", "learn_features", "learn_scaling", "learn_spec", "put_evidence"]

MICROSECONDS = 1_000_000
WINDOWS = {"1s": 1, "10s": 10, "60s": 60}
ROLLED = ("orig_pkts", "resp_pkts", "orig_bytes", "resp_bytes")
NUMBERS = ("duration", "orig_bytes", "resp_bytes", "orig_pkts", "resp_pkts")
ROLLING = tuple(
    f"{statistic}_{name}_{window}" for window in WINDOWS for name in ROLLED for statistic in ("mean", "std")
)
TIME_OF_DAY = ("time_of_day_sin", "time_of_day_cos")
CATEGORIES = ("proto", "service", "conn_state")
MORE_CATEGORIES = ("history", "local_orig", "local_resp")
DEVICES = {"orig_device": "id.orig_h", "resp_device": "id.resp_h"}
"""Columns of what kind of device a host is, where logs have names in place of addresses."""
PORTS = ("id.orig_p", "id.resp_p")
UNSET = tuple(f"{name}_unset" for name in ("duration", "orig_bytes", "resp_bytes"))
EVIDENCE = RELATIONS + UNLIKE

# Values rarer than this share of the baseline are one category: fewer examples teach nothing.
_RARE = 1e-4
_MOST_VALUES = 48
# Ports outside the vocabulary fall into IANA's three ranges (RFC 6335, section 6).
_RANGES = ("system port", "user port", "dynamic port")
_RANGE_ENDS = np.array([1024, 49152])
_UNITS = {"duration": MICROSECONDS}
_ROWS = 2048
_ADDRESS = "an address"


def _same_service(service: str) -> str:
    """One spelling for Zeek's comma list, which comes in any order."""
    return ",".join(sorted(service.split(",")))


def _device(host: str) -> str:
    """Kind of a device by its name, as Comp of Comp123456; addresses are one kind."""
    name = host.rstrip("0123456789")
    return name if name.isalpha() else _ADDRESS


class FeatureSpec(msgspec.Struct, frozen=True):
    """Which columns the matrix has, and what the codes in it mean.

    Attributes
    ----------
    categories : mapping of str to list of str
        Values of `proto`, `service`, `conn_state` and others, and kinds of devices where hosts have names; in the
        matrix 0 is unset, then the values, then one code for all others.
    ports : mapping of str to list of int
        Usual ports; in the matrix 0 is unset, then the ports, then one code for each of IANA's ranges.
    time_of_day : bool
        Only where the baseline covers several whole days: else it ruins the model.
    features : {"base", "rolling", "full"}
    """

    categories: dict[str, list[str]]
    ports: dict[str, list[int]]
    time_of_day: bool
    features: FeatureSet = "rolling"

    @property
    def amounts(self) -> tuple[str, ...]:
        """Names of the columns of seconds, bytes and counts, which come first; nan where the field is unset."""
        return NUMBERS + self.rolling + (COUNTS if self.features == "full" else ())

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of all numeric columns to reconstruct: the amounts, then those that need no logarithm."""
        full = STATISTICS + UNSET if self.features == "full" else ()
        return self.amounts + full + (TIME_OF_DAY if self.time_of_day else ())

    @property
    def rolling(self) -> tuple[str, ...]:
        """Names of the rolling statistics among the amounts."""
        return () if self.features == "base" else ROLLING

    @property
    def evidence(self) -> tuple[str, ...]:
        """Names of the columns that are judged as they are, which come next: how unlike the baseline a record is."""
        return EVIDENCE if self.features == "full" else ()

    @property
    def coded(self) -> tuple[str, ...]:
        """Names of the columns of codes, which come last."""
        return (*self.categories, *self.ports)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns of the matrix."""
        return self.numbers + self.evidence + self.coded

    def names_of(self, column: str) -> list[str]:
        """What each code of a column of codes stands for."""
        if column in self.categories:
            return ["unset", *self.categories[column], "other"]
        return ["unset", *map(str, self.ports[column]), *_RANGES]


class Scaling(msgspec.Struct, frozen=True):
    """What is usual of each number.

    Attributes
    ----------
    mean, scale : list of float
        Mean and standard deviation over the baseline, or lowest value and range: of ``log1p`` of an amount, of other
        numbers as they are.
    """

    mean: list[float]
    scale: list[float]

    def unscaled(self, column: int, z: float, *, amount: bool) -> float:
        """The number that a scaled one of a column stands for."""
        value = z * self.scale[column] + self.mean[column]
        return float(np.expm1(value)) if amount else value


@dataclass(slots=True)
class ConnFeatures:
    """Feature matrix of conn records, carrying the rolling windows from batch to batch.

    Parameters
    ----------
    spec : FeatureSpec
    usual : Usual, optional
    relations : Relations, optional
        What the set `full` needs to know of the baseline.
    room : int
        Bytes that the state may take.
    """

    spec: FeatureSpec
    usual: Usual | None = None
    relations: Relations | None = None
    room: int = ROOM
    rolling: RollingState = field(init=False)
    rhythm: Rhythm | None = field(init=False, default=None)
    _vocabularies: dict[str, Vocabulary] = field(init=False)

    def __post_init__(self) -> None:
        # Two fifths for the rows of the last minute, the rest for what is kept of each key.
        rows = _power_of_two(2 * self.room // 5 // (8 * (1 + len(ROLLED))))
        self.rolling = RollingState(np.array([*WINDOWS.values()]) * MICROSECONDS, len(ROLLED), max(rows, 1024))
        self._vocabularies = {name: Vocabulary(values) for name, values in self.spec.categories.items()}
        if self.usual is not None:
            self.rhythm = Rhythm(self.usual, max(_power_of_two(3 * self.room // 5 // SLOT), 16))

    @property
    def evicted(self) -> int:
        """Rows and keys that had to go, since there was no room for more."""
        return int(self.rolling.lost[0]) + (self.rhythm.evicted if self.rhythm is not None else 0)

    def transform(self, records: Records, judged: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Features of the next records.

        Parameters
        ----------
        records : Records
        judged : (n_records, n_evidence) float64, optional
            The evidence, where it is known: a baseline's own records cannot be judged by a baseline that holds them.

        Returns
        -------
        (n_records, n_columns) float64
            Seconds, bytes, packets as they are, not scaled; other numbers; evidence; then codes.
        """
        features = self.begin(records)
        if self.relations is not None:
            put_evidence(features, self.spec, records, self.relations.judge(records) if judged is None else judged)
        return features

    def begin(self, records: Records) -> NDArray[np.float64]:
        """Features of the next records but for the evidence, for which no state is needed: that can wait."""
        n, n_numbers = len(records), len(self.spec.numbers)
        out = np.empty((n, len(self.spec.columns)))
        counts = np.stack([records.integers[name] for name in ROLLED], axis=1).clip(0, LARGEST)
        first, ports = len(NUMBERS) + len(self.spec.rolling), len(self.spec.columns) - len(self.spec.ports)
        # Some records at a time: one column after the other, while their rows are in the processor's cache.
        for start in range(0, n, _ROWS):
            rows = slice(start, start + _ROWS)
            part = out[rows]
            for column, name in enumerate(NUMBERS):
                amounts(records.integers[name][rows], float(_UNITS.get(name, 1)), part[:, column])
            if self.spec.rolling:
                rolled = self.rolling.update(records.clock[rows], counts[rows])
                part[:, len(NUMBERS) : first] = rolled.reshape(len(part), len(ROLLING))
            for column, (name, usual) in enumerate(self.spec.ports.items(), start=ports):
                looked_up(records.integers[name][rows], _port_table(tuple(usual)), part[:, column])
        if self.rhythm is not None:
            often, statistics = self.rhythm.transform(records)
            middle, last = first + len(COUNTS), first + len(COUNTS) + len(STATISTICS)
            out[:, first:middle], out[:, middle:last] = often, statistics
            for column, name in enumerate(UNSET, start=last):
                out[:, column] = records.integers[name.removesuffix("_unset")] == MISSING
        if self.spec.time_of_day:
            angle = 2 * np.pi * (records.clock % DAY) / DAY
            out[:, n_numbers - 2] = np.sin(angle)
            out[:, n_numbers - 1] = np.cos(angle)
        for column, name in enumerate(self.spec.categories, start=n_numbers + len(self.spec.evidence)):
            vocabulary = self._vocabularies[name]
            spell = _device if name in DEVICES else _same_service
            codes = vocabulary.encode(records.categories[DEVICES.get(name, name)], spell)
            out[:, column] = np.where(codes < 0, len(vocabulary), codes)
        return out

    def export(self) -> dict[str, Any]:
        """State as a tree of dicts and arrays."""
        return {
            "rolling": self.rolling.export(),
            "rhythm": self.rhythm.export() if self.rhythm is not None else {},
        }

    def restore(self, exported: dict[str, Any]) -> None:
        """Take over what `export` exported."""
        self.rolling.restore(exported["rolling"])
        if self.rhythm is not None:
            self.rhythm.restore(exported["rhythm"])


def put_evidence(
    features: NDArray[np.float64], spec: FeatureSpec, records: Records, judged: NDArray[np.float64]
) -> None:
    """Put into features, which have all else, what a baseline says of their records.

    Parameters
    ----------
    features : (n_records, n_columns) float64
    spec : FeatureSpec
    records : Records
    judged : (n_records, n_evidence) float64
        As `Relations.judge` gives it.
    """
    lately, of = (features[:, spec.columns.index(f"{kind}_connections_1h")] for kind in ("stream", "source"))
    first, middle = len(spec.numbers), len(spec.numbers) + len(RELATIONS)
    features[:, first:middle] = faded(judged[:, : len(RELATIONS)], records, lately, of)
    features[:, middle : first + len(EVIDENCE)] = judged[:, len(RELATIONS) :]


@lru_cache(maxsize=16)
def _port_table(usual: tuple[int, ...]) -> NDArray[np.int16]:
    """Code of every port: its position in `usual` from 1, or beyond it by range."""
    table = len(usual) + 1 + np.searchsorted(_RANGE_ENDS, np.arange(2**16), side="right")
    table[list(usual)] = np.arange(1, len(usual) + 1)
    return table.astype(np.int16)


def _power_of_two(most: int) -> int:
    """The largest power of two up to a number."""
    return 1 << max(most.bit_length() - 1, 0)


def learn_spec(baseline: Sequence[Records], features: FeatureSet = "rolling") -> FeatureSpec:
    """Usual values of the coded columns, and whether the baseline knows the time of day."""
    least = max(2, int(_RARE * sum(map(len, baseline))))

    def usual(counts: Counter[str]) -> list[str]:
        # Ties by name: no batch's dictionary decides which comes first.
        often = sorted(counts, key=lambda value: (-counts[value], value))[:_MOST_VALUES]
        return [value for value in often if counts[value] >= least]

    categories = {
        name: usual(count_values((batch.categories[name] for batch in baseline), _same_service))
        for name in CATEGORIES + (MORE_CATEGORIES if features == "full" else ())
    }
    for name, host in DEVICES.items():
        kinds = usual(count_values((batch.categories[host] for batch in baseline), _device))
        if any(kind != _ADDRESS for kind in kinds):
            categories[name] = kinds
    ports = {}
    for name in PORTS:
        values, counts = np.unique(np.concatenate([batch.integers[name] for batch in baseline]), return_counts=True)
        often = np.argsort(-counts, kind="stable")[:_MOST_VALUES]
        ports[name] = [int(values[i]) for i in often if counts[i] >= least and values[i] != MISSING]
    days = np.unique(np.concatenate([batch.clock // DAY for batch in baseline]))
    return FeatureSpec(categories, ports, _whole_days(baseline, days) >= 3, features)


def _whole_days(baseline: Sequence[Records], days: NDArray[np.int64]) -> int:
    """Days in which at least 20 of the 24 hours have records."""
    hours = np.unique(np.concatenate([batch.clock // HOUR for batch in baseline]))
    return int(np.count_nonzero(np.bincount(np.searchsorted(days, hours // 24)) >= 20)) if len(hours) else 0


def learn_features(baseline: Sequence[Records], spec: FeatureSpec) -> tuple[ConnFeatures, NDArray[np.float64]]:
    """Learn what the features need to know of a baseline.

    Returns
    -------
    features : ConnFeatures
        As they are at the end of the baseline, to go on with what follows.
    matrix : (n_records, n_columns) float64
        Of the baseline itself, every stretch of it judged by the others.
    """
    usual = relations = judged = None
    if spec.evidence:
        usual = learn_usual(baseline)
        relations, judged = Relations.learn(baseline)
    features = ConnFeatures(spec, usual, relations)
    parts, start = [], 0
    for batch in baseline:
        stop = start + len(batch)
        parts.append(features.transform(batch, None if judged is None else judged[start:stop]))
        start = stop
    return features, np.concatenate(parts)


def learn_scaling(features: NDArray[np.float64], spec: FeatureSpec, *, to_one: bool = False) -> Scaling:
    """Mean and standard deviation of each number, or lowest value and range if `to_one`; unset ones aside.

    Where there is no variance the scale is 1.
    """
    mean, scale = [0.0] * len(spec.numbers), [1.0] * len(spec.numbers)
    for column in range(len(spec.numbers)):
        values = features[:, column]
        values = values[~np.isnan(values)]
        if column < len(spec.amounts):
            values = np.log1p(values.clip(0))
        if len(values):
            mean[column] = float(values.min() if to_one else values.mean())
            spread = float(np.ptp(values) if to_one else values.std())
            scale[column] = spread if spread > 1e-9 else 1.0
    return Scaling(mean, scale)
