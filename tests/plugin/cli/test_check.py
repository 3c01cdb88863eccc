"""`oddlog check`: one line for each thing looked at, 2 where something is wrong, and nothing touched."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path

import pytest


def lines(said):
    return [tuple(line.split(": ", 2)) for line in said.out.splitlines()]


@pytest.fixture
def place(logon_bundle_folder, monkeypatch):
    """A working directory that a user without rights can reach, who runs the test where root would."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        shutil.copytree(logon_bundle_folder, f"{folder}/bundle")
        monkeypatch.chdir(folder)
        (Path(folder) / "mine").mkdir()
        (Path(folder) / "logs").mkdir()
        (Path(folder) / "logs" / "conn.log").touch()
        (Path(folder) / "logs" / "other.log").touch(0o000)
        if os.geteuid() == 0:
            os.chown("mine", 65534, 65534)
            os.seteuid(65534)
        yield Path(folder)
        os.seteuid(os.getuid())
        for path in Path(folder).rglob("*"):
            path.chmod(0o700)


ALL = ("check", "--bundle", "bundle", "--logs", "logs", "--out", "mine/out", "--state", "mine/state")


def test_what_is_well_is_said_and_nothing_is_made(place, oddlog):
    before = sorted(place.rglob("*"))
    said = oddlog(*ALL)
    assert (said.exit_code, said.err) == (0, "")
    assert [line[:2] for line in lines(said)] == [
        ("ok", part) for part in ("configuration", "bundle", "logs", "out", "state")
    ]
    assert sorted(place.rglob("*")) == before


def test_all_that_is_wrong_is_said_at_once(place, oddlog):
    (place / "mine" / "oddlog.toml").write_text("notices_per_day = 0\n[train]\nepoch = 3\n")
    (place / "mine" / "file").touch()
    given = ["--bundle", "nowhere", "--logs", "mine/file", "--out", "mine/file/out", "--state", "/proc/state"]
    said = oddlog("check", "--config", "mine/oddlog.toml", *given)
    assert said.exit_code == 2
    assert said.err == ""
    assert lines(said) == [
        ("error", "configuration",
         "mine/oddlog.toml: notices_per_day: expected a number over 0 and at most 1000000, found 0"),
        ("error", "configuration", "mine/oddlog.toml: train.epoch: there is no such key; train.epochs is one"),
        ("error", "bundle", "nowhere is no folder; `oddlog train` makes a bundle, `starter` names one for a look"),
        ("error", "logs", "mine/file is no folder"),
        ("error", "out", f"mine/file/out cannot be made: {place}/mine/file is no folder"),
        ("error", "state", lines(said)[-1][2]),
    ]  # fmt: skip
    assert lines(said)[-1][2].startswith("/proc/state cannot be made in /proc by user ")


def test_a_bundle_that_is_not_as_it_was_written_is_said(place, oddlog):
    shutil.copytree("bundle", "mine/bundle")
    with Path("mine/bundle/ntlm-kmodes/modes.json").open("a") as file:
        file.write(" ")
    said = oddlog("check", "--bundle", "mine/bundle")
    assert said.exit_code == 2
    assert "modes.json is not as it was written" in said.out


@pytest.mark.parametrize(
    ("forbidden", "mode", "about", "says"),
    [
        ("logs", 0o000, "logs", "logs may not be listed by user "),
        ("logs", 0o000, "out", "logs/in/out cannot be made in "),
        ("logs/conn.log", 0o000, "logs", "logs/conn.log may not be read by user "),
        ("mine", 0o500, "out", "mine/out cannot be made in "),
        ("mine/out", 0o500, "out", "mine/out may not be written by user "),
        ("mine/out/notice.log", 0o400, "out", "mine/out/notice.log may not be read and written by user "),
        ("mine/state/checkpoint", 0o000, "state", "mine/state/checkpoint may not be read and written by user "),
    ],
)
def test_what_this_user_may_not_do_is_said(place, oddlog, forbidden, mode, about, says):
    for name in ("out/notice.log", "state/checkpoint")[: forbidden.count("/") * 2]:
        (place / "mine" / name).parent.mkdir()
        (place / "mine" / name).touch()
    was = os.geteuid()
    os.seteuid(os.getuid())
    (place / forbidden).chmod(mode)
    os.seteuid(was)
    said = oddlog(*ALL, "--out", "logs/in/out" if forbidden == "logs" else "mine/out")
    assert said.exit_code == 2
    assert any(line[:2] == ("error", about) and line[2].startswith(says) for line in lines(said)), said.out


def test_logs_that_are_not_there_yet_are_no_error(place, oddlog):
    (place / "mine" / "empty").mkdir()
    for folder, says in (("mine/later", "is not there; a watch waits for it"), ("mine/empty", "holds no live log yet")):
        said = oddlog("check", "--bundle", "bundle", "--logs", folder)
        assert said.exit_code == 0
        assert lines(said)[-1][:2] == ("warning", "logs")
        assert says in said.out


def test_logs_beyond_a_folder_that_this_user_may_not_enter_are_an_error(place, oddlog):
    (place / "mine" / "shut").mkdir(mode=0o000)
    said = oddlog("check", "--bundle", "bundle", "--logs", "mine/shut/logs")
    assert said.exit_code == 2
    assert lines(said)[-1][2].startswith("mine/shut/logs: Permission denied by user ")


def test_notices_may_not_go_where_zeek_writes(place, oddlog):
    (place / "mine" / "same").symlink_to(place / "mine")
    said = oddlog("check", "--bundle", "bundle", "--logs", "mine/same", "--out", "mine")
    assert said.exit_code == 2
    assert lines(said)[-1][2].startswith("mine: Zeek writes its own notice.log there")


def test_a_port_in_use_is_said(place, oddlog):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = oddlog("check", "--bundle", "bundle", "--set", f"metrics.port={taken.getsockname()[1]}")
    assert said.exit_code == 0
    assert ("warning", "metrics") in [line[:2] for line in lines(said)]
