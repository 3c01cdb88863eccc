"""Labels of records, for what is learned from them: `labels.tsv` as `oddlog evaluate` reads it, or LANL's red team."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from oddlog.errors import LogError
from oddlog.evaluate import read_labels

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from oddlog.logs import Batch

__all__ = ["Labels", "read_record_labels"]

_RED_TEAM = ("ts", "username", "id.orig_h", "id.resp_h")


@dataclass(slots=True)
class Labels:
    """Which records are malicious.

    Attributes
    ----------
    events : set of tuple
        Log, uid, and time in microseconds or None for all records of the uid; or, of LANL's red team, time, user,
        source and destination.
    red_team : bool
    found : set of tuple
        Of `events`, those that some batch had.
    """

    events: set[tuple[Any, ...]]
    red_team: bool
    found: set[tuple[Any, ...]] = field(default_factory=set)

    def of(self, batch: Batch) -> NDArray[np.int64]:
        """1 for each record of a batch that is malicious, else 0."""
        malicious = np.zeros(len(batch), np.int64)
        keys: list[tuple[tuple[Any, ...], ...]]
        times = batch.table["ts"].cast(pa.int64()).to_numpy()
        if self.red_team:
            names = [pc.cast(batch.table[name], pa.string()) for name in _RED_TEAM[1:]]
            rows = np.flatnonzero(np.isin(times, [event[0] for event in self.events]))
            keys = [(((int(times[row]), *(name[int(row)].as_py() for name in names))),) for row in rows]
        else:
            uid = batch.table["uid"]
            known = pc.is_in(uid, pa.array([event[1] for event in self.events], pa.string()))
            rows = np.flatnonzero(np.array(known.fill_null(False), np.bool_))
            ids = [(batch.log, uid[int(row)].as_py()) for row in rows]
            keys = [((*one, int(times[row])), (*one, None)) for one, row in zip(ids, rows, strict=True)]
        for row, either in zip(rows.tolist(), keys, strict=True):
            said = self.events.intersection(either)
            if said:
                malicious[row] = 1
                self.found |= said
        return malicious


def read_record_labels(path: Path) -> Labels:
    """Read labels: tab-separated with a header, or lines of time, user, source, destination, as LANL's red team list.

    Raises
    ------
    OddlogError
        If it is neither.
    """
    with path.open("rb") as file:
        first = file.readline()
    if b"\t" in first or first.count(b",") != len(_RED_TEAM) - 1:
        read = read_labels(path)
        positive = read[read["label"] & read["uid"].notna()]
        times = [None if np.isnan(ts) else round(ts * 1e6) for ts in positive["ts"]]
        return Labels(set(zip(positive["log"], positive["uid"], times, strict=True)), red_team=False)
    events: set[tuple[Any, ...]] = set()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        time, *names = line.split(",")
        if len(names) != len(_RED_TEAM) - 1 or not time.isdigit():
            raise LogError(str(path), number, "line", "time,user,source,destination", line)
        events.add((int(time) * 1_000_000, *names))
    return Labels(events, red_team=True)
