"""`oddlog watch` under a service manager: ready, alive, reloaded, stopped, and never two of it."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from importlib.resources import files
from typing import NamedTuple

import pytest
from oddlog.config import Config
from oddlog.watch import Counters, Hooks, watch
from prometheus_client.parser import text_string_to_metric_families

COMMAND = "from oddlog.cli import main; main()"
LOGFMT = re.compile(r'time=\S+ level=\w+ logger=\S+ msg=("(\\.|[^"\\])*"|\S+)( times=\d+)?')
PATIENCE = 30.0


def until(holds, what):
    deadline = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
    return found


class Manager:
    """Stands where systemd would: a socket for states, and the process."""

    def __init__(self, folder):
        self.folder, self.logs, self.config = folder, folder / "logs", folder / "oddlog.toml"
        self.logs.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.configure()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(folder / "notify"))
        self.process, self.scored = None, 0
        self.states: list[str] = []

    def configure(self, port=None, **keys):
        text = "".join(f"{key} = {value}\n" for key, value in {"notices_per_day": 1000, **keys}.items())
        self.config.write_text(f"{text}[metrics]\nport = {port or self.port}\n")

    def arguments(self):
        out, state = self.folder / "out", self.folder / "state"
        given = ["--bundle", self.folder / "bundle", "--out", out, "--state", state, "--config", self.config]
        return [sys.executable, "-c", COMMAND, "watch", *map(str, [self.logs, *given])]

    def start(self):
        environment = {**os.environ, "NOTIFY_SOCKET": str(self.folder / "notify"), "WATCHDOG_USEC": "900000"}
        with (self.folder / "stderr").open("wb") as stderr:
            self.process = subprocess.Popen(self.arguments(), stderr=stderr, env=environment)
        self.hear("READY=1")

    def hear(self, wanted):
        """Wait for a state; those that come together with it and before it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if select.select([self.socket], [], [], 0.1)[0]:
                states = self.socket.recv(4096).decode().split("\n")
                self.states += states
                if wanted in states:
                    return states
            assert self.process.poll() is None, self.said()
        raise AssertionError(f"{wanted} never came; {self.states}; {self.said()}")

    def rest(self):
        """What it has said and nobody has heard yet."""
        states = []
        while select.select([self.socket], [], [], 0)[0]:
            states += self.socket.recv(4096).decode().split("\n")
        return states

    def said(self):
        return (self.folder / "stderr").read_text()

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def records(self):
        families = text_string_to_metric_families(self.get("/metrics"))
        return sum(sample.value for family in families if family.name == "oddlog_records" for sample in family.samples)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)
        self.hear("RELOADING=1")
        self.hear("READY=1")

    def stop(self):
        """End it as systemd does."""
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0, self.said()

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.socket.close()


class Day(NamedTuple):
    header: list[bytes]
    rows: list[bytes]


@pytest.fixture(scope="module")
def calls(small_office):
    """A day of dce_rpc under attack: its header, and its rows."""
    lines = (small_office.attacked / "dce_rpc.log").read_bytes().splitlines(keepends=True)
    rows = [line for line in lines if not line.startswith(b"#")]
    return Day([line for line in lines if line.startswith(b"#") and not line.startswith(b"#close")], rows)


@pytest.fixture
def manager(logon_bundle_folder, tmp_path):
    shutil.copytree(logon_bundle_folder, tmp_path / "bundle")
    manager = Manager(tmp_path)
    yield manager
    manager.close()


def write(manager, calls, share, of):
    """Append a part of the day, and wait until it is scored."""
    n = len(calls.rows)
    part = calls.rows[share * n // of : (share + 1) * n // of]
    with (manager.logs / "dce_rpc.log").open("ab") as log:
        log.writelines(([] if share else calls.header) + part)
    manager.scored += len(part)
    until(lambda: manager.records() == manager.scored, f"{manager.records()} of {manager.scored} scored")


def notices(manager):
    return (manager.folder / "out" / "notice.log").read_bytes()


def test_it_is_ready_and_alive_the_only_one_and_stops_within_two_seconds(manager, calls):
    manager.start()
    write(manager, calls, 0, 1)
    assert manager.get("/healthz") == manager.get("/readyz") == "ok\n"
    for _ in range(3):
        states = manager.hear("WATCHDOG=1")
        assert re.fullmatch(r"STATUS=[\d,]+ records, [\d,]+ notices, \d+\.\d s behind", states[1])
    manager.config.write_text("")
    second = subprocess.run(manager.arguments(), capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert second.returncode == 1
    assert second.stderr == (
        f"oddlog: {manager.folder}/state is in use by another oddlog, process {manager.process.pid}: "
        "stop that one or name another folder\n"
    )
    assert manager.get("/readyz") == "ok\n"
    manager.rest()
    asked = time.monotonic()
    manager.stop()
    assert time.monotonic() - asked < 2
    assert "STOPPING=1" in manager.rest()
    assert (manager.folder / "state" / "checkpoint").exists()
    lines = manager.said().splitlines()
    assert lines
    assert all(LOGFMT.fullmatch(line) for line in lines), lines


def test_reloading_loses_no_state_and_says_nothing_twice(manager, calls, logon_bundle, tmp_path):
    manager.start()
    for share in range(4):
        write(manager, calls, share, 4)
        since = time.monotonic_ns() // 1000
        manager.process.send_signal(signal.SIGHUP)
        state, clock = manager.hear("RELOADING=1")
        assert state == "RELOADING=1"
        assert since <= int(clock.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
        manager.hear("READY=1")
    manager.stop()
    told, whole = (
        # These chain findings of both logs, in the order in which they were read.
        [line for line in said.splitlines() if b'"note":"Oddlog::Incident"' not in line]
        for said in (notices(manager), undisturbed(manager, logon_bundle, tmp_path / "undisturbed"))
    )
    assert told == whole
    assert len(told) > 5


def undisturbed(manager, bundle, folder):
    """Notices of a watch that reads all of it in one go."""
    stop, counters = threading.Event(), Counters()

    def beat():
        if counters.records.total() == manager.scored:
            stop.set()

    hooks = Hooks(beat=beat)
    config = Config(notices_per_day=1000)
    watch(manager.logs, bundle, config, folder, folder / "state", stop, counters=counters, hooks=hooks)
    return (folder / "notice.log").read_bytes()


def test_what_is_broken_is_said_and_what_was_stays_until_a_better_one_holds(manager, calls, starter_bundle):
    manager.start()
    write(manager, calls, 0, 2)
    modes = manager.folder / "bundle" / "ntlm-kmodes" / "modes.json"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for why, breaks in {
            "oddlog.toml: notices_per_day: expected a number over 0": lambda: manager.configure(notices_per_day=-1),
            "metrics.port: 127.0.0.1:": lambda: manager.configure(taken.getsockname()[1]),
            "modes.json is not as it was written": lambda: modes.write_bytes(b"{}"),
        }.items():
            manager.configure()
            breaks()
            manager.reload()
            last = manager.said().splitlines()[-1]
            assert "not reloaded, the old bundle and configuration stay: " in last
            assert why in last
    shutil.rmtree(manager.folder / "bundle")
    shutil.copytree(str(files("oddlog") / "starter"), manager.folder / "bundle")
    manager.configure(notices_per_day=1_000_000, suppress_for=7)
    manager.reload()
    assert f"read anew: bundle {starter_bundle.digest}, " in manager.said()
    assert "dce_rpc-hosts starts afresh" in manager.said()
    write(manager, calls, 1, 2)
    manager.stop()
    # What was told by the old bundle may come again, and is said to.
    again = re.compile(rb" more (like the one of|odd things? after the incident of) ")
    lines = [line for line in notices(manager).splitlines() if not again.search(line)]
    said = re.findall(rb'"suppress_for":(\d+).*"bundle":"(\w+)"', b"\n".join(lines))
    first, then = said[0], said[-1]
    assert (first[0], then) == (b"3600", (b"7", starter_bundle.digest.encode()))
    assert said == [first] * said.count(first) + [then] * said.count(then)
    assert "Traceback" not in manager.said()


def test_it_does_not_write_where_zeek_writes(manager):
    manager.folder.joinpath("out").symlink_to(manager.logs)
    refused = subprocess.run(manager.arguments(), capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert refused.returncode == 2
    assert "Zeek writes its own notice.log there" in refused.stderr
    assert list(manager.logs.iterdir()) == []
