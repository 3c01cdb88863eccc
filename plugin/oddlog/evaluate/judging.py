"""The verdict on a scores file: each detector's queue, the common one, and each attack's place in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oddlog.evaluate.matching import Matched, match
from oddlog.evaluate.measures import Measures, Queue

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Evaluation", "Found", "Queues", "alone", "evaluate", "evaluated", "in_queues"]

FALSE_ALARMS_A_DAY = 20
DAY = 86_400.0


@dataclass(frozen=True)
class Found:
    """How much of an attack stands before 20 false alarms a day.

    Attributes
    ----------
    rows : int
        Scored rows that are part of the attack.
    recall : float or None
        Share of them found in the common queue.
    best_detector : str or None
        The detector that finds the largest share of those it scored, in its own queue.
    best_recall : float or None
        That share.
    roc_auc, average_precision : float or None
        Of the common queue without the other attacks.
    """

    rows: int
    recall: float | None
    best_detector: str | None
    best_recall: float | None
    roc_auc: float | None
    average_precision: float | None


@dataclass(frozen=True)
class Queues:
    """Scored rows in order, and what is asked of them.

    Attributes
    ----------
    days : float
        From the first scored ts to the last, and one day at least.
    allowed : int
        False alarms that 20 a day make in these days.
    matched : Matched
    common : Queue
        Every detector's rows, by rarity.
    own : mapping of str to ((n_own,) int64, Queue)
        Each detector's rows, and their queue by score.
    host : (n_rows,) int64
        Whose row it is: a code of orig_h, one for all that have none.
    """

    days: float
    allowed: int
    matched: Matched
    common: Queue
    own: Mapping[str, tuple[np.ndarray, Queue]]
    host: np.ndarray

    def rows_of(self, attack: str) -> np.ndarray:
        """Rows that are part of an attack."""
        rows: np.ndarray = np.unique(self.matched.row[self.matched.attack == attack])
        return rows

    @property
    def attacks(self) -> list[str]:
        """Attacks that some row is part of."""
        return sorted({str(attack) for attack in self.matched.attack})


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    Attributes
    ----------
    days : float
        From the first scored ts to the last, and one day at least.
    false_alarms_allowed : int
        What 20 a day make in these days.
    rows_without_label : int
        Scored records that no label speaks of; they count as benign.
    labels_without_row : int
        Positive labels that no scored row answers to; they count nowhere.
    overall : Measures
        Of the common queue: every detector's rows, by rarity.
    detectors : mapping of str to Measures
        Of each detector's own queue, by score.
    attacks : mapping of str to Found
    """

    days: float
    false_alarms_allowed: int
    rows_without_label: int
    labels_without_row: int
    overall: Measures
    detectors: Mapping[str, Measures]
    attacks: Mapping[str, Found]


def in_queues(scores: pd.DataFrame, labels: pd.DataFrame) -> Queues:
    """Order scores for judging; see `evaluate`."""
    matched = match(scores, labels)
    ts = scores["ts"]
    days = max(float(ts.max() - ts.min()) / DAY, 1.0) if len(ts) else 1.0
    codes, names = pd.factorize(scores["detector"], sort=True)
    score = scores["score"].to_numpy(dtype=np.float64)
    own = {}
    for code, name in enumerate(names):
        rows = np.flatnonzero(codes == code)
        own[str(name)] = rows, Queue(score[rows], matched.positive[rows])
    host = pd.factorize(scores["orig_h"].astype("string"))[0]
    common = Queue(scores["rarity"].to_numpy(dtype=np.float64), matched.positive)
    return Queues(days, int(FALSE_ALARMS_A_DAY * days), matched, common, own, host + 1)


def evaluate(scores: pd.DataFrame, labels: pd.DataFrame) -> Evaluation:
    """Judge scores by labels.

    Parameters
    ----------
    scores, labels : pandas.DataFrame
        As `read_scores` and `read_labels` give them; `match` says how they meet.

    Returns
    -------
    Evaluation
    """
    return evaluated(in_queues(scores, labels))


def evaluated(queues: Queues) -> Evaluation:
    """Judge scores that were put in order."""
    matched, allowed = queues.matched, queues.allowed
    caught = queues.common.caught(allowed)
    caught_by_own = np.zeros(len(caught), dtype=bool)
    detector = np.empty(len(caught), dtype=object)
    for name, (rows, queue) in queues.own.items():
        detector[rows], caught_by_own[rows] = name, queue.caught(allowed)
    detectors = {name: queue.measures(allowed) for name, (_, queue) in queues.own.items()}
    parts = pd.DataFrame(
        {
            "attack": matched.attack,
            "row": matched.row,
            "detector": detector[matched.row],
            "caught": caught[matched.row],
            "caught_by_own": caught_by_own[matched.row],
        }
    )
    return Evaluation(
        days=queues.days,
        false_alarms_allowed=allowed,
        rows_without_label=matched.rows_without_label,
        labels_without_row=matched.labels_without_row,
        overall=queues.common.measures(allowed),
        detectors=detectors,
        attacks={
            str(attack): _found(part, queues.common, detectors=detectors) for attack, part in parts.groupby("attack")
        },
    )


def alone(common: Queue, rows: np.ndarray) -> np.ndarray:
    """Weights, (n_rows,), that leave of all positives only these rows."""
    weight = (~common.positive).astype(np.float64)
    weight[rows] = 1.0
    return weight


def _found(part: pd.DataFrame, common: Queue, *, detectors: Mapping[str, Measures]) -> Found:
    shares = part.groupby("detector")["caught_by_own"].mean()
    shares = shares[[name for name in shares.index if detectors[name].roc_auc is not None]]
    queue = common.reweighed(alone(common, part["row"].to_numpy()))
    return Found(
        rows=len(part),
        recall=float(part["caught"].mean()) if common.judgeable else None,
        best_detector=str(shares.idxmax()) if len(shares) else None,
        best_recall=float(shares.max()) if len(shares) else None,
        roc_auc=queue.roc_auc if queue.judgeable else None,
        average_precision=queue.average_precision if queue.judgeable else None,
    )
