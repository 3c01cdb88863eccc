"""Timing oddlog's kernels and their peers side by side: one run, one thread each, and a table of how they compare.

All kernels print tables of the same columns, which `readme.py` puts together.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

# Read when polars and scikit-learn are imported, which is after this module is.
for _threads in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS"):
    os.environ[_threads] = "1"

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BATCH = 65_536
"""Records a batch, about as many as a block of a log holds."""


@dataclass(frozen=True)
class Timed:
    """How long something took for so many records, and how many times as fast oddlog is to be."""

    name: str
    records: int
    seconds: float
    target: float | None = None

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


def timed(name: str, records: int, what: Callable[[], object], target: float | None = None, times: int = 3) -> Timed:
    """CPU time, best of several runs: what else the machine does counts little. The first run loads kernels."""

    def once() -> float:
        start = time.process_time()
        what()
        return time.process_time() - start

    return Timed(name, records, min(once() for _ in range(times)), target)


def batches(n: int) -> Iterator[slice]:
    return (slice(start, start + BATCH) for start in range(0, n, BATCH))


def clock(n: int, per_second: float = 70.0) -> np.ndarray:
    """Microseconds of `n` records that come at random, so many a second."""
    gaps = np.random.default_rng(1).exponential(1e6 / per_second, n)
    return 1_700_000_000_000_000 + np.cumsum(gaps.astype(np.int64))


def codes(*columns: np.ndarray) -> np.ndarray:
    """A dictionary code for each distinct row."""
    return np.unique(np.column_stack(columns), axis=0, return_inverse=True)[1].ravel().astype(np.int64)


def report(ours: Timed, peers: list[Timed], least: float | None = None) -> None:
    """Print a markdown table, a row for each peer; `least` is how many records a second ours is to take."""
    print("| kernel | records/s | beside | records/s | times as fast | at least |\n|---|---:|---|---:|---:|---:|")
    for number, peer in enumerate(peers or [None]):
        name = f"{ours.name}; {short(ours.records)} records" if number == 0 else "the same"
        aims = [f"{short(least)}/s"] if least and number == 0 else []
        beside = its = faster = ""
        if peer:
            beside = peer.name + (f" ({short(peer.records)} records)" if peer.records < ours.records else "")
            its, faster = f"{peer.rate:,.0f}", f"{ours.rate / peer.rate:,.1f} ×"
            aims += [f"{peer.target:,.0f} ×"] if peer.target else []
        print(f"| {name} | {ours.rate:,.0f} | {beside} | {its} | {faster} | {', '.join(aims)} |")
    print(flush=True)


def short(n: float) -> str:
    """5,000,000 as `5 M`, 10,000 as `10 k`."""
    return f"{n / 1e6:g} M" if n >= 1e6 else f"{n / 1e3:g} k" if n >= 1e3 else f"{n:g}"
