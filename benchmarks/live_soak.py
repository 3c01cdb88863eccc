"""A watch for long: `python benchmarks/live_soak.py [MINUTES] [RATE]`, 20 and 5,000 records a second by itself.

The log is rotated every minute, as Zeek does every hour. Flat memory, no lag, and as many records scored as written.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from live_sensor import Lines, Watch, write

EVERY = 60.0
# An office's records at a hundred times its pace are odder than the office's own: so strict a budget leaves some.
FEW = 0.01


def main(minutes: float, rate: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        logs = folder / "logs"
        logs.mkdir()
        watch, written, told = Watch(folder, FEW), 0, 0
        for first, _ in write(logs / "conn.log", Lines(), rate, 60 * minutes, EVERY):
            written = first + rate // 100
            if written >= (told + 1) * rate * EVERY:
                told += 1
                now = watch.now
                print(
                    f"minute {told}: {now['records']:,} of {written:,} records, RSS {now['rss']:.0f} MB, "
                    f"lag {now['lag']:.2f} s, {now['cpu']:.0f} s of processor, {now['notices']} notices",
                    flush=True,
                )
        scored = watch.until(written)["records"]
        lag = max(said["lag"] for said in watch.said)
        seconds = watch.stop()
    print(f"{written:,} written, {scored:,} scored, longest lag {lag:.2f} s, stopped in {seconds:.2f} s")
    if scored != written:
        raise SystemExit("not all records were scored, or some twice")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(float(given[0]) if given else 20.0, int(given[1]) if len(given) > 1 else 5000)
