"""What is said of all that was found: one notice for one thing, a chain of small things as one, and never a flood."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from oddlog_core.budget import Pace
from oddlog_core.chains import Chains, OpenChains
from oddlog_core.span import DAY

from oddlog.notices.candidate import WEAK
from oddlog.notices.incidents import (
    INCIDENT,
    about,
    anchors_of,
    continued,
    incident,
    kept,
    link_of,
    repeated,
    summed_up,
)
from oddlog.notices.memory import Memory, Thing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from oddlog_core.chains import Chain, Link

    from oddlog.notices.candidate import Candidate
    from oddlog.notices.finding import Finding

__all__ = ["CEILING", "Queue"]

CEILING = 5
"""Notices of one type that a day may have, as so many times the budget, before the rest of them are summed up."""

LONGEST = 7 * DAY
"""What keeps coming is counted for twice as long each time before it is said again, and for this long at most."""


def _rarer(note: str) -> float:
    """Times as rare as what was told: as much must a thing of this type have become to be told again at once."""
    # Each link makes a chain some ten times as rare.
    return 1000.0 if note == INCIDENT else 100.0


def _around(anchor: str) -> str:
    """An incident as a thing."""
    return f"{INCIDENT} {anchor}"


def _told_in(incidents: Memory, chain: Chain) -> str:
    """The incident that a chain is told in: the one around its anchor, or another one that has most of it."""
    own, parts = _around(chain.anchor), {one.thing for one in chain.links}
    if own in incidents.things:
        return own
    for thing in dict.fromkeys(_around(anchor) for one in chain.links for anchor in one.anchors):
        known = incidents.things.get(thing)
        if known is not None and 2 * len(parts.intersection(known.parts)) > len(parts):
            return thing
    return own


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
    _clocks: dict[str, int] = field(default_factory=dict)

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
        elif odd and self._is_new(memory, candidate.note, thing, candidate, candidate.stated):
            memory.pay(candidate.clock)
            yield self._told(memory, thing, candidate.tell(), candidate.stated)
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
        known, rarity = hosts.get(candidate.orig_h), candidate.stated
        if known is not None and rarity < _rarer(candidate.note) * known:
            return False
        if odd:
            hosts[candidate.orig_h] = rarity
        return odd or candidate.final

    def _chained(self, chains: Chains, memory: Memory, candidate: Candidate) -> tuple[list[Finding], bool]:
        """Make a link of a candidate: what is to be said of incidents, and whether that says enough of it.

        It does where the links of its log alone make one: whether a finding is told hangs on no other log.
        """
        link = link_of(candidate, math.log(candidate.rarity / WEAK))
        incidents, calibration = self._of(INCIDENT), chains.calibration
        # What no link will find in its window any more holds on to records.
        self._open.forget(min(self._clocks.values()) - chains.window)
        memory.open.forget(candidate.clock - chains.window)
        chain = chains.add(link, self._open)
        own = chains.add(link, memory.open) if self.suppress_for else None
        if calibration is None:
            return [], False
        alone = calibration.rarity_of(own.score) if own is not None else 0.0
        by_itself = own is not None and self._is_incident(memory, own.anchor, alone, candidate.clock)
        if own is not None and (by_itself or chain is None):
            # Where another log's clock is far off, its links drive out those of this one.
            chain = max(own, chains.around(own.anchor, self._open), key=lambda one: one.score)
        if chain is None:
            return [], False
        # Beyond what is supported nothing is rarer than anything.
        rarity = max(calibration.rarity_of(chain.score), alone)
        if not by_itself and rarity < self._asked(incidents, candidate.clock):
            return [], False
        said, thing = [], _told_in(incidents, chain)
        if self._is_new(incidents, INCIDENT, thing, candidate, min(rarity, calibration.supported), link):
            if not by_itself:
                incidents.pay(candidate.clock)
            told, thing = incident(chain, rarity, calibration.supported, candidate.tell()), _around(chain.anchor)
            said.append(self._told(incidents, thing, told, told.rarity))
            incidents.things[thing].add_parts(one.thing for one in chain.links)
        if own is None or not by_itself:
            return said, False
        memory.made_incident(own.anchor, candidate.clock + self._quiet, thing)
        if thing in incidents.things:
            self._hand_over(memory, own.anchor, incidents.things[thing])
        # One that is rarer than the incident, and than all that belonged to it before, is not for later.
        before = (float(one.about()["rarity"]) for one in own.links if one is not link)
        return said, candidate.tell().rarity <= max(min(alone, calibration.supported), *before)

    @staticmethod
    def _hand_over(memory: Memory, anchor: str, known: Thing) -> None:
        """Of things around an anchor, leave it to the incident to say how often they have come since they were told."""
        for one in memory.things.values():
            if one.again and anchor in anchors_of(one.finding, one.finding.username):
                known.count(one.again, one.rarity, partial(about, one.finding))
                one.again = 0

    def _is_incident(self, memory: Memory, anchor: str, rarity: float, clock: int) -> bool:
        """Whether a log's links around an anchor make an incident by themselves, at its pace or as part of one."""
        part, days = memory.part_of(anchor, clock) is not None, self._asked(memory, clock)
        if rarity < (min(days, self.days) if part else days):
            return False
        if not part:
            memory.pay(clock)
        return True

    def _counted(self, memory: Memory, candidate: Candidate) -> bool:
        """Count one that makes no link with an incident that its log has had around its ends, if there is one."""
        for anchor in (f"source {candidate.orig_h}", f"target {candidate.resp_h}"):
            thing = memory.part_of(anchor, candidate.clock)
            if thing is None:
                continue
            # Past the ceiling there is none that counts; whether this one is told must not hang on that.
            known = self._of(INCIDENT).things.get(thing)
            if known is not None:
                known.count(1, candidate.stated, lambda: about(candidate.tell()))
            return True
        return False

    def _is_new(
        self, memory: Memory, note: str, thing: str, candidate: Candidate, rarity: float, link: Link | None = None
    ) -> bool:
        """Whether a thing is to be told of now; else it is counted for later, an incident's with its link."""
        known = memory.things.get(thing)
        if known is None or rarity >= _rarer(note) * known.rarity:
            if memory.may_tell(note, candidate.clock, self.ceiling, candidate.orig_h or "", rarity):
                return True
        else:
            known.count(1, candidate.stated, link.about if link is not None else None)
            # What is only told there is no part of it, or one incident would take in the next, and that the one after.
            if link is not None and thing in map(_around, link.anchors):
                known.add_parts([link.thing])
        self.suppressed[f"Oddlog::{note}"] += 1
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
        # One log's clock may be ahead of another's, or stand still.
        self._clocks[log] = now
        yield from self.due(INCIDENT, min(self._clocks.values()))

    def due(self, log: str, now: int | None = None) -> Iterator[Finding]:
        """What is to be said of a log whose clock has come to `now`; without it, of a log that has ended."""
        memory = self._of(log)
        if now is not None and not memory.is_due(now):
            return
        for thing, one in memory.ended(now):
            if not one.again:
                continue
            yield from self._past(log, one.until)
            note, source = one.finding.note, one.finding.orig_h or ""
            if memory.may_tell(note, one.until, self.ceiling, source, one.rarity, one.again):
                memory.pay(one.until)
                if log == INCIDENT:
                    anchor = thing.removeprefix(_around(""))
                    yield continued(one.finding, anchor, one.links, one.again, one.until)
                else:
                    yield repeated(one.finding, one.again, one.until)
            if now is not None:
                quiet = min(2 * one.quiet, LONGEST)
                memory.keep(thing, Thing(one.finding, one.rarity, one.until + quiet, quiet, parts=one.parts))
        yield from self._past(log, now)

    def _past(self, log: str, now: int | None) -> Iterator[Finding]:
        """What is past the ceiling on days that are over."""
        memory = self._of(log)
        for note, day in memory.past(now):
            if day.untold:
                memory.pay((day.day + 1) * DAY)
                yield summed_up(log, note, day.day, self.ceiling, day.untold, day.rarest)

    def all_due(self, now: int | None = None, behind: Mapping[str, int] = MappingProxyType({})) -> list[Finding]:
        """What is to be said of all logs once each has come to `now` or, without it, has ended, by the clock.

        Logs whose clocks were moved back are `behind`, and incidents with them.
        """
        late = min(behind.values(), default=now)
        clocks = {log: late if log == INCIDENT else behind.get(log, now) for log in sorted(self._memories)}
        found = [finding for log, clock in clocks.items() for finding in self.due(log, clock)]
        return sorted(found, key=lambda finding: (finding.clock, finding.log))

    def export(self) -> dict[str, Any]:
        """State as a tree of dicts, lists, numbers and strings."""
        return {
            "open": self._open.export(),
            "logs": {log: memory.export() for log, memory in self._memories.items()},
            "clocks": dict(self._clocks),
        }

    def restore(self, exported: dict[str, Any]) -> None:
        """Take over what `export` exported."""
        self._open, self._clocks = OpenChains.restore(exported["open"]), dict(exported["clocks"])
        for log, memory in exported["logs"].items():
            self._of(log).restore(memory)
