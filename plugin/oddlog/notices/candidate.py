"""A score that may be told, before it is known whether it will be."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oddlog.notices.finding import Finding

__all__ = ["WEAK", "Candidate", "by_clock"]

T = TypeVar("T")

WEAK = 1 / 250
"""Rarity in days from which a score is worth a second look: of each detector, some 250 on an ordinary day."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A score that may be told, or be part of what is told.

    Attributes
    ----------
    note, detector, log : str
    clock : int
        When it was known, microseconds since the epoch.
    rarity : float
        In days.
    odd : bool or None
        Whether it is a finding by itself, of a detector that knows; None where the budget decides.
    orig_h, resp_h : str or None
    resp_p : int or None
    record : callable
        Gives the record's fields that are set; none for a host-window.
    tell : callable
        Gives the finding, with its reasons; the same one each time.
    since : int or None
        Start of its host-window, if it is of one.
    final : bool
        Whether that has closed; until then it may become odder.
    supported : float
        Days up to which a rarity means anything.
    """

    note: str
    detector: str
    log: str
    clock: int
    rarity: float
    odd: bool | None
    orig_h: str | None
    resp_h: str | None
    resp_p: int | None
    record: Callable[[], Mapping[str, Any]]
    tell: Callable[[], Finding]
    since: int | None = None
    final: bool = True
    supported: float = math.inf

    @property
    def stated(self) -> float:
        """Rarity in days as it is told."""
        return min(self.rarity, self.supported)

    def settled(self) -> Candidate:
        """With record and finding made, so that it can be sent."""
        return replace(self, record=partial(_same, self.record()), tell=partial(_same, self.tell()))


def by_clock(candidate: Candidate) -> tuple[int, str]:
    """Order of candidates of one log, however it was cut."""
    return candidate.clock, candidate.detector


def _same(made: T) -> T:
    return made
