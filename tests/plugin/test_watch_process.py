"""`oddlog watch` as a process: ended, refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from live import CONFIG, Office, Sensor, notices
from oddlog import cli
from oddlog.tail import lock

DEADLINE = 120.0


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Office:
    return Office.made(tmp_path_factory.mktemp("office"))


@pytest.fixture
def sensor(office, tmp_path) -> Sensor:
    return Sensor(office, tmp_path / "logs")


@pytest.fixture
def start(office, tmp_path):
    """Start `oddlog watch` as a process; whatever is left of them is killed."""
    (tmp_path / "oddlog.toml").write_text(f"notices_per_day = {CONFIG.notices_per_day}\nsuppress_for = 0\n")
    running = []

    def run() -> subprocess.Popen:
        given = ["--bundle", office.bundle_path, "--out", tmp_path / "out", "--state", tmp_path / "state"]
        arguments = ["watch", tmp_path / "logs", *given, "--config", tmp_path / "oddlog.toml"]
        command = [sys.executable, "-c", "from oddlog.cli import main; main()", *map(str, arguments)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        running.append(process)
        lock_file = tmp_path / "state" / "lock"
        assert until(lambda: lock_file.exists() and lock_file.read_text() == f"{process.pid}\n")
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()


def until(holds, patience=DEADLINE):
    deadline = time.monotonic() + patience
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.002)
    return holds()


def lines_in(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_sigterm_ends_it_with_exit_code_0_and_leaves_the_open_window_open(office, tmp_path, start):
    process = start()
    # LOGDIR comes later than the daemon.
    Sensor(office, tmp_path / "logs").write(1.0)
    assert until(lambda: lines_in(tmp_path / "out" / "notice.log") == sum(map(len, office.live.values())))
    process.terminate()
    _, told = process.communicate(timeout=5)
    assert process.returncode == 0
    assert notices(tmp_path / "out" / "notice.log") == office.live
    assert f"{sum(map(len, office.rows['tsv'].values())):,} records, 0 bad lines".encode() in told


def command(monkeypatch, capsys, *arguments):
    """Exit code and stderr of a command that fails before it runs."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["oddlog", *map(str, arguments)])
    with pytest.raises(SystemExit) as exited:
        cli.main()
    return exited.value.code, capsys.readouterr().err


def test_a_second_instance_on_the_same_state_is_refused(office, tmp_path, monkeypatch, capsys):
    (tmp_path / "state").mkdir()
    arguments = ["watch", tmp_path, "--bundle", office.bundle_path, "--out", tmp_path / "out"]
    arguments += ["--state", tmp_path / "state"]
    with lock(tmp_path / "state"):
        code, told = command(monkeypatch, capsys, *arguments)
    assert code == 1
    assert told == (
        f"oddlog: {tmp_path}/state is in use by another oddlog, process {os.getpid()}: "
        "stop that one or name another folder\n"
    )


def test_a_folder_that_cannot_be_made_is_one_sentence(office, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    arguments = ["watch", tmp_path, "--bundle", office.bundle_path, "--out", tmp_path / "file" / "out"]
    code, told = command(monkeypatch, capsys, *arguments, "--state", tmp_path)
    assert (code, told) == (1, f"oddlog: {tmp_path}/file/out: Not a directory\n")
