"""Which injected attacks raise a notice, and how many notices are not attacks.

Trains on three simulated days of 200 hosts, scores a fourth with attacks in it, and prints `oddlog evaluate`'s tables
and one row per attack instance. Run it with `python benchmarks/attacks.py`; it needs the extra `train`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from oddlog.evaluate import read_labels, read_scores
from oddlog.evaluate.matching import match


def run(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def main() -> None:
    oddlog = shutil.which("oddlog", path=str(Path(sys.executable).parent)) or "oddlog"
    with tempfile.TemporaryDirectory() as name:
        office, bundle, found = (Path(name) / part for part in ("office", "bundle", "found"))
        print(run(oddlog, "simulate", office, "--hosts", "200", "--days", "4", "--seed", "7", "--attacks"))
        *baseline, attacked = sorted(office.glob("2*"))
        started = time.perf_counter()
        print(run(oddlog, "train", *baseline, "--bundle", bundle), f"  {time.perf_counter() - started:.0f} s\n")
        print(run(oddlog, "score", attacked, "--bundle", bundle, "--out", found))
        print(run(oddlog, "evaluate", found / "scores.parquet", "--labels", office / "labels.tsv"))
        report(found, office / "labels.tsv")


def report(found: Path, labels_path: Path) -> None:
    """Print a row per attack and source: its records, and the notices that point at it."""
    scores, labels = read_scores(found / "scores.parquet"), read_labels(labels_path)
    matched = match(scores, labels)
    of_row: dict[int, set[str]] = {}
    instances: dict[tuple[str, str], int] = {}
    for row, attack in zip(matched.row, matched.attack, strict=True):
        of_row.setdefault(int(row), set()).add(attack)
        key = (attack, scores["orig_h"].iloc[row])
        instances[key] = instances.get(key, 0) + 1
    rows = zip(scores["detector"], scores["uid"], scores["ts"].round(6), scores["orig_h"], strict=True)
    by_subject = {
        (detector, None if uid is None or uid != uid else uid, ts, host): i  # noqa: PLR0124  # NaN is not itself
        for i, (detector, uid, ts, host) in enumerate(rows)
    }
    hits: dict[tuple[str, str], int] = {}
    notices = [json.loads(line) for line in (found / "notice.log").read_text().splitlines()]
    false = 0
    for notice in notices:
        own = notice["oddlog"]
        row = by_subject[own["detector"], notice.get("uid"), round(own["ts"], 6), notice["src"]]
        for attack in of_row.get(row, ()):
            key = (attack, notice["src"])
            hits[key] = hits.get(key, 0) + 1
        false += row not in of_row
    print("| attack | from | scored rows | notices |\n|---|---|---|---|")
    for (attack, source), count in sorted(instances.items()):
        print(f"| {attack} | {source} | {count} | {hits.get((attack, source), 0)} |")
    print(f"\n{len(hits)} of {len(instances)} attacks raised a notice; {false} of {len(notices)} notices are no attack")


if __name__ == "__main__":
    main()
