"""How the kernels' cost a record grows with records (10,000 to 10 million) and with hosts (100 to 1 million).

Run it with `python benchmarks/kernels_growth.py`; it prints nanoseconds of CPU time a record.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from side_by_side import BATCH

# isort: split
import numpy as np
from oddlog_core.kernels.damped import RATES
from oddlog_core.kernels.keytable import KeyTable
from oddlog_core.kernels.matching import nearest_mode
from oddlog_core.kernels.rolling import RollingState
from oddlog_core.kernels.streams import StreamState
from oddlog_core.kernels.tally import Description

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDS = (10_000, 100_000, 1_000_000, 10_000_000)
HOSTS = (100, 1_000, 10_000, 100_000, 1_000_000)
USUAL_HOSTS, USUAL_RECORDS = 10_000, 2_000_000


def nanoseconds(records: int, hosts: int) -> dict[str, float]:
    """CPU time a record of each kernel, over a log made up batch by batch."""
    rng = np.random.default_rng(7)
    rolling, streams = RollingState(np.array([1, 10, 60]) * 1_000_000, 4), StreamState(np.zeros((1, 3)), RATES)
    description, table = Description(2), KeyTable(2**20, 1 / 600)
    modes = rng.integers(0, 50, (10, 9), np.int32)
    spent: dict[str, float] = {}
    now = 1_700_000_000_000_000

    def spend(name: str, what: Callable[[], object]) -> None:
        start = time.process_time()
        what()
        spent[name] = spent.get(name, 0.0) + time.process_time() - start

    for start in range(0, records, BATCH):
        n = min(BATCH, records - start)
        times = now + np.cumsum(rng.integers(0, 2 * 14_286, n))
        now = int(times[-1])
        host = rng.integers(0, hosts, n)
        values = rng.lognormal(6, 2, (n, 4)).astype(np.int64)
        codes = rng.integers(0, 50, (n, 9), np.int32)
        sizes, touched = values[:, :1].astype(np.float64), codes[:, :2].astype(np.int64)
        spend("rolling", lambda v=values, t=times: rolling.update(t, v))
        spend("nearest mode", lambda c=codes: nearest_mode(c, modes))
        spend("key table", lambda t=times, h=host: table.update(t, h * 2**32))
        spend("damped, by host", lambda t=times, h=host, s=sizes: streams.update(t, h, s))
        spend("tally", lambda h=host, v=touched: description.update(h, v))
    return {name: seconds / records * 1e9 for name, seconds in spent.items()}


def table(heading: str, rows: dict[int, dict[str, float]]) -> None:
    names = list(next(iter(rows.values())))
    print(f"| {heading} | " + " | ".join(names) + " |\n|---:|" + "---:|" * len(names))
    for size, costs in rows.items():
        print(f"| {size:,} | " + " | ".join(f"{costs[name]:.0f}" for name in names) + " |")
    print(flush=True)


def main() -> None:
    print(f"### Nanoseconds a record by records, {USUAL_HOSTS:,} hosts\n")
    table("records", {records: nanoseconds(records, USUAL_HOSTS) for records in RECORDS})
    print(f"### Nanoseconds a record by hosts, {USUAL_RECORDS:,} records\n")
    table("hosts", {hosts: nanoseconds(USUAL_RECORDS, hosts) for hosts in HOSTS})


if __name__ == "__main__":
    main()
