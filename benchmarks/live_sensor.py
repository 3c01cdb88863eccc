"""A sensor's conn.log at any speed, and a watch of it in a process of its own, for the benchmarks of live scoring."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from conn_logs import DURATION, days
from oddlog.config import Config
from oddlog.watch import Counters, Hooks, checkpoints, watch
from oddlog_core.bundle import read_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTER = Path(str(files("oddlog") / "starter"))
SAMPLE = 100_000


class Lines:
    """Lines of an office's conn.log, again and again, at moments that one names."""

    def __init__(self) -> None:
        ((self.header, lines),) = days(SAMPLE, "tsv")
        self._rest = [line.split(b"\t", 2)[2] for line in lines.splitlines(keepends=True)]
        self._lasted = [
            0.0 if (cell := rest.split(b"\t", DURATION - 1)[DURATION - 2]) == b"-" else float(cell)
            for rest in self._rest
        ]

    def some(self, first: int, n: int, end: float) -> bytes:
        """Records `first` to `first + n`, all of which ended at a moment."""
        parts = []
        for number in range(first, first + n):
            at = number % len(self._rest)
            parts.append(b"%.6f\tC%d\t%b" % (end - self._lasted[at], number, self._rest[at]))
        return b"".join(parts)


def write(
    path: Path, lines: Lines, rate: int, seconds: float, rotate_every: float = 0.0
) -> Iterator[tuple[int, float]]:
    """Write at a rate, a hundredth of a second at a time; each batch's first record and when it was on disk."""
    step, begun, first, rotated = rate // 100, time.time(), 0, 0
    file = path.open("ab", buffering=0)
    file.write(lines.header)
    while first < rate * seconds:
        due = begun + first / rate
        time.sleep(max(due - time.time(), 0))
        if rotate_every and due - begun >= (rotated + 1) * rotate_every:
            rotated += 1
            file.write(b"#close\t2024-01-29-00-00-00\n")
            file.close()
            path.rename(path.with_name(f"conn.2024-01-29-{rotated // 60:02d}-{rotated % 60:02d}-00.log"))
            file = path.open("ab", buffering=0)
            file.write(lines.header)
        file.write(lines.some(first, step, time.time()))
        yield first, time.time()
        first += step
    file.close()


class Watch:
    """`watch` of a folder in a process that says twice a second how it is."""

    def __init__(
        self, folder: Path, notices_per_day: float = 20.0, memory_limit: int = 600, bundle: Path = STARTER
    ) -> None:
        given = [folder, bundle, notices_per_day, memory_limit]
        self._process = subprocess.Popen(
            [sys.executable, __file__, *map(str, given)], stdout=subprocess.PIPE, stdin=subprocess.PIPE
        )
        self.said: list[dict[str, float]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        while not self.said:
            time.sleep(0.05)

    def _read(self) -> None:
        for line in self._process.stdout:
            self.said.append(json.loads(line))

    @property
    def now(self) -> dict[str, float]:
        """What it said last."""
        return self.said[-1]

    def until(self, records: int) -> dict[str, float]:
        """Wait until so many records are scored; what it said then."""
        while self.now["records"] < records and self._process.poll() is None:
            time.sleep(0.1)
        return self.now

    def stop(self) -> float:
        """Seconds that it took."""
        begun = time.monotonic()
        self._process.stdin.close()
        self._process.wait()
        self._reader.join()
        return time.monotonic() - begun


def serve(folder: Path, bundle: Path, notices_per_day: float, memory_limit: int) -> None:
    stalls, tend = [0.0], checkpoints.Checkpoints.tend

    def timed(self, *arguments):
        begun = time.perf_counter()
        tend(self, *arguments)
        stalls.append(time.perf_counter() - begun)

    checkpoints.Checkpoints.tend = timed
    stop, counters, ready = threading.Event(), Counters(), threading.Event()

    def tell() -> None:
        ready.wait()
        while not stop.wait(0.5):
            now = {
                "t": time.time(),
                "records": counters.records.total(),
                "notices": counters.notices.total(),
                "behind": counters.notices["Oddlog::Falling_Behind"],
                "evicted": sum(counters.evicted.values()),
                "lag": max(counters.lag.values(), default=0.0),
                "rss": int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6,
                "cpu": time.process_time(),
                "stall": max(stalls),
            }
            print(json.dumps(now), flush=True)

    def end() -> None:
        sys.stdin.read()
        stop.set()

    for job in (tell, end):
        threading.Thread(target=job, daemon=True).start()
    # Each notice has its time: none is left to a count.
    config = Config(notices_per_day=notices_per_day, suppress_for=0, memory_limit=memory_limit)
    hooks = Hooks(beat=ready.set)
    watch(
        folder / "logs",
        read_bundle(bundle),
        config,
        folder / "out",
        folder / "state",
        stop,
        counters=counters,
        hooks=hooks,
    )


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
