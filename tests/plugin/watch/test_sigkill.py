"""SIGKILL, the real one, at random moments: no notice lost, none twice, none in another order."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from contextlib import suppress

import witness
from oddlog.watch import checkpoints
from witness import Sensor

KILLS = 100 if "TEST_LONG" in os.environ else 10
SOURCES = ("conn.log", "conn_logger-1.log", "conn_logger-2.log", "ntlm.log")


def start(sensor: Sensor) -> int:
    """A process that watches; a fork of this one, which has imported all that it needs."""
    pid = os.fork()
    if pid:
        return pid
    with suppress(BaseException):
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        checkpoints.EVERY = 0.05
        witness.watch(
            sensor.logs, witness.bundle(), witness.CONFIG, sensor.folder / "out", sensor.folder / "state", stop
        )
        os._exit(0)
    os._exit(1)


def test_sigkill_at_random_moments(tmp_path):
    sensor, chance = Sensor(tmp_path), random.Random(5)
    said = 0
    for _ in range(KILLS):
        pid = start(sensor)
        left = time.monotonic() + chance.uniform(0.05, 0.4)
        while time.monotonic() < left:
            sensor.write(chance.choice(SOURCES), chance.randrange(1, 30))
            if chance.random() < 0.02:
                sensor.rotate(chance.choice(SOURCES))
            time.sleep(chance.uniform(0, 0.01))
        os.kill(pid, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        # Nothing that was written is ever taken back.
        written = sensor.notices.stat().st_size if sensor.notices.exists() else 0
        assert written >= said
        said = written
    pid = start(sensor)
    deadline = time.monotonic() + 30
    while len(witness.told(sensor.notices)) < sensor.written and time.monotonic() < deadline:
        time.sleep(0.05)
    begun = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert time.monotonic() - begun < 2
    assert list((sensor.folder / "state").glob(".checkpoint.*")) == []
    sensor.judge()
