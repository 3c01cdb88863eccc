"""Findings that are the same in everything have ids that differ."""

from __future__ import annotations

from dataclasses import replace

import pytest
from oddlog.notices import Ordinals, ordinals
from oddlog.packing import pack, unpack


@pytest.fixture
def finding(make_finding):
    return make_finding()


def test_the_first_keeps_its_id_and_those_after_it_have_their_own(finding):
    numbers = Ordinals()
    ids = [numbers.number(finding).id for _ in range(4)]
    assert ids[0] == finding.id
    assert len(set(ids)) == 4


def test_what_differs_is_not_numbered(finding):
    numbers = Ordinals()
    others = [finding, replace(finding, ts=1), replace(finding, detector="another")]
    assert [numbers.number(each) for each in others] == others


def test_they_count_on_from_a_checkpoint(finding):
    numbers, again = Ordinals(), Ordinals()
    numbers.number(finding)
    again.restore(unpack(pack(numbers.export())))
    assert numbers.number(finding) == again.number(finding)


def test_what_was_not_seen_for_longest_is_forgotten(finding, monkeypatch):
    monkeypatch.setattr(ordinals, "MOST", 2)
    numbers = Ordinals()
    old, *others = (replace(finding, ts=ts) for ts in range(3))
    for each in (old, *others):
        numbers.number(each)
    assert numbers.number(old).ordinal == 0
    assert numbers.number(others[1]).ordinal == 1
