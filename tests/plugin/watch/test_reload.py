"""Another bundle or configuration is taken over without losing state."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import pytest
import witness
from live import Script
from oddlog.watch import Hooks
from witness import Sensor


class Renewal:
    """What a daemon answers when it is asked for something new: nothing, until it was told to have something."""

    def __init__(self, bundle=None, config=None):
        self.new = bundle or witness.bundle("ba9876543210"), config or witness.CONFIG
        self.told = False
        self.asked = 0

    def tell(self):
        self.told = True

    def __call__(self):
        self.asked += 1
        told, self.told = self.told, False
        return self.new if told else None


@pytest.fixture
def sensor(tmp_path) -> Sensor:
    return Sensor(tmp_path)


def run(sensor, renewal):
    script = Script([partial(sensor.write, "conn.log", 5), renewal.tell, partial(sensor.write, "conn.log", 5)])
    script.settle()
    counters = sensor.watch(script, hooks=Hooks(renewed=renewal))
    sensor.judge()
    return counters


def test_a_new_bundle_goes_on_with_the_state_where_it_remembers_the_same(sensor):
    counters = run(sensor, Renewal())
    assert counters.records["conn"] == counters.notices["Oddlog::Odd_Connection"] == 10
    bundles = [json.loads(line)["oddlog"]["bundle"] for line in sensor.notices.read_bytes().splitlines()]
    assert bundles == ["0123456789ab"] * 5 + ["ba9876543210"] * 5


def test_a_detector_that_remembers_something_else_starts_afresh_and_says_so(sensor, caplog):
    bundle = witness.bundle("ba9876543210")
    (conn,) = (one for one in bundle.trained.values() if one.detector.log == "conn")
    conn.detector.remembers = "something else"
    renewal = Renewal(bundle)
    script = Script([partial(sensor.write, "conn.log", 2), renewal.tell, partial(sensor.write, "conn.log", 2)])
    script.settle()
    sensor.watch(script, hooks=Hooks(renewed=renewal))
    assert [score for _, _, score in witness.told(sensor.notices)] == witness.chained([0, 1]) + witness.chained([2, 3])
    assert "conn-witness starts afresh" in caplog.text
    assert "ntlm-witness" not in caplog.text


def test_a_new_configuration_holds_from_then_on(sensor):
    renewal = Renewal(witness.bundle(), msgspec.structs.replace(witness.CONFIG, suppress_for=1e-6))
    run(sensor, renewal)
    suppress = [json.loads(line)["suppress_for"] for line in sensor.notices.read_bytes().splitlines()]
    assert suppress == [0.0] * 5 + [1e-6] * 5


def test_a_log_that_only_the_new_bundle_knows_is_followed(sensor):
    both = witness.bundle()
    conn = replace(both, trained={name: one for name, one in both.trained.items() if one.detector.log == "conn"})
    renewal = Renewal(both)
    script = Script([partial(sensor.write, "conn.log"), renewal.tell, partial(sensor.write, "ntlm.log")])
    script.settle()
    sensor.watch(script, hooks=Hooks(renewed=renewal), bundle=conn)
    sensor.judge()


def test_without_a_checkpoint_the_old_ones_stay(sensor, monkeypatch, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    run(sensor, Renewal())
    bundles = {json.loads(line)["oddlog"]["bundle"] for line in sensor.notices.read_bytes().splitlines()}
    assert bundles == {"0123456789ab"}
    assert "the bundle and the configuration stay as they are" in caplog.text
