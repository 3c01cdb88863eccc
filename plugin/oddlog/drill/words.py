"""What a drill found, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from oddlog.notices import notices_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oddlog_core.drilled import Drill, Drilled

__all__ = ["drill_lines"]


def drill_lines(drill: Drill) -> Iterator[str]:
    """Say it as a table, the weakest first, and what that means."""
    begin, end = (datetime.fromtimestamp(moment / 1e6, UTC) for moment in (drill.begin, drill.end))
    yield (
        f"drill: attacks put among the records of {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC, at "
        f"{notices_words(drill.notices_per_day)}, the weakest first"
        if drill.attacks
        else "drill: these logs have the makings of no attack"
    )
    width = max((len(name) for name in (*(one.attack for one in drill.attacks), *drill.left_out)), default=0)
    for one in drill.attacks:
        by = ", ".join(f"{note} {n}" for note, n in one.notes.items())
        yield f"  {one.attack:<{width}}  {one.found} of {one.tried}  {by}".rstrip()
    for name, why in drill.left_out.items():
        yield f"  {name:<{width}}  not tried: {why}"
    if drill.attacks:
        yield _meaning(drill)


def _meaning(drill: Drill) -> str:
    tried, found = (sum(values) for values in ([o.tried for o in drill.attacks], [o.found for o in drill.attacks]))
    whole = f"{found} of {tried} attacks between this site's own hosts would have been in a notice."
    if drill.strange:
        return (
            f"{whole} That says little: without any attack these {drill.own:,} records bring {drill.odd:,} findings. "
            "Was the bundle trained on logs of this network?"
        )
    missed = [one for one in drill.attacks if one.found < one.tried]
    if not missed:
        return f"{whole} That is no promise about others."
    blind = [one for one in missed if one.recall < 0.5]
    if not blind:
        return f"{whole} Of {_names(missed)} some would have passed unseen: a larger `notices_per_day` finds more."
    return (
        f"{whole} Do not rely on oddlog for {_names(blind)} here: most would have passed unseen. A larger "
        "`notices_per_day` or a longer baseline finds more."
    )


def _names(some: list[Drilled]) -> str:
    names = [one.attack for one in some]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
