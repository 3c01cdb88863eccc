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

RECORDS = 400_000
RATE, SECONDS = 10_000, 20
HOSTS = 1_000_000
# An office's records at a hundred times its pace are odder than the office's own: so strict a budget leaves some.
FEW, SOME = 0.01, 500.0


def speed(folder: Path) -> None:
    lines = Lines()
    logs = folder / "logs"
    logs.mkdir()
    path = logs / "conn.log"
    path.write_bytes(lines.header + lines.some(0, 1000, time.time()))
    watch = Watch(folder, FEW)
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
    n, peak = written - 1000, max(said["rss"] for said in watch.said)
    print(
        f"speed: {n:,} records, {after['notices']} notices, in {took:.1f} s, {n / took:,.0f}/s; "
        f"{n / cpu:,.0f} per second of processor; peak RSS {peak:.0f} MB",
        flush=True,
    )


def late(folder: Path) -> None:
    (folder / "logs").mkdir()
    lines = Lines()
    (folder / "logs" / "conn.log").write_bytes(lines.header)
    watch = Watch(folder, SOME)
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
    written = [(begun[int(uid[1:]) // step * step], now) for now, uid in ends if uid]
    delays = [now - since for since, now in written]
    # The first second compiles nothing, but opens and reads what later ones have in memory.
    later = [now - since for since, now in written if since >= min(begun.values()) + 1.0]
    p50, p99 = np.quantile(later, [0.5, 0.99]) * 1000
    lag, stall = max(said["lag"] for said in watch.said), watch.now["stall"] * 1000
    print(
        f"late: {len(later):,} notices after the first second at {RATE:,} records/s: p50 {p50:.0f} ms, "
        f"p99 {p99:.0f} ms, "
        f"worst {max(delays) * 1000:.0f} ms; longest lag {lag:.2f} s; longest stall by a checkpoint {stall:.0f} ms",
        flush=True,
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
    busy = 100 * (after["cpu"] - before["cpu"]) / (after["t"] - before["t"])
    print(
        f"idle: {busy:.2f} % of a core, of which saying so twice a second is a part; RSS {after['rss']:.0f} MB; "
        f"stopped in {watch.stop():.2f} s",
        flush=True,
    )


def stall(folder: Path) -> None:
    (folder / "logs").mkdir()
    rows = "".join(map(call, range(HOSTS)))
    path = folder / "logs" / "dce_rpc.log"
    watch = Watch(folder, memory_limit=10_000)
    path.write_text(rows)
    watch.until(HOSTS)
    for _ in range(4):
        with path.open("a") as file:
            file.write(call(0))
        time.sleep(6)
    now, size = watch.now, (folder / "state" / "checkpoint").stat().st_size / 1e6
    print(
        f"stall: {HOSTS:,} hosts in one window, RSS {now['rss']:.0f} MB: a checkpoint of {size:.0f} MB held scoring up "
        f"for {now['stall'] * 1000:.0f} ms at most; stopped in {watch.stop():.2f} s",
        flush=True,
    )


def call(host: int) -> str:
    """One caller's; all within an hour's window."""
    ids = {"id.orig_h": f"10.{host >> 16}.{host >> 8 & 255}.{host & 255}", "id.orig_p": 1}
    called = {"id.resp_h": "10.0.0.1", "id.resp_p": 135, "endpoint": "samr", "operation": "SamrConnect5"}
    return json.dumps({"ts": 1_700_000_000 + host / 1000, "uid": f"C{host}", **ids, **called}) + "\n"


if __name__ == "__main__":
    for name in sys.argv[1:] or ("speed", "late", "idle", "stall"):
        with tempfile.TemporaryDirectory() as scratch:
            globals()[name](Path(scratch))
