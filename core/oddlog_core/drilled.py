"""What a drill found, as a bundle keeps it."""

from __future__ import annotations

import msgspec

__all__ = ["Drill", "Drilled", "is_strange"]

# Share of a site's records that are findings: in offices that bundles knew it was 0.4 % at most, attacks and all, in
# others 3 and 34 %.
_STRANGE = 0.02


def is_strange(own: int, odd: int) -> bool:
    """Whether so many of a site's own records are odd that the bundle must have learned from others."""
    return odd > _STRANGE * own


class Drilled(msgspec.Struct, frozen=True):
    """One kind of attack.

    Attributes
    ----------
    attack : str
    tried, found : int
        How often it was put among the records, and how often a notice spoke of it.
    notes : dict of str to int
        By notice type, of how many of them it spoke.
    """

    attack: str
    tried: int
    found: int
    notes: dict[str, int]

    @property
    def recall(self) -> float:
        """Share that was found."""
        return self.found / self.tried


class Drill(msgspec.Struct, frozen=True):
    """A drill on a site's own logs.

    Attributes
    ----------
    notices_per_day : float
        The budget it was held at.
    begin, end : int
        Clock of the records that attacks were put among, microseconds since the epoch.
    seed : int
    attacks : list of Drilled
        The weakest first.
    left_out : dict of str to str
        Attacks that these logs have not the makings of, and what is missing.
    own, odd : int
        Records that attacks were put among, and how many findings there were without any attack.
    """

    notices_per_day: float
    begin: int
    end: int
    seed: int
    attacks: list[Drilled]
    left_out: dict[str, str]
    own: int = 0
    odd: int = 0

    @property
    def strange(self) -> bool:
        """Whether the bundle must have learned from other logs than these."""
        return is_strange(self.own, self.odd)
