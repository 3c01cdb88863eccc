"""Kinds of records by who is known, and strangers that a second lesson leaves out."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
from baselines import MONDAY, records
from hypothesis import given
from hypothesis import strategies as st
from oddlog_core.features.acquaintance import ENOUGH, NEWCOMER, OUTSIDE, SETTLED, TO_NEWCOMER, Acquaintance
from oddlog_core.features.habits import BLOCKS
from oddlog_core.features.keys import of_categories

HOSTS = [f"10.0.0.{i}" for i in range(8)]


def connections(*pairs):
    return records("conn", [{"ts": MONDAY + i, "id.orig_h": a, "id.resp_h": b} for i, (a, b) in enumerate(pairs)])


def stretches(present):
    """A baseline of eight connections to one server, a stretch each; who makes each is given."""
    return connections(*((source, "10.0.1.1") for source in present))


def key(host):
    return of_categories(connections((host, "10.0.1.1")).categories["id.orig_h"])


@given(st.lists(st.sampled_from(HOSTS), min_size=BLOCKS, max_size=BLOCKS))
def test_a_host_was_in_as_many_stretches_as_it_had_records_in(present):
    known = Acquaintance.of([stretches(present)])
    for host in HOSTS:
        assert known.seen_in(key(host)) == [present.count(host)]
    assert known.seen_in(key("10.0.1.1")) == [BLOCKS]


@given(st.lists(st.sampled_from(HOSTS), min_size=BLOCKS, max_size=BLOCKS))
def test_of_the_baseline_itself_every_stretch_is_judged_as_if_it_were_new(present):
    sources = of_categories(stretches(present).categories["id.orig_h"])
    _, seen_in = Acquaintance.learn(sources)
    for at, host in enumerate(present):
        others = present[:at] + present[at + 1 :] if at < BLOCKS // 2 else present[:at]
        assert seen_in[at, 0] == others.count(host)


def test_the_kind_of_a_record_is_that_of_whoever_came_lately():
    known = Acquaintance.of([stretches(HOSTS[:1] * ENOUGH + HOSTS[1:2] * (BLOCKS - ENOUGH))])
    lately = HOSTS[7]
    found = known.kinds(
        connections(
            (HOSTS[0], HOSTS[1]),
            (lately, HOSTS[1]),
            (HOSTS[0], lately),
            (lately, lately),
            ("192.0.43.8", HOSTS[0]),
            (HOSTS[0], "8.8.8.8"),
            ("8.8.8.8", lately),
            (None, HOSTS[0]),
        )
    )
    settled = [SETTLED, NEWCOMER, TO_NEWCOMER, NEWCOMER, OUTSIDE, SETTLED, OUTSIDE, OUTSIDE]
    npt.assert_array_equal(found, settled)


def test_strangers_are_hosts_that_were_always_there_and_their_records_are_left_out_and_found():
    everyone = [connections(*((host, "10.0.1.1") for host in HOSTS)) for _ in range(BLOCKS)]
    known = Acquaintance.of(everyone)
    strangers = known.strangers(everyone[-2:])
    rows, kind = strangers.rows(everyone[0])
    left = {host for batch in strangers.without(everyone) for host in np.array(batch.categories["id.orig_h"].values)}
    assert len(rows) == 3
    assert (kind == NEWCOMER).all()
    assert sum(map(len, strangers.without(everyone))) == BLOCKS * (len(HOSTS) - 3)
    hidden = [HOSTS[row] for row in rows]
    assert left >= set(HOSTS) - set(hidden)
    _, reached = strangers.rows(connections(("10.0.1.1", hidden[0]), ("10.0.1.1", HOSTS[0])))
    assert reached.tolist() == [TO_NEWCOMER] * (1 + (HOSTS[0] in hidden))


def test_of_two_hosts_none_can_be_a_stranger():
    few = [connections(*((host, "10.0.1.1") for host in HOSTS[:2])) for _ in range(BLOCKS)]
    assert Acquaintance.of(few).strangers(few) is None


def test_an_empty_baseline_knows_nobody():
    nobody = Acquaintance(np.empty((0, 2), np.int64))
    npt.assert_array_equal(nobody.seen_in(key(HOSTS[0])), [0])
