"""oddlog as a contestant: the benign day scored once, and of every capture's day only the hours around it.

A road's state is kept at each full hour of the benign day. A capture's hours are scored from there, its records among
the day's own, through the end of its last one's hour: what came before is the same, so its scores are those of the
whole day. What the capture changes in later hours is not asked: false records are counted on the benign day.
"""

from __future__ import annotations

import copy
import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import oddlog
import oddlog_core
import pandas as pd
import pyarrow as pa
from captures_logs import LOGS, Lines, moment
from captures_office import DAYS
from oddlog import baseline
from oddlog.config import Config, TrainConfig
from oddlog.logs import open_logs
from oddlog.pipeline import Road, roads, threshold
from oddlog_core.bundle import read_bundle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from captures_moved import Moved
    from captures_office import Office
    from oddlog.notices import Candidate, Finding
    from oddlog.pipeline import Outcome

__all__ = ["Oddlog"]

_HOUR = 3600.0


@dataclass
class _Benign:
    """A log's benign day: its lines, and a road's state at each of its hours."""

    road: Road
    lines: Lines
    states: dict[int, dict[str, Any]]


class Oddlog:
    """A bundle of some logs.

    Parameters
    ----------
    office : Office
    logs : sequence of str
    work : pathlib.Path
        Keeps bundles: one is trained anew after oddlog's code, or the office, changed.
    epochs : int, optional
        Of the conn model, instead of the default's.
    """

    def __init__(self, office: Office, logs: Sequence[str], work: Path, epochs: int | None = None) -> None:
        self._midnight = office.day(DAYS)[1]
        config = Config() if epochs is None else Config(train=TrainConfig(epochs=epochs))
        bundle = read_bundle(self._train(office, logs, work, config))
        self._threshold = threshold(bundle, Config())
        self._days = {
            log: _Benign(road, Lines.read(office.judged / f"{log}.log", log), {})
            for log, road in roads(bundle, Config()).items()
        }
        self._windows: dict[tuple[str, str, float], float] = {}
        self._told: set[tuple[str, str | None, str | None, int]] = set()

    @staticmethod
    def _train(office: Office, logs: Sequence[str], work: Path, config: Config) -> Path:
        code = [path for package in (oddlog, oddlog_core) for path in Path(package.__file__).parent.rglob("*.py")]
        code = [path for path in code if not {"cli", "simulate", "cluster", "notices"} & set(path.parts)]
        text = b"".join(path.read_bytes() for path in sorted(code)) + office.folder.name.encode()
        digest = hashlib.sha256(text + f"{logs} {config}".encode()).hexdigest()[:10]
        bundle = work / f"bundle-{digest}"
        if not bundle.exists():
            paths = [day / f"{log}.log" for day in office.baseline for log in logs]
            learned = baseline.train(open_logs(paths), config, bundle)
            for log, why in learned.left_out.items():
                if log in logs:
                    print(f"{log} left out: {why}")
        return bundle

    def benign(self) -> tuple[pd.DataFrame, list[Finding]]:
        """Score the benign day: its rows as `rows` has them, and its findings."""
        outcomes: list[Outcome] = []
        with tempfile.TemporaryDirectory() as scratch:
            for day in self._days.values():
                for hour in range(24):
                    day.states[hour] = copy.deepcopy(day.road.export())
                    outcomes += _score(day.road, self._cut(day, hour, hour + 1), Path(scratch))
                outcomes += day.road.close()
        rows = _rows(outcomes)
        windows = rows[rows["uid"].isna()]
        self._windows = dict(zip(_window(windows), windows["rarity"], strict=True))
        findings = self._findings(outcomes)
        self._told = {_key(finding) for finding in findings}
        return rows, findings

    def _cut(self, day: _Benign, first: int, last: int) -> Lines:
        # What was open at midnight ends on this day, and belongs to its first hour.
        since = self._midnight + first * _HOUR if first else 0.0
        return day.lines.between(since, self._midnight + last * _HOUR if last < 24 else float("inf"))

    def captured(self, moved: Moved) -> tuple[pd.DataFrame, list[Finding]]:
        """Score a capture in its day: the rows that are its own, and the findings that point at it.

        A host-window is its own where the capture makes it odder than it was without it, which is in `without`.
        """
        outcomes: list[Outcome] = []
        with tempfile.TemporaryDirectory() as scratch:
            for log in LOGS:
                records = moved.records[log]
                if log not in self._days or not records:
                    continue
                day = self._days[log]
                hours = [(moment(record) - self._midnight) // _HOUR for record in records]
                first, last = int(min(hours)), min(int(max(hours)), 23) + 1
                day.road.restore(copy.deepcopy(day.states[first]))
                outcomes += _score(day.road, self._cut(day, first, last).mixed(records), Path(scratch))
                outcomes += day.road.close()
        rows = _rows(outcomes)
        uids = moved.uids
        callers = {record["id.orig_h"] for record in moved.records["dce_rpc"]}
        rows["without"] = [self._windows.get(key, 0.0) for key in _window(rows)]
        odder = rows["uid"].isna() & rows["orig_h"].isin(callers) & (rows["rarity"] > rows["without"])
        findings = [
            finding
            for finding in self._findings(outcomes)
            if finding.uid in uids
            or (finding.uid is None and finding.orig_h in callers and _key(finding) not in self._told)
        ]
        return rows[rows["uid"].isin(uids) | odder], findings

    def _findings(self, outcomes: list[Outcome]) -> list[Finding]:
        """What passes the threshold of an ordinary day; of a host-window the first that does."""
        odd: dict[object, Candidate] = {}
        for candidate in (candidate for outcome in outcomes for candidate in outcome.candidates):
            if candidate.rarity >= self._threshold:
                window = (candidate.detector, candidate.orig_h, candidate.since)
                odd.setdefault(id(candidate) if candidate.since is None else window, candidate)
        return [candidate.tell() for candidate in odd.values()]


def _score(road: Road, lines: Lines, scratch: Path) -> list[Outcome]:
    if not len(lines.moments):
        return []
    logs = open_logs([lines.write(scratch / f"{road.log}.log")])
    return [outcome for batch in logs.batches(road.log) for outcome in road.take(batch)]


def _rows(outcomes: list[Outcome]) -> pd.DataFrame:
    """Scores as scores.parquet has them; what several detectors say of one record or host-window is of one `unit`."""
    batches = [batch for outcome in outcomes for batch in outcome.scores]
    if not batches:
        return pd.DataFrame(columns=["log", "uid", "ts", "orig_h", "resp_h", "detector", "score", "rarity", "window_s"])
    rows = pa.concat_tables([pa.Table.from_batches([batch]) for batch in batches]).unify_dictionaries().to_pandas()
    for name in ("log", "detector", "orig_h", "resp_h"):
        rows[name] = rows[name].astype(object)
    # A detector of records scores all of a log's, in its order.
    number = rows.groupby(["log", "detector"]).cumcount().astype(str)
    window = rows["orig_h"].fillna("") + rows["ts"].round(3).astype(str)
    return rows.assign(unit=rows["log"] + " " + number.where(rows["uid"].notna(), window))


def _window(rows: pd.DataFrame) -> list[tuple[str, str, float]]:
    return list(zip(rows["detector"], rows["orig_h"], rows["ts"].round(3), strict=True))


def _key(finding: Finding) -> tuple[str, str | None, str | None, int]:
    return finding.detector, finding.uid, finding.orig_h, finding.ts
