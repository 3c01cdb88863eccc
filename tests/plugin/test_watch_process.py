"""`oddlog watch` as a process: killed, ended, refused."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from live import CONFIG, SHARES, Office, Sensor, notices
from oddlog import cli
from oddlog.tail import lock, read_checkpoint

DEADLINE = 30.0


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Office:
    return Office.made(tmp_path_factory.mktemp("office"))


@pytest.fixture
def sensor(office, tmp_path) -> Sensor:
    return Sensor(office, tmp_path / "logs")


# As the command, with checkpoints so often that some moments fall between them.
COMMAND = "from oddlog.watch import checkpoints; checkpoints.EVERY = 0.2; from oddlog.cli import main; main()"


@pytest.fixture
def start(office, tmp_path):
    """Start `oddlog watch` as a process; whatever is left of them is killed."""
    (tmp_path / "oddlog.toml").write_text(f"notices_per_day = {CONFIG.notices_per_day}")
    running = []

    def run() -> subprocess.Popen:
        given = ["--bundle", office.bundle_path, "--out", tmp_path / "out", "--state", tmp_path / "state"]
        arguments = ["watch", tmp_path / "logs", *given, "--config", tmp_path / "oddlog.toml"]
        process = subprocess.Popen([sys.executable, "-c", COMMAND, *map(str, arguments)], stderr=subprocess.PIPE)
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


def known(path):
    """Logs that a checkpoint knows."""
    checkpoint = read_checkpoint(path)
    return len(checkpoint.position.files) if checkpoint else 0


def test_sigkill_at_random_moments_costs_no_notice_and_doubles_none(office, sensor, tmp_path, start):
    moments, path = random.Random(3), tmp_path / "out" / "notice.log"
    total = sum(map(len, office.live.values()))
    goals = sorted(moments.sample(range(10, total - 20), 3))
    shares = iter(SHARES)
    for goal in goals:
        process = start()
        if goal == goals[0]:
            # A log that is rotated while no checkpoint knows it is not looked for after a kill.
            sensor.write(next(shares))
            assert until(lambda: known(tmp_path / "state" / "checkpoint") == 3)
        while lines_in(path) < goal and (share := next(shares, 0.0)):
            sensor.write(share)
            if sensor.done["conn"] > 10_000 and not sensor.rotations:
                sensor.rotate(close=True)
            before = lines_in(path)
            # A share may bring no notice; then the next one follows after a moment.
            until(lambda before=before: lines_in(path) > before, patience=1.0)
        assert until(lambda goal=goal: lines_in(path) >= goal)
        process.kill()
        assert process.wait(DEADLINE) == -signal.SIGKILL
    process = start()
    for share in shares:
        sensor.write(share)
    assert until(lambda: lines_in(path) >= total)
    process.terminate()
    assert process.wait(DEADLINE) == 0
    assert notices(path) == office.live


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
