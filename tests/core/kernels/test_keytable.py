"""The key table against lists of records, and what it promises of slots, hot keys and memory."""

from __future__ import annotations

import copy

import naive
import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inventions import CUTS, SECOND, START, falling_clocks, pieces
from oddlog_core.kernels.keytable import WAYS, KeyTable

# A prime: between times to the second no sums of halvings are equal by chance, and no rounding has to decide.
RATE = 1 / 617
# Few enough to come again, and more than two sets hold; the ends of int64 and 0, which an empty slot holds too.
KEYS = st.integers(0, 40) | st.sampled_from([-1, -(2**63), 2**63 - 1])


@st.composite
def logs(draw):
    clock = draw(falling_clocks(60))
    clock = clock - clock % SECOND
    keys = draw(st.lists(KEYS, min_size=len(clock), max_size=len(clock)))
    return clock, np.array(keys, np.int64)


def assigned(log, cuts=(), capacity=16, rate=RATE):
    table = KeyTable(capacity, rate)
    slots = [table.update(*(column[piece] for column in log)) for piece in pieces(len(log[0]), list(cuts))]
    return np.concatenate(slots), table


@given(logs(), st.sampled_from([16, 64]))
def test_slots_and_evictions_are_those_of_lists_of_every_keys_records(log, capacity):
    slots, table = assigned(log, capacity=capacity)
    assert (slots.tolist(), table.evicted) == naive.assign(log[0].tolist(), log[1].tolist(), RATE, capacity)


@given(logs(), CUTS)
def test_cutting_a_log_into_other_batches_changes_no_slot(log, cuts):
    slots, table = assigned(log)
    again, cut = assigned(log, cuts)
    npt.assert_array_equal(again, slots)
    assert cut.evicted == table.evicted


@given(logs())
def test_no_two_keys_share_a_slot_and_no_key_has_two(log):
    owner = {}
    for now, before, key, slot in zip(
        log[0], [log[0][0], *log[0]], log[1].tolist(), assigned(log)[0].tolist(), strict=False
    ):
        if now < before:
            owner = {}
        if slot < 0:
            assert key not in owner.values()
            owner[~slot] = key
        assert owner[max(slot, ~slot)] == key


def test_hot_keys_survive_a_scan_of_keys_seen_once():
    # Eight hot keys a hundred records each, then 50 keys a slot; the hot ones speak up once a minute.
    hot, scan = np.arange(8) << 40, np.arange(64 * 50)
    table = KeyTable(64, RATE)
    table.update(np.full(800, START), np.tile(hot, 100))
    for minute, some in enumerate(np.array_split(scan, 10)):
        now = START + (minute + 1) * 60 * SECOND
        table.update(np.full(len(some), now), some)
        assert (table.update(np.full(8, now), hot) >= 0).all()
    assert table.evicted > 64 * 48


def test_a_hot_key_fallen_silent_goes_in_the_end():
    table = KeyTable(16, RATE)
    table.update(np.full(100, START), np.zeros(100, np.int64))
    # Seven halvings and it weighs less than one record; the keys that never come again take its slot.
    late = START + 8 * 617 * SECOND
    table.update(np.full(1000, late), np.arange(1, 1001))
    assert table.update(np.full(1, late), np.zeros(1, np.int64))[0] < 0


def test_memory_stays_what_it_was_and_evictions_are_counted():
    table = KeyTable(1024, RATE)
    held, ranks = table.held, table.ranks
    keys = np.random.default_rng(3).permutation(20_000)
    slots = table.update(START + np.arange(20_000) * 1000, keys)
    assert table.held is held
    assert table.ranks is ranks
    assert (slots < 0).all()
    assert np.array_equal(np.unique(~slots), np.arange(1024))
    assert (len(table), table.evicted) == (1024, 20_000 - 1024)


def test_a_table_less_than_half_full_evicts_next_to_nothing():
    table = KeyTable(2**14, RATE)
    table.update(np.full(2**13, START), np.arange(2**13) * 2**32)
    assert table.evicted <= 2**13 // 100


def test_a_fall_of_the_clock_forgets_every_key():
    table = KeyTable(16, RATE)
    slots = table.update(START + np.array([0, 1, 0]), np.array([5, 5, 5]))
    assert slots.tolist() == [slots[0], ~slots[0], slots[0]]
    assert slots[0] < 0
    assert (len(table), table.evicted) == (1, 0)


@given(logs(), st.floats(0, 1))
def test_what_was_exported_goes_on_as_if_never_interrupted(log, interruption):
    at = round(interruption * len(log[0]))
    table = KeyTable(16, RATE)
    table.update(*(column[:at] for column in log))
    exported = table.export()
    kept = copy.deepcopy(exported)
    expected = table.update(*(column[at:] for column in log))
    for snapshot in (exported, kept):
        again = KeyTable(16, RATE)
        again.update(np.array([START]), np.array([77]))
        again.restore(snapshot)
        npt.assert_array_equal(again.update(*(column[at:] for column in log)), expected)
        assert again.evicted == table.evicted


@pytest.mark.parametrize("capacity", [0, WAYS, 24, 1000])
def test_a_capacity_that_is_no_power_of_two_or_a_single_set_is_refused(capacity):
    with pytest.raises(ValueError, match="power of two from 16"):
        KeyTable(capacity, RATE)
