"""Novelty on normal-only training: what is missed of real attacks, and how long 40,000 simulated flows take to learn.

Run it with `python benchmarks/novelty.py` where ../shared/data is. Beside oddlog's models run those of a notebook in
use, scikit-learn's one-class SVM and isolation forest with their defaults on raw numbers. The real flows are those of
CIC-IDS2017 (1,234 of them benign), split at random ten times. The simulated ones are connections of an office: 40,000
benign ones of one day to learn from, and of the next day, in which it is attacked, all malicious ones and as many
benign ones as were learned. Seconds are of processor, of one thread.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from oddlog.logs import open_logs
from oddlog.novelty import FALSE_ALARMS, MODELS, Flows, classes, judge, judge_on, read_flows, report
from oddlog.pipeline import Clock
from oddlog.simulate import simulate

REAL = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "cicids2017" / "flows.csv.gz"
SPLITS = 10
RECORDS = 40_000


def printed(judged: dict) -> None:
    heads = ("model", "training error", "benign error", "malicious missed", "AUC", "AP")
    heads += (*(f"missed at {share:.0%}" for share in FALSE_ALARMS), "seconds")
    for row in (heads, *report(judged)):
        print("| " + " | ".join(row) + " |")
    print()
    print("| missed | " + " | ".join(f"{name} {share:.0%}" for share in FALSE_ALARMS for name in judged) + " |")
    for row in classes(judged):
        print("| " + " | ".join(row) + " |")


def real() -> None:
    flows = read_flows(open_logs([REAL]), "BENIGN")
    judged = {name: [judge(flows, name, seed) for seed in range(SPLITS)] for name in MODELS}
    print(f"\nCIC-IDS2017, median of {SPLITS} splits\n")
    printed(judged)
    missed = {name: float(np.median([one.missed[0.05] for one in splits])) for name, splits in judged.items()}
    notebook = min(share for name, share in missed.items() if name.startswith("notebook"))
    best = min((share, name) for name, share in missed.items() if not name.startswith("notebook"))
    print(f"\n{best[1]} misses {best[0] / notebook:.2f} of what the notebook's better model misses, at 5 %")


def simulated(folder: Path) -> tuple[Flows, np.ndarray, np.ndarray]:
    """Connections of two days, and which of them are learned from and which benign ones tested on."""
    done = simulate(folder / "office", hosts=200, days=2, seed=7, attacks=True)
    labels = pd.read_csv(folder / "office" / "labels.tsv", sep="\t", dtype=str, keep_default_na=False)
    attacks = labels[(labels["log"] == "conn") & (labels["label"] == "1")]
    attack = dict(zip(attacks["uid"], attacks["attack"], strict=True))
    batches, names, day = [], [], []
    clock = Clock("end")
    for number, of_day in enumerate(done.folders):
        for batch in open_logs([of_day / "conn.log"]).batches("conn"):
            batches.append(clock.records(batch))
            names += [attack.get(uid, "BENIGN") for uid in batch.table["uid"].to_pylist()]
            day += [number] * len(batch)
    label, days = np.array(names), np.array(day)
    benign, rng = label == "BENIGN", np.random.default_rng(0)
    train, rest = (rng.choice(np.flatnonzero(benign & (days == n)), RECORDS, replace=False) for n in (0, 1))
    rows = np.sort(np.concatenate([train, rest, np.flatnonzero(~benign)]))
    flows = Flows(*(part[rows] for part in Flows.of(batches, label, benign)))
    return flows, *(np.searchsorted(rows, np.sort(part)) for part in (train, rest))


def main() -> None:
    wanted = sys.argv[1:] or ["real", "simulated"]
    if "real" in wanted:
        real()
    if "simulated" in wanted:
        with tempfile.TemporaryDirectory() as folder:
            flows, train, rest = simulated(Path(folder))
        print(f"\n{RECORDS:,} simulated connections\n")
        judged = {name: [judge_on(flows, name, train, rest, 0)] for name in MODELS}
        printed(judged)
        exact = judged["notebook-svm"][0]
        for name in ("svm-linear", "forest", "autoencoder", "svm"):
            (one,) = judged[name]
            print(
                f"{name}: fitted {exact.seconds / one.seconds:.0f} times as fast as the exact SVM; "
                f"misses {one.missed[0.05]:.1%} where that one misses {exact.missed[0.05]:.1%}"
            )


if __name__ == "__main__":
    main()
