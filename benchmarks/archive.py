"""Archives beside `zcat`: whole commands, start-up included, measured side by side in one run.

Run it with `python benchmarks/archive.py`; it needs the extra `train`, and keeps about 1 GB of logs in build/bench for
the next run. `--records 500000` is a small run. In each of several rounds every command has its turn. Wall and CPU time
are of the median round, how it compares is the median of what it was in each round, and the peak of memory is the
highest, of the command's largest process.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median_low

# No numpy here: a process's peak of memory begins with that of the process which started it.
HERE = Path(__file__).resolve().parent
ODDLOG = shutil.which("oddlog", path=str(Path(sys.executable).parent)) or "oddlog"
# More than a whole day, or every night would be odd; few epochs, for no detection is measured here.
BASELINE, CONFIG = 400_000, "[train]\nepochs = 4\n"
HEADER_LINES = 8


@dataclass
class Command:
    """What is run on which logs, beside which other, at most how many times as long, and where its notices go."""

    name: str
    arguments: list[str | Path]
    logs: list[Path] = field(default_factory=list)
    beside: Command | None = None
    most: float | None = None
    out: Path | None = None
    notices: str = ""
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: list[int] = field(default_factory=list)

    def run(self) -> None:
        """Run it once more."""
        with tempfile.TemporaryFile() as said:
            started = time.perf_counter()
            process = subprocess.Popen(self.arguments, stdout=subprocess.DEVNULL, stderr=said)
            _, status, usage = os.wait4(process.pid, 0)
            self.wall.append(time.perf_counter() - started)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                said.seek(0)
                raise SystemExit(f"{self.name} ended with {process.returncode}: {said.read().decode()}")
        self.cpu.append(usage.ru_utime + usage.ru_stime)
        self.peak.append(usage.ru_maxrss * 1024)
        if self.out:
            self.notices = format((self.out / "notice.log").read_bytes().count(b"\n"), ",")

    def __str__(self) -> str:
        megabytes = sum(path.stat().st_size for path in self.logs) / 1e6
        times = [f"{median_low(seconds):.1f}" for seconds in (self.wall, self.cpu)]
        beside = ""
        if self.beside:
            beside = f"{median_low([a / b for a, b in zip(self.wall, self.beside.wall, strict=True)]):.2f} ×"
        most = f"{self.most:g} ×" if self.most else ""
        cells = [self.name, f"{megabytes:,.0f}", *times, f"{max(self.peak) / 1e6:,.0f}", beside, most, self.notices]
        return f"| {' | '.join(cells)} |"


def run(commands: list[Command], rounds: int = 1) -> list[Command]:
    for _ in range(rounds):
        for command in commands:
            command.run()
    return commands


def table(commands: list[Command]) -> None:
    print("| | MB read | wall s | CPU s | peak MB | beside zcat | at most | notices |\n|---|" + "---:|" * 7)
    print(*commands, sep="\n", end="\n\n", flush=True)


def feature_sets() -> list[str]:
    """What `oddlog train --features` can be beyond the connection by itself, the smallest set first."""
    said = subprocess.run([ODDLOG, "train", "--help"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return [name for name in re.findall(r"--features \[(.+?)\]", said)[0].split("|") if name != "base"]


def simulated(n: int) -> list[Path]:
    """Logs of the baseline, n / 5, n and 2 n records, of 2 n / 5 in JSON, and a folder of n by the hour."""
    counts = (f"{BASELINE},{n // 5},{n},{2 * n}", f"{2 * n // 5}", f"{n}")
    done = subprocess.run(
        [sys.executable, HERE / "conn_logs.py", *counts], check=True, stdout=subprocess.PIPE, text=True
    )
    return [Path(line) for line in done.stdout.splitlines()]


def zcat(logs: list[Path], of: str) -> Command:
    return Command(f"`zcat` of {of}", ["zcat", *logs], logs)


def score(logs: Path, of: str, bundle: Path, beside: Command | None = None, most: float | None = None) -> Command:
    out = bundle.with_name("found")
    read = sorted(logs.rglob("*.gz")) if logs.is_dir() else [logs]
    return Command(
        f"`oddlog score` of {of}", [ODDLOG, "score", logs, "--bundle", bundle, "--out", out], read, beside, most, out
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=5_000_000, help="in one .gz; the largest has twice as many")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    n, sets = given.records, feature_sets()
    baseline, fewer, log, more, json, hourly = simulated(n)
    hours = sorted(hourly.rglob("*.gz"))
    subprocess.run([ODDLOG, "warm"], check=True, stdout=subprocess.DEVNULL)

    with tempfile.TemporaryDirectory(dir=log.parent) as name:
        folder = Path(name)
        bundles = {features: folder / features for features in sets}
        config, ten = folder / "oddlog.toml", folder / "ten.log"
        config.write_text(CONFIG)
        with gzip.open(log, "rb") as lines:
            ten.write_bytes(b"".join(islice(lines, HEADER_LINES + 10)))
        trainings = run(
            [
                Command(
                    f"`oddlog train --features {features}`, {BASELINE:,} records, 4 epochs",
                    [ODDLOG, "train", baseline, "--features", features, "--bundle", bundle, "--config", config],
                    [baseline],
                )
                for features, bundle in bundles.items()
            ]
        )

        usual = bundles[sets[0]]
        whole, by_hour = zcat([log], f"{n:,} records"), zcat(hours, f"the same in {len(hours)} hourly files")
        in_json = zcat([json], f"{2 * n // 5:,} records in JSON")
        scorings = [
            score(log, f"the same, {features} features", bundle, whole, 1.5 if bundle == usual else 4)
            for features, bundle in bundles.items()
        ]
        of_hours, of_json = score(hourly, "these", usual, by_hour), score(json, "the same", usual, in_json, 3)
        table(run([whole, *scorings, by_hour, of_hours, in_json, of_json], given.rounds))

        sizes = [score(fewer, f"{n // 5:,} records", usual), score(more, f"{2 * n:,} records", usual)]
        starts = [score(ten, "ten records", usual), Command("`oddlog --help`", [ODDLOG, "--help"])]
        table([*run([*sizes, *starts]), *trainings])


if __name__ == "__main__":
    main()
