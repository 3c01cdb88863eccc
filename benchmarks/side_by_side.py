"""Timing oddlog's kernels and their peers side by side: one run, one thread each, and a table of how they compare."""

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
    """How long something took for so many records, and how many times faster oddlog is to be."""

    name: str
    records: int
    seconds: float
    target: float | None = None

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


def timed(name: str, records: int, what: Callable[[], object], target: float | None = None, times: int = 3) -> Timed:
    """CPU time, best of several runs: what else the machine does counts little. Kernels compile when imported."""

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


def report(title: str, ours: Timed, peers: list[Timed], least: float | None = None) -> None:
    """Print a markdown table; a peer timed on fewer records than ours was timed on a sample."""
    print(f"### {title}\n")
    print("| | records | CPU seconds | records/s | oddlog is | at least |\n|---|---:|---:|---:|---:|---:|")
    aim = "" if least is None else f"{least:,.0f} a second"
    print(f"| oddlog: {ours.name} | {ours.records:,} | {ours.seconds:.3f} | {ours.rate:,.0f} | | {aim} |")
    for peer in peers:
        sample = " (sample)" if peer.records < ours.records else ""
        aim = "" if peer.target is None else f"{peer.target:,.0f} ×"
        faster = f"{ours.rate / peer.rate:,.1f} ×"
        print(f"| {peer.name} | {peer.records:,}{sample} | {peer.seconds:.3f} | {peer.rate:,.0f} | {faster} | {aim} |")
    print(flush=True)
