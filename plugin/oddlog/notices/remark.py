"""What oddlog says about itself."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

__all__ = ["Remark"]


@dataclass(frozen=True, slots=True)
class Remark:
    """A notice that tells of no record.

    Attributes
    ----------
    note : str
        The notice type without its module.
    log : str
        Which log it is about.
    clock : int
        Microseconds since the epoch, by the wall clock or the log's.
    msg, sub : str
        A sentence, and what stands beside it.
    n : int
        Zeek's count.
    """

    note: str
    log: str
    clock: int
    msg: str
    sub: str
    n: int = 1

    @property
    def id(self) -> str:
        """Of this one alone."""
        return hashlib.blake2b(repr((self.note, self.log, self.clock)).encode(), digest_size=10).hexdigest()
