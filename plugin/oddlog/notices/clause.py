"""The parts that a message is put together from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oddlog.notices.finding import Finding

__all__ = ["Clause", "peer", "plain"]

_MOST_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Clause:
    """One way in which something is odd.

    Attributes
    ----------
    about : str
        What it speaks of; reasons that speak of the same thing share a clause.
    seen : str
        A verb phrase such as ``sent 1.2 GB``.
    usual : str or None
        What stands in its place usually, such as ``about 40 kB``.
    share : float
        Share of the score, 0 to 1.
    """

    about: str
    seen: str
    usual: str | None
    share: float

    def __str__(self) -> str:
        if not self.usual:
            return self.seen
        if self.seen.endswith(")"):
            return f"{self.seen[:-1]}; usually {self.usual})"
        return f"{self.seen} (usually {self.usual})"


def plain(value: object) -> str:
    """A log's text for a sentence: short, and nothing in it that a terminal would obey.

    Whoever logs on chooses the user's name.
    """
    text = str(value)
    if len(text) > _MOST_CHARACTERS:
        text = text[: _MOST_CHARACTERS - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def peer(finding: Finding) -> str:
    """The responder, with its port."""
    if finding.resp_h is None:
        return "an unknown host"
    host = plain(finding.resp_h)
    if finding.resp_p is None:
        return host
    return f"[{host}]:{finding.resp_p}" if ":" in host else f"{host}:{finding.resp_p}"
