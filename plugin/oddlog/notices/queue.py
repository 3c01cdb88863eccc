"""What is said of all that was found: one notice for one thing, a chain of small things as one, and never a flood."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from oddlog_core.budget import Pace
from oddlog_core.chains import Chains, OpenChains
from oddlog_core.span import DAY, HOUR

from oddlog.notices.candidate import WEAK
from oddlog.notices.incidents import (
    INCIDENT,
    anchors_of,
    continued,
    incident,
    kept,
    link_of,
    rarest_of,
    repeated,
    restored,
    summed_up,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from oddlog.notices.candidate import Candidate
    from oddlog.notices.finding import Finding

__all__ = ["CEILING", "Queue"]

CEILING = 5
"""Notices of one type that a day may have, as so many times the budget, before the rest of them are summed up."""

LONGEST = 7 * DAY
"""What keeps coming is counted for twice as long each time before it is said again, and for this long at most."""


_MOST_THINGS = 10_000
_MOST_SOURCES = 100
# Links of one log in an hour: where nearly everything is odd, nothing is to be learned from what comes together.
_MOST_LINKS = 200


def _rarer(note: str) -> float:
    """Times as rare as what was told: as much must a thing of this type have become to be told again at once."""
    # Each link makes a chain some ten times as rare.
    return 1000.0 if note == INCIDENT else 100.0


@dataclass(slots=True)
class _Thing:
    """What was told, how rare it was, until when it is only counted, for how long, how often it came, and as what."""

    finding: Finding
    rarity: float
    until: int
    quiet: int
    again: int = 0
    links: list[Mapping[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class _Day:
    """Notices of one type on one day, and the sources of those past the ceiling."""

    day: int
    told: int = 0
    rarest: float = 0.0
    untold: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Hour:
    hour: int
    links: int = 0


@dataclass(slots=True)
class _Window:
    """Hosts that were found odd in a detector's open window, and how rare that was."""

    since: int
    hosts: dict[str | None, float] = field(default_factory=dict)


@dataclass(slots=True)
class Queue:
    """Candidates to notices, with what must be remembered; takes those of each log in the order of its clock.

    What it says of a log's findings depends on that log alone, in whatever order the logs come; but for incidents,
    whose chains have links of all logs. Where the links of one log make an incident by themselves, those that come
    after it are not told one by one, but counted there.

    Parameters
    ----------
    chains : Chains or None
    days : float
        Rarity from which a chain is an incident, and on an ordinary day a score is a finding.
    suppress_for : float
        Seconds for which the same type, source, destination and port are one thing; where it goes on, twice as long
        each time.
    ceiling : int
        Notices of one type in one day of the clock, UTC, before the rest are summed up.
    shares : mapping of str to float
        Notices a day of each log that is to keep to them.
    """

    chains: Chains | None
    days: float
    suppress_for: float
    ceiling: int
    shares: Mapping[str, float] = field(default_factory=dict)
    suppressed: Counter[str] = field(default_factory=Counter)
    _open: OpenChains = field(default_factory=OpenChains)
    # By log: chains of its links alone, and what these made incidents around, with when that is over.
    _open_of: dict[str, OpenChains] = field(default_factory=dict)
    _incidents: dict[str, dict[str, int]] = field(default_factory=dict)
    # By log, and when the quiet of each ends, the earliest first.
    _things: dict[str, dict[str, _Thing]] = field(default_factory=dict)
    _ends: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    _days: dict[str, dict[str, _Day]] = field(default_factory=dict)
    _hours: dict[str, _Hour] = field(default_factory=dict)
    _windows: dict[str, _Window] = field(default_factory=dict)
    _paces: dict[str, Pace] = field(init=False)

    def __post_init__(self) -> None:
        self._paces = {log: Pace(share) for log, share in self.shares.items()}

    def take(self, candidate: Candidate) -> Iterator[Finding]:
        """Whatever is to be said once this candidate is known."""
        yield from self.passed(candidate.log, candidate.clock)
        thing = f"{candidate.note} {candidate.orig_h} {candidate.resp_h} {candidate.resp_p}"
        counts, odd = self._is_odd(candidate, thing)
        if candidate.since is not None and not self._decides(candidate, odd=odd):
            return
        part = False
        incidents: list[Finding] = []
        if self.chains is not None and candidate.rarity >= WEAK and self._may_link(candidate):
            incidents, part = self._chained(self.chains, candidate)
        elif counts:
            part = self._counted(candidate)
        if counts and part:
            # The incident says so.
            self.suppressed[f"Oddlog::{candidate.note}"] += 1
        elif odd and self._is_new(candidate.log, candidate.note, thing, candidate, candidate.rarity):
            self._pay(candidate.log, candidate.clock)
            yield self._remember(candidate.log, thing, candidate.tell(), candidate.rarity)
        yield from incidents

    def _is_odd(self, candidate: Candidate, thing: str) -> tuple[bool, bool]:
        """Whether it counts with what was told of, and whether it is a finding at the pace of its log."""
        if candidate.odd is not None:
            return candidate.odd, candidate.odd
        days = self._asked(candidate.log, candidate.clock)
        # To be counted costs nothing of the budget.
        counts = candidate.rarity >= min(days, self.days)
        return counts, candidate.rarity >= days or (counts and thing in self._things.get(candidate.log, {}))

    def _asked(self, log: str, clock: int) -> float:
        """Rarity in days that the pace of a log, or of incidents, asks for."""
        pace = self._paces.get(log)
        return self.days * pace.factor(clock) if pace is not None else self.days

    def _pay(self, log: str, clock: int) -> None:
        if log in self._paces:
            self._paces[log].tell(clock)

    def _decides(self, candidate: Candidate, *, odd: bool) -> bool:
        """Whether a host-window is found odd now, or much odder than it was, or has closed without."""
        window = self._windows.get(candidate.detector)
        if window is None or window.since != candidate.since:
            self._windows[candidate.detector] = window = _Window(candidate.since or 0)
        known = window.hosts.get(candidate.orig_h)
        if known is not None and candidate.rarity < _rarer(candidate.note) * known:
            return False
        if odd:
            window.hosts[candidate.orig_h] = candidate.rarity
        return odd or candidate.final

    def _chained(self, chains: Chains, candidate: Candidate) -> tuple[list[Finding], bool]:
        """Make a link of a candidate: what is to be said of incidents, and whether that says enough of it.

        It does where the links of its log alone make one: whether a finding is told hangs on no other log.
        """
        link = link_of(candidate, math.log(candidate.rarity / WEAK))
        log, calibration = candidate.log, chains.calibration
        chain = chains.add(link, self._open)
        own = chains.add(link, self._open_of.setdefault(log, OpenChains())) if self.suppress_for else None
        if calibration is None or chain is None:
            return [], False
        alone = calibration.rarity_of(own.score) if own is not None else 0.0
        by_itself = own is not None and self._is_incident(log, own.anchor, alone, candidate.clock)
        if own is not None and by_itself:
            chain = chains.around(own.anchor, self._open)
        # Beyond what is supported nothing is rarer than anything.
        rarity = max(calibration.rarity_of(chain.score), alone)
        if not by_itself and rarity < self._asked(INCIDENT, candidate.clock):
            return [], False
        said, thing = [], f"{INCIDENT} {chain.anchor}"
        new = self._is_new(INCIDENT, INCIDENT, thing, candidate, min(rarity, calibration.supported))
        if new:
            if not by_itself:
                self._pay(INCIDENT, candidate.clock)
            told = incident(chain, rarity, calibration.supported, candidate.tell())
            said.append(self._remember(INCIDENT, thing, told, told.rarity))
        known = self._things.get(INCIDENT, {}).get(thing)
        if known is not None and not new:
            known.links = rarest_of([*known.links, link.about()])
        if not by_itself:
            return said, False
        if known is not None:
            known.again += self._handed_over(log, chain.anchor)
        # One that is rarer than the incident, and than all that belonged to it before, is not for later.
        before = (float(one.about()["rarity"]) for one in (own.links if own is not None else ()) if one is not link)
        return said, candidate.tell().rarity <= max(min(alone, calibration.supported), *before)

    def _handed_over(self, log: str, anchor: str) -> int:
        """How often things around an anchor have come since they were told; from now on the incident says so."""
        again = 0
        for one in self._things.get(log, {}).values():
            if one.again and anchor in anchors_of(one.finding, one.finding.username):
                again, one.again = again + one.again, 0
        return again

    def _is_incident(self, log: str, anchor: str, rarity: float, clock: int) -> bool:
        """Whether a log's links around an anchor make an incident by themselves, at its pace or as part of one."""
        incidents = self._incidents.setdefault(log, {})
        part, days = clock < incidents.get(anchor, clock), self._asked(log, clock)
        if rarity < (min(days, self.days) if part else days):
            return False
        if not part:
            self._pay(log, clock)
        incidents.pop(anchor, None)
        if len(incidents) >= _MOST_THINGS:
            del incidents[next(iter(incidents))]
        incidents[anchor] = clock + round(self.suppress_for * 1e6)
        return True

    def _counted(self, candidate: Candidate) -> bool:
        """Count one that makes no link with an incident that its log has had around its ends, if there is one."""
        for anchor in (f"source {candidate.orig_h}", f"target {candidate.resp_h}"):
            known = self._things.get(INCIDENT, {}).get(f"{INCIDENT} {anchor}")
            if known is not None and candidate.clock < self._incidents.get(candidate.log, {}).get(anchor, 0):
                known.again += 1
                return True
        return False

    def _is_new(self, log: str, note: str, thing: str, candidate: Candidate, rarity: float) -> bool:
        """Whether a thing is to be told of now; else it is counted for later."""
        known = self._things.get(log, {}).get(thing)
        if known is not None and rarity < _rarer(note) * known.rarity:
            known.again += 1
            self.suppressed[f"Oddlog::{note}"] += 1
            return False
        days = self._days.setdefault(log, {})
        today = days.setdefault(note, _Day(candidate.clock // DAY))
        if today.told < self.ceiling:
            today.told += 1
            return True
        self.suppressed[f"Oddlog::{note}"] += 1
        today.rarest = max(today.rarest, rarity)
        source = candidate.orig_h or ""
        today.untold[source if len(today.untold) < _MOST_SOURCES or source in today.untold else ""] += 1
        return False

    def _remember(self, log: str, thing: str, finding: Finding, rarity: float) -> Finding:
        things = self._things.setdefault(log, {})
        if len(things) >= _MOST_THINGS:
            # It may be told once more within its time; that is better than to grow.
            del things[next(iter(things))]
        quiet, known = round(self.suppress_for * 1e6), things.get(thing)
        counted = (known.again, known.links) if known else (0, [])
        self._keep(log, thing, _Thing(kept(finding), rarity, finding.clock + quiet, quiet, *counted))
        return finding

    def _keep(self, log: str, thing: str, one: _Thing) -> None:
        self._things[log][thing] = one
        heapq.heappush(self._ends.setdefault(log, []), (one.until, thing))

    def _may_link(self, candidate: Candidate) -> bool:
        hour = self._hours.setdefault(candidate.log, _Hour(candidate.clock // HOUR))
        if hour.hour != candidate.clock // HOUR:
            hour.hour, hour.links = candidate.clock // HOUR, 0
        hour.links += 1
        return hour.links <= _MOST_LINKS

    def passed(self, log: str, now: int) -> Iterator[Finding]:
        """What is to be said of a log, and of incidents, once that log's clock has come to `now`."""
        yield from self.due(log, now)
        yield from self.due(INCIDENT, now)

    def due(self, log: str, now: int | None = None) -> Iterator[Finding]:
        """What is to be said of a log whose clock has come to `now`; without it, of a log that has ended."""
        things, ends = self._things.get(log, {}), self._ends.get(log, [])
        while ends and (now is None or ends[0][0] <= now):
            until, thing = heapq.heappop(ends)
            one = things.get(thing)
            if one is None or one.until != until:
                continue
            del things[thing]
            if not one.again:
                continue
            if log == INCIDENT:
                self._pay(INCIDENT, until)
                yield continued(one.finding, thing.removeprefix(f"{INCIDENT} "), one.links, one.again, until)
            else:
                self._pay(log, until)
                yield repeated(one.finding, one.again, until)
            if now is not None:
                quiet = min(2 * one.quiet, LONGEST)
                self._keep(log, thing, _Thing(one.finding, one.rarity, until + quiet, quiet))
        days = self._days.get(log, {})
        for note in [note for note, day in days.items() if now is None or day.day < now // DAY]:
            day = days.pop(note)
            if day.untold:
                self._pay(log, (day.day + 1) * DAY)
                yield summed_up(log, note, day.day, self.ceiling, day.untold, day.rarest)

    def all_due(self, now: int | None = None) -> list[Finding]:
        """What is to be said of all logs once each has come to `now` or, without it, has ended, by the clock."""
        found = [finding for log in sorted({*self._things, *self._days}) for finding in self.due(log, now)]
        return sorted(found, key=lambda finding: (finding.clock, finding.log))

    def export(self) -> dict[str, Any]:
        """State as a tree of dicts, lists, numbers and strings."""
        return {
            "open": self._open.export(),
            "open_of": {log: open_.export() for log, open_ in self._open_of.items()},
            "incidents": {log: dict(incidents) for log, incidents in self._incidents.items()},
            "things": {
                log: {
                    thing: [asdict(one.finding), one.rarity, one.until, one.quiet, one.again, one.links]
                    for thing, one in things.items()
                }
                for log, things in self._things.items()
            },
            "days": {
                log: {note: [one.day, one.told, one.rarest, dict(one.untold)] for note, one in days.items()}
                for log, days in self._days.items()
            },
            "hours": {log: [one.hour, one.links] for log, one in self._hours.items()},
            "windows": {
                detector: [one.since, [list(host) for host in one.hosts.items()]]
                for detector, one in self._windows.items()
            },
            "paces": {log: one.until for log, one in self._paces.items()},
        }

    def restore(self, exported: dict[str, Any]) -> None:
        """Take over what `export` exported."""
        self._open = OpenChains.restore(exported["open"])
        self._open_of = {log: OpenChains.restore(open_) for log, open_ in exported["open_of"].items()}
        self._incidents = {log: dict(incidents) for log, incidents in exported["incidents"].items()}
        self._things = {
            log: {thing: _Thing(restored(finding), *rest) for thing, (finding, *rest) in things.items()}
            for log, things in exported["things"].items()
        }
        self._ends = {
            log: sorted((one.until, thing) for thing, one in things.items()) for log, things in self._things.items()
        }
        self._days = {
            log: {note: _Day(day, told, rarest, Counter(untold)) for note, (day, told, rarest, untold) in days.items()}
            for log, days in exported["days"].items()
        }
        self._hours = {log: _Hour(*hour) for log, hour in exported["hours"].items()}
        self._windows = {
            detector: _Window(since, dict(hosts)) for detector, (since, hosts) in exported["windows"].items()
        }
        for log, pace in self._paces.items():
            pace.until = exported["paces"].get(log)
