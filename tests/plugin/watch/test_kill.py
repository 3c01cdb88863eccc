"""Killed at any moment, broken disk or not: the notice log is what an undisturbed run writes."""

from __future__ import annotations

import errno
import os
import random
from functools import partial
from pathlib import Path

import pytest
import witness
from live import Script
from oddlog.errors import OddlogError
from oddlog.tail import read_checkpoint
from oddlog.watch import Hooks
from witness import Killed, Sensor


@pytest.fixture
def sensor(tmp_path) -> Sensor:
    return Sensor(tmp_path)


@pytest.fixture
def mortal(monkeypatch):
    """Something to call with the number of moments that are left to live; each trace on disk has some of them."""
    left = [0]

    def passes():
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    def between(function):
        def run(*arguments, **named):
            passes()
            done = function(*arguments, **named)
            passes()
            return done

        return run

    def torn(file, data, write=os.write):
        try:
            passes()
        except Killed:
            # One write of a page's length or less is torn all the same where a page of the file ends.
            write(file, data[: len(data) // 2])
            raise
        return write(file, data)

    monkeypatch.setattr(os, "write", torn)

    def forks(fork=os.fork):
        passes()
        return fork()

    monkeypatch.setattr(os, "fsync", between(os.fsync))
    monkeypatch.setattr(os, "fork", forks)
    for name in ("replace", "unlink"):
        monkeypatch.setattr(Path, name, between(getattr(Path, name)))
    monkeypatch.setattr(Script, "wait", between(Script.wait))

    def live(moments):
        left[0] = moments

    return live


SOURCES = ("conn.log", "conn_logger-1.log", "conn_logger-2.log", "ntlm.log")


def happenings(sensor: Sensor, chance: random.Random, n: int) -> list:
    """Some records of several files at a time, and rotation."""

    def happen():
        for _ in range(chance.randrange(1, 4)):
            sensor.write(chance.choice(SOURCES), chance.randrange(1, 5))
        if chance.random() < 0.1:
            sensor.rotate(chance.choice(SOURCES))

    return [happen] * n


@pytest.mark.parametrize("seed", range(10))
def test_killed_at_any_moment_it_says_each_notice_once_and_in_the_order_it_had_begun(sensor, mortal, seed):
    chance = random.Random(seed)
    for source in SOURCES:
        sensor.write(source)
    sensor.settle()
    script = Script(happenings(sensor, chance, 40), seconds=1.5)
    rotated = []

    def rotate_notices():
        if sensor.notices.exists():
            rotated.append(sensor.notices.rename(sensor.notices.with_name(f"notice.log.{len(rotated)}")))

    for at in (30, 12) if seed % 2 else ():
        script.actions.insert(at, rotate_notices)
    kills = 0
    while True:
        mortal(chance.randrange(1, 60) if kills < 12 else 0)
        try:
            sensor.settle(script)
        except Killed:
            kills += 1
            continue
        break
    assert kills > 5
    # In the order they were written; which files they lie in does not matter.
    sensor.judge(*rotated, sensor.notices)


def test_killed_before_its_first_checkpoint_it_says_nothing_twice(sensor, mortal):
    sensor.write("conn.log", 50)
    mortal(9)
    with pytest.raises(Killed):
        sensor.watch(Script([lambda: None] * 3))
    assert not (sensor.folder / "state" / "checkpoint").exists()
    assert 0 < len(witness.told(sensor.notices)) < 10
    mortal(0)
    sensor.settle()
    sensor.judge()


DAMAGES = {
    "torn": (lambda data: data[:-3], "damaged"),
    "empty": (lambda _: b"", "damaged"),
    "of another version": (lambda _: b"oddlog-checkpoint 1 0\n", "version 1"),
}


@pytest.mark.parametrize(("damage", "why"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_survived_with_a_message(sensor, damage, why, caplog):
    sensor.write("conn.log", 20)
    sensor.settle()
    path = sensor.folder / "state" / "checkpoint"
    path.write_bytes(damage(path.read_bytes()))
    sensor.write("conn.log", 20)
    sensor.settle()
    sensor.judge()
    assert f"{path}: " in caplog.text
    assert why in caplog.text
    assert "starting afresh" in caplog.text


def test_a_checkpoint_knows_a_log_as_soon_as_it_is_there(sensor):
    known = []

    def look():
        checkpoint = read_checkpoint(sensor.folder / "state" / "checkpoint")
        known.append([each.source for each in checkpoint.position.files])

    idle = [partial(os.waitid, os.P_ALL, 0, os.WEXITED | os.WNOWAIT), lambda: None]
    script = Script([partial(sensor.write, "ntlm.log"), *idle, look, partial(sensor.write, "conn.log"), *idle, look])
    sensor.watch(script)
    assert known == [["ntlm.log"], ["conn.log", "ntlm.log"]]


def test_identical_records_are_told_apart_across_a_restart(sensor):
    same = witness.line(0)
    for _ in range(3):
        with (sensor.logs / "conn.log").open("ab") as file:
            file.write(2 * same)
        sensor.settle()
    ids = [line.split(b'"id":"')[1][:20] for line in sensor.notices.read_bytes().splitlines()]
    assert len(ids) == len(set(ids)) == 6


def breaking(monkeypatch, name, code, of=os):
    """Let calls fail until told otherwise; how many there were."""
    broken, calls = [False], []
    works = getattr(of, name)

    def call(*arguments, **named):
        if broken[0]:
            calls.append(arguments)
            raise OSError(code, os.strerror(code))
        return works(*arguments, **named)

    monkeypatch.setattr(of, name, call)
    return broken, calls


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
@pytest.mark.parametrize(
    ("name", "of"), [("fsync", os), ("fork", os), ("replace", Path)], ids=["fsync", "fork", "rename"]
)
def test_a_checkpoint_that_cannot_be_written_is_told_once_and_costs_nothing(
    sensor, monkeypatch, caplog, name, of, code
):
    chance = random.Random(1)
    sensor.write("conn.log", 5)
    sensor.settle()
    with monkeypatch.context() as patch:
        broken, _ = breaking(patch, name, code, of)
        broken[0] = True
        script = Script(happenings(sensor, chance, 40), seconds=1.5)
        sensor.watch(script)
    assert caplog.text.count("no checkpoint could be written") == 1
    assert os.strerror(code) in caplog.text
    sensor.settle()
    sensor.judge()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
def test_a_disk_that_takes_no_notice_is_waited_for_and_costs_none(sensor, monkeypatch, caplog, code):
    write, broken = os.write, [False]

    def limited(file, data):
        """As write(2) on a disk that fills up: first a part, then an error."""
        begins = data.startswith(b'{"ts"')
        if broken[0] and not begins:
            raise OSError(code, os.strerror(code))
        return write(file, data[: len(data) // 2] if broken[0] else data)

    monkeypatch.setattr(os, "write", limited)
    caplog.set_level("INFO")
    beats = []
    # While it waits for the disk, whatever else happens goes on.
    script = Script(happenings(sensor, random.Random(2), 30))
    script.actions.insert(20, partial(broken.__setitem__, 0, False))
    script.actions.insert(5, partial(broken.__setitem__, 0, True))
    script.settle()
    sensor.watch(script, hooks=Hooks(beat=lambda: beats.append(broken[0])))
    sensor.settle()
    sensor.judge()
    assert os.strerror(code) in caplog.text
    assert "can be written again" in caplog.text
    assert any(beats)


def test_stopped_while_the_disk_is_full_it_says_so_and_the_next_run_says_the_rest(sensor, monkeypatch):
    with monkeypatch.context() as patch:
        broken, _ = breaking(patch, "write", errno.ENOSPC)
        script = Script(happenings(sensor, random.Random(3), 20))
        script.actions.insert(9, partial(broken.__setitem__, 0, True))
        with pytest.raises(OddlogError, match="No space left on device"):
            sensor.watch(script)
    sensor.settle()
    sensor.judge()


def test_without_its_journal_it_goes_on_and_says_so(sensor, monkeypatch, caplog, mortal):
    write = os.write

    def full(file, data):
        if data.startswith(b'["taken"'):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        for _ in range(3):
            sensor.write("conn.log", 5)
            sensor.settle()
    sensor.judge()
    assert caplog.text.count("the journal cannot be written (No space left on device)") == 3


def test_what_was_replaced_since_it_was_read_ends_the_replay_with_a_message(sensor, mortal, caplog):
    sensor.write("conn.log", 5)
    sensor.settle()
    script = Script([partial(sensor.write, "conn.log", 5)] * 4)
    mortal(25)
    with pytest.raises(Killed):
        sensor.watch(script)
    mortal(0)
    (sensor.logs / "conn.log").unlink()
    said = len(witness.told(sensor.notices))
    sensor.settle()
    assert "is not as it was read" in caplog.text
    assert len(witness.told(sensor.notices)) == said
