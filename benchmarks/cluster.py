"""The same archive scored by one process and by Dask workers on this machine, over loopback.

Run it with `python benchmarks/cluster.py`; it needs the extra `cluster` and about 500 MB of disk, and prints a table.
A scheduler and workers with a thread each are started before the clock; start-up of the command itself is included.
"""

from __future__ import annotations

import gzip
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTS, DAYS = 200, 2
RUNS = 2
BIN = Path(sys.executable).parent


def write_archive(folder: Path) -> tuple[Path, int, int]:
    """Simulated days as hourly .gz files; the folder, its records and its bytes."""
    office = folder / "office"
    command = [BIN / "oddlog", "simulate", office, "--hosts", str(HOSTS), "--days", str(DAYS), "--seed", "3"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    records = size = 0
    for path in sorted(office.glob("2*/*.log")):
        header, hours = b"", defaultdict(list)
        with path.open("rb") as lines:
            for line in lines:
                if not line.startswith(b"#"):
                    cells = line.split(b"\t", 10)
                    lasted = cells[8] if path.stem == "conn" and cells[8] != b"-" else b"0"
                    hours[int((float(cells[0]) + float(lasted)) // 3600)].append(line)
                elif not line.startswith(b"#close"):
                    header += line
        for hour, rows in hours.items():
            target = folder / "archive" / path.parent.name / f"{path.stem}.{hour % 24:02}.{hour}.log.gz"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(gzip.compress(header + b"".join(rows), 6))
            records += len(rows)
            size += target.stat().st_size
    shutil.rmtree(office)
    return folder / "archive", records, size


@contextmanager
def workers(n: int, folder: Path) -> Iterator[tuple[str, list[int]]]:
    """A scheduler and its workers: its address, and the workers' process ids."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    commands = [["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]]
    commands += [["worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]] * n
    with ExitStack() as stack:
        started = []
        for command in commands:
            whole = [sys.executable, "-m", "dask", *command]
            started.append(subprocess.Popen(whole, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            stack.callback(started[-1].wait)
            stack.callback(started[-1].send_signal, signal.SIGTERM)
        from distributed import Client  # noqa: PLC0415 - an extra

        with Client(address, timeout=60) as client:
            client.wait_for_workers(n, timeout=60)
        yield address, [process.pid for process in started[1:]]


def cpu_of(pid: int) -> float:
    """CPU seconds of a process so far; proc(5), fields 14 and 15 of stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def score(logs: Path, out: Path, *options: str, pids: list[int]) -> tuple[float, float, float]:
    """Wall time of the quickest of some runs after one that warms caches, and CPU time of command and workers in it."""
    command = [BIN / "oddlog", "score", logs, "--bundle", "starter", "--out", out, *options]
    measured = []
    for _ in range(1 + RUNS):
        worked = sum(map(cpu_of, pids))
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        measured.append((wall, own, sum(map(cpu_of, pids)) - worked))
    return min(measured[1:])


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        logs, records, size = write_archive(folder)
        rows = [("one process", *score(logs, folder / "one", pids=[]))]
        for n in (1, 2):
            with workers(n, folder) as (address, pids):
                found = score(logs, folder / f"with-{n}", "--dask", address, pids=pids)
            rows.append((f"{n} worker{'s' * (n > 1)}", *found))
            same = (folder / "one/notice.log").read_bytes() == (folder / f"with-{n}/notice.log").read_bytes()
            if not same:
                raise SystemExit(f"{n} workers gave other notices than one process")
        print(f"{records:,} records in {sum(1 for _ in logs.glob('*/*'))} hourly .gz of {size / 1e6:.0f} MB in all;")
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; notices compared and equal")
    print()
    print("| scored by | seconds | beside one process | CPU seconds of the command | of the workers |")
    print("|---|---|---|---|---|")
    for what, wall, own, worked in rows:
        print(f"| {what} | {wall:.1f} | {wall / rows[0][1]:.2f} × | {own:.1f} | {worked:.1f} |")


if __name__ == "__main__":
    main()
