"""What a baseline would have brought to the queue: chains of weak findings, and notices a day."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oddlog_core.budget import Budget
from oddlog_core.chains import Chains, OpenChains
from oddlog_core.span import DAY, HOUR

from oddlog.notices import WEAK, rarer
from oddlog.notices.incidents import INCIDENT, link_of
from oddlog.pipeline import Road

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from oddlog_core.bundle import Trained
    from oddlog_core.chains import Link

    from oddlog.config import Config
    from oddlog.logs import Logs

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
    found = sorted(
        heapq.merge(*(_found(road, logs, since[log]) for log, road in roads.items()), key=lambda one: one[0].clock),
        key=lambda one: one[0].clock,
    )
    found = [one for one in found if one[0].clock >= start]
    length = max(max(road.clock.now for road in roads.values()) - start, HOUR) / DAY
    window = round(config.suppress_for * 1e6)
    chains = Chains.learn([link for link, _, _ in found], length, window)
    said = [(link.clock, subject, rarity) for link, subject, rarity in found]
    calibration, open_ = chains.calibration, OpenChains()
    if calibration is not None:
        added = [(link.clock, chains.add(link, open_)) for link, _, _ in found]
        said += [
            (clock, f"{INCIDENT} {chain.anchor}", calibration.rarity_of(chain.score))
            for clock, chain in added
            if chain is not None
        ]
        said.sort(key=lambda one: one[0])
    return chains, Budget.learn(lambda days: _notices(said, days, window), length)


def _found(road: Road, logs: Logs, since: int) -> Iterator[tuple[Link, str, float]]:
    """Links of what a log held back, each with what it is one thing with and its rarity."""
    for batch in logs.batches(road.log):
        for outcome in road.take(batch, since - road.warm_up):
            for one in outcome.candidates:
                finding = one.tell()
                subject = f"{one.note} {one.orig_h} {one.resp_h} {one.resp_p}"
                yield link_of(finding, math.log(max(one.rarity / WEAK, 1.0))), subject, one.rarity


def _notices(said: list[tuple[int, str, float]], days: float, quiet: int) -> int:
    """How many notices these would have been, repetitions among them, as `oddlog.notices.Queue` decides."""
    told: dict[str, _Told] = {}
    n = 0
    for clock, subject, rarity in said:
        if rarity < days:
            continue
        one = told.get(subject)
        while one is not None and clock >= one.until:
            n += one.again
            one = _Told(one.rarity, one.until + 2 * one.quiet, 2 * one.quiet) if one.again else None
        if one is None or rarity >= rarer(subject.partition(" ")[0]) * one.rarity:
            n += 1
            one = _Told(rarity, clock + quiet, quiet)
        else:
            one.again = True
        told[subject] = one
    return n + sum(one.again for one in told.values())


@dataclass(slots=True)
class _Told:
    rarity: float
    until: int
    quiet: int
    again: bool = False
