"""Training: the same for a seed, stopped by what comes later, and the exported file says what torch says."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import numpy.testing as npt
import onnxruntime
import pytest
from baselines import MONDAY, office
from oddlog_core.features.conn import ConnFeatures, learn_scaling, learn_spec
from oddlog_core.options import Architecture, FlowOptions, Loss, Schedule

torch = pytest.importorskip("torch")
BASELINE = office("conn", 1200, seed=5, start=MONDAY)
OPTIONS = {"architecture": "deep", "epochs": 2}


@pytest.fixture(scope="module")
def flow():
    from oddlog_core.training import flow  # noqa: PLC0415

    return flow


def prepared(loss, columns="rolling"):
    spec = learn_spec([BASELINE], columns)
    features = ConnFeatures(spec).transform(BASELINE)
    return features, spec, learn_scaling(features, spec, to_one=loss == "bce")


def trained(flow, columns="rolling", **options):
    told = []
    features, spec, scaling = prepared(options.get("loss", "mse"), columns)
    model, history = flow.train(features, spec, scaling, FlowOptions(**(OPTIONS | options)), told.append)
    return features, model, history, told


@pytest.mark.parametrize("architecture", get_args(Architecture))
def test_a_seed_gives_one_model_to_the_last_bit_whatever_ran_before(flow, architecture):
    _, model, history, _ = trained(flow, architecture=architecture)
    torch.rand(7)
    _, again, same, _ = trained(flow, architecture=architecture)
    assert history == same
    for name, tensor in model.state_dict().items():
        npt.assert_array_equal(tensor.numpy(), again.state_dict()[name].numpy(), err_msg=name)
    _, _, other, _ = trained(flow, architecture=architecture, seed=1)
    assert history != other


# Of `full`, test_architectures.py.
@pytest.mark.parametrize(("columns", "loss"), [("base", "mse"), ("rolling", "bce")])
@pytest.mark.parametrize("architecture", get_args(Architecture))
def test_the_exported_file_says_what_torch_says(flow, architecture, columns, loss):
    features, model, _, _ = trained(flow, columns, architecture=architecture, loss=loss)
    session = onnxruntime.InferenceSession(flow.export(model, features.shape[1]), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = [output.numpy() for output in model(torch.from_numpy(features[:48]))]
    for found, output in zip(session.run(None, {"features": features[:48]}), expected, strict=True):
        npt.assert_allclose(found, output, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("architecture", ["basic", "embedding"])
@pytest.mark.parametrize("loss", get_args(Loss))
def test_a_loss_is_what_its_name_says_of_numbers_and_of_codes(flow, loss, architecture):
    features, model, _, _ = trained(flow, architecture=architecture, loss=loss)
    with torch.no_grad():
        z, known, _, codes = model.split(torch.from_numpy(features))
        found = float(model.loss(z, known, codes))
        numbers, expected, _ = (output.double().numpy() for output in model.reconstruct(z, codes))
    seen, z, codes, last = known.numpy(), z.double().numpy(), codes.numpy(), model.sizes.numpy()

    def entropy(share, guess):
        guess = guess.clip(1e-6, 1 - 1e-6)
        return -share * np.log(guess) - (1 - share) * np.log1p(-guess)

    apart = np.abs(z - numbers)
    of_numbers = entropy(z.clip(0, 1), numbers) if loss == "bce" else np.where(apart < 1, apart**2 / 2, apart - 0.5)
    if architecture == "embedding":
        columns = np.split(expected, model.offset.numpy()[1:], axis=1)
        of_codes = [np.log(np.exp(x).sum(axis=1)) - x[range(len(x)), c] for x, c in zip(columns, codes.T, strict=True)]
    else:
        of_codes = entropy(codes / last, expected) if loss == "bce" else (codes / last - expected) ** 2
    n, m = z.shape[1], codes.shape[1]
    assert found == pytest.approx((n * np.mean(of_numbers * seen) + m * np.mean(of_codes)) / (n + m), rel=1e-4)


@pytest.mark.parametrize("schedule", get_args(Schedule))
def test_one_cycle_rises_and_ends_far_below_and_a_constant_rate_stays(flow, schedule):
    options, rates = FlowOptions(schedule=schedule), []
    optimizer, scheduler = flow._optimizer([torch.nn.Parameter(torch.zeros(()))], options, 100, 4096)
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step() if len(rates) < 100 else None
    top = flow.LEARNING_RATE[options.optimizer]
    if schedule == "one-cycle":
        assert max(rates) == pytest.approx(top, rel=1e-3)
        assert (np.diff(rates[:30]) > 0).all()
        assert (np.diff(rates[30:]) < 0).all()
        assert rates[-1] < rates[0] / 1000 < top / 1000
    else:
        assert len(set(rates[5:])) == 1


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("schedule", ["constant", "one-cycle"])
def test_every_optimizer_and_schedule_lowers_the_loss(flow, optimizer, schedule):
    _, _, history, told = trained(flow, optimizer=optimizer, schedule=schedule, epochs=12)
    assert min(epoch.validation for epoch in history[1:]) < history[0].validation
    assert told[: len(history)] == [(number + 1) / 12 for number in range(len(history))]


def test_the_model_of_the_lowest_loss_on_the_later_records_is_kept(flow):
    features, spec, scaling = prepared("mse")
    options = FlowOptions(**(OPTIONS | {"epochs": 15}))
    model, history = flow.train(features, spec, scaling, options, lambda _: None)
    resident = flow.Resident.of(model, features)
    assert resident.n_train == 1080
    assert resident.validation(model) == pytest.approx(min(epoch.validation for epoch in history), rel=1e-6)


def test_training_stops_when_the_later_records_gain_nothing(flow):
    features, spec, scaling = prepared("mse")
    later = features[-120:]
    later[:, : len(spec.amounts)] = np.random.default_rng(1).lognormal(9, 3, later[:, : len(spec.amounts)].shape)
    options = FlowOptions(**(OPTIONS | {"epochs": 200, "schedule": "constant"}))
    _, history = flow.train(features, spec, scaling, options, lambda _: None)
    losses = [epoch.validation for epoch in history]
    assert len(losses) < 200
    assert len(losses) - 1 - int(np.argmin(losses)) == 5


def test_a_long_baseline_gets_fewer_passes(flow, monkeypatch):
    monkeypatch.setattr(flow, "ENOUGH", 2000)
    _, _, history, _ = trained(flow, epochs=9)
    assert len(history) == 2


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_gpus_passes_come_to_the_loss_of_a_processors(flow, optimizer, monkeypatch):
    # On this processor, without a graph.
    _, _, history, _ = trained(flow, optimizer=optimizer, epochs=12)
    monkeypatch.setattr(flow, "_passes", flow._on_gpu)
    _, _, other, _ = trained(flow, optimizer=optimizer, epochs=12)
    assert other[0].training == pytest.approx(history[0].training, rel=0.2)
    assert other[-1].validation < 1.05 * history[-1].validation


def test_a_step_takes_as_many_records_as_asked_but_leaves_an_epoch_its_steps(flow):
    features, spec, scaling = prepared("mse")
    options = FlowOptions(**OPTIONS)
    resident = flow.Resident.of(flow.FlowAutoencoder(spec, scaling, options, features), features)
    assert resident.batch(options) == 64
    long = flow.Resident(resident.z, resident.known, resident.codes, 1_000_000)
    assert long.batch(options) == 4096
    assert long.batch(replace(options, batch=8192)) == 8192
    assert long.batch(replace(options, batch=65_536)) == 15_625
