"""Words for who usually connects to whom: what the baseline had of a connection's ends and its service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oddlog_core.features.places import place
from oddlog_core.features.relations import RELATIONS

from oddlog.notices.amounts import number_words
from oddlog.notices.clause import listed, plain, service

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oddlog_core.detectors.contract import Reason

    from oddlog.notices.finding import Finding

__all__ = ["RELATIONS", "predicate"]

# What carries less of the score is told only if nothing else is.
_LEAST_SHARE = 0.1
_WHERE = {"inside": " inside", "internet": " on the internet", "multicast": " by multicast"}


def _times(count: float) -> str:
    return {1: "once", 2: "twice"}.get(int(count), f"{number_words(count)} times")


def predicate(reasons: Sequence[Reason], finding: Finding) -> str:
    """What the source never or seldom did in the baseline, and whether others did; nothing said twice.

    The verbs want the source as their subject, and the baseline as their time.
    """
    weighty = [reason for reason in reasons if reason.share >= _LEAST_SHARE] or reasons[:1]
    of = {reason.field: (int(reason.seen or 0), int(reason.of or 0)) for reason in weighty}
    if finding.context is not None:
        # What never was is worth telling where anything of the kind is; and whether the two hosts had met.
        known = finding.context.often.items()
        of |= {name: counts for name, counts in known if not counts[0] or name == "new_pair"}
    what, where = service(finding), _WHERE.get(place(finding.resp_h or ""), "")
    if of.get("new_service", (0, 1))[1] == 0:
        return "made no connections" + _others(of, what)
    return listed(_own(of, plain(finding.resp_h or "an unknown host"), what, where)) + _others(of, what)


def _own(of: Mapping[str, tuple[int, int]], host: str, what: str, where: str) -> list[str]:
    """What the source itself did."""
    pair, there = of.get("new_pair"), of.get("new_destination") or of.get("new_source")
    used, whole = of.get("new_service") or (of.get("new_destination", (0, 1))[1], 0)
    said = []
    if pair and not pair[0]:
        said.append(f"never connected to {host}" if pair[1] else f"never connected to a host{where}")
    elif there and not there[0] and used:
        met = f", though it did connect to that host {_times(pair[0])}" if pair else ""
        said.append(f"never connected to {what} of {host}{met}")
    if not used and not (pair and not pair[1]):
        said.append(f"never used {what}{where}")
    elif used and "new_service" in of:
        said.append(f"used {what}{where} {_times(used)} in {number_words(whole)} connections")
    return said or [_seldom(of, host, what, where)]


def _seldom(of: Mapping[str, tuple[int, int]], host: str, what: str, where: str) -> str:
    name, (count, total) = next(iter(of.items()))
    if name == "new_source":
        return f"made {number_words(count)} of the {number_words(total)} connections to {what} of {host}"
    by = f" to {what}" if name == "new_destination" else ""
    whole = "its one connection" if total == 1 else f"{number_words(count)} of its {number_words(total)} connections"
    return f"went to {host} in {whole}{by}{where}"


def _others(of: Mapping[str, tuple[int, int]], what: str) -> str:
    """What others did, where the source itself never did."""
    count, total = of.get("new_source", (1, 0))
    if count:
        return ""
    who = "another" if total == 1 else "others" if total else "nobody"
    return f"; {who} used {what} there" + (f" {_times(total)}" if total else "")
