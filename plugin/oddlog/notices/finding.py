"""A score past its threshold, with all that a notice says of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oddlog_core.detectors.contract import Context, Reason
    from oddlog_core.features.units import Beat

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found odd.

    Attributes
    ----------
    log, detector, note : str
        The log, the detector's name, and the notice type without its module.
    clock, ts : int
        Microseconds since the epoch: when it was found by the log's clock, and the record's or window's own time.
    uid, orig_h, resp_h, proto, service : str or None
    orig_p, resp_p : int or None
        Of the record; for a host-window only `orig_h`.
    window : int or None
        Length of a host-window in microseconds.
    score, rarity : float
        Rarity in days.
    reasons : tuple of Reason
        The weightiest first.
    bundle : str
        Digest of the bundle that judged.
    record : mapping of str to Any
        The record's fields that are set, by Zeek's names; times and intervals in microseconds. Empty for a host-window.
    n : int
        Findings that it stands for.
    name, said : str, optional
        What its id is made of and what it says, where it speaks of other findings.
    links : tuple of mapping
        What an incident is a chain of.
    at_least : bool
        Whether it is rarer than the baseline can say, which is what `rarity` is then.
    caveats : tuple of str
        Why it is less certain than its score; see `oddlog_core.quality`.
    ordinal : int
        How many there were before it that are the same in all of this.
    context : Context or None
        What it is set beside.
    """

    log: str
    detector: str
    note: str
    clock: int
    ts: int
    uid: str | None
    orig_h: str | None
    orig_p: int | None
    resp_h: str | None
    resp_p: int | None
    proto: str | None
    service: str | None
    username: str | None
    window: int | None
    score: float
    rarity: float
    reasons: tuple[Reason, ...]
    bundle: str
    record: Mapping[str, Any] = field(default_factory=dict)
    n: int = 1
    name: str | None = None
    said: str | None = None
    links: tuple[Mapping[str, Any], ...] = ()
    at_least: bool = False
    caveats: tuple[str, ...] = ()
    ordinal: int = 0
    context: Context | None = None

    @property
    def repeats(self) -> bool:
        """Whether it says what has come since it was told, or was not told for itself."""
        return self.name is not None and self.name.startswith(("again ", "summed up "))

    @property
    def beat(self) -> Beat | None:
        """How its source has been calling there, where that was regular."""
        return self.context.beat if self.context is not None else None

    @property
    def id(self) -> str:
        """The same for the same record or host-window, detector and ordinal, whoever scores it and whenever.

        Every field counts: ntlm and dce_rpc records share a uid and may share a time, and a long connection's records
        differ in nothing but what it has sent so far.
        """
        about: Any = self.name or (self.detector, self.ts, self.orig_h, self.window, sorted(self.record.items()))
        if self.ordinal:
            about = (about, self.ordinal)
        return hashlib.blake2b(repr(about).encode(), digest_size=10).hexdigest()
