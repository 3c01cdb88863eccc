"""Windows of the clock: runs of records within one, and scores put end to end."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from oddlog_core.detectors.contract import Scored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from oddlog_core.records import Records

__all__ = ["GROWN", "end_to_end", "stretches"]

GROWN = 1.1
"""Times the score with which a host was told of before its window closed: as much makes it worth telling again."""


def stretches(records: Records, window: int) -> Iterator[tuple[int, int, int]]:
    """Runs of records within one window: its number, and where they start and stop."""
    number = records.clock // window
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(records)]
    for start, stop in pairwise(edges):
        if stop > start:
            yield int(number[start]), start, stop


def end_to_end(parts: Sequence[Scored], evidence: Callable[[list[Any]], Any]) -> Scored:
    """Scores of host-windows one after the other, and their evidence as `evidence` joins it."""
    if not parts:
        none, no = np.empty(0, np.int64), np.empty(0, np.bool_)
        return Scored(np.empty(0), none, none, no, no, [], none, evidence([]))
    return Scored(
        np.concatenate([part.score for part in parts]),
        np.concatenate([part.row for part in parts]),
        np.concatenate([part.clock for part in parts]),
        final=np.concatenate([part.final for part in parts]),
        odd=np.concatenate([part.odd for part in parts]),
        host=[host for part in parts for host in part.host or ()],
        since=np.concatenate([part.since for part in parts if part.since is not None]),
        evidence=evidence([part.evidence for part in parts]),
    )
