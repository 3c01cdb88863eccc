"""0 done, 1 failed while running, 2 wrong usage or configuration; an error is a sentence."""

from __future__ import annotations

import json
import shutil

import pytest


@pytest.fixture
def calls(small_office, logon_bundle_folder, tmp_path, monkeypatch):
    """Names that the calls below use, in the folder that they are made in."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(small_office.attacked, "day")
    shutil.copytree(logon_bundle_folder, "bundle")
    shutil.copytree(logon_bundle_folder, "changed")
    with (tmp_path / "changed/ntlm-kmodes/modes.json").open("a") as modes:
        modes.write(" ")
    shutil.copytree(logon_bundle_folder, "newer")
    manifest = json.loads((tmp_path / "newer/bundle.json").read_text())
    (tmp_path / "newer/bundle.json").write_text(json.dumps({**manifest, "format": 99}))
    shutil.copytree(logon_bundle_folder, "torn")
    (tmp_path / "torn/bundle.json").write_text('{"format": 1, "ood')
    shutil.copytree(logon_bundle_folder, "partial")
    (tmp_path / "partial/dce_rpc-hosts/profiles.json").unlink()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/nothing.txt").write_text("")
    (tmp_path / "shopping.txt").write_text("milk\nbread\n")
    (tmp_path / "typo.toml").write_text("[train]\nepoch = 3\n")
    (tmp_path / "broken.toml").write_text("train = = 3\n")
    (tmp_path / "locked").mkdir(mode=0o500)
    return tmp_path


SCORE = ("score", "day/ntlm.log", "--bundle", "bundle", "--out", "found")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nonsense",), "No such command 'nonsense'"),
        (("score",), "Missing argument 'LOGS...'"),
        (("score", "day", "--out", "found"), "Missing option '--bundle'"),
        (("score", "day", "--bundle", "bundle"), "Missing option '--out'"),
        ((*SCORE, "--nonsense"), "No such option"),
        (("score", "missing", "--bundle", "bundle", "--out", "found"), "missing does not exist"),
        (("score", "nothing-*", "--bundle", "bundle", "--out", "found"), "no file matches nothing-*"),
        (("score", "empty", "--bundle", "bundle", "--out", "found"), "no conn, dce_rpc or ntlm log of Zeek's in empty"),
        (("score", "day", "--bundle", "missing", "--out", "found"), "missing is no folder"),
        (("score", "day", "--bundle", "bundle", "--out", "shopping.txt"), "'shopping.txt' is a file"),
        ((*SCORE, "--config", "missing.toml"), "'missing.toml' does not exist"),
        ((*SCORE, "--config", "typo.toml"), "typo.toml: train.epoch: there is no such key"),
        ((*SCORE, "--config", "broken.toml"), "broken.toml: line 1: "),
        (("train", "missing", "--bundle", "new"), "missing does not exist"),
        (("train", "day/ntlm.log", "--bundle", "new", "--config", "typo.toml"), "typo.toml: train.epoch"),
        (("inspect", "missing"), "missing is no folder"),
        (("inspect", "bundle", "--config", "typo.toml"), "typo.toml: train.epoch"),
        (("evaluate", "missing.parquet", "--labels", "shopping.txt"), "'missing.parquet' does not exist"),
        (("simulate", "day"), "day holds something already"),
        (("simulate", "new", "--hosts", "3"), "3 is not in the range"),
        (("watch", "live", "--bundle", "missing", "--out", "found", "--state", "state"), "missing is no folder"),
    ],
)
def test_wrong_usage_and_configuration_exit_with_2(calls, oddlog, arguments, says):
    said = oddlog(*arguments)
    assert said.exit_code == 2
    assert says in said.err
    assert "Traceback" not in said.err
    assert not (calls / "found").exists()
    assert not (calls / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("score", "shopping.txt", "--bundle", "bundle", "--out", "found"),
         "shopping.txt:1: line should be the header or a record of a Zeek log, found 'milk'"),
        (("score", "day/conn.log", "--bundle", "bundle", "--out", "found"),
         "the bundle knows none of these logs: conn"),
        (("score", "day", "--bundle", "empty", "--out", "found"), "empty is no bundle"),
        (("score", "day", "--bundle", "changed", "--out", "found"), "modes.json is not as it was written"),
        (("score", "day", "--bundle", "newer", "--out", "found"), "format is 99, this oddlog reads"),
        (("score", "day", "--bundle", "torn", "--out", "found"), "bundle.json is damaged"),
        (("score", "day", "--bundle", "partial", "--out", "found"), "the bundle is not complete"),
        (("score", "day/ntlm.log", "--bundle", "bundle", "--out", "/dev/null/found"), "/dev/null"),
        (("inspect", "changed"), "modes.json is not as it was written"),
        (("inspect", "empty"), "empty is no bundle"),
        (("inspect", "bundle", "--html", "missing/page.html"), "missing/page.html cannot be written"),
        (("train", "day/ntlm.log", "--bundle", "empty"), "empty holds files but no bundle"),
        (("train", "shopping.txt", "--bundle", "new"), "shopping.txt:1: line should be"),
        (("evaluate", "shopping.txt", "--labels", "shopping.txt"), "shopping.txt:1: the header should be"),
    ],
)  # fmt: skip
def test_a_failure_exits_with_1_and_says_one_sentence(calls, oddlog, arguments, says):
    said = oddlog(*arguments)
    assert said.exit_code == 1
    assert says in said.err
    assert said.err.startswith("oddlog: ")
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not (calls / "found").exists()
    assert not (calls / "new").exists()


def test_a_run_that_did_its_work_exits_with_0(calls, oddlog):
    said = oddlog(*SCORE)
    assert (said.exit_code, said.err) == (0, "")
    said = oddlog("inspect", "bundle")
    assert (said.exit_code, said.err) == (0, "")


def test_score_says_what_it_could_not_read_or_score(calls, oddlog):
    shutil.copy("shopping.txt", "day/shopping.txt")
    with (calls / "day/ntlm.log").open("a") as log:
        log.write("half a li")
    said = oddlog("score", "day", "--bundle", "bundle", "--out", "found")
    assert said.exit_code == 0
    assert "conn: not scored, the bundle was trained without it" in said.out
    assert "1 bad lines" in said.out
    assert "day/ntlm.log:" in said.out
    assert "day/shopping.txt: " in said.out


def test_train_says_what_it_left_out(calls, oddlog):
    said = oddlog("train", "day/ntlm.log", "--bundle", "new")
    assert said.exit_code == 0
    assert "conn: left out of the bundle: no such log was given" in said.out
    assert "dce_rpc: left out of the bundle: no such log was given" in said.out


def test_the_table_shows_the_oddest_and_each_address_whole(calls, oddlog, logons):
    address = "fe80::a210:ae85:8cd9:ef8d"
    ends = {"id.orig_h": address, "id.resp_h": address, "username": "[bold]ada[/]", "domainname": "ELSEWHERE"}
    (calls / "ntlm.log").write_bytes(logons(*({"ts": 1_700_000_000 + i, **ends} for i in range(12))))
    (calls / "many.toml").write_text("notices_per_day = 100000\nsuppress_for = 0\n")
    said = oddlog("score", "ntlm.log", "--bundle", "bundle", "--out", "found", "--table", "--config", "many.toml")
    assert said.exit_code == 0, said.err
    words = " ".join(said.out.split())
    assert said.out.count("Odd_NTLM_Logon") == 10 + 1
    assert f"[{address}]:445" in words
    assert "[bold]ada[/]" in words
