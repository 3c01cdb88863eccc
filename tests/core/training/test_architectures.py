"""Every architecture: it learns, and what it exports answers as torch does, in batches of any size."""

from __future__ import annotations

from itertools import cycle
from typing import get_args

import numpy as np
import numpy.testing as npt
import pytest
from baselines import DAY, MONDAY, office
from oddlog_core.detectors.autoencoder import AutoencoderDetector, Learned
from oddlog_core.detectors.inside import Inside
from oddlog_core.detectors.session import open_model
from oddlog_core.features.conn import ConnFeatures, learn_scaling, learn_spec
from oddlog_core.features.relations import Relations
from oddlog_core.features.rhythm import learn_usual
from oddlog_core.options import FlowOptions, Loss
from road import answer, batches_of

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from oddlog_core.training import flow  # noqa: E402
from oddlog_core.training.architectures import ARCHITECTURES, _leaves, _tree  # noqa: E402

NARROW = {"basic": 13, "narrow": 3, "deep": 5, "overcomplete": 6, "conv": 8, "embedding": 8}
BASELINE = office("conn", 600, seed=2)
LATER = office("conn", 300, seed=3, start=MONDAY + 2 * DAY)
SPEC = learn_spec([BASELINE], "full")
USUAL = learn_usual([BASELINE])
RELATIONS, JUDGED = Relations.learn([BASELINE])
FEATURES = ConnFeatures(SPEC, USUAL, RELATIONS).transform(BASELINE, JUDGED)
UNSEEN = ConnFeatures(SPEC, USUAL, RELATIONS).transform(LATER)


@pytest.fixture(scope="module", params=zip(ARCHITECTURES, cycle(["mse", "bce"]), strict=False), ids="-".join)
def trained(request):
    """Model, its history and the detector that runs its export."""
    architecture, loss = request.param
    scaling = learn_scaling(FEATURES, SPEC, to_one=loss == "bce")
    options = FlowOptions(architecture, loss=loss, epochs=4)
    model, history = flow.train(FEATURES, SPEC, scaling, options, lambda _: None)
    learned = Learned(SPEC, scaling, architecture, USUAL)
    inside = Inside(SPEC, *flow.inside(model)) if architecture == "embedding" else None
    exported = flow.export(model, FEATURES.shape[1])
    return model, history, AutoencoderDetector(learned, RELATIONS, exported, inside=inside)


def test_its_loss_falls(trained):
    _, history, _ = trained
    assert history[-1].training < history[0].training


def test_torch_and_the_runtime_agree_on_every_output(trained):
    model, _, detector = trained
    rows = UNSEEN[:288]
    with torch.no_grad():
        expected = model(torch.from_numpy(rows))
    found = detector._session.run(None, {"features": rows})
    for ours, theirs in zip(found, expected, strict=True):
        npt.assert_allclose(ours, theirs.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("loss", get_args(Loss))
def test_the_inside_with_kernels_around_it_scores_as_the_file_does(loss):
    scaling = learn_scaling(FEATURES, SPEC, to_one=loss == "bce")
    model, _ = flow.train(FEATURES, SPEC, scaling, FlowOptions(loss=loss, epochs=2), lambda _: None)
    rows = UNSEEN[:288]
    (score,) = open_model(flow.export(model, rows.shape[1])).run(["score"], {"features": rows})
    npt.assert_allclose(Inside(SPEC, *flow.inside(model)).score(rows), score, rtol=1e-5)


def test_scores_are_equal_to_the_last_bit_at_every_batch_size(trained):
    _, _, detector = trained
    features = np.tile(UNSEEN, (14, 1))
    features[:, : len(SPEC.amounts)] *= np.random.default_rng(4).lognormal(0, 1, (len(features), 1))
    scores = detector._score(features)
    for size, n in ((1, 300), (7, len(features)), (333, len(features)), (4096, len(features))):
        parts = [detector._score(features[start : start + size]) for start in range(0, n, size)]
        npt.assert_array_equal(np.concatenate(parts)[:n], scores[:n])


def test_the_file_holds_all_its_weights(trained):
    _, _, detector = trained
    model = onnx.load_from_string(detector._model)
    onnx.checker.check_model(model)
    assert model.graph.initializer
    assert not any(onnx.external_data_helper.uses_external_data(tensor) for tensor in model.graph.initializer)
    assert [output.name for output in model.graph.output] == ["score", "error", "numbers", "codes", "bottleneck"]


def test_the_bottleneck_is_as_narrow_as_its_name_says(trained):
    _, _, detector = trained
    (narrow,) = detector._session.run(["bottleneck"], {"features": UNSEEN[:16]})
    assert narrow.shape[1] == NARROW.get(detector._learned.architecture, narrow.shape[1])
    assert narrow.shape[1] < len(SPEC.columns)


def test_saved_and_loaded_it_gives_the_same_scores_and_reasons(trained, tmp_path):
    _, _, detector = trained
    detector.save(tmp_path)
    told = answer(detector, batches_of(LATER, 90), -np.inf)
    assert answer(AutoencoderDetector.load(tmp_path), [LATER], -np.inf) == told
    for one in told.findings:
        shares = [reason.share for reason in one.reasons]
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1 + 1e-9


def correlated():
    """Four pairs of columns that are the same but for a little, pairs apart from each other, and one of no spread."""
    rng = np.random.default_rng(1)
    four = rng.normal(0, 1, (500, 4))
    return np.concatenate([four, four + rng.normal(0, 0.1, (500, 4)), np.ones((500, 1))], axis=1).astype(np.float32)


def test_what_correlates_stands_side_by_side_in_the_feature_map():
    order = _leaves(_tree(correlated(), None).children_)
    assert sorted(order) == list(range(9))
    assert all(abs(order.index(column) - order.index(column + 4)) == 1 for column in range(4))


def test_an_ensembles_members_see_only_their_own_group():
    sample = np.concatenate([correlated() for _ in range(3)], axis=1)[:, :26]
    body = ARCHITECTURES["ensemble"](sample, 26, 0)
    groups = body.member.argmax(dim=1)
    assert [int(groups[column]) for column in range(4)] == [int(groups[column + 4]) for column in range(4)]
    for row, back in zip(body.into, body.back.T, strict=True):
        assert len(set(groups[row > 0].tolist())) == 1
        assert torch.equal(row, back)


def test_an_ensemble_that_does_not_reconstruct_its_inputs_is_refused():
    with pytest.raises(ValueError, match="reconstructs its inputs"):
        ARCHITECTURES["ensemble"](correlated(), 5, 0)
