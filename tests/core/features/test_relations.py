"""Relations of a baseline: what is new scores higher than what is usual, however the log is cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.testing as npt
import pytest
from baselines import DAY, MONDAY, anew, inventions, office, records
from hypothesis import given, settings
from hypothesis import strategies as st
from inventions import CUTS, SECOND, pieces
from oddlog_core.features import habits
from oddlog_core.features.relations import AMOUNTS, RELATIONS, UNLIKE, Relations, faded
from oddlog_core.records import Categories

LATER = office("conn", 200, seed=8, start=MONDAY + 2 * DAY)


@pytest.fixture(scope="module")
def learned():
    whole = office("conn", 1500, seed=5)
    relations, judged = Relations.learn([whole])
    return whole, relations, judged


def usual(**changed):
    """A connection as the office's are, but for what is changed."""
    return {
        "ts": MONDAY + 2 * DAY,
        "id.orig_h": "10.0.0.3",
        "id.resp_h": "10.0.1.2",
        "id.resp_p": 443,
        "proto": "tcp",
        "orig_bytes": 1100,
        "resp_bytes": 1100,
        "duration": SECOND,
        **changed,
    }


def judged(relations, *rows):
    return dict(zip((*RELATIONS, *UNLIKE), relations.judge(records("conn", rows)).T, strict=True))


@pytest.mark.parametrize(
    ("changed", "risen"),
    [
        ({"id.resp_h": "10.0.1.77"}, ["new_destination", "new_pair"]),
        ({"id.resp_p": 4444}, ["new_service"]),
        ({"proto": "udp"}, ["new_service"]),
        ({"id.orig_h": "10.0.0.77"}, ["new_source"]),
        ({"id.resp_h": "10.0.0.250"}, ["new_destination"]),
    ],
)
def test_what_the_baseline_never_saw_scores_higher_than_what_is_usual(learned, changed, risen):
    found = judged(learned[1], usual(), usual(**changed))
    for name in risen:
        assert found[name][1] > found[name][0] + 1, name


@pytest.mark.parametrize("name", AMOUNTS)
@pytest.mark.parametrize("factor", [1e4, 1e-3])
def test_amounts_of_another_size_are_unlike_the_usual(learned, name, factor):
    found = judged(learned[1], usual(), usual(**{name: int(usual()[name] * factor)}))[f"unlike_{name}"]
    assert found[1] > found[0] + 6


def test_of_amounts_that_are_one_of_two_sizes_what_lies_between_is_the_odd_one():
    rng = np.random.default_rng(6)
    sent = np.where(rng.random(2000) < 0.5, 40, 40_000)
    log = records("conn", [usual(ts=MONDAY + i * SECOND, orig_bytes=int(n)) for i, n in enumerate(sent)])
    relations, _ = Relations.learn([log])
    found = judged(relations, *(usual(orig_bytes=n) for n in (40, 1300, 40_000)))["unlike_orig_bytes"]
    assert found[1] > max(found[0], found[2]) + 4


def test_an_amount_that_is_unset_is_not_unlike_any(learned):
    found = judged(learned[1], {key: value for key, value in usual().items() if key not in AMOUNTS})
    assert [found[name][0] for name in UNLIKE] == [0, 0, 0]


def test_a_connection_that_came_to_nothing_is_not_unlike_any_though_it_carried_nothing(learned):
    nothing = {"orig_bytes": 0, "resp_bytes": 0, "duration": 3 * SECOND}
    found = judged(learned[1], *(usual(conn_state=state, **nothing) for state in ("SF", "S0", "REJ")))
    assert found["unlike_orig_bytes"][0] > 6
    for name in UNLIKE:
        assert (found[name][1:] == 0).all()


def test_a_source_that_is_new_is_one_surprise_worth_how_rarely_the_baseline_had_one():
    whole = office("conn", 1500, seed=5)
    relations, own = Relations.learn([whole])
    found = judged(relations, usual(**{"id.orig_h": "10.9.9.9"}), usual(**{"id.orig_h": "10.9.9.9", "id.resp_p": 4444}))
    for name in RELATIONS:
        npt.assert_array_equal(found[name], np.log(1501) if name == "new_source" else 0.0)
    # One that comes in the latest eighth, and stays.
    source = whole.categories["id.orig_h"]
    codes = source.codes.copy()
    codes[1400:] = len(source.values)
    arrived = replace(
        whole, categories=whole.categories | {"id.orig_h": Categories(codes, [*source.values, "10.0.0.99"])}
    )
    relations, own = Relations.learn([arrived])
    nats = np.log(1501 / 101)
    assert own[1400:, RELATIONS.index("new_source")] == pytest.approx(nats)
    assert judged(relations, usual(**{"id.orig_h": "10.9.9.9"}))["new_source"] == pytest.approx(nats)


def test_a_surprise_counts_less_where_surprises_vary():
    rng = np.random.default_rng(3)
    rows = [
        usual(ts=MONDAY + i * SECOND, **{"id.orig_h": f"10.0.0.{i % 2}", "id.resp_h": f"10.0.1.{wide if i % 2 else 1}"})
        for i, wide in enumerate(rng.zipf(1.3, 2000).clip(max=250))
    ]
    relations, _ = Relations.learn([records("conn", rows)])
    found = judged(relations, *(usual(**{"id.orig_h": f"10.0.0.{i}", "id.resp_h": "10.0.1.251"}) for i in range(2)))
    assert found["new_pair"][0] > found["new_pair"][1] + 2


def fading(lately, of, nats=8.0, **changed):
    """Nats left of as many for each relation of a connection to the internet."""
    record = records("conn", [usual(**{"id.resp_h": "8.8.8.8", **changed})])
    left = faded(np.full((1, len(RELATIONS)), nats), record, np.array([lately]), np.array([of]))
    assert (left == left[0, 0]).all()
    return left[0, 0]


def test_what_is_new_on_the_internet_fades_by_its_share_of_what_the_source_did_lately():
    assert fading(0.0, 500.0) == 8.0
    left = [fading(lately, 500.0) for lately in (1.0, 10.0, 100.0, 500.0)]
    npt.assert_allclose(left, [-np.log(np.exp(-8) + lately / 501) for lately in (1, 10, 100, 500)])
    assert fading(100.0, 500.0, nats=-2.0) < -2.0


@pytest.mark.parametrize(
    "changed", [{"id.resp_h": "10.0.1.77"}, {"local_resp": "T"}, {"conn_state": "S0"}, {"id.resp_h": "224.0.0.9"}]
)
def test_what_is_new_inside_or_gets_no_answer_does_not_fade(changed):
    assert fading(400.0, 500.0, **changed) == 8.0


def test_the_baselines_own_records_are_about_as_usual_as_later_ones(learned):
    _, relations, own = learned
    later = relations.judge(LATER)
    npt.assert_allclose(np.median(own, axis=0), np.median(later, axis=0), atol=0.5)
    npt.assert_allclose(np.quantile(own, 0.9, axis=0), np.quantile(later, 0.9, axis=0), atol=1.0)


@settings(max_examples=25)
@given(CUTS)
def test_cutting_a_log_into_other_batches_changes_no_bit(learned, cuts):
    relations = learned[1]
    parts = [relations.judge(anew(LATER, piece)) for piece in pieces(len(LATER), cuts)]
    npt.assert_array_equal(np.concatenate(parts), relations.judge(LATER))


@settings(max_examples=5)
@given(cuts=CUTS)
def test_a_baseline_teaches_the_same_however_it_is_cut(learned, tmp_path_factory, cuts):
    whole, relations, own = learned
    again, judged_again = Relations.learn([anew(whole, piece) for piece in pieces(len(whole), cuts)])
    npt.assert_array_equal(judged_again, own)
    folder = tmp_path_factory.mktemp("relations")
    for name, one in (("one", relations), ("two", again)):
        one.save(folder / name)
    assert (folder / "one").read_bytes() == (folder / "two").read_bytes()


@settings(max_examples=25)
@given(invented=inventions("conn"))
def test_saved_and_loaded_they_judge_the_same(learned, tmp_path_factory, invented):
    relations = learned[1]
    path = tmp_path_factory.mktemp("relations") / "relations.npz"
    relations.save(path)
    loaded = Relations.load(path)
    for log in (LATER, invented):
        npt.assert_array_equal(loaded.judge(log), relations.judge(log))


@settings(max_examples=25)
@given(inventions("conn"), inventions("conn"))
def test_any_log_is_judged_by_any_other_in_finite_numbers(baseline, later):
    relations, own = Relations.learn([baseline])
    assert np.isfinite(own).all()
    assert np.isfinite(relations.judge(later)).all()


@pytest.mark.parametrize(
    ("changed", "among"),
    [
        ({}, "source"),
        ({"id.orig_h": "10.0.0.77"}, "destination"),
        ({"id.resp_h": "10.0.1.77"}, "port"),
        ({"id.resp_p": 4444}, None),
    ],
)
def test_it_is_said_whose_typical_amounts_are_told(learned, changed, among):
    record = records("conn", [usual(**changed)])
    assert learned[1].among(record) == [among]
    by_any = learned[1].typical(records("conn", [usual(**{"id.resp_p": 5555})]))
    assert (learned[1].typical(record) == by_any).all() == (among is None)


@settings(max_examples=5)
@given(st.sampled_from([4, 16, 64]))
def test_what_is_kept_of_a_baseline_is_bounded(learned, tmp_path_factory, most):
    path = tmp_path_factory.mktemp("relations") / "relations.npz"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(habits, "_MOST", most)
        relations, _ = Relations.learn([learned[0]])
    relations.save(path)
    with np.load(path) as kept:
        assert max(len(kept[name]) for name in kept.files) == most
    assert np.isfinite(relations.judge(LATER)).all()
