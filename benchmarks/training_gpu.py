"""Thirty epochs of the `deep` autoencoder over LANL's day, 6.1 million connections of 35 features, on a GPU.

Run it with `python benchmarks/training_gpu.py`; it needs `core` on PYTHONPATH and the extra `train`, no more. The bare
loop has the same layers, batches and optimizer, all records on the GPU and its step captured as a CUDA graph, and does
nothing else. What is timed of oddlog is `flow.fit`, capturing included; that the data has to get to the GPU first is a
row of its own. The day itself may not be passed on: what stands in for it is made up, which time does not depend on.

Losses are of three seeds: one differs from the next by more than batches do. The last row trains the same model by the
same schedule on the processor. `--profile` adds which kernels a step spends its time in, `--records` makes it smaller.
Without a GPU it tries itself out on the processor.
"""

from __future__ import annotations

import argparse
import os
import time
from statistics import fmean
from typing import TYPE_CHECKING

# None of the compiled kernels is needed: compiling them would take longer than all else.
os.environ.setdefault("NUMBA_DISABLE_JIT", "1")

import torch
from oddlog_core.features.conn import FeatureSpec, Scaling, learn_scaling
from oddlog_core.options import FlowOptions
from oddlog_core.training import flow
from oddlog_core.training.resident import GPU_BATCH
from torch import nn
from training import LAYERS, made_up

if TYPE_CHECKING:
    import numpy as np

RECORDS, SAMPLE, EPOCHS, SEEDS = 6_100_000, 600_000, 30, 3
BATCHES = (8_192, GPU_BATCH)
AT_MOST = 5
GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if GPU else "cpu")
SPEC = FeatureSpec(
    {
        "proto": ["6", "17", "1"],
        "orig_device": ["Comp", "IP", "ActiveDirectory", "EnterpriseAppServer", "VPN"],
        "resp_device": ["Comp", "IP", "ActiveDirectory", "EnterpriseAppServer", "VPN"],
    },
    {"id.orig_p": [123, 137, 138], "id.resp_p": [53, 443, 80, 123, 445, 88, 389, 137, 514, 3389]},
    time_of_day=True,
)


def done() -> float:
    """The time, once the GPU has done what it was told."""
    if GPU:
        torch.cuda.synchronize()
    return time.perf_counter()


def bare(n_records: int, n_columns: int, batch: int) -> float:
    """Seconds of thirty epochs of a loop that only trains."""
    torch.manual_seed(0)
    inputs = torch.randn(n_records, n_columns, device=DEVICE)
    layers: list[nn.Module] = []
    for before, after in zip((n_columns, *LAYERS), (*LAYERS, n_columns), strict=True):
        layers += [nn.Linear(before, after), nn.ReLU()]
    model = nn.Sequential(*layers[:-1]).to(DEVICE)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, capturable=GPU, fused=True)
    rows = torch.zeros(batch, dtype=torch.int64, device=DEVICE)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        taken = inputs.index_select(0, rows)
        nn.functional.mse_loss(model(taken), taken).backward()
        optimizer.step()

    launch = step
    if GPU:
        aside, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
        with torch.cuda.stream(aside):
            for _ in range(3):
                step()
        with torch.cuda.graph(graph, stream=aside):
            step()
        launch = graph.replay
    started = done()
    for _ in range(EPOCHS):
        for some in torch.randperm(n_records, device=DEVICE)[: n_records // batch * batch].split(batch):
            rows.copy_(some)
            launch()
    return done() - started


def fitted(
    features: np.ndarray, scaling: Scaling, batch: int, device: torch.device, seed: int = 0
) -> tuple[float, float, int, float]:
    """Seconds to get the data there and to fit, epochs, and the lowest loss on the later records."""
    torch.manual_seed(seed)
    options = FlowOptions("deep", epochs=EPOCHS, batch=batch)
    model = flow.FlowAutoencoder(SPEC, scaling, options, features[:20_000]).to(device)
    begun = done()
    resident = flow.Resident.of(model, features)
    started = done()
    history = flow.fit(model, resident, options, EPOCHS, lambda _share: None)
    return started - begun, done() - started, len(history), min(epoch.validation for epoch in history)


def profile(features: np.ndarray, scaling: Scaling, batch: int) -> str:
    """What the kernels of some steps take, summed by name."""
    options = FlowOptions("deep", epochs=1, batch=batch)
    some = features[: 20 * batch]
    model = flow.FlowAutoencoder(SPEC, scaling, options, some[:20_000]).to(DEVICE)
    resident = flow.Resident(*_all(flow.Resident.of(model, some)), n_train=len(some))
    with torch.profiler.profile() as seen:
        next(flow._on_gpu(model, resident, options, 1, batch))
    return seen.key_averages().table(sort_by="self_device_time_total" if GPU else "self_cpu_time_total", row_limit=40)


def _all(resident: flow.Resident) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return resident.z, resident.known, resident.codes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--profile", action="store_true", help="which kernels a step spends its time in")
    arguments = parser.parse_args()
    n = arguments.records
    # More threads than idle cores spin for each other.
    torch.set_num_threads(1)
    features = made_up(n, SPEC)
    scaling = learn_scaling(features[:SAMPLE], SPEC)
    name = torch.cuda.get_device_name() if GPU else "no GPU"
    print(f"{n:,} records, {len(SPEC.columns)} columns, {EPOCHS} epochs of `deep`; {name}, torch {torch.__version__}\n")
    print("| | batch | seconds | epochs | seconds of 30 epochs | at most | validation loss |")
    print("|---|---:|---:|---:|---:|---:|---:|", flush=True)

    def row(
        what: str, batch: int, seconds: float, epochs: float, aim: str = "", losses: tuple[float, ...] = ()
    ) -> None:
        said = ", ".join(f"{loss:.4f}" for loss in losses)
        of_30 = seconds / epochs * EPOCHS
        print(f"| {what} | {batch:,} | {seconds:.2f} | {epochs:.0f} | {of_30:.2f} | {aim} | {said} |", flush=True)

    # The first use of a GPU sets libraries up.
    fitted(features[: n // 10], scaling, BATCHES[0], DEVICE)
    for batch in BATCHES:
        row("bare captured loop", batch, bare(n, len(SPEC.columns), min(batch, n)), EPOCHS)
        there, seconds, epochs, losses = zip(
            *(fitted(features, scaling, batch, DEVICE, seed) for seed in range(SEEDS)), strict=True
        )
        row("`flow.fit`", batch, fmean(seconds), fmean(epochs), f"{AT_MOST} s", losses)
    row("all records to the GPU, scaled", n, fmean(there), EPOCHS)
    # Sums in another order, and no loss to compare to the last digit: as many threads as there are.
    torch.set_num_threads(len(os.sched_getaffinity(0)) if GPU else 1)
    _, on_processor, epochs_there, loss = fitted(features, scaling, BATCHES[-1], torch.device("cpu"))
    row("`flow.fit` on the processor", BATCHES[-1], on_processor, epochs_there, losses=(loss,))
    if arguments.profile:
        for batch in BATCHES:
            print(f"\n{profile(features, scaling, min(batch, n // 20))}")


if __name__ == "__main__":
    main()
