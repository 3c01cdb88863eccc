"""Weak findings that belong together: how unlikely so many of them are, and so strong, around one host or account.

A finding that is too ordinary for a notice is a link. Links of the baseline come, around each source, account and
target, about as often as they came there before (a Poisson process), and how far each is past the weakest is
exponential, as the logarithm of a p-value is. What a chain of them adds up to is calibrated, as a detector's score is,
on the baseline's own chains: links of one moment are not independent of each other.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec
import numpy as np

from oddlog_core.calibration import Calibration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Chain", "Chains", "Link", "OpenChains"]

MOST_LINKS = 32
"""Of one chain; the weakest goes."""

MOST_CHAINS = 20_000
"""Open at once; the one that was added to least recently goes."""

_MOST_RATES = 10_000
FEWEST = 20
"""Chains of the baseline; fewer say nothing of how rare one is."""


class Link(NamedTuple):
    """A finding, as far as chains are concerned.

    Attributes
    ----------
    clock : int
        Microseconds since the epoch.
    anchors : tuple of str
        What it may share with others: ``source 10.2.4.17``, ``account alice``, ``target 10.2.0.10``.
    thing : str
        Two links of the same thing are one, the stronger of them.
    strength : float
        Logarithm of how many times as rare it is as the weakest link, at least 0.
    about : callable
        Gives whatever tells of it, of JSON's types: few links are ever told of.
    """

    clock: int
    anchors: tuple[str, ...]
    thing: str
    strength: float
    about: Callable[[], dict[str, Any]]


class Chain(NamedTuple):
    """Links around one anchor.

    Attributes
    ----------
    anchor : str
    links : list of Link
        In the order of the clock.
    score : float
    """

    anchor: str
    links: list[Link]
    score: float


def oddness(n: int, strength: float, expected: float) -> float:
    """How unlikely it is that `n` links come where `expected` are usual, and that they are so strong, in nats.

    Parameters
    ----------
    n : int
        At least 1.
    strength : float
        Of all of them together.
    expected : float
        Links that are usual in such a time, above 0.

    Returns
    -------
    float
        Minus the logarithms of a Poisson tail and of an Erlang tail.
    """
    # P(N >= n): the first term of the tail and what the later ones add to it.
    term = total = 1.0
    for k in range(n + 1, n + 200):
        term *= expected / k
        total += term
        if term < 1e-12 * total:
            break
    many = n * math.log(expected) - expected - math.lgamma(n + 1) + math.log(total)
    # P(sum of n exponentials >= strength) = exp(-strength) * sum of strength^j / j! for j < n.
    logs = [j * math.log(strength) - math.lgamma(j + 1) for j in range(n)] if strength > 0 else [0.0]
    most = max(logs)
    strong = most - strength + math.log(sum(math.exp(one - most) for one in logs))
    return -min(many, 0.0) - min(strong, 0.0)


@dataclass(slots=True)
class OpenChains:
    """Links of the last window around each anchor, the anchor that was added to least recently first."""

    of: dict[str, list[Link]] = field(default_factory=dict)
    evicted: int = 0

    def forget(self, until: int) -> None:
        """Let go of the chains added to least recently, as long as their latest links are of no later moment."""
        while self.of:
            anchor, links = next(iter(self.of.items()))
            if links[-1].clock > until:
                break
            del self.of[anchor]

    def export(self) -> dict[str, Any]:
        """State as a tree of dicts, lists, numbers and strings."""
        return {"of": {anchor: [[*link[:-1], link.about()] for link in links] for anchor, links in self.of.items()}}

    @classmethod
    def restore(cls, exported: dict[str, Any]) -> Self:
        """What `export` exported."""
        return cls(
            {
                anchor: [
                    Link(clock, tuple(anchors), thing, strength, partial(dict, about))
                    for clock, anchors, thing, strength, about in links
                ]
                for anchor, links in exported["of"].items()
            }
        )


class Chains(msgspec.Struct, frozen=True):
    """What chains a baseline has.

    Attributes
    ----------
    window : int
        Microseconds for which a link waits for others.
    days : float
        Length of what was learned from.
    often : dict of str to int
        Links that each anchor had in that time; of many anchors those that had most.
    calibration : Calibration or None
        Of the scores of the baseline's chains; None where it had too few.
    """

    window: int
    days: float
    often: dict[str, int]
    calibration: Calibration | None = None

    @classmethod
    def learn(cls, links: Sequence[Link], days: float, window: int) -> Self:
        """Learn from a baseline's links, in the order of the clock, that were found over some days."""
        counts = Counter(anchor for link in links for anchor in link.anchors)
        often = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_RATES])
        model, open_ = cls(window, days, often), OpenChains()
        chains = [model.add(link, open_) for link in links]
        scores = np.array([chain.score for chain in chains if chain is not None])
        if len(scores) < FEWEST:
            return model
        return msgspec.structs.replace(model, calibration=Calibration.fit(scores, len(scores) / days))

    def expected(self, anchor: str) -> float:
        """Links around an anchor that are usual in a window; of one that never had any, as if it had one once."""
        return (self.often.get(anchor, 0) + 1) / (self.days + 1) * max(self.window, 1) / 86_400_000_000

    def add(self, link: Link, open_: OpenChains) -> Chain | None:
        """Add a link, and give the oddest chain that it is part of; None where it stands alone.

        Parameters
        ----------
        link : Link
        open_ : OpenChains
            Changed in place.
        """
        oddest: Chain | None = None
        for anchor in link.anchors:
            # One that is as weak as a later one of the same thing is of no use any more. One from after it is of a log
            # whose clock is ahead.
            links = [
                one
                for one in open_.of.pop(anchor, ())
                if abs(link.clock - one.clock) < self.window
                and (one.thing != link.thing or one.strength > link.strength)
            ]
            links.append(link)
            if len(links) > MOST_LINKS:
                links.remove(min(links, key=lambda one: one.strength))
            open_.of[anchor] = links
            chain = self.around(anchor, open_)
            if len(chain.links) > 1 and (oddest is None or chain.score > oddest.score):
                oddest = chain
        while len(open_.of) > MOST_CHAINS:
            del open_.of[next(iter(open_.of))]
            open_.evicted += 1
        return oddest

    def around(self, anchor: str, open_: OpenChains) -> Chain:
        """What is open around an anchor, as a chain: of each thing the strongest link."""
        strongest: dict[str, Link] = {}
        for one in open_.of[anchor]:
            known = strongest.get(one.thing)
            if known is None or one.strength > known.strength:
                strongest[one.thing] = one
        links = sorted(strongest.values(), key=lambda one: one.clock)
        score = oddness(len(links), sum(one.strength for one in links), self.expected(anchor))
        return Chain(anchor, links, score)
