"""What a queue remembers of a log: what was told, for how long it is only counted, and at which pace."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from oddlog_core.chains import MOST_LINKS, OpenChains
from oddlog_core.span import DAY, HOUR

from oddlog.notices.incidents import MOST_TOLD, rarest_of, restored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from oddlog_core.budget import Pace

    from oddlog.notices.finding import Finding

__all__ = ["Day", "Memory", "Thing", "Window"]

_MOST_THINGS = 10_000
# Of a day, by name; the others are counted together.
_MOST_SOURCES = 100
# Links in an hour: where nearly everything is odd, nothing is to be learned from what comes together.
_MOST_LINKS = 200


@dataclass(slots=True)
class Thing:
    """What was told, how rare it was, until when it is only counted, for how long, how often it came, and as what.

    Of an incident also which things it is a chain of.
    """

    finding: Finding
    rarity: float
    until: int
    quiet: int
    again: int = 0
    links: list[Mapping[str, Any]] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    def count(self, again: int, rarity: float = 0.0, about: Callable[[], Mapping[str, Any]] | None = None) -> None:
        """Take note of what came since; in words only where it is one of the rarest."""
        self.again += again
        least = min((float(link["rarity"]) for link in self.links), default=0.0)
        if about is not None and (len(self.links) < MOST_TOLD or rarity > least):
            self.links = rarest_of([*self.links, about()])

    def add_parts(self, parts: Iterable[str]) -> None:
        """Take note of what an incident is a chain of, the latest."""
        self.parts = [*dict.fromkeys([*self.parts, *parts])][-MOST_LINKS:]


@dataclass(slots=True)
class Day:
    """Notices of one type on one day, and the sources of those past the ceiling."""

    day: int
    told: int = 0
    rarest: float = 0.0
    untold: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Window:
    """Hosts that were found odd in a detector's open window, and how rare that was."""

    since: int
    hosts: dict[str | None, float] = field(default_factory=dict)


@dataclass(slots=True)
class Memory:
    """What is remembered of one log, or of incidents. All of it is bounded.

    Attributes
    ----------
    pace : Pace or None
        None of a log that need not keep to any.
    open : OpenChains
        Chains of its links alone.
    incidents : dict of str to tuple of int and str
        Anchors around which these made an incident, with when that is over and the thing that tells of it.
    things : dict of str to Thing
        What was told and is counted now.
    days : dict of str to Day
        By notice type.
    windows : dict of str to Window
        By detector.
    """

    pace: Pace | None = None
    open: OpenChains = field(default_factory=OpenChains)
    incidents: dict[str, tuple[int, str]] = field(default_factory=dict)
    things: dict[str, Thing] = field(default_factory=dict)
    days: dict[str, Day] = field(default_factory=dict)
    windows: dict[str, Window] = field(default_factory=dict)
    # The hour of the clock and its links so far; and when the quiet of each thing ends, the earliest first.
    _hour: tuple[int, int] = (0, 0)
    _ends: list[tuple[int, str]] = field(default_factory=list)

    def factor(self, clock: int) -> float:
        """Times as rare as usual a finding must be."""
        return self.pace.factor(clock) if self.pace is not None else 1.0

    def pay(self, clock: int) -> None:
        """Take note of a notice."""
        if self.pace is not None:
            self.pace.tell(clock)

    def may_link(self, clock: int) -> bool:
        """Count a link, and whether there is still something to be learned from one in this hour."""
        hour, links = self._hour
        links = links + 1 if hour == clock // HOUR else 1
        self._hour = clock // HOUR, links
        return links <= _MOST_LINKS

    def made_incident(self, anchor: str, until: int, thing: str) -> None:
        """Remember an anchor around which links made an incident, and what tells of it."""
        self.incidents.pop(anchor, None)
        if len(self.incidents) >= _MOST_THINGS:
            del self.incidents[next(iter(self.incidents))]
        self.incidents[anchor] = until, thing

    def part_of(self, anchor: str, clock: int) -> str | None:
        """What tells of an incident around an anchor that is not over yet; None where there is none."""
        until, thing = self.incidents.get(anchor, (clock, ""))
        return thing if clock < until else None

    def window(self, detector: str, since: int) -> Window:
        """Open window of a detector, whose last one began before that."""
        window = self.windows.get(detector)
        if window is None or window.since != since:
            self.windows[detector] = window = Window(since)
        return window

    def remember(self, thing: str, told: Finding, rarity: float, quiet: int) -> None:
        """Count a thing from now on, for so many microseconds; what was counted of it before goes on."""
        if len(self.things) >= _MOST_THINGS:
            # It may be told once more within its time; that is better than to grow.
            del self.things[next(iter(self.things))]
        known = self.things.get(thing)
        counted = (known.again, known.links, known.parts) if known else (0, [], [])
        self.keep(thing, Thing(told, rarity, told.clock + quiet, quiet, *counted))

    def keep(self, thing: str, one: Thing) -> None:
        """Count a thing until its quiet ends."""
        self.things[thing] = one
        heapq.heappush(self._ends, (one.until, thing))
        # Those of things that had to go, or were told again, go with them.
        if len(self._ends) > 2 * _MOST_THINGS:
            self._ends = self._sorted_ends()

    def _sorted_ends(self) -> list[tuple[int, str]]:
        return sorted((one.until, thing) for thing, one in self.things.items())

    def is_due(self, now: int) -> bool:
        """Whether the quiet of a thing, or a day, has ended by now: asked at every candidate, and nearly always not."""
        if self._ends and self._ends[0][0] <= now:
            return True
        today = now // DAY
        return any(day.day < today for day in self.days.values())

    def ended(self, now: int | None) -> Iterator[tuple[str, Thing]]:
        """Take out things whose quiet ended by now, or all of them, in the order of that."""
        while self._ends and (now is None or self._ends[0][0] <= now):
            until, thing = heapq.heappop(self._ends)
            one = self.things.get(thing)
            if one is not None and one.until == until:
                del self.things[thing]
                yield thing, one

    def may_tell(self, note: str, clock: int, ceiling: int, source: str, rarity: float, n: int = 1) -> bool:
        """Whether the day may have one more notice of a type; else what would have been told is summed up."""
        today = self.days.setdefault(note, Day(clock // DAY))
        if today.told < ceiling:
            today.told += 1
            return True
        today.rarest = max(today.rarest, rarity)
        today.untold[source if len(today.untold) < _MOST_SOURCES or source in today.untold else ""] += n
        return False

    def past(self, now: int | None) -> Iterator[tuple[str, Day]]:
        """Take out days that are over by now, or all of them, with their notice types."""
        for note in [note for note, day in self.days.items() if now is None or day.day < now // DAY]:
            yield note, self.days.pop(note)

    def export(self) -> dict[str, Any]:
        """State as a tree of dicts, lists, numbers and strings."""
        return {
            "until": self.pace.until if self.pace is not None else None,
            "open": self.open.export(),
            "incidents": self.incidents,
            "things": {
                thing: [asdict(one.finding), one.rarity, one.until, one.quiet, one.again, one.links, one.parts]
                for thing, one in self.things.items()
            },
            "days": {note: [one.day, one.told, one.rarest, dict(one.untold)] for note, one in self.days.items()},
            "hour": self._hour,
            "windows": {name: [one.since, [*map(list, one.hosts.items())]] for name, one in self.windows.items()},
        }

    def restore(self, exported: dict[str, Any]) -> None:
        """Take over what `export` exported, at this memory's own pace."""
        if self.pace is not None:
            self.pace.until = exported["until"]
        self.open = OpenChains.restore(exported["open"])
        self.incidents = {anchor: (until, thing) for anchor, (until, thing) in exported["incidents"].items()}
        self.things = {thing: Thing(restored(finding), *rest) for thing, (finding, *rest) in exported["things"].items()}
        self._ends = self._sorted_ends()
        self.days = {
            note: Day(day, told, rarest, Counter(untold))
            for note, (day, told, rarest, untold) in exported["days"].items()
        }
        self._hour = tuple(exported["hour"])
        self.windows = {
            detector: Window(since, dict(hosts)) for detector, (since, hosts) in exported["windows"].items()
        }
