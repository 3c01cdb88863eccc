"""Risk of sessions: features against featuretools, and how red-team sessions are told from later ordinary ones.

`make featuretools` makes the environment that featuretools needs of its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np
import sessions_logs
from oddlog import baseline
from oddlog.config import Config
from oddlog.labels import read_record_labels
from oddlog.logs import open_logs
from oddlog.pipeline import Clock
from oddlog_core.features.sessions import SCHEMAS, Sessions, vocabularies
from oddlog_core.span import cut

ROOT = Path(__file__).parents[1]
PEER = ROOT / "build" / "featuretools" / "bin" / "python"
SCRIPT = ROOT / "tests" / "core" / "features" / "featuretools_peer.py"
SEEDS = (1, 2, 3)
EVENTS, CUTOFFS = 5_000, 100
RUNS = 5


def events():
    clock, logs = Clock("end"), open_logs([sessions_logs.LANL / "auth_sample.txt.gz"])
    (records,) = [clock.records(batch) for batch in logs.batches("auth")]
    return records


def own_seconds(records, vocabulary):
    """Processor's seconds for all sessions' features, the least of some runs, and how many sessions there are."""
    least, n = np.inf, 0
    for _ in range(RUNS):
        started = time.process_time()
        n = len(Sessions(SCHEMAS["auth"], vocabulary, 10**8).update(records)[0])
        least = min(least, time.process_time() - started)
    return least, n


def speed(folder):
    sys.path[:0] = [str(ROOT / "tests" / "core"), str(ROOT / "tests" / "core" / "features")]
    from test_sessions import as_featuretools_reads  # noqa: PLC0415  # what the test of equality hands over

    everything = events()
    records = cut(everything, 0, EVENTS)
    vocabulary = vocabularies(SCHEMAS["auth"], [everything])
    own, n = own_seconds(records, vocabulary)
    print(f"features of {n:,} sessions from {EVENTS:,} events of LANL: {own * 1e3:.1f} ms of processor")
    whole, n_all = own_seconds(everything, vocabulary)
    print(f"all {len(everything):,} events, {n_all:,} sessions: {whole * 1e3:.1f} ms")
    if not PEER.exists():
        print(f"featuretools is not at {PEER}: `make featuretools` makes that environment")
        return
    rows = Sessions(SCHEMAS["auth"], vocabulary, 10**8).update(records)[0]
    columns, names = as_featuretools_reads(records, np.random.default_rng(0).permutation(rows)[:CUTOFFS])
    np.savez(folder / "log.npz", **columns)
    subprocess.run([PEER, SCRIPT, folder / "log.npz", folder / "found.npz"], check=True, capture_output=True)
    found = np.load(folder / "found.npz")
    shared, seconds = sum(name in found.files for name in names), float(found["seconds"])
    ratio = (seconds / CUTOFFS) / (own / n)
    print(f"featuretools: {shared} of {len(names)} features, {CUTOFFS} sessions of them: {seconds:.1f} s of processor")
    print(f"a session: {seconds / CUTOFFS * 1e3:.1f} ms against {own / n * 1e6:.0f} us, {ratio:,.0f} times as long")


def judged(logs, labels, folder):
    learned = baseline.train(
        open_logs(logs), Config(), folder, detectors=("sessions",), labels=read_record_labels(labels)
    )
    (name,) = learned.trained
    return msgspec.json.decode((folder / name / "learned.json").read_bytes())["judged"]


def main():
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        speed(folder)
        print("later sessions: how many, malicious ones, ROC AUC, AP, precision at 20 a day, Brier score")
        for seed in SEEDS:
            lanl = sessions_logs.with_red_team(folder / f"lanl{seed}", seed)
            office = sessions_logs.office(folder / f"office{seed}", seed)
            for name, logs, labels in (("LANL, injected", [lanl[0]], lanl[1]), ("office, stolen accounts", *office)):
                found = judged(logs, labels, folder / f"{name[:4]}{seed}-bundle")
                shares = [f"{found[key]:.3f}" for key in ("roc_auc", "average_precision", "precision", "brier")]
                print(f"{name}, seed {seed}: {found['sessions']}", found["malicious"], *shares, sep="  ")


if __name__ == "__main__":
    main()
