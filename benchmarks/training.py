"""Ten epochs of the `deep` autoencoder over a million connections with rolling features, beside a bare torch loop.

Run it with `python benchmarks/training.py`. The bare loop has the same layers, batches and optimizer and does nothing
else: squared errors of scaled columns, all of them set, no codes, no validation. What is timed of oddlog is the loop
with the data in memory, and once the whole of `flow.train`, from raw features to a model that can be exported. Time
does not depend on what the columns hold; they are made up.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from oddlog_core.features.conn import FeatureSpec, Scaling, learn_scaling
from oddlog_core.options import FlowOptions
from oddlog_core.training import flow
from oddlog_core.training.resident import BATCH
from torch import nn

RECORDS, EPOCHS = 1_000_000, 10
AT_MOST = 20
LAYERS = (26, 13, 5, 13, 26)
SPEC = FeatureSpec(
    {
        "proto": ["tcp", "udp", "icmp"],
        "service": ["dns", "ssl", "http", "ntp", "smb"],
        "conn_state": ["SF", "S0", "REJ", "RSTO"],
    },
    {"id.orig_p": [123], "id.resp_p": [53, 443, 80, 123, 445]},
    time_of_day=True,
)


def made_up(records: int = RECORDS, spec: FeatureSpec = SPEC) -> np.ndarray:
    """Connections of 64 kinds, each with its usual amounts and codes; how busy it is raises all that is rolling."""
    rng = np.random.default_rng(7)
    kind = rng.integers(64, size=records)
    amounts, n_numbers = len(spec.amounts), len(spec.numbers)
    features = np.empty((records, len(spec.columns)))
    busy = np.where(np.arange(amounts) < amounts - len(spec.rolling), 0.0, 1.0)
    usual = rng.normal(5, 2, (64, amounts))
    features[:, :amounts] = rng.standard_normal((records, amounts), np.float32) * 0.5
    features[:, :amounts] += usual[kind] + rng.standard_normal((records, 1), np.float32) * busy
    np.exp(features[:, :amounts], out=features[:, :amounts])
    features[rng.random(records) < 0.1, 0] = np.nan
    features[:, amounts:n_numbers] = rng.uniform(-1, 1, (records, n_numbers - amounts))
    for column, name in enumerate(spec.coded, start=n_numbers):
        n = len(spec.names_of(name))
        own = rng.integers(n, size=64)[kind]
        features[:, column] = np.where(rng.random(records) < 0.9, own, rng.integers(0, n, records))
    return features


def bare(n_columns: int) -> tuple[float, float]:
    torch.manual_seed(0)
    inputs = torch.randn(RECORDS, n_columns)
    layers: list[nn.Module] = []
    for before, after in zip((n_columns, *LAYERS), (*LAYERS, n_columns), strict=True):
        layers += [nn.Linear(before, after), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(EPOCHS):
        for rows in torch.randperm(RECORDS).split(BATCH):
            batch = inputs.index_select(0, rows)
            loss = nn.functional.mse_loss(model(batch), batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    return time.perf_counter() - wall, time.process_time() - cpu


def looped(features: np.ndarray, scaling: Scaling, options: FlowOptions) -> tuple[float, float]:
    torch.manual_seed(0)
    model = flow.FlowAutoencoder(SPEC, scaling, options, features[:20_000])
    resident = flow.Resident.of(model, features)
    wall, cpu = time.perf_counter(), time.process_time()
    history = flow.fit(model, resident, options, EPOCHS, lambda _share: None)
    if len(history) < EPOCHS:
        raise SystemExit(f"training stopped early, after {len(history)} epochs")
    return time.perf_counter() - wall, time.process_time() - cpu


def whole(features: np.ndarray, scaling: Scaling, options: FlowOptions) -> tuple[float, float]:
    flow.ENOUGH = RECORDS * EPOCHS
    wall, cpu = time.perf_counter(), time.process_time()
    flow.train(features, SPEC, scaling, options, lambda _share: None)
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    features = made_up()
    torch.set_num_threads(1)
    found = {"bare loop": bare(features.shape[1])}
    for loss in ("mse", "bce"):
        scaling = learn_scaling(features, SPEC, to_one=loss == "bce")
        options = FlowOptions("deep", loss=loss, epochs=EPOCHS)
        found[f"`deep`, {loss}, the loop alone"] = looped(features, scaling, options)
        found[f"`deep`, {loss}, the whole of `flow.train`"] = whole(features, scaling, options)
    print(f"{RECORDS:,} records, {features.shape[1]} columns, {EPOCHS} epochs, one thread:\n")
    print("| | wall s | CPU s | beside the bare loop | at most |\n|---|---:|---:|---:|---:|")
    for name, (wall, cpu) in found.items():
        aim = "" if name == "bare loop" else f"{AT_MOST} s"
        print(f"| {name} | {wall:.1f} | {cpu:.1f} | {cpu / found['bare loop'][1]:.2f} × | {aim} |")


if __name__ == "__main__":
    main()
