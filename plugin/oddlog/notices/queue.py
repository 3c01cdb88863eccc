"""What is said of all that was found: one notice for one thing, a chain of small things as one, and never a flood."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oddlog_core.budget import Pace
from oddlog_core.chains import Chains, OpenChains
from oddlog_core.span import DAY

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
    summed_up,
)
from oddlog.notices.memory import Day, Memory, Thing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from oddlog.notices.candidate import Candidate
    from oddlog.notices.finding import Finding

__all__ = ["CEILING", "Queue"]

CEILING = 5
"""Notices of one type that a day may have, as so many times the budget, before the rest of them are summed up."""

LONGEST = 7 * DAY
"""What keeps coming is counted for twice as long each time before it is said again, and for this long at most."""

# Of a day, by name; the others are counted together.
_MOST_SOURCES = 100


def _rarer(note: str) -> float:
    """Times as rare as what was told: as much must a thing of this type have become to be told again at once."""
    # Each link makes a chain some ten times as rare.
    return 1000.0 if note == INCIDENT else 100.0


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
    _memories: dict[str, Memory] = field(default_factory=dict)

    def _of(self, log: str) -> Memory:
        """What is remembered of a log, or of incidents."""
        memory = self._memories.get(log)
        if memory is None:
            share = self.shares.get(log)
            self._memories[log] = memory = Memory(Pace(share) if share is not None else None)
        return memory

    def take(self, candidate: Candidate) -> Iterator[Finding]:
        """Whatever is to be said once this candidate is known."""
        yield from self.passed(candidate.log, candidate.clock)
        memory = self._of(candidate.log)
        thing = f"{candidate.note} {candidate.orig_h} {candidate.resp_h} {candidate.resp_p}"
        counts, odd = self._is_odd(memory, candidate, thing)
        if candidate.since is not None and not self._decides(memory, candidate, candidate.since, odd=odd):
            return
        part = False
        incidents: list[Finding] = []
        if self.chains is not None and candidate.rarity >= WEAK and memory.may_link(candidate.clock):
            incidents, part = self._chained(self.chains, memory, candidate)
        elif counts:
            part = self._counted(memory, candidate)
        if counts and part:
            # The incident says so.
            self.suppressed[f"Oddlog::{candidate.note}"] += 1
        elif odd and self._is_new(memory, candidate.note, thing, candidate, candidate.rarity):
            memory.pay(candidate.clock)
            yield self._told(memory, thing, candidate.tell(), candidate.rarity)
        yield from incidents

    def _is_odd(self, memory: Memory, candidate: Candidate, thing: str) -> tuple[bool, bool]:
        """Whether it counts with what was told of, and whether it is a finding at the pace of its log."""
        if candidate.odd is not None:
            return candidate.odd, candidate.odd
        days = self._asked(memory, candidate.clock)
        # To be counted costs nothing of the budget.
        counts = candidate.rarity >= min(days, self.days)
        return counts, candidate.rarity >= days or (counts and thing in memory.things)

    def _asked(self, memory: Memory, clock: int) -> float:
        """Rarity in days that the pace of a log, or of incidents, asks for."""
        return self.days * memory.factor(clock)

    @staticmethod
    def _decides(memory: Memory, candidate: Candidate, since: int, *, odd: bool) -> bool:
        """Whether a host-window is found odd now, or much odder than it was, or has closed without."""
        hosts = memory.window(candidate.detector, since).hosts
        known = hosts.get(candidate.orig_h)
        if known is not None and candidate.rarity < _rarer(candidate.note) * known:
            return False
        if odd:
            hosts[candidate.orig_h] = candidate.rarity
        return odd or candidate.final

    def _chained(self, chains: Chains, memory: Memory, candidate: Candidate) -> tuple[list[Finding], bool]:
        """Make a link of a candidate: what is to be said of incidents, and whether that says enough of it.

        It does where the links of its log alone make one: whether a finding is told hangs on no other log.
        """
        link = link_of(candidate, math.log(candidate.rarity / WEAK))
        incidents, calibration = self._of(INCIDENT), chains.calibration
        chain = chains.add(link, self._open)
        own = chains.add(link, memory.open) if self.suppress_for else None
        if calibration is None or chain is None:
            return [], False
        alone = calibration.rarity_of(own.score) if own is not None else 0.0
        by_itself = own is not None and self._is_incident(memory, own.anchor, alone, candidate.clock)
        if own is not None and by_itself:
            chain = chains.around(own.anchor, self._open)
        # Beyond what is supported nothing is rarer than anything.
        rarity = max(calibration.rarity_of(chain.score), alone)
        if not by_itself and rarity < self._asked(incidents, candidate.clock):
            return [], False
        said, thing = [], f"{INCIDENT} {chain.anchor}"
        new = self._is_new(incidents, INCIDENT, thing, candidate, min(rarity, calibration.supported))
        if new:
            if not by_itself:
                incidents.pay(candidate.clock)
            told = incident(chain, rarity, calibration.supported, candidate.tell())
            said.append(self._told(incidents, thing, told, told.rarity))
        known = incidents.things.get(thing)
        if known is not None and not new:
            known.links = rarest_of([*known.links, link.about()])
        if not by_itself:
            return said, False
        if known is not None:
            known.again += self._handed_over(memory, chain.anchor)
        # One that is rarer than the incident, and than all that belonged to it before, is not for later.
        before = (float(one.about()["rarity"]) for one in (own.links if own is not None else ()) if one is not link)
        return said, candidate.tell().rarity <= max(min(alone, calibration.supported), *before)

    @staticmethod
    def _handed_over(memory: Memory, anchor: str) -> int:
        """How often things around an anchor have come since they were told; from now on the incident says so."""
        again = 0
        for one in memory.things.values():
            if one.again and anchor in anchors_of(one.finding, one.finding.username):
                again, one.again = again + one.again, 0
        return again

    def _is_incident(self, memory: Memory, anchor: str, rarity: float, clock: int) -> bool:
        """Whether a log's links around an anchor make an incident by themselves, at its pace or as part of one."""
        part, days = clock < memory.incidents.get(anchor, clock), self._asked(memory, clock)
        if rarity < (min(days, self.days) if part else days):
            return False
        if not part:
            memory.pay(clock)
        memory.made_incident(anchor, clock + self._quiet)
        return True

    def _counted(self, memory: Memory, candidate: Candidate) -> bool:
        """Count one that makes no link with an incident that its log has had around its ends, if there is one."""
        incidents = self._of(INCIDENT).things
        for anchor in (f"source {candidate.orig_h}", f"target {candidate.resp_h}"):
            known = incidents.get(f"{INCIDENT} {anchor}")
            if known is not None and candidate.clock < memory.incidents.get(anchor, 0):
                known.again += 1
                return True
        return False

    def _is_new(self, memory: Memory, note: str, thing: str, candidate: Candidate, rarity: float) -> bool:
        """Whether a thing is to be told of now; else it is counted for later."""
        known = memory.things.get(thing)
        if known is not None and rarity < _rarer(note) * known.rarity:
            known.again += 1
            self.suppressed[f"Oddlog::{note}"] += 1
            return False
        today = memory.days.setdefault(note, Day(candidate.clock // DAY))
        if today.told < self.ceiling:
            today.told += 1
            return True
        self.suppressed[f"Oddlog::{note}"] += 1
        today.rarest = max(today.rarest, rarity)
        source = candidate.orig_h or ""
        today.untold[source if len(today.untold) < _MOST_SOURCES or source in today.untold else ""] += 1
        return False

    def _told(self, memory: Memory, thing: str, finding: Finding, rarity: float) -> Finding:
        memory.remember(thing, kept(finding), rarity, self._quiet)
        return finding

    @property
    def _quiet(self) -> int:
        return round(self.suppress_for * 1e6)

    def passed(self, log: str, now: int) -> Iterator[Finding]:
        """What is to be said of a log, and of incidents, once that log's clock has come to `now`."""
        yield from self.due(log, now)
        yield from self.due(INCIDENT, now)

    def due(self, log: str, now: int | None = None) -> Iterator[Finding]:
        """What is to be said of a log whose clock has come to `now`; without it, of a log that has ended."""
        memory = self._of(log)
        for thing, one in memory.ended(now):
            if not one.again:
                continue
            memory.pay(one.until)
            if log == INCIDENT:
                anchor = thing.removeprefix(f"{INCIDENT} ")
                yield continued(one.finding, anchor, one.links, one.again, one.until)
            else:
                yield repeated(one.finding, one.again, one.until)
            if now is not None:
                quiet = min(2 * one.quiet, LONGEST)
                memory.keep(thing, Thing(one.finding, one.rarity, one.until + quiet, quiet))
        for note, day in memory.past(now):
            if day.untold:
                memory.pay((day.day + 1) * DAY)
                yield summed_up(log, note, day.day, self.ceiling, day.untold, day.rarest)

    def all_due(self, now: int | None = None) -> list[Finding]:
        """What is to be said of all logs once each has come to `now` or, without it, has ended, by the clock."""
        found = [finding for log in sorted(self._memories) for finding in self.due(log, now)]
        return sorted(found, key=lambda finding: (finding.clock, finding.log))

    def export(self) -> dict[str, Any]:
        """State as a tree of dicts, lists, numbers and strings."""
        return {"open": self._open.export(), "logs": {log: memory.export() for log, memory in self._memories.items()}}

    def restore(self, exported: dict[str, Any]) -> None:
        """Take over what `export` exported."""
        self._open = OpenChains.restore(exported["open"])
        for log, memory in exported["logs"].items():
            self._of(log).restore(memory)
