"""sd_notify's protocol, spoken to a socket that stands where systemd's would."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest
from oddlog.service import between_beats, notify, notify_reloading


@pytest.fixture(params=["path", "abstract"])
def heard(request, tmp_path, monkeypatch):
    """What arrives at the socket, datagram by datagram."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        name = str(tmp_path / "notify") if request.param == "path" else f"@oddlog-test-{tmp_path.name}-{time.time_ns()}"
        manager.bind(name.replace("@", "\0", 1) if request.param == "abstract" else name)
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield lambda: manager.recv(4096).decode().split("\n")


def test_states_come_together_in_one_datagram(heard):
    notify("READY=1", "STATUS=watching ü")
    assert heard() == ["READY=1", "STATUS=watching ü"]


def test_reloading_says_since_when(heard):
    before = time.monotonic_ns() // 1000
    notify_reloading()
    state, since = heard()
    assert state == "RELOADING=1"
    name, _, moment = since.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(moment) <= time.monotonic_ns() // 1000


@pytest.mark.parametrize("address", [None, "", "/nowhere/at/all", "@nobody-listens", "x" * 200])
def test_nobody_who_listens_is_no_trouble(address, monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify("READY=1")


@pytest.fixture
def crowded(tmp_path, monkeypatch):
    """A socket whose queue is full, since nobody reads it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                for _ in range(1_000_000):
                    sender.sendto(b"WATCHDOG=1", str(tmp_path / "notify"))
        yield manager


def test_a_manager_that_does_not_read_does_not_stop_the_watch(crowded):
    began = time.monotonic()
    notify("WATCHDOG=1")
    assert time.monotonic() - began < 2


def test_a_manager_that_is_slow_to_read_hears_it_all_the_same(crowded):
    reader = threading.Timer(0.1, lambda: [crowded.recv(64) for _ in range(5)])
    reader.start()
    notify("READY=1")
    reader.join()
    crowded.setblocking(False)
    heard = []
    with contextlib.suppress(BlockingIOError):
        while True:
            heard.append(crowded.recv(64))
    assert heard[-1] == b"READY=1"


@pytest.mark.parametrize(("waited_for", "seconds"), [(None, 5), ("60000000", 5), ("3000000", 1), ("soon", 5), ("", 5)])
def test_the_watchdog_is_fed_three_times_as_often_as_it_bites(waited_for, seconds, monkeypatch):
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    if waited_for is not None:
        monkeypatch.setenv("WATCHDOG_USEC", waited_for)
    assert between_beats() == seconds
