"""The drill as a whole: what counts as found, and that it says the same of the same."""

from __future__ import annotations

import shutil

import msgspec
import pytest
from oddlog.config import Config
from oddlog.drill import drill, drill_lines
from oddlog.drill.attack import Attack
from oddlog.drill.kinds import KINDS
from oddlog.drill.running import _speaks_of
from oddlog.logs import open_logs
from oddlog.notices import Finding
from oddlog.simulate import simulate
from oddlog_core.bundle import keep_drill, read_bundle
from oddlog_core.drilled import Drill, Drilled
from oddlog_core.errors import BundleError

LOGONS = ("ntlm.log", "dce_rpc.log")


@pytest.fixture(scope="module")
def drilled(small_office, logon_bundle):
    return drill(open_logs([small_office.quiet / log for log in LOGONS]), logon_bundle, Config(), times=2)


def test_a_password_spray_is_found_and_what_needs_conn_records_is_not_tried(drilled):
    by_name = {one.attack: one for one in drilled.attacks}
    spray = by_name["password spray"]
    assert (spray.found, spray.tried) == (2, 2)
    assert spray.notes["Odd_NTLM_Logon"] >= 2
    assert drilled.left_out["beacon"] == "there is no conn record"
    assert {*by_name, *drilled.left_out} == set(KINDS)


def test_logs_of_the_bundles_own_network_are_not_strange_to_it(drilled):
    assert 0 < drilled.odd < drilled.own / 50
    assert not drilled.strange


def test_the_weakest_comes_first(drilled):
    recalls = [one.recall for one in drilled.attacks]
    assert recalls == sorted(recalls)
    assert len(recalls) >= 4


def test_json_logs_make_the_same_drill(drilled, logon_bundle, tmp_path):
    simulate(tmp_path / "office", hosts=40, days=1, seed=3, how="json")
    logs = open_logs([*(tmp_path / "office").glob("*/ntlm.log"), *(tmp_path / "office").glob("*/dce_rpc.log")])
    assert drill(logs, logon_bundle, Config(), times=2) == drilled


def test_all_logs_of_an_office_that_the_bundle_does_not_know(small_office, starter_bundle):
    shares = []
    found = drill(open_logs([small_office.quiet]), starter_bundle, Config(), times=1, on_progress=shares.append)
    assert sum(one.tried for one in found.attacks) + len(found.left_out) == len(KINDS)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert found.strange
    assert "Was the bundle trained on logs of this network?" in [*drill_lines(found)][-1]


@pytest.mark.parametrize("capture", ["m57-short", "rita-proxy", "wrccdc", "zeek-rotation"])
def test_real_logs_are_drilled_with_what_they_have(real_logs, starter_bundle, capture):
    found = drill(open_logs([real_logs / capture]), starter_bundle, Config(), times=1)
    assert {one.attack for one in found.attacks}.isdisjoint(found.left_out)
    assert {*(one.attack for one in found.attacks), *found.left_out} == set(KINDS)
    assert all(one.tried == 1 for one in found.attacks)


def finding(**fields):
    said = dict.fromkeys(("uid", "orig_h", "orig_p", "resp_h", "resp_p", "proto", "service", "username", "window"))
    kept = {"log": "conn", "detector": "conn-autoencoder", "note": "Odd_Connection", "clock": 150, "ts": 150}
    return Finding(**{**kept, **said, "score": 1.0, "rarity": 1.0, "reasons": (), "bundle": "", **fields})


ATTACK = Attack(
    None,
    None,
    "beacon",
    "10.0.0.1",
    {"conn": [{"uid": f"C{ts}", "ts": ts, "id.resp_h": "9.9.9.9", "duration": 10} for ts in (100, 200)]},
)
LINK = {"uid": "Cother", "src": "10.0.0.1", "dst": "9.9.9.9", "ts": 150}


@pytest.mark.parametrize(
    ("speaks", "fields"),
    [
        (True, {"uid": "C200", "orig_h": "10.0.0.1"}),
        (False, {"uid": "Cother", "orig_h": "10.0.0.1", "resp_h": "8.8.8.8"}),
        (True, {"uid": "Cother", "orig_h": "10.0.0.1", "resp_h": "9.9.9.9"}),
        (False, {"uid": "Cother", "orig_h": "10.0.0.1", "resp_h": "9.9.9.9", "ts": 211}),
        (False, {"uid": "Cother", "orig_h": "10.0.0.2", "resp_h": "9.9.9.9"}),
        (True, {"orig_h": "10.0.0.1", "window": 60}),
        (False, {"orig_h": "10.0.0.1", "window": 60, "log": "dce_rpc"}),
        (False, {"orig_h": "10.0.0.2", "window": 60}),
        (False, {"orig_h": "10.0.0.1", "window": 50}),
        (True, {"links": (LINK | {"uid": "C100"},)}),
        (True, {"links": (LINK | {"dst": "8.8.8.8"}, LINK)}),
        (False, {"uid": "C100", "links": (LINK | {"src": "10.0.0.2"},)}),
        (False, {"detector": "queue", "orig_h": "10.0.0.1"}),
    ],
)
def test_a_notice_speaks_of_an_attack_by_its_connections_or_its_ends_in_its_time(speaks, fields):
    assert _speaks_of(ATTACK, finding(**fields)) is speaks


DRILL = Drill(
    20, 0, 60_000_000, 1, [Drilled("beacon", 3, 0, {}), Drilled("DCSync", 3, 3, {"Incident": 3})], {"host scan": "why"}
)


def test_a_drill_is_said_the_weakest_first_with_what_it_means():
    said = list(drill_lines(DRILL))
    assert said[0].startswith("drill: attacks put among the records of 1970-01-01 00:00 to 1970-01-01 00:01 UTC, at 20")
    assert said[1:4] == ["  beacon     0 of 3", "  DCSync     3 of 3  Incident 3", "  host scan  not tried: why"]
    assert said[4].startswith("3 of 6 attacks")
    assert "Do not rely on oddlog for beacon here" in said[4]
    some = msgspec.structs.replace(DRILL, attacks=[Drilled("beacon", 3, 2, {})])
    assert "Of beacon some would have passed unseen" in list(drill_lines(some))[-1]
    strange = msgspec.structs.replace(DRILL, own=130_000, odd=14_000)
    assert list(drill_lines(strange))[-1].startswith("3 of 6 attacks")
    assert "without any attack these 130,000 records bring 14,000 findings" in list(drill_lines(strange))[-1]
    assert "no promise" in list(drill_lines(msgspec.structs.replace(DRILL, attacks=DRILL.attacks[1:])))[-1]


def test_a_bundle_keeps_its_drill(logon_bundle_folder, logon_bundle, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(logon_bundle_folder, folder)
    keep_drill(folder, DRILL)
    kept = read_bundle(folder)
    assert kept.drill == DRILL
    assert logon_bundle.drill is None
    assert kept.digest != logon_bundle.digest
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in logon_bundle_folder.iterdir())
    manifest = folder / "bundle.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"found": 0', b'"found": 3'))
    with pytest.raises(BundleError, match="not as it was written"):
        read_bundle(folder)
