"""How far behind a watch is, and that it says so."""

from __future__ import annotations

import json
from functools import partial

from live import Script
from oddlog.notices import TSV_HEADER, tsv_line
from oddlog.tail import Tailer
from oddlog.watch import engine
from oddlog.watch import lag as judging
from witness import Sensor


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_lag_is_how_long_the_oldest_bytes_wait(tmp_path):
    log, clock = tmp_path / "conn.log", Clock()
    log.write_bytes(b"12345678\n" * 10)
    tailer = Tailer(tmp_path, ("conn", "ntlm"), clock=clock, block=20, max_line=10)
    seen = []
    for _ in range(7):
        tailer.poll()
        # That is what scoring it takes.
        clock.now += 2.0
        lag = tailer.lag()
        seen.append(lag["conn"])
        assert lag["ntlm"] == 0.0
    # Four lines at a time: the last of the ten are done with after six seconds.
    assert seen == [2.0, 4.0, 6.0, 0.0, 0.0, 0.0, 0.0]


def test_bytes_that_come_while_others_wait_do_not_wait_for_as_long(tmp_path):
    log, clock = tmp_path / "conn.log", Clock()
    log.write_bytes(b"12345678\n" * 4)
    tailer = Tailer(tmp_path, ("conn",), clock=clock, block=20, max_line=10)
    seen = []
    for _ in range(4):
        tailer.poll()
        clock.now += 2.0
        seen.append(tailer.lag()["conn"])
        if clock.now < 107:
            with log.open("ab") as file:
                file.write(b"12345678\n" * 4)
    assert max(seen) < clock.now - 100


def test_half_a_line_is_not_behind(tmp_path):
    clock = Clock()
    (tmp_path / "conn.log").write_bytes(b"12345678\nhalf")
    tailer = Tailer(tmp_path, ("conn",), clock=clock)
    tailer.poll()
    tailer.lag()
    clock.now += 50.0
    tailer.poll()
    assert tailer.lag()["conn"] == 0.0


def test_a_long_lag_is_a_notice_and_not_again_at_once(monkeypatch):
    moment = [1_700_000_000.0]
    monkeypatch.setattr(judging.time, "time", lambda: moment[0])
    judge = judging.Lag()
    assert list(judge.judge({"conn": judging.LONG - 1})) == []
    (remark,) = judge.judge({"conn": 75.0, "ntlm": 0.0})
    assert remark.note == "Falling_Behind"
    assert "conn.log is scored 75 s after it is written, since 2023-11-14 22:12:05 UTC" in remark.msg
    assert list(judge.judge({"conn": 80.0})) == []
    moment[0] += judging.AGAIN
    assert len(list(judge.judge({"conn": 80.0}))) == 1


def test_a_watch_that_falls_behind_says_so_in_its_notice_log_and_drops_nothing(tmp_path, monkeypatch):
    sensor = Sensor(tmp_path)
    sensor.write("conn.log", 3000)
    slow = engine.Engine.take
    script = Script([partial(sensor.write, "ntlm.log")])

    def take(self, chunks, journal=None):
        slow(self, chunks, journal)
        script.now += 30.0 * len(chunks)

    monkeypatch.setattr(engine.Engine, "take", take)
    monkeypatch.setattr(
        Tailer.__init__, "__kwdefaults__", Tailer.__init__.__kwdefaults__ | {"block": 1 << 16, "max_line": 1 << 12}
    )
    counters = sensor.watch(script)
    assert counters.notices["Oddlog::Falling_Behind"] == 1
    (said,) = (json.loads(line) for line in sensor.notices.read_bytes().splitlines() if b"Falling_Behind" in line)
    assert said["note"] == "Oddlog::Falling_Behind"
    assert said["oddlog"]["log"] == "conn"
    sensor.settle()
    sensor.judge()


def test_it_fits_into_tsv():
    (remark,) = judging.Lag().judge({"conn": 75.0})
    columns = TSV_HEADER.splitlines()[-2].count(b"\t")
    assert tsv_line(remark, 60.0).count(b"\t") == columns - 1
