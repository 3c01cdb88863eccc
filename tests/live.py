"""A sensor whose logs are written while `watch` follows them, and what `score` says of the same logs afterwards."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from oddlog import archive, baseline
from oddlog.config import Config, DceRpcConfig
from oddlog.logs import open_logs
from oddlog.simulate import simulate
from oddlog.watch import watch
from oddlog_core.bundle import read_bundle, write_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from oddlog.watch import Counters
    from oddlog_core.bundle import Bundle

LOGS = ("conn", "ntlm", "dce_rpc")
SHARES = [step / 30 for step in range(1, 31)]
"""Of all rows, to write a step at a time."""
WINDOW = 600
# Each thing is told whenever it comes: what is summed up at the end of an archive is not at the end of a daemon.
CONFIG = Config(notices_per_day=12_000, suppress_for=0)
"""Many notices, so that there is something to compare."""

Lines = dict[str, list[bytes]]


def read_lines(path: Path) -> tuple[list[bytes], list[bytes]]:
    """Header and rows of a log."""
    lines = path.read_bytes().splitlines(keepends=True)
    header = [line for line in lines if line.startswith(b"#") and not line.startswith(b"#close")]
    return header, [line for line in lines if not line.startswith(b"#")]


def notices(*paths: Path) -> Lines:
    """Lines of notice files, by log; the order between logs is the order they came in, which is nobody's promise."""
    lines: Lines = {log: [] for log in LOGS}
    for path in paths:
        for line in path.read_bytes().splitlines(keepends=True) if path.exists() else []:
            lines[json.loads(line)["oddlog"]["log"]].append(line)
    return lines


def score(logs: Path, bundle: Bundle, out: Path, config: Config = CONFIG) -> Lines:
    archive.score(open_logs([str(logs)]), bundle, config, out)
    return notices(out / "notice.log")


@dataclass(frozen=True)
class Office:
    """Some hours of a small office under attack, in both formats, and a bundle that finds much odd there.

    Attributes
    ----------
    rows : dict
        By format, then by log.
    headers : dict
        Of TSV, by log.
    archived : dict
        What `score` says, by log.
    live : dict
        The same without the host-windows that the end of an archive closes, and the end of a daemon does not.
    """

    folder: Path
    bundle_path: Path
    bundle: Bundle
    rows: dict[str, Lines]
    headers: Lines
    archived: Lines
    live: Lines
    last: float

    @classmethod
    def made(cls, folder: Path) -> Office:
        """Simulate one, and train on it."""
        for form in ("tsv", "json"):
            made = simulate(folder / f"all-{form}", hosts=40, seed=5, attacks=True, how=form)
            made.folders[0].rename(folder / form)
        config = Config(dce_rpc=DceRpcConfig(window_minutes=WINDOW / 60))
        logs = open_logs([str(folder / "tsv" / f"{log}.log") for log in ("ntlm", "dce_rpc")])
        baseline.train(logs, config, folder / "own")
        # Learning from conn needs torch; what is shipped does not.
        starter = read_bundle(Path(str(files("oddlog") / "starter")))
        trained = {**starter.trained, **read_bundle(folder / "own").trained}
        write_bundle(folder / "bundle", trained, oddlog="0", created="2024-01-29", comment="")
        office = cls.of(folder, folder / "bundle", (8, 11))
        assert all(len(lines) > 10 for lines in office.live.values()), "too little to compare"
        assert len(office.archived["dce_rpc"]) > len(office.live["dce_rpc"]), "no window was open at the end"
        return office

    @classmethod
    def of(cls, folder: Path, bundle: Path, hours: tuple[int, int]) -> Office:
        """Take what began within some hours of the day in `folder/tsv` and `folder/json`, and score it."""
        rows: dict[str, Lines] = {"tsv": {}, "json": {}}
        headers: Lines = {}
        hurried = folder / "hours"
        hurried.mkdir()
        for log in LOGS:
            headers[log], tsv = read_lines(folder / "tsv" / f"{log}.log")
            _, objects = read_lines(folder / "json" / f"{log}.log")
            seconds = [float(row.split(b"\t", 1)[0]) % 86400 for row in tsv]
            within = [at for at, second in enumerate(seconds) if hours[0] * 3600 <= second < hours[1] * 3600]
            # Of conn a share: nearly all of an office that the bundle never saw is odd, and each notice costs as much.
            within = within[:: 8 if log == "conn" else 1]
            rows["tsv"][log], rows["json"][log] = [tsv[at] for at in within], [objects[at] for at in within]
            (hurried / f"{log}.log").write_bytes(b"".join(headers[log] + rows["tsv"][log]))
        learned = read_bundle(bundle)
        archived = score(hurried, learned, folder / "found")
        last = max(float(row.split(b"\t", 1)[0]) for row in rows["tsv"]["dce_rpc"])
        closed = [line for line in archived["dce_rpc"] if json.loads(line)["ts"] <= last]
        return cls(folder, bundle, learned, rows, headers, archived, archived | {"dce_rpc": closed}, last)

    def clocked(self, log: str) -> Iterator[tuple[float, bytes]]:
        """Rows of TSV, each with the clock that it brings its log to."""
        (fields,) = (line for line in self.headers[log] if line.startswith(b"#fields"))
        lasted = fields.split().index(b"duration") - 1 if log == "conn" else None
        now = 0.0
        for row in self.rows["tsv"][log]:
            cells = row.split(b"\t")
            took = 0.0 if lasted is None or cells[lasted] == b"-" else float(cells[lasted])
            now = max(now, round(float(cells[0]) + took, 6))
            yield now, row


class Sensor:
    """Writes an office's rows as Zeek does, each log a share at a time."""

    def __init__(self, office: Office, folder: Path, form: str = "tsv") -> None:
        self.office, self.folder, self.form = office, folder, form
        self.done = dict.fromkeys(LOGS, 0)
        self.turned = False
        self.half: dict[str, bytes] = {}
        self.rotations = 0
        folder.mkdir(exist_ok=True)

    def write(self, share: float, suffix: str = "", cut: int = 0) -> None:
        """Write each log's rows up to a share of all; of the last `cut` bytes are kept back until the next time."""
        for log in LOGS:
            rows = self.office.rows[self.form][log]
            new = rows[self.done[log] : round(share * len(rows))]
            self.done[log] += len(new)
            path = self.folder / f"{log}{suffix}.log"
            data = self.half.pop(path.name, b"") + b"".join(map(self._turn, new))
            if not path.exists() or not path.stat().st_size:
                data = b"".join(self._header(log)) + data
            if cut:
                data, self.half[path.name] = data[:-cut], data[-cut:]
            self._append(f"{log}{suffix}", data)

    def by_clock(self, until: float) -> Iterator[Callable[[], None]]:
        """What writes all rows before a moment in the order of their clocks, each time some of one log."""
        turns = [
            (clock, LOGS.index(log), row) for log in LOGS for clock, row in self.office.clocked(log) if clock < until
        ]
        turns.sort(key=lambda turn: turn[:2])
        for log in LOGS:
            self._append(log, b"".join(self._header(log)))
        for number, some in groupby(turns, key=lambda turn: turn[1]):
            yield partial(self._append, LOGS[number], b"".join(row for _, _, row in some))

    def _append(self, log: str, data: bytes) -> None:
        with (self.folder / f"{log}.log").open("ab") as file:
            file.write(data)

    def rotate(self, *, close: bool) -> None:
        self.rotations += 1
        for log in LOGS:
            path = self.folder / f"{log}.log"
            if close:
                with path.open("ab") as file:
                    file.write(b"#close\t2024-01-29-00-00-00\n")
            path.rename(self.folder / f"{log}.2024-01-29-00-00-{self.rotations:02d}.log")

    def restart(self, form: str, *, turned: bool = False) -> None:
        """Begin anew in place: the same inode, another format or order of columns."""
        self.form, self.turned = form, turned
        for log in LOGS:
            with (self.folder / f"{log}.log").open("r+b") as file:
                file.truncate(0)
                file.write(b"".join(self._header(log)))

    def _header(self, log: str) -> list[bytes]:
        if self.form == "json":
            return []
        return [
            line.split(b"\t", 1)[0] + b"\t" + self._turn(line.split(b"\t", 1)[1])
            if line.startswith((b"#fields", b"#types"))
            else line
            for line in self.office.headers[log]
        ]

    def _turn(self, row: bytes) -> bytes:
        return b"\t".join(reversed(row[:-1].split(b"\t"))) + b"\n" if self.turned else row


class Script:
    """What happens while `watch` runs: the next thing each time it has nothing to do, as its stop event and clock.

    When nothing is left to happen, it is told to stop.
    """

    def __init__(self, actions: Iterable[Callable[[], object]], seconds: float = 1.0) -> None:
        self.actions = deque(actions)
        self.seconds = seconds
        self.now = 0.0
        self.waited = 0

    def clock(self) -> float:
        return self.now

    def is_set(self) -> bool:
        return not self.actions

    def wait(self, _: float) -> bool:
        self.waited += 1
        self.now += self.seconds
        if self.actions:
            self.actions.popleft()()
        return self.is_set()

    def pause(self, seconds: float) -> Callable[[], None]:
        def passes() -> None:
            self.now += seconds

        return passes

    def settle(self) -> None:
        """Let it read to the end of all that happened, renamed files too."""
        self.actions.extend([self.pause(11.0)] * 3)


def play(
    office: Office, folder: Path, script: Script, bundle: Bundle | None = None, config: Config = CONFIG
) -> Counters:
    """Watch `folder/logs` until the script ends."""
    out, state = folder / "out", folder / "state"
    return watch(folder / "logs", bundle or office.bundle, config, out, state, script, clock=script.clock)  # type: ignore[arg-type]
