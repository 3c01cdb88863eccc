"""How the kernels' cost a record grows with records (10,000 to 10 million) and with hosts (100 to 1 million).

Run it with `python benchmarks/kernels_growth.py`, after `pip install -r benchmarks/requirements.txt`; it prints
microseconds of CPU time a record and draws them into docs/growth.svg. `--records 100000` is a small run.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from side_by_side import BATCH, short

# isort: split
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from oddlog_core.kernels.damped import RATES
from oddlog_core.kernels.keytable import KeyTable
from oddlog_core.kernels.matching import nearest_mode
from oddlog_core.kernels.rolling import RollingState
from oddlog_core.kernels.streams import StreamState
from oddlog_core.kernels.tally import Description

if TYPE_CHECKING:
    from collections.abc import Callable

PLOT = Path(__file__).resolve().parents[1] / "docs" / "growth.svg"
RECORDS = (10_000, 100_000, 1_000_000, 10_000_000)
HOSTS = (100, 1_000, 10_000, 100_000, 1_000_000)
USUAL_HOSTS, USUAL_RECORDS = 10_000, 2_000_000
MICROSECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)
# Several runs of a short log, or its few batches would be luck.
FEW, RUNS = 1_000_000, 3


def microseconds(records: int, hosts: int) -> dict[str, float]:
    """CPU time a record of each kernel, over a log made up batch by batch; the best of several runs of a short one."""
    runs = [one_run(records, hosts) for _ in range(RUNS if records < FEW else 1)]
    return {name: min(run[name] for run in runs) / records * 1e6 for name in runs[0]}


def one_run(records: int, hosts: int) -> dict[str, float]:
    """CPU seconds of each kernel."""
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
    return spent


def table(heading: str, rows: dict[int, dict[str, float]]) -> None:
    names = list(next(iter(rows.values())))
    print(f"| {heading} | " + " | ".join(names) + " |\n|---:|" + "---:|" * len(names))
    for size, costs in rows.items():
        print(f"| {size:,} | " + " | ".join(f"{costs[name]:.3f}" for name in names) + " |")
    print(flush=True)


def draw(panels: dict[str, dict[int, dict[str, float]]]) -> None:
    """Write the plot: a panel for what grows, a line for each kernel, both axes logarithmic."""
    # The same file for the same numbers, with text that stays text.
    mpl.rcParams.update({"svg.hashsalt": "oddlog", "svg.fonttype": "none", "font.size": 11})
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True)
    for axis, (heading, rows) in zip(axes, panels.items(), strict=True):
        for name, marker in zip(next(iter(rows.values())), "osD^v", strict=True):
            axis.loglog(list(rows), [costs[name] for costs in rows.values()], marker=marker, label=name)
        axis.set_xlabel(heading)
        axis.set_xticks(list(rows), [short(size) for size in rows])
        axis.minorticks_off()
        axis.grid(visible=True, alpha=0.4)
    axes[0].set_ylabel("microseconds of CPU a record")
    axes[0].set_yticks(MICROSECONDS, [f"{tick:g}" for tick in MICROSECONDS])
    axes[0].set_ylim(MICROSECONDS[0], MICROSECONDS[-1])
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=5, frameon=False)
    figure.savefig(PLOT, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=RECORDS[-1], help="of the largest log")
    most = parser.parse_args().records
    usual = min(USUAL_RECORDS, most)
    by_records = {records: microseconds(records, USUAL_HOSTS) for records in RECORDS if records <= most}
    by_hosts = {hosts: microseconds(usual, hosts) for hosts in HOSTS}
    print(f"Microseconds of CPU a record, {USUAL_HOSTS:,} hosts:\n")
    table("records", by_records)
    print(f"The same, {usual:,} records:\n")
    table("hosts", by_hosts)
    if most < RECORDS[-1]:
        print(f"{PLOT} is drawn from a whole run only.")
    else:
        draw({f"records, {USUAL_HOSTS:,} hosts": by_records, f"hosts, {usual:,} records": by_hosts})


if __name__ == "__main__":
    main()
