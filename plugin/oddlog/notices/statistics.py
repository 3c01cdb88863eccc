"""Words for damped statistics: what a source, a service, a stream and a pair of hosts did lately.

A damped count is what a steady stream would have had in 1.44 half-lives, so that is how long 'lately' is said to be.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from oddlog.notices.amounts import byte_words, count_words, duration_words, number_words, roughly, share_words
from oddlog.notices.clause import peer, plain

if TYPE_CHECKING:
    from oddlog_core.detectors.contract import Reason

    from oddlog.notices.finding import Finding

__all__ = ["phrase"]

_LATELY = {"10s": "15 s", "1m": "90 s", "10m": "15 min", "1h": "90 min"}
_PHRASES: dict[tuple[str, str, str | None], str] = {
    ("source", "connections", None): "made about {seen}",
    ("service", "connections", None): "came to {there} as one of about {seen}",
    ("stream", "connections", None): "came back to {there} after about {seen}",
    ("source", "failed", "mean"): "had {seen} of its connections fail",
    ("service", "failed", "mean"): "went to {there}, where {seen} of connections failed",
    ("source", "sent", "mean"): "sent about {seen} a connection",
    ("stream", "sent", "mean"): "sent about {seen} a connection to {there}",
    ("stream", "sent", "std"): "sent amounts to {there} that varied by {seen}",
    ("stream", "got", "mean"): "got about {seen} back a connection from {there}",
    ("stream", "got", "std"): "got amounts back from {there} that varied by {seen}",
    ("stream", "interval", "mean"): "called {there} about every {seen}",
    ("stream", "interval", "std"): "called {there} at intervals of about {seen}",
    ("pair", "magnitude", None): "exchanged about {seen} each way a connection with {host}",
    ("pair", "radius", None): "exchanged amounts with {host} that varied by {seen}",
    ("pair", "covariance", None): "exchanged amounts with {host} of which both directions had a covariance of {seen}",
    ("pair", "correlation", None): "exchanged amounts with {host} of which both directions had a correlation of {seen}",
}
_NAME = re.compile(r"(source|service|stream|pair)_([a-z]+?)(?:_(mean|std))?_(10s|1m|10m|1h)")


def phrase(reason: Reason, finding: Finding) -> tuple[str, str | None] | None:
    """What was seen and what is usual of a damped statistic; None of any other column."""
    found = _NAME.fullmatch(reason.field)
    if found is None or not isinstance(reason.seen, float) or not isinstance(reason.expected, float):
        return None
    of, what, statistic, half_life = found.groups()
    seen, usual = (_amount(what, statistic, value, reason.of) for value in (reason.seen, roughly(reason.expected)))
    told = _PHRASES[of, what, statistic]
    told = told.format(seen=seen, host=plain(finding.resp_h or "an unknown host"), there=peer(finding))
    about = "" if what in ("covariance", "correlation") else "about "
    return f"{told} in the last {_LATELY[half_life]}", f"{about}{usual}"


def _amount(what: str, statistic: str | None, value: float, mean: float | None) -> str:
    """A statistic's value in its unit; of a deviation, which is a share, of what."""
    if what == "connections":
        return count_words(value, "connection")
    if what == "failed":
        return share_words(min(max(value, 0.0), 1.0))
    if what in ("covariance", "correlation"):
        return f"{value:.2g}"
    if what == "radius" or (statistic == "std" and mean is None):
        return share_words(value) if value < 1 else f"a factor of {number_words(value + 1)}"
    if statistic == "std":
        return f"{duration_words(mean or 0.0)}, give or take {duration_words(value * (mean or 0.0))}"
    return duration_words(value) if what == "interval" else byte_words(value)
