"""What became of every line that was read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oddlog.errors import LogError

__all__ = ["SAMPLES", "ReadCount"]

SAMPLES = 20
"""Errors that are kept to be shown."""


@dataclass(slots=True)
class ReadCount:
    """Lines read of one file or several: ``records + bad + headers + blank == lines``.

    Attributes
    ----------
    lines, records, headers, blank, bad : int
        All lines; those that gave a record; ``#`` lines; empty lines; those that are counted as bad.
    fields : Counter of str
        Bad lines by the field that is wrong; ``line`` where there are no fields.
    samples : list of LogError
        The first of the bad lines.
    skipped : list of (str, str)
        Files that were not read, with the reason.
    damaged : list of LogError
        Files that could only be read in part.
    """

    lines: int = 0
    records: int = 0
    headers: int = 0
    blank: int = 0
    bad: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    samples: list[LogError] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    damaged: list[LogError] = field(default_factory=list)

    def add_bad(self, error: LogError) -> None:
        """Count one bad line."""
        self.bad += 1
        self.fields[error.field] += 1
        if len(self.samples) < SAMPLES:
            self.samples.append(error)

    def add(self, other: ReadCount) -> None:
        """Add what was read elsewhere."""
        self.lines += other.lines
        self.records += other.records
        self.headers += other.headers
        self.blank += other.blank
        self.bad += other.bad
        self.fields += other.fields
        self.samples += other.samples[: SAMPLES - len(self.samples)]
        self.skipped += other.skipped
        self.damaged += other.damaged
