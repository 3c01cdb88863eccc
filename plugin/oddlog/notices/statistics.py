"""Words for damped statistics: what a source, a service, a stream and a pair of hosts did lately.

A damped count is what a steady stream would have had in 1.44 half-lives, so that is how long 'lately' is said to be.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from oddlog.notices.amounts import about, byte_words, count_words, duration_words, number_words, roughly, share_words
from oddlog.notices.clause import peer, plain

if TYPE_CHECKING:
    from oddlog_core.detectors.contract import Reason

    from oddlog.notices.finding import Finding

__all__ = ["phrase"]

_LATELY = {"10s": "15 s", "1m": "90 s", "10m": "15 min", "1h": "90 min"}
_PHRASES: dict[tuple[str, str, str | None], str] = {
    ("source", "connections", None): "made {about}",
    ("service", "connections", None): "came to {there}, which had {about}",
    ("stream", "connections", None): "came back to {there} {about}",
    ("source", "failed", "mean"): "had {seen} of its connections fail",
    ("service", "failed", "mean"): "went to {there}, where {seen} of connections failed",
    ("source", "sent", "mean"): "sent {about} a connection",
    ("stream", "sent", "mean"): "sent {about} a connection to {there}",
    ("stream", "sent", "std"): "sent amounts to {there} that varied by {seen}",
    ("stream", "got", "mean"): "got back {about} a connection from {there}",
    ("stream", "got", "std"): "got back amounts from {there} that varied by {seen}",
    ("pair", "magnitude", None): "exchanged {about} each way a connection with {host}",
    ("pair", "radius", None): "exchanged amounts with {host} that varied by {seen}",
    ("pair", "covariance", None): "exchanged amounts with {host} whose two directions covaried by {seen}",
    ("pair", "correlation", None): "exchanged amounts with {host} whose two directions correlated by {seen}",
}
_NAME = re.compile(r"(source|service|stream|pair)_([a-z]+?)(?:_(mean|std))?_(10s|1m|10m|1h)")


def phrase(reason: Reason, finding: Finding) -> tuple[str, str | None] | None:
    """What was seen and what is usual of a damped statistic; None of any other column."""
    found = _NAME.fullmatch(reason.field)
    if found is None or not isinstance(reason.seen, float) or not isinstance(reason.expected, float):
        return None
    of, what, statistic, half_life = found.groups()
    host, there = plain(finding.resp_h or "an unknown host"), peer(finding)
    if what == "interval":
        return _intervals(statistic, reason.seen, reason.expected, reason.of, there)
    seen, usual = (_amount(of, what, value) for value in (reason.seen, roughly(reason.expected)))
    if statistic == "std" or what == "radius":
        seen, usual = (_spread(value) for value in (reason.seen, reason.expected))
    told = _PHRASES[of, what, statistic].format(seen=seen, about=about(seen), host=host, there=there)
    return f"{told} in the last {_LATELY[half_life]}", about(usual)


def _intervals(statistic: str, seen: float, expected: float, mean: float | None, there: str) -> tuple[str, str]:
    """How regularly a source calls; a deviation is a share of the mean, where that is known."""
    if statistic == "mean":
        return f"called {there} about every {duration_words(seen)}", about(duration_words(expected))
    if mean is None:
        return f"called {there} at intervals that varied by {_spread(seen)}", about(_spread(expected))
    apart, usually = (f"give or take {duration_words(share * mean)}" for share in (seen, expected))
    return f"called {there} about every {duration_words(mean)}, {apart}", usually


def _amount(of: str, what: str, value: float) -> str:
    if what == "connections":
        return _times(value) if of == "stream" else count_words(value, "connection")
    if what == "failed":
        return share_words(min(max(value, 0.0), 1.0))
    return f"{value:.2g}" if what in ("covariance", "correlation") else byte_words(value)


def _times(count: float) -> str:
    return {"0": "not once", "under 1": "hardly once", "1": "once", "2": "twice"}.get(
        number_words(count), f"{number_words(count)} times"
    )


def _spread(share: float) -> str:
    return share_words(max(share, 0.0)) if share < 1 else f"a factor of {number_words(share + 1)}"
