"""`oddlog profile` of a million calls, from the log's bytes to the clusters.

Run it with `python benchmarks/profiles.py`.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

# Read when scikit-learn is imported.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from oddlog.logs import open_logs
from oddlog.profile import profile

RECORDS, HOSTS, RESPONDERS, OPERATIONS = 1_000_000, 2_000, 500, 300
HEAD = (
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tdce_rpc\n"
    "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\trtt\tnamed_pipe\tendpoint\toperation\n"
    "#types\ttime\tstring\taddr\tport\taddr\tport\tinterval\tstring\tstring\tstring\n"
)


def write(path: Path) -> None:
    """Calls of hosts that differ in how many they make, of whom and of what."""
    rng = np.random.default_rng(5)
    host, responder, operation = (rng.zipf(1.3, RECORDS) % n for n in (HOSTS, RESPONDERS, OPERATIONS))
    with path.open("w", encoding="utf-8") as file:
        file.write(HEAD)
        for i, (h, r, o) in enumerate(zip(host.tolist(), responder.tolist(), operation.tolist(), strict=True)):
            file.write(
                f"{1_700_000_000 + i / 20:.6f}\tC{i:016x}\t10.1.{h >> 8}.{h & 255}\t{49_152 + i % 16_000}\t"
                f"10.2.{r >> 8}.{r & 255}\t445\t0.000300\t\\\\PIPE\\\\e{o % 40}\tendpoint{o % 40}\tOperation{o}\n"
            )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dce_rpc.log"
        write(path)
        # What a first use imports and compiles is no part of the rate.
        profile(open_logs([path]), 5, 0)
        start, started = time.process_time(), time.perf_counter()
        found = profile(open_logs([path]), 5, 0)
        cpu, wall = time.process_time() - start, time.perf_counter() - started
    print("| | records | hosts | s of CPU | s | at most |\n|---|---:|---:|---:|---:|---:|")
    print(f"| `oddlog profile` | {RECORDS:,} | {len(found.order):,} | {cpu:.2f} | {wall:.2f} | 2 |")


if __name__ == "__main__":
    main()
