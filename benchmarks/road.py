"""Training and scoring speed on 1,000,000 simulated conn records, beside `zcat` of the same file.

Run it with `python benchmarks/road.py`; it needs the extra `train` and about 300 MB of disk, and prints a table.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RECORDS = 1_000_000
RUNS = 3


def seconds(*command: str | Path) -> float:
    """Wall time of a whole command, start-up included."""
    started = time.perf_counter()
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def median(*command: str | Path) -> float:
    """Median wall time of `RUNS` runs after one that warms caches."""
    seconds(*command)
    return sorted(seconds(*command) for _ in range(RUNS))[RUNS // 2]


def write_log(folder: Path, oddlog: str) -> Path:
    """Write the first million conn records of a simulated office, in order, as one .gz."""
    seconds(oddlog, "simulate", folder / "office", "--hosts", "200", "--days", "4", "--seed", "3")
    days = sorted((folder / "office").glob("2*/conn.log"))
    path = folder / "conn.log.gz"
    written = 0
    with gzip.open(path, "wb", compresslevel=6) as out:
        for number, day in enumerate(days):
            with day.open("rb") as lines:
                for line in lines:
                    is_header = line.startswith(b"#")
                    if (is_header and number == 0 and not line.startswith(b"#close")) or not is_header:
                        out.write(line)
                        written += not is_header
                    if written == RECORDS:
                        return path
    raise SystemExit(f"the simulated days hold only {written:,} records")


def main() -> None:
    oddlog = shutil.which("oddlog", path=str(Path(sys.executable).parent)) or "oddlog"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = write_log(folder, oddlog)
        bundle, out = folder / "bundle", folder / "found"
        training = seconds(oddlog, "train", log, "--bundle", bundle)
        zcat = median("zcat", log)
        scoring = median(oddlog, "score", log, "--bundle", bundle, "--out", out)
        print(f"{RECORDS:,} conn records, {log.stat().st_size / 1e6:.0f} MB gzipped; whole commands, start-up included")
    print()
    print("| command | seconds | beside zcat |")
    print("|---|---|---|")
    for what, time_ in (("zcat", zcat), ("oddlog score", scoring), ("oddlog train", training)):
        print(f"| {what} | {time_:.1f} | {time_ / zcat:.1f} × |")


if __name__ == "__main__":
    main()
