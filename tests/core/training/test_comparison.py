"""The measure that models are compared by, against plain numpy."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
from baselines import MONDAY, office
from oddlog_core.options import FlowOptions
from oddlog_core.span import split

torch = pytest.importorskip("torch")
BASELINE = office("conn", 1600, seed=5, start=MONDAY)


@pytest.fixture(scope="module")
def comparison():
    from oddlog_core.training import comparison  # noqa: PLC0415

    return comparison


@pytest.fixture(scope="module")
def prepared(comparison):
    halves = split([BASELINE], 0.25)
    return {features: comparison.Prepared.of(*halves, features) for features in ("base", "rolling", "full")}


def entropy(seen, expected):
    expected = np.clip(expected, 1e-6, 1 - 1e-6)
    return -(seen * np.log(expected) + (1 - seen) * np.log1p(-expected))


def measured(prepared, model, scaling, options):
    """The same, column by column: amounts by their logarithm from 0 to 1, codes as shares of the highest."""
    spec, held = prepared.spec, prepared.held_back
    with torch.no_grad():
        _, _, numbers, codes, _ = (output.double().numpy() for output in model(torch.from_numpy(held)))
    losses = []
    for f, name in enumerate(spec.numbers):
        plain = (lambda x: np.log1p(np.maximum(x, 0))) if name in spec.amounts else (lambda x: x)
        known = plain(prepared.training[:, f][~np.isnan(prepared.training[:, f])])
        low, span = (known.min(), np.ptp(known) or 1.0) if len(known) else (0.0, 1.0)
        there = ~np.isnan(held[:, f])
        seen = np.clip((plain(held[there, f]) - low) / span, 0, 1)
        guess = (numbers[there, f] * scaling.scale[f] + scaling.mean[f] - low) / span
        losses.append(entropy(seen, guess).mean() if there.any() else 0.0)
    first = 0
    for f, name in enumerate(spec.coded):
        n = len(spec.names_of(name))
        seen = held[:, len(spec.numbers) + len(spec.evidence) + f] / max(n - 1, 1)
        if options.architecture == "embedding":
            weight = np.exp(codes[:, first : first + n])
            guess = (weight * np.arange(n) / max(n - 1, 1)).sum(axis=1) / weight.sum(axis=1)
            first += n
        else:
            guess = codes[:, f]
        losses.append(entropy(seen, guess).mean())
    return np.array(losses)


@pytest.mark.parametrize("features", ["base", "full"])
@pytest.mark.parametrize("loss", ["bce", "mse"])
@pytest.mark.parametrize("architecture", ["basic", "embedding"])
def test_losses_are_those_of_the_formula(comparison, prepared, architecture, loss, features, monkeypatch):
    options = FlowOptions(architecture, loss=loss, epochs=3)
    train, kept = comparison.flow.train, []

    def noted(*given):
        kept.append((given[2], train(*given)))
        return kept[-1][1]

    monkeypatch.setattr(comparison.flow, "train", noted)
    trial = comparison.run(prepared[features], options, 4, lambda _: None)
    [(scaling, (model, history))] = kept
    losses = measured(prepared[features], model, scaling, options)
    names = [*prepared[features].spec.numbers, *prepared[features].spec.coded]
    assert trial.n_columns == len(losses)
    assert trial.own == pytest.approx(losses.mean(), rel=1e-4)
    shared = [names.index(name) for name in prepared["base"].shared]
    assert trial.shared == pytest.approx(losses[shared].mean(), rel=1e-4)
    assert trial.floor < trial.own
    assert trial.shared_floor < trial.shared
    assert trial.history == history


def test_every_feature_set_has_the_columns_of_base(prepared):
    assert prepared["base"].shared == [*prepared["base"].spec.numbers, *prepared["base"].spec.coded]
    for one in prepared.values():
        assert one.shared == prepared["base"].shared
        assert set(one.shared) <= {*one.spec.numbers, *one.spec.coded}


def test_what_is_held_back_goes_on_where_training_ended(comparison, prepared):
    # A rolling mean at its beginning knows the records before it.
    early, late = split([BASELINE], 0.25)
    alone = comparison.Prepared.of(early, late, "rolling")
    npt.assert_array_equal(alone.held_back, prepared["rolling"].held_back)
    again = comparison.Prepared.of(late, late, "rolling")
    assert not np.array_equal(again.training[0], alone.held_back[0], equal_nan=True)


def test_clusters_are_those_of_the_points_and_one_where_all_are_equal(comparison):
    rng = np.random.default_rng(2)
    kinds = rng.integers(0, 3, 300)
    points = (np.array([[0, 9, 1], [9, 0, 1], [9, 9, 1]])[kinds] + rng.normal(0, 0.1, (300, 3))).astype(np.float32)
    points[:, 2] = 1.0
    labels = comparison._clusters(points, 3)
    assert len({(int(kind), int(label)) for kind, label in zip(kinds, labels, strict=True)}) == 3
    assert not comparison._clusters(np.ones((50, 4), np.float32), 8).any()
    assert set(comparison._clusters(np.repeat(np.eye(3, dtype=np.float32), 20, axis=0), 8)) == {0, 1, 2}
