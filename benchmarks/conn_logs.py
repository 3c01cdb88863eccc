"""Simulated conn logs for the benchmarks: the first records of one office, kept in build/bench for the next run.

Run it with `python benchmarks/conn_logs.py TSV JSON HOURLY`, how many records each kind of log is to have, of the first
several: `python benchmarks/conn_logs.py 1000000,5000000 2000000 5000000`; it prints where they are. `archive.py` does,
in a process of its own: what a process has held counts into the peak memory of what it starts.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = Path(__file__).resolve().parents[1] / "build" / "bench"
HOSTS, SEED = 200, 3
# What 200 hosts bring a day, weekends included, less a little.
A_DAY = 290_000
HOUR = 3600
# Where the duration is among a line's fields.
DURATION = 8


def days(records: int, form: str) -> Iterator[tuple[bytes, bytes]]:
    """Header and lines of an office's first records, day by day; simulated for the first who asks, who needs most."""
    office = KEPT / f"office-{form}"
    if not office.exists():
        oddlog = shutil.which("oddlog", path=str(Path(sys.executable).parent)) or "oddlog"
        size = ("--hosts", str(HOSTS), "--days", str(records // A_DAY + 1), "--seed", str(SEED), "--format", form)
        subprocess.run([oddlog, "simulate", office, *size], check=True, stdout=subprocess.DEVNULL)
    left = records
    for path in sorted(office.glob("2*/conn.log")):
        data = path.read_bytes()
        start = 0
        while data.startswith(b"#", start):
            start = data.index(b"\n", start) + 1
        stop = len(data) if (close := data.rfind(b"\n#close")) < 0 else close + 1
        lines = first_lines(data[start:stop], left)
        left -= lines.count(b"\n")
        yield data[:start], lines
        if not left:
            return
    raise SystemExit(f"the simulated days are {left:,} records short of {records:,}")


def first_lines(lines: bytes, most: int) -> bytes:
    ends = np.flatnonzero(np.frombuffer(lines, np.uint8) == ord("\n"))
    return lines if len(ends) <= most else lines[: ends[most - 1] + 1]


def write_whole(wanted: dict[Path, int], form: str) -> None:
    """One .gz for each number of records, as `gzip` makes it."""
    wanted = {path: records for path, records in wanted.items() if not path.exists()}
    if not wanted:
        return
    into = 'exec gzip -c > "$0"'
    packers = {path: subprocess.Popen(["sh", "-c", into, f"{path}.part"], stdin=subprocess.PIPE) for path in wanted}
    left = dict(wanted)
    for number, (header, lines) in enumerate(days(max(wanted.values()), form)):
        for path, packer in packers.items():
            if left[path]:
                mine = first_lines(lines, left[path])
                left[path] -= mine.count(b"\n")
                packer.stdin.write((header if number == 0 else b"") + mine)
    for path, packer in packers.items():
        packer.stdin.close()
        if packer.wait():
            raise SystemExit(f"gzip failed on {path}")
        Path(f"{path}.part").replace(path)


def write_hourly(folder: Path, records: int) -> None:
    """Zeek's archive: a .gz for each hour of the clock, in a folder for each day."""
    if folder.exists():
        return
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    now = 0.0
    hours: dict[int, list[bytes]] = {}
    with ThreadPoolExecutor(2) as packers:
        for header, lines in days(records, "tsv"):
            for line in lines.splitlines(keepends=True):
                fields = line.split(b"\t", DURATION + 1)
                lasted = 0.0 if fields[DURATION] == b"-" else float(fields[DURATION])
                now = max(now, float(fields[0]) + lasted)
                hours.setdefault(int(now // HOUR), []).append(line)
            # The last one goes on in the next day.
            over = [(hour, hours.pop(hour)) for hour in sorted(hours)[:-1]]
            list(
                packers.map(lambda one: write_hour(part, *one), [(hour, [header, *of_hour]) for hour, of_hour in over])
            )
        for hour, of_hour in hours.items():
            write_hour(part, hour, [header, *of_hour])
    part.rename(folder)


def write_hour(folder: Path, hour: int, lines: list[bytes]) -> None:
    since, until = (datetime.fromtimestamp(h * HOUR, UTC) for h in (hour, hour + 1))
    path = folder / f"{since:%Y-%m-%d}" / f"conn.{since:%H:%M:%S}-{until:%H:%M:%S}.log.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(b"".join(lines), 6))


def main() -> None:
    tsv, json, hourly = ([int(number) for number in kind.split(",")] for kind in sys.argv[1:4])
    KEPT.mkdir(parents=True, exist_ok=True)
    wanted = {KEPT / f"conn-{records}.log.gz": records for records in tsv}
    in_json = {KEPT / f"conn-{records}.json.log.gz": records for records in json}
    by_hour = {KEPT / f"hourly-{records}": records for records in hourly}
    offices = [KEPT / f"office-{form}" for form in ("tsv", "json")]
    for office in offices:
        shutil.rmtree(office, ignore_errors=True)
    write_whole(wanted, "tsv")
    write_whole(in_json, "json")
    for folder, records in by_hour.items():
        write_hourly(folder, records)
    for office in offices:
        shutil.rmtree(office, ignore_errors=True)
    print(*wanted, *in_json, *by_hour, sep="\n")


if __name__ == "__main__":
    main()
