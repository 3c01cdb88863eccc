"""Chains of weak findings: how odd one is, whatever else is open, and in bounded memory."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oddlog_core import chains
from oddlog_core.chains import Chains, Link, OpenChains, oddness
from scipy import stats

HOUR = 3_600_000_000
ANCHORS = st.lists(st.sampled_from(["source a", "source b", "target c", "account d"]), min_size=1, max_size=3)


def link(clock, *anchors, thing="t", strength=1.0):
    return Link(clock, anchors or ("source a",), thing, strength, lambda: {"at": clock})


LINKS = st.lists(
    st.builds(
        lambda clock, anchors, thing, strength: link(clock, *dict.fromkeys(anchors), thing=thing, strength=strength),
        st.integers(0, 4 * HOUR),
        ANCHORS,
        st.sampled_from("uvwxyz"),
        st.floats(0, 10),
    ),
    max_size=40,
).map(lambda links: sorted(links, key=lambda one: one.clock))


@given(st.integers(1, 40), st.floats(0, 200), st.floats(1e-3, 50))
def test_oddness_is_two_tails(n, strength, expected):
    tails = stats.poisson.logsf(n - 1, expected) + stats.gamma.logsf(strength, n)
    npt.assert_allclose(oddness(n, strength, expected), -tails, rtol=1e-6, atol=1e-9)


@given(LINKS)
@example([link(0, thing="v"), link(1, thing="v"), link(HOUR, thing="u")])
@example([link(0, thing="v", strength=5.0), link(1, thing="v"), link(HOUR, thing="u")])
def test_a_chain_holds_the_strongest_link_of_each_thing_within_the_window(links):
    model, open_ = Chains(HOUR, 7.0, {}), OpenChains()
    for i, one in enumerate(links):
        found = model.add(one, open_)
        oddest = 0.0
        for anchor in one.anchors:
            here = [other for other in links[: i + 1] if anchor in other.anchors and other.clock > one.clock - HOUR]
            strengths = {}
            for other in here:
                strengths[other.thing] = max(strengths.get(other.thing, 0.0), other.strength)
            if len(strengths) > 1:
                oddest = max(oddest, oddness(len(strengths), sum(strengths.values()), model.expected(anchor)))
        if found is None:
            assert oddest == 0.0
        else:
            npt.assert_allclose(found.score, oddest, rtol=1e-9, atol=1e-9)
            assert len({other.thing for other in found.links}) == len(found.links) > 1


@settings(max_examples=25)
@given(LINKS, st.integers(0, 40))
def test_a_state_that_was_exported_goes_on_as_if_never_interrupted(links, at):
    model, open_, other = Chains(HOUR, 7.0, {"source a": 3}), OpenChains(), OpenChains()
    for one in links[:at]:
        model.add(one, open_)
    other = OpenChains.restore(open_.export())
    for one in links[at:]:
        chains_ = [model.add(one, state) for state in (open_, other)]
        told = [chain and [*chain[::2], [(*each[:-1], each.about()) for each in chain.links]] for chain in chains_]
        assert told[0] == told[1]


def test_what_often_has_links_needs_more_of_them():
    model = Chains(HOUR, 7.0, {"source busy": 700})
    scores = {}
    for name in ("busy", "quiet"):
        open_ = OpenChains()
        for i, thing in enumerate("uvw"):
            chain = model.add(link(i, f"source {name}", thing=thing), open_)
        scores[name] = chain.score
    assert scores["quiet"] > scores["busy"] + 5


def test_a_long_chain_loses_its_weakest_link():
    model, open_ = Chains(HOUR, 7.0, {}), OpenChains()
    for i in range(chains.MOST_LINKS + 3):
        chain = model.add(link(i, thing=str(i), strength=float(i)), open_)
    assert [one.strength for one in chain.links] == [float(i) for i in range(3, chains.MOST_LINKS + 3)]


def test_more_anchors_than_fit_are_evicted_and_counted(monkeypatch):
    monkeypatch.setattr(chains, "MOST_CHAINS", 5)
    model, open_ = Chains(HOUR, 7.0, {}), OpenChains()
    for i in range(12):
        model.add(link(i, f"source {i}"), open_)
    assert (list(open_.of), open_.evicted) == ([f"source {i}" for i in range(7, 12)], 7)


def test_what_no_later_link_can_meet_is_forgotten_and_nothing_else():
    model, whole, open_ = Chains(HOUR, 7.0, {}), OpenChains(), OpenChains()
    for i in range(200):
        one = link(i * HOUR // 10, f"source {i}", f"target {i // 15}", thing=str(i))
        open_.forget(one.clock - HOUR)
        assert model.add(one, open_) == model.add(one, whole)
    assert len(whole.of) > 200
    assert len(open_.of) <= 12


def test_a_baseline_with_few_chains_says_nothing_of_how_rare_one_is():
    alone = [link(i * 2 * HOUR, thing="t") for i in range(100)]
    assert Chains.learn(alone, 9.0, HOUR).calibration is None


def test_chains_of_a_baseline_are_as_rare_as_it_says():
    rng = np.random.default_rng(3)
    links = [
        link(int(clock), f"source {rng.integers(20)}", thing=str(i), strength=float(rng.exponential()))
        for i, clock in enumerate(np.sort(rng.uniform(0, 14 * 24 * HOUR, 4000)))
    ]
    half = len(links) // 2
    model = Chains.learn(links[:half], 7.0, HOUR)
    open_ = OpenChains()
    later = [chain for one in links[half:] if (chain := model.add(one, open_)) is not None]
    rarity = np.array([model.calibration.rarity_of(chain.score) for chain in later])
    for days in (0.05, 0.2):
        assert (rarity >= days).sum() == pytest.approx(7 / days, rel=0.5)
