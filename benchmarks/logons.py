"""Logons: modes fitted on distinct rows beside fitting on all of them, ten million fitted, and five million scored.

- The cost of the modes that are fitted on distinct rows with weights, from initial modes drawn by weight, beside that
  of kmodes on all rows by its own Huang initialisation; means over ten seeds, four runs each.
- Ten million logons of the classic profile: distinct rows, and seconds to find and fit them.
- Five million logons scored by each profile, in batches as they are read; seconds without reading.

The logons are those of `oddlog simulate`: a week of an office of 200 machines, repeated until there are enough. Run it
with `python benchmarks/logons.py`; seconds are of CPU.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from kmodes.kmodes import KModes
from oddlog.logs import open_logs
from oddlog.pipeline import Clock
from oddlog.simulate import simulate
from oddlog_core.detectors.contract import FitOptions
from oddlog_core.detectors.kmodes import KModesDetector
from oddlog_core.detectors.modes import N_INIT, Distinct, fit_modes
from oddlog_core.features.ntlm import CLASSIC, learn_fields
from oddlog_core.records import Records
from oddlog_core.span import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

MODES, SEEDS, DAYS = 10, 10, 7


def read(paths: Sequence[Path]) -> list[Records]:
    clock = Clock("end")
    return [clock.records(batch) for batch in open_logs(paths).batches("ntlm", 25_000)]


def repeated(days: list[Records], n: int) -> Iterator[Records]:
    """The same days again and again, each time a week or more later."""
    shift = 0
    while n > 0:
        for batch in days:
            yield Records(
                batch.log, batch.clock + shift, {**batch.integers, "ts": batch.integers["ts"] + shift}, batch.categories
            )
            n -= len(batch)
            if n <= 0:
                return
        shift += DAYS * DAY


def dense(codes: NDArray[np.int32]) -> NDArray[np.int32]:
    columns = [np.unique(column, return_inverse=True)[1] for column in codes.T]
    return np.stack(columns, axis=1).astype(np.int32)


def costs(days: list[Records], rows: int) -> None:
    fields = learn_fields(days, CLASSIC, [{}] * len(days), {}, "UTC")
    codes = np.concatenate([fields.encode(batch, {}) for batch in days])[:rows]
    distinct, every = Distinct.of([codes]), dense(codes)
    ours, theirs, spent = [], [], [0.0, 0.0]
    for seed in range(SEEDS):
        began = time.process_time()
        ours.append(fit_modes(distinct, MODES, seed).cost)
        middle = time.process_time()
        theirs.append(KModes(MODES, init="Huang", n_init=N_INIT, random_state=seed).fit(every).cost_)
        spent = [spent[0] + middle - began, spent[1] + time.process_time() - middle]
    print(f"\n{len(codes):,} logons, {len(distinct.rows):,} distinct rows; {SEEDS} seeds, {N_INIT} runs each\n")
    print("| | mean cost | of it | seconds a seed |\n|---|---|---|---|")
    share = np.mean(ours) / np.mean(theirs)
    print(f"| distinct rows with weights | {np.mean(ours):,.0f} | {share:.3f} | {spent[0] / SEEDS:.2f} |")
    print(f"| all rows, kmodes' Huang | {np.mean(theirs):,.0f} | 1 | {spent[1] / SEEDS:.2f} |")


def fit_many(days: list[Records], n: int) -> None:
    fields = learn_fields(days, CLASSIC, [{}] * len(days), {}, "UTC")
    began = time.process_time()
    distinct = Distinct.of(fields.encode(batch, {}) for batch in repeated(days, n))
    found = time.process_time()
    fit_modes(distinct, MODES, 1)
    print(
        f"\n{n:,} logons of the classic profile: {len(distinct.rows):,} distinct rows found in {found - began:.1f} s, "
        f"fitted in {time.process_time() - found:.1f} s"
    )


def score_many(days: list[Records], n: int) -> None:
    print(f"\n{n:,} logons scored, without reading\n\n| profile | seconds | µs a logon |\n|---|---|---|")
    for profile in ("classic", "default"):
        detector = KModesDetector.fit(days, FitOptions(profile=profile)).detector
        state, spent = detector.new_state(), 0.0
        for batch in repeated(days, n):
            began = time.process_time()
            detector.score_samples(batch, state, np.inf)
            spent += time.process_time() - began
        print(f"| {profile} | {spent:.2f} | {spent / n * 1e6:.2f} |")


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        made = simulate(Path(scratch) / "office", hosts=200, days=DAYS)
        days = read([folder / "ntlm.log" for folder in made.folders])
    print(f"{sum(map(len, days)):,} logons of {DAYS} days")
    costs(days, 10_000)
    fit_many(days, 10_000_000)
    score_many(days, 5_000_000)


if __name__ == "__main__":
    main()
