"""The GPU's passes, step by step on a CPU: its optimizers are torch's, and every pass sees each record once."""

from __future__ import annotations

from itertools import islice

import numpy.testing as npt
import pytest

torch = pytest.importorskip("torch")
N, BATCH, PASSES = 96, 32, 4


def data():
    torch.manual_seed(0)
    return torch.randn(N, 5), torch.nn.Sequential(torch.nn.Linear(5, 3), torch.nn.ReLU(), torch.nn.Linear(3, 5))


def of(optimizer, parameters):
    if optimizer == "adam":
        chosen = torch.optim.Adam(parameters, lr=1e-2)
    else:
        chosen = torch.optim.SGD(parameters, lr=1e-1, momentum=0.9)
    steps = PASSES * N // BATCH
    return chosen, torch.optim.lr_scheduler.OneCycleLR(chosen, chosen.param_groups[0]["lr"], total_steps=steps)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_its_optimizers_are_torchs(optimizer):
    from oddlog_core.training import captured  # noqa: PLC0415

    inputs, model = data()
    chosen, schedule = of(optimizer, model.parameters())
    rates, losses = [], []
    torch.manual_seed(1)
    for _ in range(PASSES):
        losses.append(0.0)
        for rows in torch.randperm(N).split(BATCH):
            now = chosen.param_groups[0]
            rates.append((now["lr"], now["betas"][0] if optimizer == "adam" else now["momentum"]))
            loss = torch.nn.functional.mse_loss(model(inputs[rows]), inputs[rows])
            chosen.zero_grad()
            loss.backward()
            chosen.step()
            schedule.step()
            losses[-1] += loss.item() / (N // BATCH)

    _, other = data()
    seen = []

    def of_rows(rows):
        seen.append(rows.clone())
        return torch.nn.functional.mse_loss(other(inputs[rows]), inputs[rows])

    torch.manual_seed(1)
    passes = captured.passes(of_rows, other.parameters(), optimizer, iter(rates), N, BATCH)
    npt.assert_allclose(list(islice(passes, PASSES)), losses, rtol=1e-5)
    for name, tensor in model.state_dict().items():
        npt.assert_allclose(other.state_dict()[name].numpy(), tensor.numpy(), rtol=1e-4, atol=1e-6, err_msg=name)
    assert torch.equal(torch.cat(seen[: N // BATCH]).sort().values, torch.arange(N))


def test_what_does_not_fill_a_batch_waits():
    from oddlog_core.training import captured  # noqa: PLC0415

    inputs, model = data()
    seen = []

    def of_rows(rows):
        seen.append(rows.clone())
        return model(inputs[rows]).square().mean()

    passes = captured.passes(of_rows, model.parameters(), "adam", iter([(1e-3, 0.9)] * 99), N, 40)
    list(islice(passes, 3))
    assert [len(rows) for rows in seen] == [40] * 6
    assert all(len(torch.cat(seen[i : i + 2]).unique()) == 80 for i in (0, 2, 4))
