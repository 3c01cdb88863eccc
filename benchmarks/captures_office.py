"""The simulated office that captures are moved into: a baseline of 14 days and a day to judge by.

The baseline is the simulator's, and what it lacks, so that no name is new by itself:

- *Background.* What a lab's machines do whatever is being tried there is in all its captures. An (endpoint, operation),
  or a (protocol, port, service) of connections, that captures of two or more families of one lab hold is background, a
  family being captures that use the same means for the same end. So for each family what it shares with the others is
  in the baseline because of the others: leaving it out would leave the same names there. On each day every capture is
  moved to a workstation drawn at random, and only its background records are kept.
- *Names.* An (endpoint, operation), or a (protocol, port), that a capture uses and the baseline has fewer than 20
  times is added on all days, up to 28 times in all, by those entitled: to the sessions of hosts that use that endpoint;
  of the machines that administer, where none does; for ports, to hosts that ask the same side (inside or outside).

- *Orders*, on demand. So that no order of calls is new by itself either, each connection's calls, as a capture has
  them, are made 28 times in the baseline by hosts that make the rarest of these calls there.

There are two offices: one whose workstations get other addresses now and then, as leases go, and one where they keep
them. Both are written once into build/bench, and written anew after the simulator or these files changed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import oddlog.simulate
import pandas as pd
from captures_logs import LOGS, Lines, read_columns
from captures_moved import Place, move
from oddlog.simulate import START
from oddlog.simulate.day import Day
from oddlog.simulate.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from captures_logs import Record
    from captures_moved import Capture

__all__ = ["DAYS", "Office", "build_office"]

DAYS = 14
_LEAST = 20
_ADDED = 2


@dataclass(frozen=True)
class Office:
    """Where captures are moved to.

    Attributes
    ----------
    folder : pathlib.Path
        With `baseline/YYYY-MM-DD/` and `judged/`.
    hosts, seed : int
    leased : bool
        Whether workstations' addresses change.
    orders : bool
        Whether the baseline holds the captures' orders of calls.
    """

    folder: Path
    hosts: int
    seed: int
    leased: bool
    orders: bool

    @cached_property
    def site(self) -> Site:
        """Who lives there."""
        return Site(self.hosts, self.seed, self.leased)

    def day(self, index: int) -> tuple[Day, float]:
        """Who is in on a day, and the epoch of its midnight."""
        today = START + timedelta(days=index)
        return Day(self.site, index, today.weekday()), datetime.combine(today, time(), UTC).timestamp()

    @property
    def baseline(self) -> list[Path]:
        """Folders of its days."""
        return sorted((self.folder / "baseline").iterdir())

    @property
    def judged(self) -> Path:
        """Folder of the benign day."""
        return self.folder / "judged"

    @cached_property
    def _usage(self) -> dict[str, dict[str, Any]]:
        return json.loads((self.folder / "usage.json").read_text())

    @cached_property
    def users(self) -> set[str]:
        """Accounts that log on in the baseline, in lower case."""
        return set(self._usage["user"])

    def address(self, day: Day, node: int, ts: float) -> str:
        """Give the address of a node at a time of a day."""
        return self.site.addresses[int(day.address(np.array([node]), np.array([ts]))[0])]

    def usually_asked(
        self,
        day: Day,
        stretch: tuple[float, float],
        endpoints: set[str],
        ports: set[tuple[str, str]],
        taken: set[int],
    ) -> list[int]:
        """Hosts that are on and that were asked for most of these endpoints and ports in the baseline, often enough."""
        since, until = stretch
        usage = [self._usage["endpoint"].get(endpoint, {}) for endpoint in sorted(endpoints)]
        usage += [self._usage["port"].get("/".join(port), {}) for port in sorted(ports)]
        site = self.site
        on = [*range(site.n_fixed), *day.workstation(np.flatnonzero(day.present & (day.up_to > until + 600))).tolist()]
        points = {}
        for node in on:
            if node not in taken and not (node < site.n_fixed and site.linux[node] and endpoints):
                address = self.address(day, node, since)
                points[node] = sum(asked.get(address, 0) >= _LEAST // 4 for asked in usage)
        most = max(points.values())
        return [node for node, n in points.items() if n == most]

    def calls(self, day: Day, node: int, ts: float) -> bool:
        """Whether the address of a node at a time of a day called enough in the baseline to be known."""
        return self._usage["caller"].get(self.address(day, node, ts), 0) >= _LEAST

    def outside(self, port: tuple[str, str]) -> list[str]:
        """Addresses outside that were asked on a port in the baseline, or on any."""
        outside = self._usage["outside"]
        return sorted(outside.get("/".join(port)) or {a for asked in outside.values() for a in asked})


def build_office(work: Path, captures: Sequence[Capture], hosts: int, seed: int, leased: bool, orders: bool) -> Office:
    """Simulate an office and complete its baseline, or find it where an earlier run left it."""
    own = [Path(__file__).with_name(f"captures_{part}.py") for part in ("logs", "moved", "office")]
    sources = [*Path(oddlog.simulate.__file__).parent.glob("*.py"), *own]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources))).hexdigest()[:8]
    kind = ("leased" if leased else "fixed") + ("-orders" if orders else "")
    office = Office(work / f"office-{hosts}-{seed}-{kind}-{digest}", hosts, seed, leased, orders)
    if office.folder.exists():
        return office
    draft = Office(office.folder.with_suffix(".draft"), hosts, seed, leased, orders)
    shutil.rmtree(draft.folder, ignore_errors=True)
    done = oddlog.simulate.simulate(draft.folder / "simulated", hosts=hosts, days=DAYS + 1, seed=seed, leased=leased)
    done.folders[DAYS].rename(draft.judged)
    _Completion(draft, captures).write(done.folders[:DAYS])
    shutil.rmtree(draft.folder / "simulated")
    draft.folder.rename(office.folder)
    return office


class _Completion:
    """What the simulator's baseline lacks."""

    def __init__(self, office: Office, captures: Sequence[Capture]) -> None:
        self._office, self._captures = office, captures
        self._rng = np.random.default_rng([office.seed, 14])

    def write(self, days: list[Path]) -> None:
        """Write the baseline of simulated days and what is added to them."""
        frames = {log: [read_columns(day / f"{log}.log", log, _USED[log]) for day in days] for log in LOGS}
        _write_usage(self._office, frames)
        background = [self._background(index) for index in range(DAYS)]
        added = self._names(days, frames, background)
        if self._office.orders:
            for index, calls in enumerate(self._orders(days, frames["dce_rpc"])):
                added[index]["dce_rpc"] += calls
        for index, day in enumerate(days):
            for log in LOGS:
                lines = Lines.read(day / f"{log}.log", log)
                more = background[index][log] + added[index][log]
                lines.mixed(more).write(self._office.folder / "baseline" / day.name / f"{log}.log")

    def _background(self, index: int) -> dict[str, list[Record]]:
        day, midnight = self._office.day(index)
        kept: dict[str, list[Record]] = {log: [] for log in LOGS}
        shared = _shared(self._captures)
        people = np.flatnonzero(day.present & (day.leave - day.arrive > 7200))
        for capture in self._captures:
            person = int(self._rng.choice(people))
            start = float(self._rng.uniform(day.arrive[person], day.leave[person] - 900))
            place = Place(day, midnight, int(day.workstation(np.array([person]))[0]), start)
            moved = move(capture, place, self._office, self._rng)
            for log in ("conn", "dce_rpc"):
                for old, new in zip(capture.records[log], moved.records[log], strict=True):
                    if (capture.lab, log, _item(log, old)) in shared:
                        kept[log].append(new)
        return kept

    def _names(
        self, days: list[Path], frames: dict[str, list[pd.DataFrame]], background: list[dict[str, list[Record]]]
    ) -> list[dict[str, list[Record]]]:
        """Records of names that are not there often enough."""
        added: list[dict[str, list[Record]]] = [{log: [] for log in LOGS} for _ in days]
        for log in ("dce_rpc", "conn"):
            columns = ["endpoint", "operation"] if log == "dce_rpc" else ["proto", "id.resp_p"]
            seen = Counter()
            for frame in frames[log]:
                seen.update(frame.groupby(columns).size().to_dict())
            for records in background:
                seen.update(tuple(record[name] for name in columns) for record in records[log])
            lacking = {}
            for record in self._wanted(log):
                name = tuple(record[column] for column in columns)
                if seen[name] < _LEAST and not (log == "conn" and _item(log, record)[1] == "dynamic"):
                    lacking[name] = record
            if lacking:
                print(f"added to the baseline's {log}: {', '.join(map(' '.join, sorted(lacking)))}")
            for index, day in enumerate(days):
                lines = Lines.read(day / f"{log}.log", log) if lacking else None
                for record in lacking.values():
                    for i in self._entitled(log, frames[log][index], record):
                        added[index][log].append(self._named(log, lines.record(i), record))
        return added

    def _orders(self, days: list[Path], frames: list[pd.DataFrame]) -> list[list[Record]]:
        """Every connection's calls again, from hosts that make the rarest of them."""
        sessions: dict[str, list[Record]] = {}
        for record in self._wanted("dce_rpc"):
            sessions.setdefault(record["uid"], []).append(record)
        different = {tuple(_item("dce_rpc", r) for r in records): records for records in sessions.values()}
        n = pd.concat(frames).groupby(["endpoint", "operation"]).size()
        added: list[list[Record]] = []
        for frame, day in zip(frames, days, strict=True):
            lines = Lines.read(day / "dce_rpc.log", "dce_rpc")
            rows = frame.groupby(["endpoint", "operation"]).indices
            added.append([])
            for order, records in different.items():
                there = [name for name in order if name in rows]
                rarest = rows[min(there, key=lambda name: n[name])] if there else np.arange(len(frame))
                for i in self._rng.choice(rarest, _ADDED).tolist():
                    added[-1] += self._again(lines.record(i), records)
        return added

    def _again(self, own: Record, records: list[Record]) -> list[Record]:
        """Give a connection's calls to the two ends of another."""
        uid = "C" + "".join(self._rng.permutation(list(own["uid"][1:])))
        since = float(own["ts"]) - float(records[0]["ts"]) + 1
        ends = {name: own[name] for name in ("id.orig_h", "id.orig_p", "id.resp_h")} | {"uid": uid}
        moved = [record | ends | {"ts": f"{float(record['ts']) + since:.6f}"} for record in records]
        for record in moved:
            if record["named_pipe"] == record["id.resp_p"] != "135" and own["id.resp_p"] not in ("135", "445"):
                record |= {"id.resp_p": own["id.resp_p"], "named_pipe": own["id.resp_p"]}
        return moved

    def _wanted(self, log: str) -> Iterable[Record]:
        """Every record that captures bring here, moved to somewhere."""
        day, midnight = self._office.day(0)
        place = Place(day, midnight, int(self._office.site.admins[0]), 3600.0 * 12)
        for capture in self._captures:
            yield from move(capture, place, self._office, self._rng).records[log]

    def _entitled(self, log: str, frame: pd.DataFrame, record: Record) -> list[int]:
        """Some rows of a day, of hosts that may well do this."""
        if log == "dce_rpc":
            mine = np.flatnonzero(frame["endpoint"] == record["endpoint"])
            if not len(mine):
                site = self._office.site
                managers = {site.addresses[site.one(role)] for role in ("inventory", "deploy")}
                mine = np.flatnonzero(frame["id.orig_h"].isin(managers))
        else:
            same = (frame["proto"] == record["proto"]) & (frame["local_resp"] == record["local_resp"])
            mine = np.flatnonzero(same if same.any() else frame["local_resp"] == record["local_resp"])
        return self._rng.choice(mine, _ADDED).tolist()

    def _named(self, log: str, own: Record, record: Record) -> Record:
        """Give a record of the office another name, in the same session or in one a little later."""
        if log == "dce_rpc":
            names = {"endpoint": record["endpoint"], "operation": record["operation"]}
            if own["endpoint"] != record["endpoint"] and record["named_pipe"].startswith("\\"):
                names["named_pipe"] = record["named_pipe"]
            return own | names | {"ts": f"{float(own['ts']) + 0.0005:.6f}"}
        uid = own["uid"][:1] + own["uid"][:0:-1]
        names = {"proto": record["proto"], "id.resp_p": record["id.resp_p"], "ip_proto": record.get("ip_proto", "-")}
        return own | names | {"uid": uid, "ts": f"{float(own['ts']) + 1:.6f}"}


_USED = {
    "conn": ("id.orig_h", "id.resp_h", "id.resp_p", "proto", "local_resp"),
    "ntlm": ("username",),
    "dce_rpc": ("id.orig_h", "id.resp_h", "endpoint", "operation"),
}


def _item(log: str, record: Record) -> tuple[str, ...]:
    """Name what a captured record uses; dynamic ports are one."""
    if log == "dce_rpc":
        return record["endpoint"], record["operation"]
    port = "dynamic" if int(record["id.resp_p"]) >= 49152 else record["id.resp_p"]
    return record["proto"], port, record["service"]


def _shared(captures: Sequence[Capture]) -> set[tuple[str, str, tuple[str, ...]]]:
    """Name what captures of more than one family of a lab have in common."""
    families: dict[tuple[str, str, tuple[str, ...]], set[str]] = {}
    for capture in captures:
        for log in ("conn", "dce_rpc"):
            for record in capture.records[log]:
                families.setdefault((capture.lab, log, _item(log, record)), set()).add(capture.family)
    return {name for name, found in families.items() if len(found) > 1}


def _write_usage(office: Office, frames: dict[str, list[pd.DataFrame]]) -> None:
    """Keep who is asked for what."""
    calls = pd.concat(frame[["endpoint", "id.orig_h", "id.resp_h"]] for frame in frames["dce_rpc"])
    users = pd.concat(frame["username"] for frame in frames["ntlm"]).str.lower().value_counts()
    usage: dict[str, dict[str, Any]] = {"endpoint": {}, "port": {}, "outside": {}}
    usage |= {"user": users.drop("-").to_dict(), "caller": calls["id.orig_h"].value_counts().to_dict()}
    for (endpoint, host), n in calls.groupby(["endpoint", "id.resp_h"]).size().items():
        usage["endpoint"].setdefault(endpoint, {})[host] = int(n)
    counted = [frame.groupby(["local_resp", "proto", "id.resp_p", "id.resp_h"]).size() for frame in frames["conn"]]
    for (local, proto, port, host), n in pd.concat(counted).groupby(level=[0, 1, 2, 3]).sum().items():
        if int(port) < 49152:
            usage["port" if local == "T" else "outside"].setdefault(f"{proto}/{port}", {})[host] = int(n)
    (office.folder / "usage.json").write_text(json.dumps(usage))
