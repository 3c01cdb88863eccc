"""Peers in the judgement by captures. They learn from the same baseline, and score records, not hosts.

Each is a function of a log's records; a contestant is one for each of some logs. Scores of different logs meet in one
queue as oddlog's do, as 'once in D days' by what the last quarter of the baseline scored.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from datetime import datetime
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from kmodes.kmodes import KModes
from oddlog_core.calibration import Calibration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["COLUMNS", "PEERS", "Peer"]

COLUMNS = {
    "conn": ("ts", "uid", "id.orig_h", "id.resp_h", "id.resp_p"),
    "ntlm": ("ts", "uid", "id.orig_h", "id.resp_h", "id.resp_p", "username", "domainname", "success"),
    "dce_rpc": ("ts", "uid", "id.orig_h", "id.resp_h", "id.resp_p", "endpoint", "operation"),
}
"""What peers read of each log."""

Scorer = Callable[[pd.DataFrame], "NDArray[np.float64]"]

_TUPLES = {
    "conn": ("id.orig_h", "id.resp_h", "id.resp_p"),
    "ntlm": ("id.orig_h", "id.resp_h", "username"),
    "dce_rpc": ("id.orig_h", "endpoint", "operation"),
}
_BINS = np.repeat(
    ["late night", "early morning", "morning", "afternoon", "evening", "night", "late night"], [2, 4, 4, 4, 4, 4, 2]
)
_SAMPLE = 4000
"""Logons that k-modes is fitted on: its own fit over all rows takes minutes and moves no mode that matters."""


def tuple_rarity(log: str, baseline: pd.DataFrame) -> Scorer:
    """Sum of -log frequency in the baseline of a tuple, of its pairs and of its parts; add-one smoothed."""
    parts = [list(part) for size in (1, 2, 3) for part in combinations(_TUPLES[log], size)]
    counts = [baseline.groupby(part).size() for part in parts]

    def score(records: pd.DataFrame) -> NDArray[np.float64]:
        total = np.zeros(len(records))
        for part, seen in zip(parts, counts, strict=True):
            key = pd.MultiIndex.from_frame(records[part]) if len(part) > 1 else pd.Index(records[part[0]])
            n = seen.reindex(key).fillna(0).to_numpy(float)
            total -= np.log((n + 1) / (len(baseline) + 1))
        return total

    return score


def never_seen(log: str, baseline: pd.DataFrame) -> Scorer:
    """1 where this host never called this operation, or this user never logged on from or at this host; else 0."""
    ends = ("id.orig_h", "id.resp_h") if log == "ntlm" else ("id.orig_h",)
    what = ["username"] if log == "ntlm" else ["endpoint", "operation"]
    seen = [(end, pd.MultiIndex.from_frame(baseline[[end, *what]].drop_duplicates())) for end in ends]

    def score(records: pd.DataFrame) -> NDArray[np.float64]:
        new = [~pd.MultiIndex.from_frame(records[[end, *what]]).isin(known) for end, known in seen]
        return np.any(new, axis=0).astype(float)

    return score


def k_modes(_log: str, baseline: pd.DataFrame) -> Scorer:
    """Distance to the nearest of 10 modes over the nine fields of the notebook; over 6 is odd."""
    rows = _nine(baseline)
    sample = rows[np.random.default_rng(0).permutation(len(rows))[:_SAMPLE]]
    modes = KModes(10, init="Huang", n_init=4, random_state=0).fit(sample).cluster_centroids_

    def score(records: pd.DataFrame) -> NDArray[np.float64]:
        distance = (_nine(records)[:, None] != modes[None]).sum(axis=2).min(axis=1)
        return np.where(distance > 6, distance, 0).astype(float)

    return score


def _nine(records: pd.DataFrame) -> NDArray[np.str_]:
    utc = zoneinfo.ZoneInfo("UTC")
    when = [datetime.fromtimestamp(ts, utc) for ts in records["ts"]]
    columns = [records["domainname"].str.lower(), records["success"], records["id.resp_p"]]
    for end in ("id.orig_h", "id.resp_h"):
        parts = records[end].str.split(r"[.:]", regex=True)
        columns += [parts.str[0], parts.str[1:-1].str.join(".")]
    columns += [
        pd.Series([moment.strftime("%A") for moment in when]),
        pd.Series([_BINS[moment.hour] for moment in when]),
    ]
    return np.column_stack([column.to_numpy(str) for column in columns])


PEERS: dict[str, tuple[Sequence[str], Callable[[str, pd.DataFrame], Scorer]]] = {
    "tuple rarity": (("conn", "ntlm", "dce_rpc"), tuple_rarity),
    "never seen from this host": (("ntlm", "dce_rpc"), never_seen),
    "k-modes > 6": (("ntlm",), k_modes),
}
"""Logs and learner by name."""


class Peer:
    """One peer over some logs.

    Parameters
    ----------
    name : str
        A key of `PEERS`.
    baseline : dict of pandas.DataFrame
        By log.
    days : float
        Of the baseline.
    """

    def __init__(self, name: str, baseline: dict[str, pd.DataFrame], days: float) -> None:
        logs, learn = PEERS[name]
        self.name = name
        self.logs = [log for log in logs if log in baseline]
        self._scorers, self._calibrations = {}, {}
        for log in self.logs:
            records = baseline[log]
            cut = len(records) * 3 // 4
            held_back = learn(log, records[:cut])(records[cut:].reset_index(drop=True))
            self._calibrations[log] = Calibration.fit(held_back, len(records) / days)
            self._scorers[log] = learn(log, records)

    def rows(self, log: str, records: pd.DataFrame) -> pd.DataFrame:
        """Score and rarity of records."""
        score = self._scorers[log](records)
        return pd.DataFrame({"score": score, "rarity": self._calibrations[log].rarity(score)})
