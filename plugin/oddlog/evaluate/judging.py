"""The verdict on a scores file: each detector's queue, the common one, and each attack's place in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oddlog.evaluate.matching import match
from oddlog.evaluate.measures import Measures, Queue

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Evaluation", "Found", "evaluate"]

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
    """

    rows: int
    recall: float | None
    best_detector: str | None
    best_recall: float | None


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
    matched = match(scores, labels)
    ts = scores["ts"]
    days = max(float(ts.max() - ts.min()) / DAY, 1.0) if len(ts) else 1.0
    allowed = int(FALSE_ALARMS_A_DAY * days)

    common = Queue(scores["rarity"].to_numpy(dtype=np.float64), matched.positive)
    caught = common.caught(allowed)

    codes, names = pd.factorize(scores["detector"], sort=True)
    score = scores["score"].to_numpy(dtype=np.float64)
    caught_by_own = np.zeros(len(scores), dtype=bool)
    detectors = {}
    for code, name in enumerate(names):
        rows = np.flatnonzero(codes == code)
        queue = Queue(score[rows], matched.positive[rows])
        caught_by_own[rows] = queue.caught(allowed)
        detectors[str(name)] = queue.measures(allowed)

    parts = pd.DataFrame(
        {
            "attack": matched.attack,
            "detector": names[codes[matched.row]],
            "caught": caught[matched.row],
            "caught_by_own": caught_by_own[matched.row],
        }
    )
    return Evaluation(
        days=days,
        false_alarms_allowed=allowed,
        rows_without_label=matched.rows_without_label,
        labels_without_row=matched.labels_without_row,
        overall=common.measures(allowed),
        detectors=detectors,
        attacks={
            str(attack): _found(part, judgeable=common.judgeable, detectors=detectors)
            for attack, part in parts.groupby("attack")
        },
    )


def _found(part: pd.DataFrame, *, judgeable: bool, detectors: Mapping[str, Measures]) -> Found:
    shares = part.groupby("detector")["caught_by_own"].mean()
    shares = shares[[name for name in shares.index if detectors[name].roc_auc is not None]]
    return Found(
        rows=len(part),
        recall=float(part["caught"].mean()) if judgeable else None,
        best_detector=str(shares.idxmax()) if len(shares) else None,
        best_recall=float(shares.max()) if len(shares) else None,
    )
