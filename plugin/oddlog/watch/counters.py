"""What a watch has done since it started, in numbers, for whoever asks while it runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Counters"]


@dataclass(slots=True)
class Counters:
    """Written by the watch's thread alone; any other may read.

    Keys are there from the start, so that whoever iterates is not disturbed; those that a reload brings are added to
    a copy that takes the old one's place.

    Attributes
    ----------
    records, bad_lines : Counter of str
        By log.
    bad_times, late : dict of str to int
        By log: records too far ahead of its clock to be believed at once, or over a day behind; those over an hour
        behind.
    notices, suppressed : Counter of str
        By type, ``Oddlog::Odd_Connection``.
    lag : dict of str to float
        By log: seconds for which the oldest record that is on disk and not scored has been there.
    checkpoint_age : float
        Seconds since the state of the last checkpoint, or since the start.
    evicted : dict of str to int
        By detector: keys that had to go from its tables, since there was no memory for more.
    scoring : dict of str to float
        By detector: seconds.
    """

    records: Counter[str] = field(default_factory=Counter)
    bad_lines: Counter[str] = field(default_factory=Counter)
    bad_times: dict[str, int] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)
    notices: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    lag: dict[str, float] = field(default_factory=dict)
    checkpoint_age: float = 0.0
    evicted: dict[str, int] = field(default_factory=dict)
    scoring: dict[str, float] = field(default_factory=dict)

    def know(self, logs: list[str], notes: list[str], detectors: list[str]) -> None:
        """Have every key that will be counted under."""
        types = [f"Oddlog::{note}" for note in notes]
        self.records = Counter(dict.fromkeys(logs, 0) | self.records)
        self.bad_lines = Counter(dict.fromkeys(logs, 0) | self.bad_lines)
        self.bad_times = dict.fromkeys(logs, 0) | self.bad_times
        self.late = dict.fromkeys(logs, 0) | self.late
        self.notices = Counter(dict.fromkeys(types, 0) | self.notices)
        self.suppressed = Counter(dict.fromkeys(types, 0) | self.suppressed)
        self.lag = dict.fromkeys(logs, 0.0) | self.lag
        self.evicted = dict.fromkeys(detectors, 0) | self.evicted
        self.scoring = dict.fromkeys(detectors, 0.0) | self.scoring
