"""Telling findings apart that are the same in everything."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oddlog.notices.finding import Finding

__all__ = ["Ordinals"]

MOST = 1 << 14
"""Ids remembered for each detector: identical records come one after the other, or within the seconds in which a flood
is odd."""


class Ordinals:
    """Numbers a detector's findings of the same id, in the order in which the detector finds them."""

    def __init__(self) -> None:
        self._often: dict[str, dict[str, int]] = {}

    def number(self, finding: Finding) -> Finding:
        """The finding, with its ordinal."""
        often = self._often.setdefault(finding.detector, {})
        first = finding.id
        ordinal = often.pop(first, 0)
        # At the end: what was not seen for longest is forgotten first.
        often[first] = ordinal + 1
        if len(often) > MOST:
            del often[next(iter(often))]
        return replace(finding, ordinal=ordinal) if ordinal else finding

    def export(self) -> dict[str, Any]:
        """State as a tree of dicts."""
        return {detector: dict(often) for detector, often in self._often.items()}

    def restore(self, exported: dict[str, Any]) -> None:
        """Take over what `export` exported."""
        self._often = {detector: dict(often) for detector, often in exported.items()}
