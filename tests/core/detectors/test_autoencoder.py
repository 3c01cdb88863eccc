"""The exported model against the one that torch trained."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
from baselines import DAY, MONDAY, inventions, odd, office, records
from hypothesis import given, settings
from hypothesis import strategies as st
from oddlog_core.detectors.autoencoder import AutoencoderDetector, Learned
from oddlog_core.features.conn import NUMBERS, ROLLING, TIME_OF_DAY, ConnFeatures, learn_scaling, learn_spec
from oddlog_core.options import FlowOptions
from road import answer

torch = pytest.importorskip("torch")
BASELINE = office("conn", 1500, seed=2, days=4.0)
LATER = office("conn", 500, seed=3, start=MONDAY + 4 * DAY)


@pytest.fixture(scope="module")
def learned():
    """What torch trained, and the detector that runs its export."""
    from oddlog_core.training import flow  # noqa: PLC0415

    spec = learn_spec([BASELINE])
    assert spec.time_of_day
    features = ConnFeatures(spec).transform(BASELINE)
    scaling = learn_scaling(features, spec)
    model, _ = flow.train(features, spec, scaling, FlowOptions(epochs=2), lambda _: None)
    learned = Learned(spec, scaling, "embedding", None)
    return model, AutoencoderDetector(learned, None, flow.export(model, features.shape[1])), spec


def by_torch(model, features):
    with torch.no_grad():
        return [output.numpy() for output in model(torch.from_numpy(features))]


def test_the_exported_model_scores_as_torch_does(learned):
    model, detector, spec = learned
    log = records("conn", [{"ts": MONDAY}])
    for batch in (LATER, odd("conn", MONDAY), log):
        expected, *_ = by_torch(model, ConnFeatures(spec).transform(batch))
        found = [told.score for told in answer(detector, [batch], np.inf).scores]
        npt.assert_allclose(found, expected, rtol=1e-5)


def test_errors_by_feature_sum_to_the_score(learned):
    model, _, spec = learned
    features = ConnFeatures(spec).transform(LATER)
    score, error, *_ = by_torch(model, features)
    assert error.shape == features.shape
    assert (error >= 0).all()
    npt.assert_allclose(error.sum(axis=1), score, rtol=1e-5)


def test_reasons_are_the_features_with_the_largest_errors_with_the_value_seen(learned):
    model, detector, spec = learned
    scaling = detector._learned.scaling
    attack = odd("conn", MONDAY + DAY)
    features = ConnFeatures(spec).transform(attack)
    _, error, expected, logits, _ = by_torch(model, features)
    names = [*spec.numbers, *spec.coded]
    [told] = answer(detector, [attack], -np.inf).findings
    assert [reason.field for reason in told.reasons] == [names[f] for f in np.argsort(-error[0])[: len(told.reasons)]]
    for reason in told.reasons:
        f = names.index(reason.field)
        assert reason.share == pytest.approx(error[0, f] / error[0].sum(), rel=1e-4)
        if reason.field in spec.numbers:
            assert reason.seen == features[0, f]
            usual = expected[0, f] * scaling.scale[f] + scaling.mean[f]
            usual = usual if reason.field in TIME_OF_DAY else np.expm1(usual)
            assert reason.expected == pytest.approx(usual, rel=1e-3, abs=1e-5)
        else:
            assert reason.seen == spec.names_of(reason.field)[int(features[0, f])]
            ends = np.cumsum([len(spec.names_of(name)) for name in spec.coded])
            n = f - len(spec.numbers)
            likeliest = np.split(logits[0], ends[:-1])[n].argmax()
            assert reason.expected == spec.names_of(reason.field)[likeliest]


def test_an_unset_number_is_no_error_of_its_own(learned):
    model, _, spec = learned
    features = ConnFeatures(spec).transform(records("conn", [{"ts": MONDAY, "orig_pkts": 1}]))
    _, error, *_ = by_torch(model, features)
    names = [*spec.numbers, *spec.coded]
    unset = [names.index(name) for name in ("duration", "orig_bytes", "resp_bytes", "resp_pkts")]
    npt.assert_array_equal(error[0, unset], 0.0)
    assert error[0, names.index("orig_pkts")] > 0


def test_the_hour_alone_is_no_reason(learned):
    _, detector, _ = learned
    reasons = [r.field for told in answer(detector, [LATER], -np.inf).findings for r in told.reasons if r.share > 0]
    assert reasons
    assert not set(reasons) & set(TIME_OF_DAY)


@pytest.mark.parametrize("size", [1, 3, 7])
def test_a_score_is_the_same_to_the_last_bit_in_batches_of_any_size(learned, size):
    # Left to itself the runtime gives one record in a thousand another last bit where it ends a batch of odd length.
    _, detector, spec = learned
    features = np.repeat(ConnFeatures(spec).transform(LATER), 24, axis=0)
    features[:, : len(NUMBERS) + len(ROLLING)] *= np.random.default_rng(4).lognormal(0, 1, (len(features), 1))
    parts = [detector._score(features[start : start + size]) for start in range(0, len(features), size)]
    npt.assert_array_equal(np.concatenate(parts), detector._score(features))


@settings(max_examples=25)
@given(st.integers(1, 12), inventions("conn"))
def test_records_never_seen_score_the_same_to_the_last_bit_in_any_batch(learned, size, invented):
    _, detector, spec = learned
    features = ConnFeatures(spec).transform(invented)
    parts = [detector._score(features[start : start + size]) for start in range(0, len(features), size)]
    npt.assert_array_equal(np.concatenate(parts), detector._score(features))
