"""What scans and spoofed sources do to a watch's memory: `python benchmarks/live_memory.py [RECORDS]`, of each kind.

Distinct sources and distinct destinations of one source in conn.log, distinct user names of one source in ntlm.log,
distinct callers in dce_rpc.log, all within ten minutes; then, four a second, records of each log that have nothing in
common, with names of 300 characters. One after the other, in one watch.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from live_sensor import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 100_000


def address(number: int) -> str:
    return f"11.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def base(number: int, moment: float) -> dict[str, Any]:
    ids = {"id.orig_h": "10.0.0.1", "id.orig_p": 40000, "id.resp_h": "10.0.0.2", "id.resp_p": 445}
    return {"ts": moment, "uid": f"C{number}", **ids}


def conn(number: int, moment: float, end: str) -> dict[str, Any]:
    traffic = {"proto": "tcp", "duration": 0.1, "orig_bytes": 100, "resp_bytes": 0, "conn_state": "S0"}
    return {**base(number, moment), f"id.{end}_h": address(number), **traffic, "orig_pkts": 1, "resp_pkts": 0}


def new(number: int) -> dict[str, Any]:
    return {"id.orig_h": address(number), "id.resp_h": address(7 * number), "id.resp_p": number % 65536}


KINDS: dict[str, tuple[str, Callable[[int, float], dict[str, Any]]]] = {
    "sources": ("conn", lambda number, moment: conn(number, moment, "orig")),
    "destinations of one source": ("conn", lambda number, moment: conn(number, moment, "resp")),
    "user names from one source": (
        "ntlm",
        lambda number, moment: {**base(number, moment), "username": f"user{number}"},
    ),
    "callers": (
        "dce_rpc",
        lambda number, moment: {**base(number, moment), "id.orig_h": address(number), "operation": "SamrConnect5"},
    ),
    "connections that are all new": ("conn", lambda number, moment: conn(number, moment, "resp") | new(number)),
    "logons that are all new": (
        "ntlm",
        lambda number, moment: {**base(number, moment), **new(number), "username": f"user{number}".ljust(300, "x")},
    ),
    "calls that are all new": (
        "dce_rpc",
        lambda number, moment: {**base(number, moment), **new(number), "endpoint": f"e{number}", "operation": "o"},
    ),
}
A_SECOND = 4


def main(n: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "logs").mkdir()
        watch = Watch(folder)
        print(f"limit 600 MB; at the start {watch.now['rss']:.0f} MB")
        done, moment = 0, 1_700_000_000.0
        for name, (log, record) in KINDS.items():
            # All of a kind within ten minutes, or as long as that takes.
            step = 1 / A_SECOND if "all new" in name else 600 / n
            path = folder / "logs" / f"{log}.log"
            for first in range(0, n, BLOCK):
                with path.open("a") as file:
                    lines = (json.dumps(record(first + i, moment + i * step)) for i in range(BLOCK))
                    file.write("".join(f"{line}\n" for line in lines))
                done, moment = done + BLOCK, moment + BLOCK * step
                now = watch.until(done)
                if (first + BLOCK) % (n // 4) == 0:
                    evicted = f"{now['evicted']:,.0f} evicted"
                    print(f"{first + BLOCK:>9,} {name}: {now['rss']:.0f} MB, {evicted}", flush=True)
        print(f"highest {max(said['rss'] for said in watch.said):.0f} MB")
        watch.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000)
