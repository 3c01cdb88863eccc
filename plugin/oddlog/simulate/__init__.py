"""A made-up office's Zeek logs, and attacks among them, for trying oddlog where nobody's real traffic may be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from oddlog.errors import UsageError
from oddlog.simulate.administrators import administrators
from oddlog.simulate.attacks import ATTACKS, attack
from oddlog.simulate.day import Columns, Day
from oddlog.simulate.finish import Log, finish
from oddlog.simulate.people import people_and_workstations
from oddlog.simulate.servers import servers
from oddlog.simulate.site import Site
from oddlog.simulate.upkeep import upkeep
from oddlog.simulate.writer import Format, LogWriter, write_labels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["ATTACKS", "FEWEST_HOSTS", "START", "Simulated", "simulate"]

FEWEST_HOSTS = 40
START = date(2024, 1, 29)
"""A Monday, so that five days are a working week."""


@dataclass
class Simulated:
    """What was written.

    Parameters
    ----------
    labels : pathlib.Path
    folders : list of pathlib.Path
        One a day.
    records, attacks : dict of int
        Records, and those of attacks, by log.
    """

    labels: Path
    folders: list[Path] = field(default_factory=list)
    records: dict[str, int] = field(default_factory=dict)
    attacks: dict[str, int] = field(default_factory=dict)


def simulate(
    out: Path,
    *,
    hosts: int = 200,
    days: int = 1,
    seed: int = 1,
    start: date = START,
    attacks: bool = False,
    leased: bool = True,
    how: Format = "tsv",
    gzip: bool = False,
    on_day: Callable[[date], None] = lambda _: None,
) -> Simulated:
    """Write simulated days.

    The same seed and hosts give the same office: a longer run begins with the shorter one's days.

    Parameters
    ----------
    out : pathlib.Path
        Folder, new or empty; gets `YYYY-MM-DD/{conn,ntlm,dce_rpc}.log` and `labels.tsv`.
    hosts : int
        Machines in the office, servers and printers among them.
    days : int
    seed : int
    start : datetime.date
        First day; decides which days are weekends.
    attacks : bool
        Put attacks into the last day.
    leased : bool
        Workstations get other addresses now and then; else each keeps one.
    how : {"tsv", "json"}
    gzip : bool
        Write `.log.gz`.
    on_day : callable
        Called with each day when it is written.

    Returns
    -------
    Simulated

    Raises
    ------
    UsageError
        If an argument makes no sense, or `out` holds something already.
    """
    if hosts < FEWEST_HOSTS:
        raise UsageError(f"an office needs {FEWEST_HOSTS} hosts or more for its servers and people, not {hosts}")
    if days < 1:
        raise UsageError(f"the number of days should be 1 or more, not {days}")
    if seed < 0:
        raise UsageError(f"the seed should be 0 or more, not {seed}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} holds something already: name a new or an empty folder")
    out.mkdir(parents=True, exist_ok=True)
    site = Site(hosts, seed, leased)
    done = Simulated(out / "labels.tsv")
    still_open: Columns | None = None
    with done.labels.open("wb") as labels:
        labels.write(b"log\tuid\tts\tlabel\tattack\n")
        for index in range(days):
            today = start + timedelta(days=index)
            midnight = int(datetime.combine(today, time(), UTC).timestamp())
            day = Day(site, index, today.weekday())
            people_and_workstations(day)
            servers(day)
            administrators(day)
            upkeep(day)
            if attacks and index == days - 1:
                attack(day)
            logs, still_open = finish(day, midnight, still_open)
            folder = out / today.isoformat()
            folder.mkdir()
            done.folders.append(folder)
            writer = LogWriter(folder, how, gzip)
            for name, log in logs.items():
                writer.write(name, log.columns, midnight)
                uid, ts = log.columns["uid"], log.columns["ts"]
                write_labels(labels, name, uid, ts, log.attack)  # type: ignore[arg-type]  # these two are never coded
                _count(done, name, log)
            on_day(today)
    return done


def _count(done: Simulated, name: str, log: Log) -> None:
    done.records[name] = done.records.get(name, 0) + len(log)
    done.attacks[name] = done.attacks.get(name, 0) + log.attacks
