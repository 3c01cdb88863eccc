"""Measurements of single connections and flows as columns of like size, for models of what is normal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np

from oddlog_core.features.vocabulary import MISSING_NAME, UNSEEN_NAME, Vocabulary, count_values
from oddlog_core.records import MISSING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["UNSET", "Measurements", "Scaling"]

UNSET = "unset fields"
_NUMBERS = {
    "conn": (
        *("duration", "orig_bytes", "resp_bytes", "missed_bytes"),
        *("orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes"),
    )
}
_CODED = {"conn": ("proto", "service", "conn_state", "local_orig", "local_resp")}
# Of a code's values, the most frequent.
_MOST_VALUES = 20
_IN_TIME = frozenset({"duration"})
# Beyond so many standard deviations of the baseline all is equally far.
_FURTHEST = 10.0


class Measurements(msgspec.Struct, frozen=True):
    """Which fields are measured, and which values of codes are known.

    A number is the logarithm of its size, with its sign, nan where it is unset; how many are unset is a column of its
    own. A code has a column for each value that the baseline often has, one for unset, and one for all others.

    Attributes
    ----------
    log : str
    numbers : list of str
    values : dict of str to list of str
        By field.
    """

    log: str
    numbers: list[str]
    values: dict[str, list[str]]

    @classmethod
    def learn(cls, baseline: Sequence[Records], log: str) -> Self:
        """Learn from batches of one log. Where a log names no fields of its own, all its measurements count."""
        ids = {"ts", "id.orig_p", "id.resp_p"}
        numbers = _NUMBERS.get(log) or tuple(name for name in baseline[0].integers if name not in ids)
        values = {}
        for name in _CODED.get(log, ()):
            counts = count_values([batch.categories[name] for batch in baseline], _spelled)
            values[name] = sorted(counts, key=lambda value: (-counts[value], value))[:_MOST_VALUES]
        return cls(log, list(numbers), values)

    @property
    def fields(self) -> list[str]:
        """The field that each column is of."""
        coded = [name for name, values in self.values.items() for _ in range(len(values) + 2)]
        return [*self.numbers, UNSET, *coded]

    def columns(self, records: Records) -> NDArray[np.float64]:
        """Measure some records, (n_records, n_columns)."""
        out = np.zeros((len(records), len(self.fields)))
        unset = out[:, len(self.numbers)]
        for column, name in zip(out.T, self.numbers, strict=False):
            values = records.integers.get(name)
            if values is None:
                values = np.full(len(records), MISSING)
            missing = values == MISSING
            sizes = np.where(missing, 0, values) / self._unit
            column[:] = np.where(missing, np.nan, np.copysign(np.log1p(np.abs(sizes)), sizes))
            unset += missing
        start = len(self.numbers) + 1
        rows = np.arange(len(records))
        for name, known in self.values.items():
            codes = Vocabulary(known).encode(records.categories[name], _spelled)
            # What was never seen comes last.
            out[rows, start + np.where(codes < 0, len(known) + 1, codes)] = 1.0
            start += len(known) + 2
        return out

    def said(self, field: str, columns: NDArray[np.float64]) -> str | float | None:
        """What a row of columns holds of a field: seconds, or in the field's own unit; None where it is unset."""
        at = self.fields.index(field)
        if field in self.values:
            names = [MISSING_NAME, *self.values[field], UNSEEN_NAME]
            return names[int(columns[at : at + len(names)].argmax())]
        size = float(columns[at])
        if np.isnan(size):
            return None
        if field == UNSET:
            return size
        return float(np.copysign(np.expm1(abs(size)), size)) / (1e6 if field in _IN_TIME else 1.0)

    @property
    def _unit(self) -> float:
        """Flows come in millionths; Zeek's intervals stay microseconds, that short ones differ, too."""
        return 1.0 if self.log == "conn" else 1e6


def _spelled(value: str) -> str:
    """One spelling for Zeek's comma list of services, which comes in any order."""
    return ",".join(sorted(value.split(",")))


def _filled(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns with 0 for what is unset, which the count of unset fields tells from a true 0."""
    return np.nan_to_num(columns, nan=0.0)


class Scaling(msgspec.Struct, frozen=True):
    """Columns brought to mean 0 and deviation 1 in the baseline.

    Attributes
    ----------
    mean, scale : list of float
    usual : list of float
        Medians, scaled: what a column holds where nothing is odd about it.
    """

    mean: list[float]
    scale: list[float]
    usual: list[float]

    @classmethod
    def learn(cls, columns: NDArray[np.float64]) -> Self:
        """Learn from (n, n_columns) of a baseline."""
        columns = _filled(columns)
        mean, scale = columns.mean(axis=0), columns.std(axis=0)
        # What never varies varies by one: any other value is far away, and none infinitely far.
        scale[scale < 1e-9] = 1.0
        return cls(mean.tolist(), scale.tolist(), ((np.median(columns, axis=0) - mean) / scale).tolist())

    def scaled(self, columns: NDArray[np.float64]) -> NDArray[np.float32]:
        """Bring (n, n_columns) to the baseline's scale, within bounds."""
        z = (_filled(columns) - np.array(self.mean)) / np.array(self.scale)
        bounded: NDArray[np.float32] = np.clip(z, -_FURTHEST, _FURTHEST).astype(np.float32)
        return bounded
