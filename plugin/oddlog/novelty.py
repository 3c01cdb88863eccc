"""Novelty judged by labels: models learn from most of the benign records, and are tested on the rest and all others.

The protocol is that of a notebook in use: 66 % of the benign flows to train, and neither ports, protocol nor time as
features. Its two models, a one-class SVM and an isolation forest with scikit-learn's defaults on raw numbers, run in
the same splits as oddlog's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, cast, get_args

import numpy as np
from oddlog_core.detectors.novelty import Scorer
from oddlog_core.features.novelty import Measurements, Scaling
from oddlog_core.features.sequences import Sequences, timeline
from oddlog_core.options import NoveltyModel, NoveltyOptions
from oddlog_core.records import MISSING
from sklearn.ensemble import IsolationForest
from sklearn.svm import OneClassSVM

from oddlog.errors import OddlogError
from oddlog.evaluate.measures import Queue
from oddlog.logs.schema import FLOWS, LABEL
from oddlog.pipeline import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from oddlog_core.records import Records

    from oddlog.logs import Logs

__all__ = ["FALSE_ALARMS", "MODELS", "Flows", "Judged", "classes", "judge", "judge_on", "read_flows", "report"]

Reference = Literal["notebook-svm", "notebook-forest"]
MODELS: tuple[str, ...] = (*get_args(NoveltyModel), *get_args(Reference))
FALSE_ALARMS = (0.01, 0.05)
TRAINED = 0.66
_LEAST = 50
# What of the training records counts as an error of training, where a model has no boundary of its own.
_OUTSIDE = 0.05


class Flows(NamedTuple):
    """Labelled flows.

    Attributes
    ----------
    columns : (n, n_columns) float64
        As `Measurements` has them.
    raw : (n, n_numbers) float64
        As they were written, 0 where unset.
    clock, sources : (n,) int64
    label : (n,) str
    benign : (n,) bool
    """

    columns: NDArray[np.float64]
    raw: NDArray[np.float64]
    clock: NDArray[np.int64]
    sources: NDArray[np.int64]
    label: NDArray[np.str_]
    benign: NDArray[np.bool_]

    @classmethod
    def of(cls, batches: Sequence[Records], label: NDArray[np.str_], benign: NDArray[np.bool_]) -> Self:
        """Records of one log, as models take them."""
        measurements = Measurements.learn(batches, batches[0].log)
        numbers = [np.stack([batch.integers[name] for name in measurements.numbers], axis=1) for batch in batches]
        raw = np.concatenate([np.where(part == MISSING, 0, part) / 1e6 for part in numbers])
        columns = np.concatenate([measurements.columns(batch) for batch in batches])
        return cls(columns, raw, *timeline(batches), label, benign)


@dataclass(frozen=True, slots=True)
class Judged:
    """One model on one split.

    Attributes
    ----------
    training, benign, malicious : (int, int)
        Errors, and out of how many: training and other benign records taken for novel, malicious ones that were not.
    roc_auc, average_precision : float
        Of the malicious against the other benign records.
    missed : dict of float to float
        Share of the malicious records missed, by the share of benign ones that raise a false alarm.
    by_class : dict of str to dict of float to float
        The same of each class.
    seconds : float
        Of processor, to fit.
    """

    training: tuple[int, int]
    benign: tuple[int, int]
    malicious: tuple[int, int]
    roc_auc: float
    average_precision: float
    missed: Mapping[float, float]
    by_class: Mapping[str, Mapping[float, float]]
    seconds: float


def read_flows(logs: Logs, benign: str) -> Flows:
    """Read labelled flows whole.

    Raises
    ------
    OddlogError
        If there are none, or too few of either kind.
    """
    if FLOWS not in logs.names:
        raise OddlogError("no flows of CICFlowMeter were given")
    clock, batches, labels = Clock("start"), [], []
    for batch in logs.batches(FLOWS):
        batches.append(clock.records(batch))
        labels += batch.table[LABEL].to_pylist()
    label = np.array([text or "" for text in labels])
    is_benign = np.char.lower(label) == benign.lower()
    if is_benign.sum() < _LEAST or is_benign.all():
        raise OddlogError(
            f"{is_benign.sum()} of {len(label)} flows are labelled {benign!r}; at least {_LEAST} and not all must be"
        )
    return Flows.of(batches, label, is_benign)


def judge(flows: Flows, model: str, seed: int, steps: int = 2000) -> Judged:
    """Fit a model to a random split, and test it on the other records; see `judge_on`."""
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(flows.benign))
    train, rest = np.split(rows, [round(TRAINED * len(rows))])
    return judge_on(flows, model, np.sort(train), rest, seed, steps)


def judge_on(
    flows: Flows, model: str, train: NDArray[np.int64], rest: NDArray[np.int64], seed: int, steps: int = 2000
) -> Judged:
    """Fit a model to some flows, and test it on other benign and on all malicious ones.

    Parameters
    ----------
    flows : Flows
    model : str
        One of `MODELS`.
    train, rest : (n,) int64
        Rows of benign flows, those to learn from in order.
    seed : int
        Of the model.
    steps : int
        Of training neural networks.
    """
    started = time.process_time()
    if model in get_args(Reference):
        fitted: Any = OneClassSVM() if model == "notebook-svm" else IsolationForest(random_state=seed)
        fitted.fit(flows.raw[train])
        seconds = time.process_time() - started
        score = -fitted.decision_function(flows.raw)
        boundary = 0.0
    else:
        score, seconds = _scored(flows, train, NoveltyOptions(cast("NoveltyModel", model), steps, seed))
        boundary = float(np.quantile(score[train], 1 - _OUTSIDE))
    malicious = np.flatnonzero(~flows.benign)
    tested = np.concatenate([rest, malicious])
    queue = Queue(score[tested], ~flows.benign[tested])
    label = flows.label[malicious]
    missed = {}
    by_class: dict[str, dict[float, float]] = {name: {} for name in np.unique(label).tolist()}
    for share in FALSE_ALARMS:
        caught = queue.caught(int(share * len(rest)))[len(rest) :]
        missed[share] = float(1 - caught.mean())
        for name, classes in by_class.items():
            classes[share] = float(1 - caught[label == name].mean())
    measures = queue.measures(0)
    return Judged(
        (int((score[train] > boundary).sum()), len(train)),
        (int((score[rest] > boundary).sum()), len(rest)),
        (int((score[malicious] <= boundary).sum()), len(malicious)),
        measures.roc_auc or 0.0,
        measures.average_precision or 0.0,
        missed,
        by_class,
        seconds,
    )


def _scored(flows: Flows, train: NDArray[np.int64], options: NoveltyOptions) -> tuple[NDArray[np.float64], float]:
    """Scores of all flows by a model of some of them, and the seconds of processor that fitting it took."""
    # torch is only there where someone trains.
    from oddlog_core.training import novelty  # noqa: PLC0415

    started = time.process_time()
    scaling = Scaling.learn(flows.columns[train])
    learned = scaling.scaled(flows.columns[train])
    recurrent = options.model == "lstm"
    width = learned.shape[1]
    tape = Sequences(width).take(flows.clock[train], flows.sources[train], learned) if recurrent else None
    scorer = Scorer(novelty.fit(options, learned, tape, lambda _: None))
    seconds = time.process_time() - started
    scaled = scaling.scaled(flows.columns)
    if not recurrent:
        return scorer.scores(scaled), seconds
    return scorer.of_pieces(len(scaled), Sequences(width).take(flows.clock, flows.sources, scaled).windows), seconds


def report(judged: Mapping[str, Sequence[Judged]]) -> Iterator[tuple[str, ...]]:
    """A row for each model: medians over its splits, and the errors of the first one."""
    for model, splits in judged.items():
        first = splits[0]
        yield (
            model,
            *("/".join(map(str, part)) for part in (first.training, first.benign, first.malicious)),
            *(f"{np.median([getattr(one, name) for one in splits]):.3f}" for name in ("roc_auc", "average_precision")),
            *(f"{np.median([one.missed[share] for one in splits]):.1%}" for share in FALSE_ALARMS),
            f"{np.median([one.seconds for one in splits]):.2f}",
        )


def classes(judged: Mapping[str, Sequence[Judged]]) -> Iterator[tuple[str, ...]]:
    """A row for each class: the median share missed by each model, at each share of false alarms."""
    names = next(iter(judged.values()))[0].by_class
    for name in names:
        shares = (
            np.median([one.by_class[name][share] for one in splits])
            for share in FALSE_ALARMS
            for splits in judged.values()
        )
        yield (name, *(f"{share:.0%}" for share in shares))
