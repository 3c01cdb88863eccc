"""The attacks: between hosts that are there, over what is in use there, and the same in every log."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from oddlog.drill.hours import Hours
from oddlog.drill.kinds import KINDS, Scene
from oddlog.drill.site import LackingError, Site

SEEDS = range(4)


@pytest.fixture(scope="module")
def attacks(site):
    return [play(Scene(site, np.random.default_rng(seed)), name) for seed in SEEDS for name, play in KINDS.items()]


def test_every_kind_can_be_done_in_an_office(attacks):
    assert [attack.name for attack in attacks] == list(KINDS) * len(SEEDS)
    assert all(any(attack.records.values()) for attack in attacks)


def test_a_connection_is_the_same_in_every_log(attacks):
    ends = ("id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p")
    for attack in attacks:
        conn = {row["uid"]: row for row in attack.records["conn"]}
        assert len(conn) == len(attack.records["conn"])
        for log in ("ntlm", "dce_rpc"):
            for row in attack.records.get(log, ()):
                whole = conn[row["uid"]]
                assert [row[end] for end in ends] == [whole[end] for end in ends]
                assert row["ts"] >= whole["ts"]


def test_hosts_accounts_and_operations_are_the_sites_own(attacks, site):
    conn, ntlm, dce_rpc = (site.of(log) for log in ("conn", "ntlm", "dce_rpc"))
    hosts = {*conn["orig"], *conn["resp"]}
    calls = set(zip(dce_rpc["endpoint"], dce_rpc["operation"], strict=True))
    for attack in attacks:
        assert attack.source in site.inside
        assert attack.targets <= hosts - {attack.source}
        assert {row["id.orig_h"] for rows in attack.records.values() for row in rows} == {attack.source}
        assert {row["id.resp_p"] for row in attack.records["conn"]} <= set(conn["port"])
        named = {row["username"] for row in attack.records.get("ntlm", ())} - {None}
        assert named <= set(ntlm["username"])
        assert {(row["endpoint"], row["operation"]) for row in attack.records.get("dce_rpc", ())} <= calls


def test_a_dcsync_comes_from_no_domain_controller_and_goes_to_one(attacks, site):
    calls = site.of("dce_rpc")
    replicated = set(calls["resp"][calls["operation"] == "DRSGetNCChanges"])
    asking = set(calls["orig"][calls["operation"] == "DRSGetNCChanges"])
    for attack in attacks:
        if attack.name == "DCSync":
            assert attack.targets <= replicated
            assert attack.source not in asking | replicated


def test_a_spray_tries_many_accounts_on_one_server_and_fails(attacks):
    for attack in attacks:
        if attack.name == "password spray":
            tried = defaultdict(set)
            for row in attack.records["ntlm"]:
                if row["username"] is not None:
                    tried[row["success"]].add(row["username"])
            assert len(attack.targets) == 1
            assert len(tried[False]) > len(tried[True]) + len(tried[None])
            assert len(tried[False]) >= 15


def test_packets_hold_what_was_sent(attacks):
    for attack in attacks:
        for row in attack.records["conn"]:
            for end in ("orig", "resp"):
                assert row[f"{end}_ip_bytes"] >= row[f"{end}_bytes"] + 20 * row[f"{end}_pkts"]
                assert row[f"{end}_bytes"] <= row[f"{end}_pkts"] * 1460


def test_what_ends_too_late_is_left_out_in_all_logs_but_the_first_connection(attacks):
    attack = next(one for one in attacks if one.name == "RPC enumeration")
    middle = (attack.begin + attack.end) // 2
    for until in (middle, 0):
        cut = attack.placed(1_000, 1_000 + until)
        kept = {row["uid"] for row in cut.records["conn"]}
        assert 0 < len(kept) < len(attack.records["conn"])
        assert cut.uids == kept
    assert len(kept) == 1


@pytest.mark.parametrize(
    ("log", "missing"),
    [
        ("ntlm", {"password spray", "pass-the-hash"}),
        ("dce_rpc", {"DCSync", "RPC enumeration", "service creation"}),
        ("conn", {"lateral copy", "beacon", "slow exfiltration", "fast exfiltration", "port scan", "host scan"}),
    ],
)
def test_what_a_missing_log_would_tell_is_left_out_with_the_reason(hours, log, missing):
    batches = {name: batch for name, batch in hours.batches.items() if name != log}
    clocks = {name: clock for name, clock in hours.clocks.items() if name != log}
    scene = Scene(Site(Hours(hours.begin, hours.end, hours.order, batches, clocks)), np.random.default_rng(1))
    lacking = {}
    for name, play in KINDS.items():
        try:
            attack = play(scene, name)
            assert log not in attack.records
        except LackingError as error:
            lacking[name] = str(error)
    assert lacking == dict.fromkeys(sorted(missing, key=list(KINDS).index), f"there is no {log} record")
