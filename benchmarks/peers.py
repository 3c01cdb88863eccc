"""What oddlog's conn detector is judged beside: well-known detectors, two rules, tuple rarity, and the best column.

Each contestant learns from a baseline and gives every record of another log a score; higher is odder.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd
from oddlog.logs import open_logs
from oddlog.pipeline import Clock
from oddlog_core.kernels.rolling import RollingState
from oddlog_core.records import MISSING, MISSING_CODE
from pysad.models import KitNet
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Contestant", "Log", "best_column", "peers"]

_ROLLED = ("orig_pkts", "resp_pkts", "orig_bytes", "resp_bytes")
_WINDOWS = (1, 10, 60)
_COUNTS = ("duration", "orig_bytes", "resp_bytes", "orig_pkts", "resp_pkts", "orig_ip_bytes", "resp_ip_bytes")
_CODED = ("proto", "service", "conn_state", "id.orig_p", "id.resp_p")
_TUPLE = ("id.orig_h", "id.resp_h", "id.resp_p")
_PARTS = [part for size in (1, 2, 3) for part in combinations(_TUPLE, size)]
_USUAL = 40
# Slow peers learn from so many records, evenly spread over the baseline.
_SVM_ROWS, _KITNET_ROWS, _PCA_ROWS = 4_000, 3_000, 20_000


@dataclass(frozen=True, eq=False)
class Log:
    """A conn log as oddlog's reader gives it.

    Attributes
    ----------
    path : Path
    records : DataFrame
        Numbers as floats, NaN where unset; all else as text, "" where unset.
    rolling : (n_records, 24) float64
        Mean and standard deviation of packets and bytes over the last 1, 10 and 60 s.
    """

    path: Path
    records: pd.DataFrame
    rolling: NDArray[np.float64]

    @classmethod
    def read(cls, path: Path) -> Log:
        """Read a log and compute its rolling columns."""
        clock = Clock("end")
        state = RollingState(np.array(_WINDOWS) * 1_000_000, len(_ROLLED))
        frames, rolling = [], []
        for batch in open_logs([path]).batches("conn"):
            records = clock.records(batch)
            columns = {"uid": batch.table["uid"].to_pylist(), "clock": records.clock / 1e6}
            for name, values in records.integers.items():
                scale = 1e6 if name in {"ts", "duration"} else 1.0
                columns[name] = np.where(values == MISSING, np.nan, values / scale)
            for name, column in records.categories.items():
                words = np.array([*column.values, ""], dtype=object)
                columns[name] = words[np.where(column.codes == MISSING_CODE, len(words) - 1, column.codes)]
            frames.append(pd.DataFrame(columns))
            counts = np.stack([records.integers[name] for name in _ROLLED], axis=1).clip(0)
            rolling.append(state.update(records.clock, counts).reshape(len(batch), -1))
        return cls(path, pd.concat(frames, ignore_index=True), np.concatenate(rolling))

    def tuples(self, *columns: str) -> pd.Series:
        """Source, destination and port, or some of them, as one value a record."""
        return pd.Series(zip(*(self.records[name] for name in columns), strict=True))


class Contestant(Protocol):
    """Anything that learns from a baseline and then scores a log's records."""

    def fit(self, baseline: Log, work: Path) -> None:
        """Learn; files may be left in the folder `work`."""

    def score(self, judged: Log) -> NDArray[np.float64]:
        """Score each record; higher is odder."""


class Columns:
    """Standardised features: log1p'd amounts with a mark where unset, one-hot values and ports, rolling statistics.

    Parameters
    ----------
    rolling : bool
        Whether the 24 rolling columns are among them.
    """

    def __init__(self, *, rolling: bool) -> None:
        self._rolling = rolling
        self._scaler: StandardScaler | None = None
        self._latest: tuple[Log, NDArray[np.float32]] | None = None

    def of(self, log: Log) -> NDArray[np.float32]:
        """Features of a log; the first one asked for is the baseline, and the latest is remembered."""
        if self._latest is None or self._latest[0] is not log:
            if self._scaler is None:
                self._usual = {name: log.records[name].value_counts().index[:_USUAL] for name in _CODED}
                self._scaler = StandardScaler().fit(self._raw(log))
            self._latest = log, self._scaler.transform(self._raw(log))
        return self._latest[1]

    def _raw(self, log: Log) -> NDArray[np.float32]:
        amounts = log.records[[*_COUNTS]].to_numpy()
        parts = [np.log1p(np.nan_to_num(amounts)), np.isnan(amounts)]
        for name, usual in self._usual.items():
            values = log.records[name]
            place = usual.get_indexer(values)
            parts.append(place[:, None] == np.arange(len(usual)))
            # Rare ports by IANA's ranges, other rare values as one.
            ranges = np.digitize(values, [1024, 49152]) if values.dtype == float else np.zeros(len(values))
            parts.append((ranges[:, None] == np.arange(3)) & (place < 0)[:, None])
        if self._rolling:
            parts.append(np.log1p(log.rolling))
        return np.hstack([part.astype(np.float32) for part in parts])


class Model:
    """A detector over standardised features.

    Parameters
    ----------
    learn : callable
        From a baseline's features to a function that scores features.
    columns : Columns
    """

    def __init__(self, learn: Callable[[NDArray], Callable[[NDArray], NDArray]], columns: Columns) -> None:
        self._learn, self._columns = learn, columns

    def fit(self, baseline: Log, work: Path) -> None:  # noqa: ARG002
        self._score = self._learn(self._columns.of(baseline))

    def score(self, judged: Log) -> NDArray[np.float64]:
        return self._score(self._columns.of(judged))


def _sample(rows: NDArray, most: int) -> NDArray:
    """Every so-manyth row, in order."""
    return rows[:: -(-len(rows) // most)]


def isolation_forest(rows: NDArray) -> Callable[[NDArray], NDArray]:
    model = IsolationForest(n_estimators=100, random_state=0).fit(rows)
    return lambda x: -model.score_samples(x)


def one_class_svm(rows: NDArray) -> Callable[[NDArray], NDArray]:
    model = OneClassSVM(nu=0.01, gamma="scale").fit(_sample(rows, _SVM_ROWS))
    return lambda x: -model.score_samples(x)


def pca(rows: NDArray) -> Callable[[NDArray], NDArray]:
    """Squared reconstruction error from the components that hold nine tenths of the variance."""
    model = PCA(n_components=0.9, svd_solver="full").fit(_sample(rows, _PCA_ROWS))
    return lambda x: ((x - model.inverse_transform(model.transform(x))) ** 2).sum(axis=1)


def kitnet(rows: NDArray) -> Callable[[NDArray], NDArray]:
    """Pysad's KitNET: a tenth of the rows group the features, the others train the autoencoders."""
    rows = _sample(rows, _KITNET_ROWS)
    grouping = len(rows) // 10
    model = KitNet(10, grouping, len(rows) - grouping, random_state=0)
    for row in rows:
        model.fit_partial(row)
    trained = model.model

    def error(autoencoder: object, x: NDArray) -> NDArray:
        # `dA.execute`, many rows at once.
        x = autoencoder.normalize(x)
        return np.sqrt(((x - autoencoder.reconstruct(x)) ** 2).mean(axis=1))

    def score(x: NDArray) -> NDArray:
        groups = zip(trained.ensembleLayer, trained.map, strict=True)
        return error(trained.outputLayer, np.column_stack([error(one, x[:, columns]) for one, columns in groups]))

    return score


class NeverSeen:
    """1 where a tuple of these columns is not in the baseline, else 0."""

    def __init__(self, *columns: str) -> None:
        self._columns = columns

    def fit(self, baseline: Log, work: Path) -> None:  # noqa: ARG002
        self._seen = set(baseline.tuples(*self._columns))

    def score(self, judged: Log) -> NDArray[np.float64]:
        return (~judged.tuples(*self._columns).isin(self._seen)).to_numpy(float)


class TupleRarity:
    """Sum of -log frequency in the baseline of (source, destination, port), of its pairs and of its parts.

    Frequencies are smoothed by adding one to each count, so what was never seen has a finite one.
    """

    def fit(self, baseline: Log, work: Path) -> None:  # noqa: ARG002
        self._n = len(baseline.records)
        self._counts = {columns: baseline.tuples(*columns).value_counts().to_dict() for columns in _PARTS}

    def score(self, judged: Log) -> NDArray[np.float64]:
        total = np.zeros(len(judged.records))
        for columns, counts in self._counts.items():
            seen = np.array([counts.get(value, 0) for value in judged.tuples(*columns)])
            total -= np.log((seen + 1) / (self._n + 1))
        return total


def best_column(log: Log, attack: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The one column and direction with the best AUC by the labels themselves: a choice no detector could make."""
    columns = {name: log.records[name].fillna(-1).to_numpy() for name in (*_COUNTS, "id.orig_p", "id.resp_p")}
    columns |= {f"rolling {i}": values for i, values in enumerate(log.rolling.T)}
    areas = {name: roc_auc_score(attack, values) for name, values in columns.items()}
    name = max(areas, key=lambda name: abs(areas[name] - 0.5))
    return columns[name] if areas[name] >= 0.5 else -columns[name]


def peers() -> dict[str, Contestant]:
    """Make all peers, by name."""
    found: dict[str, Contestant] = {
        "tuple rarity": TupleRarity(),
        "never seen tuple": NeverSeen(*_TUPLE),
        "never seen source": NeverSeen("id.orig_h"),
    }
    columns = {"": Columns(rolling=False), ", rolling": Columns(rolling=True)}
    models = {"isolation forest": isolation_forest, "one-class SVM": one_class_svm, "PCA": pca, "KitNET": kitnet}
    for name, learn in models.items():
        found |= {name + suffix: Model(learn, shared) for suffix, shared in columns.items()}
    return found
