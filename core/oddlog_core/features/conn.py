"""conn.log as a feature matrix: what each connection was, and how busy the network was around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from oddlog_core.features.vocabulary import Vocabulary, count_values
from oddlog_core.kernels.rolling import LARGEST, RollingState
from oddlog_core.records import MISSING
from oddlog_core.span import DAY, HOUR

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["ConnFeatures", "FeatureSet", "FeatureSpec", "Scaling", "learn_scaling", "learn_spec"]

FeatureSet = Literal["base", "rolling"]
"""Named sets of features: what a connection was; and how busy the network was around it."""

MICROSECONDS = 1_000_000
WINDOWS = {"1s": 1, "10s": 10, "60s": 60}
ROLLED = ("orig_pkts", "resp_pkts", "orig_bytes", "resp_bytes")
NUMBERS = ("duration", "orig_bytes", "resp_bytes", "orig_pkts", "resp_pkts")
ROLLING = tuple(
    f"{statistic}_{name}_{window}" for window in WINDOWS for name in ROLLED for statistic in ("mean", "std")
)
TIME_OF_DAY = ("time_of_day_sin", "time_of_day_cos")
CATEGORIES = ("proto", "service", "conn_state")
PORTS = ("id.orig_p", "id.resp_p")

# Values rarer than this share of the baseline are one category: fewer examples teach nothing.
_RARE = 1e-4
_MOST_VALUES = 48
# Ports outside the vocabulary fall into IANA's three ranges (RFC 6335, section 6).
_RANGES = ("system port", "user port", "dynamic port")
_RANGE_ENDS = np.array([1024, 49152])


def _same_service(service: str) -> str:
    """One spelling for Zeek's comma list, which comes in any order."""
    return ",".join(sorted(service.split(",")))


class FeatureSpec(msgspec.Struct, frozen=True):
    """Which columns the matrix has, and what the codes in it mean.

    Attributes
    ----------
    categories : mapping of str to list of str
        Values of `proto`, `service` and `conn_state`; in the matrix 0 is unset, then the values, then one code for
        all others.
    ports : mapping of str to list of int
        Usual ports; in the matrix 0 is unset, then the ports, then one code for each of IANA's ranges.
    time_of_day : bool
        Only where the baseline covers several whole days: else it ruins the model.
    features : {"base", "rolling"}
    """

    categories: dict[str, list[str]]
    ports: dict[str, list[int]]
    time_of_day: bool
    features: FeatureSet = "rolling"

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the numeric columns, which come first; NaN where the field is unset."""
        return NUMBERS + self.rolling + (TIME_OF_DAY if self.time_of_day else ())

    @property
    def rolling(self) -> tuple[str, ...]:
        """Names of the rolling statistics among them."""
        return ROLLING if self.features == "rolling" else ()

    @property
    def coded(self) -> tuple[str, ...]:
        """Names of the columns of codes, which come last."""
        return CATEGORIES + PORTS

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
        Mean and standard deviation over the baseline: of ``log1p`` of an amount, of a time of day as it is.
    """

    mean: list[float]
    scale: list[float]

    def unscaled(self, column: int, z: float, name: str) -> float:
        """The number that a z-score of a column stands for."""
        value = z * self.scale[column] + self.mean[column]
        return value if name in TIME_OF_DAY else float(np.expm1(value))


@dataclass(slots=True)
class ConnFeatures:
    """Feature matrix of conn records, carrying the rolling windows from batch to batch.

    Parameters
    ----------
    spec : FeatureSpec
    """

    spec: FeatureSpec
    rolling: RollingState = field(init=False)
    _vocabularies: dict[str, Vocabulary] = field(init=False)

    def __post_init__(self) -> None:
        self.rolling = RollingState(np.array([*WINDOWS.values()]) * MICROSECONDS, len(ROLLED))
        self._vocabularies = {name: Vocabulary(values) for name, values in self.spec.categories.items()}

    def transform(self, records: Records) -> NDArray[np.float64]:
        """Features of the next records.

        Returns
        -------
        (n_records, n_numbers + n_coded) float64
            Seconds, bytes, packets as they are, not scaled; then codes.
        """
        n, n_numbers = len(records), len(self.spec.numbers)
        out = np.empty((n, n_numbers + len(self.spec.coded)))
        for column, name in enumerate(NUMBERS):
            values = records.integers[name]
            out[:, column] = values
            out[values == MISSING, column] = np.nan
        out[:, 0] /= MICROSECONDS
        if self.spec.rolling:
            counts = np.stack([records.integers[name] for name in ROLLED], axis=1)
            rolled = self.rolling.update(records.clock, counts.clip(0, LARGEST))
            out[:, len(NUMBERS) : len(NUMBERS) + len(ROLLING)] = rolled.reshape(n, len(ROLLING))
        if self.spec.time_of_day:
            angle = 2 * np.pi * (records.clock % DAY) / DAY
            out[:, n_numbers - 2] = np.sin(angle)
            out[:, n_numbers - 1] = np.cos(angle)
        for column, name in enumerate(CATEGORIES, start=n_numbers):
            vocabulary = self._vocabularies[name]
            codes = vocabulary.encode(records.categories[name], _same_service)
            out[:, column] = np.where(codes < 0, len(vocabulary), codes)
        for column, name in enumerate(PORTS, start=n_numbers + len(CATEGORIES)):
            out[:, column] = _port_codes(records.integers[name], self.spec.ports[name])
        return out


def _port_codes(ports: NDArray[np.int64], usual: list[int]) -> NDArray[np.int64]:
    """Position in `usual` from 1, or beyond it by range; 0 where unset."""
    in_order = np.argsort(usual)
    known = np.array(usual, dtype=np.int64)[in_order]
    at = np.searchsorted(known, ports).clip(max=max(len(known) - 1, 0))
    beyond = len(usual) + 1 + np.searchsorted(_RANGE_ENDS, ports, side="right")
    codes = np.where(known[at] == ports, in_order[at] + 1, beyond) if len(known) else beyond
    return np.where(ports == MISSING, 0, codes)


def learn_spec(baseline: Sequence[Records], features: FeatureSet = "rolling") -> FeatureSpec:
    """Usual values of the coded columns, and whether the baseline knows the time of day."""
    least = max(2, int(_RARE * sum(map(len, baseline))))

    def usual(counts: Counter[str]) -> list[str]:
        # Ties by name: no batch's dictionary decides which comes first.
        often = sorted(counts, key=lambda value: (-counts[value], value))[:_MOST_VALUES]
        return [value for value in often if counts[value] >= least]

    categories = {
        name: usual(count_values((batch.categories[name] for batch in baseline), _same_service)) for name in CATEGORIES
    }
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


def learn_scaling(features: NDArray[np.float64], spec: FeatureSpec) -> Scaling:
    """Mean and standard deviation of each number, unset ones aside; 1 where there is no variance."""
    mean, scale = [0.0] * len(spec.numbers), [1.0] * len(spec.numbers)
    for column, name in enumerate(spec.numbers):
        values = features[:, column]
        values = values[~np.isnan(values)]
        if name not in TIME_OF_DAY:
            values = np.log1p(values.clip(0))
        if len(values):
            mean[column] = float(values.mean())
            spread = float(values.std())
            scale[column] = spread if spread > 1e-9 else 1.0
    return Scaling(mean, scale)
