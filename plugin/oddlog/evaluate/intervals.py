"""How sure a verdict is: intervals by drawing hosts anew, since the records of one host are not independent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oddlog.evaluate.judging import alone

if TYPE_CHECKING:
    from oddlog.evaluate.judging import Queues
    from oddlog.evaluate.measures import Queue

__all__ = ["OVERALL", "Interval", "intervals"]

Interval = tuple[float, float]
OVERALL = "over all"
_SHARE = 95


def intervals(queues: Queues, draws: int, seed: int = 0) -> dict[str, dict[str, Interval]]:
    """95 % intervals of what queues are worth: percentiles over as many draws of as many hosts as there are.

    Efron, Bootstrap methods: another look at the jackknife (1979), with hosts for observations.

    Parameters
    ----------
    queues : Queues
    draws : int
        A draw without a positive or without a negative tells nothing and is passed over.
    seed : int

    Returns
    -------
    mapping of str to mapping of str to (float, float)
        By detector, `OVERALL` or attack, and by measure: `roc_auc`, `average_precision` and
        `recall_at_20_false_alarms_a_day`. What no draw could judge is left out.
    """
    rng = np.random.default_rng(seed)
    n_hosts = int(queues.host.max(initial=-1)) + 1
    attacks = {name: queues.rows_of(name) for name in queues.attacks}
    kept = {name: alone(queues.common, rows) for name, rows in attacks.items()}
    values: dict[tuple[str, str], list[float]] = {}
    present = np.unique(queues.host)
    for _ in range(draws):
        drawn = np.bincount(rng.choice(present, len(present)), minlength=n_hosts) if len(present) else np.zeros(0)
        weight = drawn[queues.host].astype(np.float64)
        common = queues.common.reweighed(weight)
        told = {OVERALL: _told(common, queues.allowed)}
        for name, (rows, queue) in queues.own.items():
            told[name] = _told(queue.reweighed(weight[rows]), queues.allowed)
        caught = common.caught(queues.allowed) if common.judgeable else None
        for name, rows in attacks.items():
            told[name] = _told(queues.common.reweighed(weight * kept[name]), None)
            if caught is not None and weight[rows].sum():
                told[name]["recall_at_20_false_alarms_a_day"] = float(np.average(caught[rows], weights=weight[rows]))
        for name, measures in told.items():
            for measure, value in measures.items():
                values.setdefault((name, measure), []).append(value)
    found: dict[str, dict[str, Interval]] = {}
    for (name, measure), drawn_values in values.items():
        low, high = np.percentile(drawn_values, [(100 - _SHARE) / 2, (100 + _SHARE) / 2])
        found.setdefault(name, {})[measure] = float(low), float(high)
    return found


def _told(queue: Queue, allowed: int | None) -> dict[str, float]:
    if not queue.judgeable:
        return {}
    told = {"roc_auc": queue.roc_auc, "average_precision": queue.average_precision}
    if allowed is not None:
        told["recall_at_20_false_alarms_a_day"] = queue.recall(allowed)
    return told
