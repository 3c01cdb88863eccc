"""Findings that speak of other findings: chains of weak ones, repetitions, and what is past the ceiling."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from oddlog_core.chains import Link
from oddlog_core.span import DAY

from oddlog.notices.amounts import count_words, duration_words, rarity_words
from oddlog.notices.clause import plain
from oddlog.notices.finding import Finding
from oddlog.notices.words import message

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence

    from oddlog_core.chains import Chain

    from oddlog.notices.candidate import Candidate

__all__ = [
    "INCIDENT",
    "MOST_TOLD",
    "about",
    "anchors_of",
    "continued",
    "incident",
    "kept",
    "link_of",
    "rarest_of",
    "repeated",
    "restored",
    "summed_up",
]

INCIDENT = "Incident"
MOST_TOLD = 6
_MOST_NAMED = 3


def anchors_of(told: Finding | Candidate, username: str | None) -> tuple[str, ...]:
    """What a chain may be around: a source, a target and whoever logged on."""
    ends = {"source": told.orig_h, "target": told.resp_h, "account": (username or "").lower()}
    return tuple(f"{kind} {name}" for kind, name in ends.items() if name)


def link_of(candidate: Candidate, strength: float) -> Link:
    """A candidate as a link of chains."""
    record = candidate.record()
    username, *call = (record.get(name) for name in ("username", "endpoint", "operation"))
    what = (candidate.log, candidate.note, candidate.orig_h, candidate.resp_h, candidate.resp_p, username, *call)
    thing = " ".join(map(str, what))
    told = cache(lambda: about(candidate.tell()))
    return Link(candidate.clock, anchors_of(candidate, username), thing, strength, told)


def about(finding: Finding) -> dict[str, Any]:
    """A finding as a link of an incident that is told."""
    return {
        "ts": finding.clock,
        "note": finding.note,
        "id": finding.id,
        "uid": finding.uid,
        "src": finding.orig_h,
        "dst": finding.resp_h,
        "p": finding.resp_p,
        "rarity": finding.rarity,
        "at_least": finding.at_least,
        "text": message(finding, how_rare=False),
    }


def incident(chain: Chain, rarity: float, supported: float, last: Finding) -> Finding:
    """A chain as a finding, known with its last link, of a rarity that means something up to so many days."""
    kind, _, name = chain.anchor.partition(" ")
    links = [link.about() for link in chain.links]
    ends = {end: {link[end] for link in links} for end in ("src", "dst", "p")}
    source, target, port = (next(iter(found)) if len(found) == 1 else None for found in ends.values())
    length = duration_words((chain.links[-1].clock - chain.links[0].clock) / 1e6)
    rarest, at_least = max((float(link["rarity"]), bool(link["at_least"])) for link in links)
    alone = f"the rarest alone comes {rarity_words(rarest, at_least=at_least)}" if rarest >= 1 else "none is rare alone"
    return Finding(
        log=last.log,
        detector="incident",
        note=INCIDENT,
        clock=last.clock,
        ts=chain.links[0].clock,
        uid=last.uid,
        orig_h=name if kind == "source" else source,
        orig_p=None,
        resp_h=name if kind == "target" else target,
        resp_p=port,
        proto=last.proto,
        service=None,
        username=name if kind == "account" else None,
        window=None,
        score=chain.score,
        # Where chains are too few to say how rare this one is, it is still as rare as its rarest link.
        rarity=max(min(rarity, supported), rarest),
        at_least=rarity > supported,
        reasons=(),
        bundle=last.bundle,
        name=f"{chain.anchor} {last.id}",
        said=f"{_subject(chain.anchor)} {count_words(len(links), 'odd thing')} within {length}; {alone}. "
        f"{_steps(links, len(links))}",
        n=len(links),
        links=tuple(links),
    )


def rarest_of(links: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """As many of a chain's links as are told in words, by the clock."""
    told = sorted(links, key=lambda link: -float(link["rarity"]))[:MOST_TOLD]
    return sorted(told, key=lambda link: int(link["ts"]))


def _subject(anchor: str) -> str:
    kind, _, name = anchor.partition(" ")
    return {"source": "From {}", "target": "At {}", "account": "As {}"}[kind].format(plain(name))


def _steps(links: Sequence[Mapping[str, Any]], n: int) -> str:
    """The rarest of some links in words, and how many more there are of `n`."""
    told = rarest_of(links)
    others = [f"And {n - len(told):,} more."] if 0 < len(told) < n else []
    return " ".join([*(f"{_clock(link['ts'])} {link['text']}" for link in told), *others])


def continued(first: Finding, anchor: str, links: Sequence[Mapping[str, Any]], again: int, until: int) -> Finding:
    """What has come of an incident since it was told, the rarest of it as its chain."""
    more = f"{again:,} more odd {'thing' if again == 1 else 'things'}"
    said = f"{_subject(anchor)} {more} after the incident of {_clock(first.clock)} UTC. {_steps(links, again)}"
    told = tuple(rarest_of(links))
    return replace(first, clock=until, name=f"again {first.name}", n=again, said=said.rstrip(), links=told)


def kept(finding: Finding) -> Finding:
    """As much of a finding as its repetitions need."""
    return replace(finding, name=finding.id, said=message(finding), reasons=(), record={}, links=(), context=None)


def restored(tree: dict[str, Any]) -> Finding:
    """What was `kept`, of the tree that `dataclasses.asdict` made of it and a file kept."""
    return Finding(**{**tree, "reasons": (), "links": (), "caveats": tuple(tree["caveats"])})


def repeated(first: Finding, again: int, until: int) -> Finding:
    """What was told, by what was `kept` of it, and how often it has come since."""
    said = f"{again:,} more like the one of {_clock(first.clock)} UTC: {first.said}"
    return replace(first, clock=until, name=f"again {first.name}", n=again, said=said)


def summed_up(log: str, note: str, day: int, ceiling: int, sources: Counter[str], rarest: float) -> Finding:
    """What a day had of one type past the ceiling."""
    n = sources.total()
    date = datetime.fromtimestamp(day * DAY / 1e6, UTC).strftime("%Y-%m-%d")
    named = [f"{plain(host)} ({often:,})" for host, often in sources.most_common(_MOST_NAMED) if host]
    most = f", most of them from {', '.join(named)}" if named else ""
    first = next((host for host, _ in sources.most_common() if host), None)
    return Finding(
        log=log,
        detector="queue",
        note=note,
        clock=(day + 1) * DAY,
        ts=day * DAY,
        uid=None,
        orig_h=first,
        orig_p=None,
        resp_h=None,
        resp_p=None,
        proto=None,
        service=None,
        username=None,
        window=None,
        score=float(n),
        rarity=rarest,
        reasons=(),
        bundle="",
        name=f"summed up {log} {note} {day}",
        said=f"{n:,} more findings of this type on {date} UTC, after the {ceiling:,} that were told{most}. "
        "So many mean an attack at work, or a baseline that no longer fits.",
        n=n,
    )


def _clock(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1e6, UTC).strftime("%H:%M:%S")
