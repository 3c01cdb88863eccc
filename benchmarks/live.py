"""What live scoring costs: how fast, how late, how idle, and how long a checkpoint holds it up.

`python benchmarks/live.py [speed] [late] [idle] [stall]`, all four unless some are named. The sensor writes in this
process, the watch runs in another; both share the machine.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from live_sensor import Lines, Watch, write

RECORDS = 600_000
RATE, SECONDS = 10_000, 20
HOSTS = 1_000_000


def speed(folder: Path) -> None:
    lines = Lines()
    logs = folder / "logs"
    logs.mkdir()
    path = logs / "conn.log"
    path.write_bytes(lines.header + lines.some(0, 1000, time.time()))
    watch = Watch(folder)
    watch.until(1000)
    before = watch.now
    with path.open("ab", buffering=0) as file:
        for first in range(1000, RECORDS, 50_000):
            file.write(lines.some(first, 50_000, time.time()))
            written = first + 50_000
    after = watch.until(written)
    took = after["t"] - before["t"]
    cpu = after["cpu"] - before["cpu"]
    watch.stop()
    n = written - 1000
    print(
        f"speed: {n:,} records in {took:.1f} s, {n / took:,.0f}/s; {n / cpu:,.0f} per second of processor; peak RSS {max(s['rss'] for s in watch.said):.0f} MB"
    )


def late(folder: Path) -> None:
    (folder / "logs").mkdir()
    lines = Lines()
    (folder / "logs" / "conn.log").write_bytes(lines.header)
    watch = Watch(folder, notices_per_day=100_000)
    ends: list[tuple[float, str]] = []
    over = threading.Event()

    def read() -> None:
        path, rest = folder / "out" / "notice.log", b""
        with path.open("rb") as file:
            while not over.is_set():
                data = file.read()
                if not data:
                    time.sleep(0.001)
                    continue
                now = time.time()
                *whole, rest = (rest + data).split(b"\n")
                ends.extend((now, json.loads(line).get("uid", "")) for line in whole)

    reader = threading.Thread(target=read)
    reader.start()
    begun = dict(write(folder / "logs" / "conn.log", lines, RATE, SECONDS))
    watch.until(RATE * SECONDS)
    time.sleep(0.5)
    over.set()
    reader.join()
    watch.stop()
    step = RATE // 100
    delays = [now - begun[int(uid[1:]) // step * step] for now, uid in ends if uid]
    # The first seconds compile nothing, but open and read what later ones have in memory.
    p50, p99 = np.quantile(delays[len(delays) // 20 :], [0.5, 0.99]) * 1000
    print(
        f"late: {len(delays):,} notices at {RATE:,} records/s: p50 {p50:.0f} ms, p99 {p99:.0f} ms, worst {max(delays) * 1000:.0f} ms; longest lag {max(s['lag'] for s in watch.said):.2f} s; stall {watch.now['stall'] * 1000:.0f} ms"
    )


def idle(folder: Path) -> None:
    (folder / "logs").mkdir()
    lines = Lines()
    (folder / "logs" / "conn.log").write_bytes(lines.header + lines.some(0, 1000, time.time()))
    watch = Watch(folder)
    watch.until(1000)
    time.sleep(8)
    before = watch.now
    time.sleep(20)
    after = watch.now
    print(
        f"idle: {100 * (after['cpu'] - before['cpu']) / (after['t'] - before['t']):.2f} % of a core, of which this benchmark's ten samples a second are a part; RSS {after['rss']:.0f} MB; stopped in {watch.stop():.2f} s"
    )


def stall(folder: Path) -> None:
    (folder / "logs").mkdir()
    rows = "".join(
        json.dumps(
            {
                "ts": 1_700_000_000 + i / 1000,
                "uid": f"C{i}",
                "id.orig_h": f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}",
                "id.orig_p": 1,
                "id.resp_h": "10.0.0.1",
                "id.resp_p": 135,
                "named_pipe": "135",
                "endpoint": "samr",
                "operation": "SamrConnect5",
            }
        )
        + "\n"
        for i in range(HOSTS)
    )
    # All within an hour's window.
    path = folder / "logs" / "dce_rpc.log"
    watch = Watch(folder, memory_limit=10_000)
    path.write_text(rows)
    watch.until(HOSTS)
    for _ in range(4):
        with path.open("a") as file:
            file.write(rows[: rows.index("\n") + 1])
        time.sleep(6)
    now = watch.now
    print(
        f"stall: {HOSTS:,} hosts in one window, RSS {now['rss']:.0f} MB: a checkpoint held scoring up for {now['stall'] * 1000:.0f} ms at most; checkpoint of {(folder / 'state' / 'checkpoint').stat().st_size / 1e6:.0f} MB; stopped in {watch.stop():.2f} s"
    )


if __name__ == "__main__":
    for name in sys.argv[1:] or ("speed", "late", "idle", "stall"):
        with tempfile.TemporaryDirectory() as scratch:
            globals()[name](Path(scratch))
