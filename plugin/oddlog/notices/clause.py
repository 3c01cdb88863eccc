"""The parts that a message is put together from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oddlog_core.features.relations import Among

    from oddlog.notices.finding import Finding

__all__ = ["Clause", "address", "listed", "peer", "plain", "service"]

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
    among : {"source", "destination", "port"}, optional
        Whose usual that is; see `Reason`.
    """

    about: str
    seen: str
    usual: str | None
    share: float
    among: Among | None = None

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


def listed(parts: Sequence[str]) -> str:
    """Parts as a sentence lists them."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def peer(finding: Finding) -> str:
    """The responder, with its port."""
    return address(finding.resp_h, finding.resp_p)


def address(host: str | None, port: int | None) -> str:
    """A host, with the port if there is one."""
    if host is None:
        return "an unknown host"
    name = plain(host)
    if port is None:
        return name
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def service(finding: Finding) -> str:
    """The responder's port and protocol, such as 443/tcp; of ICMP, whose codes stand in the ports' fields, its name."""
    proto = plain(finding.proto or "unknown protocol")
    return proto if finding.resp_p is None or "icmp" in proto else f"{finding.resp_p}/{proto}"
