"""The example in each command's help, run as it is written."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from flow_csv import flows_csv
from oddlog.cli import COMMANDS
from oddlog.simulate import simulate

IN_ORDER = ("train", "drill", "score", "evaluate", "inspect", "warm", "config", "siem", "check")
if importlib.util.find_spec("torch") and importlib.util.find_spec("matplotlib"):
    IN_ORDER += ("compare", "profile", "novelty")
EXAMPLE = re.compile(r"^  Examples?:\n((?:    .+\n)+)", re.MULTILINE)


def examples(help_text):
    """Arguments of each example, without the command's own name."""
    found = EXAMPLE.search(help_text)
    lines = [shlex.split(line) for line in found[1].splitlines()] if found else []
    assert all(line[0] == "oddlog" for line in lines)
    return [line[1:] for line in lines]


@pytest.fixture(scope="module")
def helped(process, tmp_path_factory):
    return {name: process([name, "--help"], tmp_path_factory.mktemp("help")) for name in COMMANDS}


@pytest.fixture(scope="module")
def ran(helped, process, tmp_path_factory):
    """What the examples said, run one after the other in a folder with a small office, and that folder."""
    folder = tmp_path_factory.mktemp("examples")
    done = simulate(folder / "office", hosts=40, days=4, attacks=True)
    for day in done.folders:
        for log, lines in (("conn", 500), ("dce_rpc", 8000)):
            path = day / f"{log}.log"
            path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:lines]))
        if importlib.util.find_spec("torch") is None:
            (day / "conn.log").unlink()
    (folder / "flows.csv").write_bytes(flows_csv(100, 20))
    said = {name: [process(line, folder) for line in examples(helped[name].out)] for name in IN_ORDER}
    return said, folder


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_commands_help_has_an_example_of_it(helped, name):
    assert helped[name].exit_code == 0, helped[name].err
    lines = examples(helped[name].out)
    assert lines
    assert {line[0] for line in lines} == {name}


@pytest.mark.parametrize("name", IN_ORDER)
def test_the_example_runs_as_written(ran, name):
    said, _ = ran
    assert said[name]
    for call in said[name]:
        assert call.exit_code == 0, call.err
        # Only what takes long says on stderr what it is at.
        assert all(line.startswith("learning ") for line in call.err.splitlines()), call.err
        assert call.out.strip()


def test_the_examples_leave_what_their_helps_promise(ran):
    said, folder = ran
    assert (folder / "office-bundle" / "bundle.json").is_file()
    assert (folder / "office.html").read_text().startswith("<!DOCTYPE html>")
    assert sorted(path.name for path in (folder / "found").iterdir()) == ["notice.log", "scores.parquet"]
    assert all(json.loads(line) for line in (folder / "found" / "notice.log").read_text().splitlines())
    detectors = set(pd.read_parquet(folder / "found" / "scores.parquet")["detector"])
    assert detectors >= {"ntlm-kmodes", "dce_rpc-hosts", "dce_rpc-operations"}
    for name in ("train", "evaluate", "inspect"):
        assert all(detector in said[name][0].out for detector in detectors)
    (tried,) = said["drill"]
    assert all(told in tried.out for told in ("password spray", "DCSync", "attacks between this site's own hosts"))
    for name in ("train", "inspect"):
        assert "drill: attacks put among the records of " in said[name][0].out
    (scored,) = said["score"]
    assert "records read, no bad lines" in scored.out
    assert "notices: " in scored.out
    assert str(Path("found", "scores.parquet")) in scored.out


def test_the_example_of_simulate_runs_as_written(helped, process, tmp_path):
    (line,) = examples(helped["simulate"].out)
    said = process(line, tmp_path)
    assert said.exit_code == 0, said.err
    assert said.err == ""
    days = sorted(path.name for path in (tmp_path / "office").iterdir())
    assert days == ["2024-01-29", "2024-01-30", "2024-01-31", "2024-02-01", "labels.tsv"]


def test_the_example_of_watch_runs_as_written_but_for_the_root_of_its_paths(helped, ran, tmp_path):
    _, folder = ran
    (line,) = examples(helped["watch"].out)
    # No test may write to /var.
    moved = [str(tmp_path / part[1:]) if part.startswith("/") else part for part in line]
    live = Path(moved[1])
    live.mkdir(parents=True)
    (live / "dce_rpc.log").write_bytes((folder / "office" / "2024-02-01" / "dce_rpc.log").read_bytes())
    code = "from oddlog.cli import main; main()"
    watching = subprocess.Popen([sys.executable, "-c", code, *moved], cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        notices = tmp_path / "var/log/oddlog/notice.log"
        until = time.monotonic() + 60
        while not (notices.exists() and notices.stat().st_size):
            assert watching.poll() is None, watching.stderr.read()
            assert time.monotonic() < until, "not one notice within a minute"
            time.sleep(0.1)
        watching.send_signal(signal.SIGTERM)
        _, err = watching.communicate(timeout=30)
    finally:
        watching.kill()
    assert watching.returncode == 0, err
    assert "Traceback" not in err
    notes = {json.loads(said)["note"] for said in notices.read_text().splitlines()}
    assert notes <= {"Oddlog::Odd_DCE_RPC_Host", "Oddlog::Odd_DCE_RPC_Operation"}


def test_the_help_of_oddlog_names_every_command_and_what_it_does(process, tmp_path):
    said = process(["--help"], tmp_path)
    for name, what in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(what)}$", said.out, re.MULTILINE)
