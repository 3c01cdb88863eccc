"""Relations of logons, and what their sources did, against plain counting."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
from baselines import HOUR, MONDAY, anew, inventions, office, records
from hypothesis import given
from inventions import CUTS, pieces
from oddlog_core.features import recent
from oddlog_core.features.habits import BLOCKS, blocks
from oddlog_core.features.logons import RELATIONS, Different, Logons, keys_of
from oddlog_core.features.recent import Recent, outcomes

BASELINE = office("ntlm", 900, seed=7)
LEARNED, JUDGED = Logons.learn(keys_of(BASELINE))
OFTEN = "source_of_user", "host_of_user"


def spoken(log, *names):
    columns = [log.categories[name] for name in names]
    return [tuple(c.values[c.codes[i]].lower() if c.codes[i] >= 0 else None for c in columns) for i in range(len(log))]


@given(inventions("ntlm"), CUTS)
def test_every_different_logon_is_judged_once(log, cuts):
    different = Different.of(log)
    whole = LEARNED.judge(keys_of(log))
    found = LEARNED.judge(different.keys)
    npt.assert_array_equal(found.surprise[different.number], whole.surprise)
    npt.assert_array_equal(found.known[different.number], whole.known)
    parts = [LEARNED.judge(keys_of(anew(log, piece))).surprise for piece in pieces(len(log), cuts)]
    npt.assert_array_equal(np.concatenate(parts), whole.surprise)


def test_what_the_baseline_knows_are_pairs_it_has():
    later = office("ntlm", 300, seed=8)
    asked = ("username", "id.resp_h"), ("username", "id.orig_h"), ("id.orig_h", "username", "id.resp_h")
    known = LEARNED.judge(keys_of(later)).known
    for i, names in enumerate(asked):
        had = set(spoken(BASELINE, *names))
        assert known[:, i].tolist() == [row in had for row in spoken(later, *names)]


def test_the_baseline_itself_knows_what_another_stretch_of_it_has():
    rows, block = spoken(BASELINE, "username", "id.resp_h"), blocks(len(BASELINE))
    within = [{row for row, number in zip(rows, block, strict=True) if number == b} for b in range(BLOCKS)]
    elsewhere = [any(row in within[b] for b in range(BLOCKS) if b != own) for row, own in zip(rows, block, strict=True)]
    assert JUDGED.known[:, 0].tolist() == elsewhere


def test_counts_are_those_of_the_baseline():
    often = LEARNED.often(keys_of(BASELINE))
    pairs, users = spoken(BASELINE, "username", "id.orig_h"), spoken(BASELINE, "username")
    expected = [[pairs.count(pair), users.count(user)] for pair, user in zip(pairs, users, strict=True)]
    assert often["source_of_user"].tolist() == expected
    assert [*often] == [*RELATIONS]
    assert (often["together"][:, 1] == len(BASELINE)).all()


def test_who_goes_round_every_host_is_expected_at_each_and_who_does_not_is_not():
    rounds = [{"id.orig_h": "10.0.0.1", "id.resp_h": f"10.0.1.{i % 50}", "username": "svc"} for i in range(500)]
    desks = [{"id.orig_h": "10.0.0.2", "id.resp_h": f"10.0.1.{i % 2}", "username": "ada"} for i in range(500)]
    both = [row for pair in zip(rounds, desks, strict=True) for row in pair]
    learned, _ = Logons.learn(keys_of(records("ntlm", both)))
    asked = [rounds[7], {**desks[0], "id.resp_h": "10.0.1.7"}]
    usual, new = learned.judge(keys_of(records("ntlm", asked))).surprise[:, RELATIONS.index("host_of_user")]
    assert usual < 0.1
    assert new > 2


def test_outcomes_are_failures_and_what_zeek_did_not_see():
    rows = [
        {"success": "T", "username": "a"}, {"success": "F"}, {"username": "a"}, {}, {"status": "NT_STATUS_X"},
        {"status": "SUCCESS"},
    ]  # fmt: skip
    assert outcomes(records("ntlm", rows)).tolist() == [[0, 0], [1, 0], [0, 1], [0, 0], [1, 0], [0, 0]]
    assert outcomes(records("wls", [{"username": "a"}])).tolist() == [[0, 0]]


def test_shares_of_failures_are_told_in_four_steps():
    counted = np.zeros((6, 2, 5), np.int64)
    counted[:, 0, 0] = 20
    counted[:, 0, recent.FAILED] = [0, 1, 2, 9, 10, 20]
    found = recent.shares(counted)["failure share in 10 min"]
    assert [found.values[code] for code in found.codes] == ["none", "few", "some", "some", "most", "most"]


def test_failures_and_news_are_judged_by_what_is_usual_for_their_source():
    n = 400
    source = np.repeat([1, 2], n // 2)
    counted = np.zeros((n, 2, 5), np.int64)
    counted[:, :, 0] = 10
    outcome = np.zeros((n, 2), np.int64)
    outcome[source == 2, 0] = 1
    counted[source == 2, :, recent.FAILED] = 10
    usual, apart = Recent.learn(source, counted, outcome)
    assert np.abs(apart).max() < 0.5
    both = np.zeros((2, 2, 5), np.int64)
    both[:, :, 0], both[:, :, recent.FAILED], both[:, :, recent.NEWNESS] = 10, 10, 5000
    first, second = recent.apart(both, np.arange(2), usual.usual.expected([np.array([1, 2])]))
    assert (first[:2] > 5).all()
    assert (second[:2] < 0.5).all()
    assert (first[2:] > 5).all()


def test_news_of_an_hour_are_pairs_never_seen_and_counted_once():
    keys = {"source": np.ones(5, np.int64), "who": np.array([1, 2, 2, 3, 3])}
    clock = MONDAY + np.array([0, 1, 2, 3, 2 * HOUR])
    new, known = np.array([0, 2.0, 2.0, 1.0, 1.0]), np.array([True, False, False, False, False])
    deeds = recent.deeds(np.zeros((5, 2), np.int64), new, known)
    counted = recent.sums(recent.new_state(), clock, np.arange(5), keys, deeds)
    assert counted[:, 1, recent.NEWS].tolist() == [0, 1, 1, 2, 1]
    assert counted[:, 1, recent.NEWNESS].tolist() == [0, 512, 512, 768, 256]
    assert counted[:, 1, 0].tolist() == [1, 2, 3, 4, 1]


@given(inventions("ntlm"), CUTS)
def test_logons_that_differ_in_nothing_that_counts_have_one_key_in_every_batch(log, cuts):
    columns = ["username", "hostname", "server_tree_name"]
    whole = Different.of(log, columns)
    assert len(np.unique(whole.key)) == len({*rows_of(log, columns)})
    parts = [Different.of(anew(log, piece), columns) for piece in pieces(len(log), cuts)]
    npt.assert_array_equal(np.concatenate([part.key[part.number] for part in parts]), whole.key[whole.number])


def rows_of(log, columns):
    """What logons may differ in, spelled in one way: but for the outcome, whose spelling counts."""
    names = "id.orig_h", "id.resp_h", *columns, "domainname", "server_nb_computer_name", "server_dns_computer_name"
    ports = [port if port >= 0 else None for port in log.integers["id.resp_p"].tolist()]
    outcome = [
        tuple(
            None if c.codes[i] < 0 else c.values[c.codes[i]]
            for c in map(log.categories.get, ("success", "status"))
            if c
        )
        for i in range(len(log))
    ]
    return zip(spoken(log, *names), ports, outcome, strict=True)


def test_logons_that_are_taken_by_themselves_are_what_they_were():
    different = Different.of(BASELINE, ["server_tree_name"])
    rows = np.array([5, 0, 7])
    taken = different.take(rows)
    npt.assert_array_equal(taken.key, different.key[rows])
    npt.assert_array_equal(taken.number, [0, 1, 2])
    assert spoken(taken.records, "username", "hostname") == [
        spoken(different.records, "username", "hostname")[row] for row in rows
    ]
    assert all(len(column.values) <= 3 for column in taken.records.categories.values())
