"""What a baseline would have brought to the queue: chains of weak findings, and notices a day."""

from __future__ import annotations

import math
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from oddlog_core.budget import Budget
from oddlog_core.chains import Chains
from oddlog_core.span import DAY, HOUR

from oddlog.notices import WEAK, Queue, by_clock, message
from oddlog.notices.incidents import link_of
from oddlog.pipeline import Road

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from oddlog_core.bundle import Trained

    from oddlog.config import Config
    from oddlog.logs import Logs
    from oddlog.notices import Candidate

__all__ = ["learn_queue"]


def learn_queue(
    logs: Logs, before: Mapping[str, Trained], since: Mapping[str, int], config: Config
) -> tuple[Chains, Budget]:
    """Score what was held back by detectors that do not know it, and learn what chains it has and how many notices.

    Parameters
    ----------
    logs : Logs
    before : mapping of str to Trained
        Detectors as they were before they learned from what was held back.
    since : mapping of str to int
        By log, the clock from which records were held back.
    config : Config
    """
    start = max(since.values())
    roads = {
        log: Road(log, [one for one in before.values() if one.detector.log == log], "", math.inf, config.conn.order)
        for log in since
    }
    found = (one for log, road in roads.items() for one in _found(road, logs, since[log]))
    candidates = sorted((one for one in found if one.clock >= start), key=by_clock)
    length = max(max(road.clock.now for road in roads.values()) - start, HOUR) / DAY
    links = [link_of(one, math.log(max(one.rarity / WEAK, 1.0))) for one in candidates]
    chains = Chains.learn(links, length, round(config.suppress_for * 1e6))

    def notices(days: float) -> Counter[str]:
        """By log, an incident's being that of the link that made it one, what would have been told."""
        queue = Queue(chains, days, config.suppress_for, sys.maxsize)
        told = [finding.log for one in candidates for finding in (*queue.all_due(one.clock), *queue.take(one))]
        return Counter([*told, *(finding.log for finding in queue.all_due())])

    return chains, Budget.learn(notices, length)


def _found(road: Road, logs: Logs, since: int) -> Iterator[Candidate]:
    """Candidates of what a log held back, whatever the budget."""
    for batch in logs.batches(road.log):
        for outcome in road.take(batch, since - road.warm_up):
            yield from map(_worded, outcome.candidates)


def _worded(candidate: Candidate) -> Candidate:
    """With the finding, its id and its words made, once for the many times that it is played."""
    finding = candidate.tell()
    finding = replace(finding, name=finding.id, said=message(finding))
    return replace(candidate, tell=lambda: finding)
