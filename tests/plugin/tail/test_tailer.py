"""What the tailer promises, one promise at a time."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import msgspec
import pytest
from oddlog.tail import Tailer, TailPosition, reader
from oddlog.tail.discovery import live_logs, once_live

DESCRIPTORS = Path("/proc/self/fd")


def failing(code):
    """A call that fails: root cannot be kept out by permissions, and no disk is broken at will."""

    def fail(*_):
        raise OSError(code, os.strerror(code))

    return fail


class Clock:
    def __init__(self):
        self.now = 0.0
        self.slept = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def follow(tmp_path, clock):
    """Start tailers that are closed after the test; troubles are kept in `follow.troubles`."""
    started = []
    troubles = []

    def tell(path, error):
        troubles.append(error)

    def start(folder=tmp_path, **options):
        options = {
            "clock": clock,
            "sleep": clock.sleep,
            "on_trouble": tell,
        } | options
        started.append(Tailer(folder, **options))
        return started[-1]

    start.troubles = troubles
    yield start
    for tailer in started:
        tailer.close()


def append(path, data):
    with path.open("ab") as file:
        file.write(data)


def seen(tailer):
    return [(chunk.source, chunk.offset, chunk.data, chunk.fresh) for chunk in tailer.poll()]


def test_a_half_written_line_is_delivered_once_when_completed(tmp_path, follow):
    log = tmp_path / "conn.log"
    tailer = follow()
    for byte in b"one\ntwo":
        append(log, bytes([byte]))
        tailer.poll()
    assert tailer.poll() == []
    append(log, b"!\nthr")
    assert seen(tailer) == [("conn.log", 4, b"two!\n", False)]


def test_only_live_logs_of_the_names_are_followed(tmp_path):
    names = "conn.log conn_logger.log conn_logger-1.log ntlm.log dce_rpc_logger-2.log"
    others = (
        "conn.2026-11-23-01-42-42.log conn.13:00:00-14:00:00.log.gz .shadow.conn.log .tmp.conn.log conn-summary.log "
        "conn_long.log connection.log dns.log conn.log.1 conn.log.gz xconn.log"
    )
    for name in (names + " " + others).split():
        (tmp_path / name).touch()
    assert sorted(live_logs(tmp_path, ("conn", "ntlm", "dce_rpc"))) == sorted(names.split())


def test_rotated_names_of_zeek_zeekctl_and_logrotate_are_known(tmp_path):
    names = "conn.2026-11-23-01-42-42.log conn.13:00:00-14:00:00.log conn-26-11-23_13.00.00.log conn.log.1 conn.log-26"
    packed = "conn.log.gz conn.2026-11-23-02-42-42.log.gz conn.log.2.gz"
    for name in (
        *names.split(),
        *packed.split(),
        # It is being compressed.
        "conn.log.1.gz",
        "conn_long.13:00:00-14:00:00.log",
        "conn_logger-1.13:00:00-14:00:00.log",
        "conn.old.log",
    ):
        (tmp_path / name).touch()
    assert {path.name for path, _ in once_live("conn.log", [tmp_path], 0)} == {*names.split(), *packed.split()}


def test_logs_come_in_the_order_of_the_names(tmp_path, follow):
    for name in ("dce_rpc.log", "conn_logger-2.log", "conn.log", "ntlm.log", "conn_logger-1.log"):
        append(tmp_path / name, b"x\n")
    order = ["ntlm.log", "conn.log", "conn_logger-1.log", "conn_logger-2.log", "dce_rpc.log"]
    assert [chunk.source for chunk in follow(names=("ntlm", "conn", "dce_rpc")).poll()] == order


def test_a_renamed_file_is_read_to_its_end_before_the_new_one(tmp_path, follow):
    log = tmp_path / "conn.log"
    append(log, b"1\n")
    tailer = follow()
    tailer.poll()
    append(log, b"2\n")
    log.rename(tmp_path / "conn.2026-11-23-01-42-42.log")
    append(log, b"3\n")
    assert seen(tailer) == [("conn.log", 2, b"2\n", False), ("conn.log", 0, b"3\n", True)]


def test_a_writer_that_keeps_writing_to_the_renamed_file_is_read_while_the_new_one_is_empty(tmp_path, follow, clock):
    log, renamed = tmp_path / "conn.log", tmp_path / "conn.log.1"
    append(log, b"1\n")
    tailer = follow()
    tailer.poll()
    log.rename(renamed)
    log.touch()
    assert seen(tailer) == []
    append(renamed, b"2\n")
    assert seen(tailer) == [("conn.log", 2, b"2\n", False)]
    append(renamed, b"3\n")
    append(log, b"4\n")
    assert seen(tailer) == [("conn.log", 4, b"3\n", False), ("conn.log", 0, b"4\n", True)]


def test_lines_written_after_the_grace_time_come_before_those_of_the_next_file(tmp_path, follow, clock):
    log, renamed = tmp_path / "conn.log", tmp_path / "conn.2026-11-23-01-42-42.log"
    append(log, b"1\n")
    os.utime(log, ns=(1, 1))
    tailer = follow()
    tailer.poll()
    log.rename(renamed)
    tailer.poll()
    clock.now += 60
    assert seen(tailer) == []
    append(renamed, b"2\n")
    append(log, b"3\n")
    assert seen(tailer) == [("conn.log", 2, b"2\n", False), ("conn.log", 0, b"3\n", True)]


@pytest.mark.parametrize(("last", "left_after"), [(b"#close\t2026-11-23-01-42-42\n", 0), (b"2\n", 10)])
def test_a_removed_file_is_given_up_when_zeek_closed_it_or_after_the_grace_time(
    tmp_path, follow, clock, last, left_after
):
    log = tmp_path / "conn.log"
    append(log, last)
    tailer = follow()
    tailer.poll()
    before = len(list(DESCRIPTORS.iterdir()))
    log.unlink()
    tailer.poll()
    assert len(list(DESCRIPTORS.iterdir())) == before - (left_after == 0)
    clock.now += 10
    tailer.poll()
    assert len(list(DESCRIPTORS.iterdir())) == before - 1


def test_a_removed_file_is_read_on_through_its_descriptor(tmp_path, follow):
    log = tmp_path / "conn.log"
    with log.open("ab", buffering=0) as file:
        file.write(b"1\n")
        tailer = follow()
        tailer.poll()
        log.unlink()
        file.write(b"2\n")
        append(log, b"3\n")
    assert seen(tailer) == [("conn.log", 2, b"2\n", False), ("conn.log", 0, b"3\n", True)]


@pytest.mark.parametrize("after", [b"9\n", b"8\n9\n", b"7\n8\n9\n"], ids=["smaller", "as large", "larger"])
def test_a_file_cut_back_in_place_is_read_from_its_start(tmp_path, follow, after):
    log = tmp_path / "conn.log"
    append(log, b"1\n2\n")
    tailer = follow()
    tailer.poll()
    log.write_bytes(after)
    os.utime(log, ns=(5, 5))
    assert seen(tailer) == [("conn.log", 0, after, True)]


def test_copytruncate_under_zeek_leaves_a_hole_that_is_passed_and_a_copy_that_is_read(tmp_path, follow):
    log = tmp_path / "conn.log"
    with log.open("wb", buffering=0) as zeek:
        zeek.write(b"1\n")
        tailer = follow()
        tailer.poll()
        zeek.write(b"2\n")
        shutil.copy(log, tmp_path / "conn.log.1")
        os.truncate(log, 0)
        zeek.write(b"3\n")
    assert seen(tailer) == [("conn.log", 2, b"2\n", False), ("conn.log", 4, b"3\n", True)]


def test_a_hole_longer_than_a_block_is_passed_over_several_polls(tmp_path, follow):
    append(tmp_path / "conn.log", bytes(150) + b"1\n")
    tailer = follow(block=64, max_line=32)
    assert seen(tailer) == []
    assert tailer.wait(0)
    assert seen(tailer) == []
    assert tailer.wait(0)
    assert [data for _, _, data, _ in seen(tailer)] == [b"1\n"]


def test_a_file_replaced_by_a_longer_copy_of_itself_is_read_on(tmp_path, follow):
    log = tmp_path / "conn.log"
    append(log, b"1\n")
    tailer = follow()
    tailer.poll()
    (tmp_path / "rsync").write_bytes(b"1\n2\n")
    (tmp_path / "rsync").rename(log)
    assert seen(tailer) == [("conn.log", 2, b"2\n", False)]


def test_a_folder_that_appears_later_and_a_symlink_that_switches_are_followed(tmp_path, follow):
    current = tmp_path / "current"
    tailer = follow(current)
    assert tailer.poll() == []
    assert [error.errno for error in follow.troubles] == [errno.ENOENT]
    for day in ("day1", "day2"):
        (tmp_path / day).mkdir()
        append(tmp_path / day / "conn.log", day.encode() + b"\n")
    current.symlink_to("day1")
    assert seen(tailer) == [("conn.log", 0, b"day1\n", True)]
    append(tmp_path / "day1" / "conn.log", b"last\n")
    (tmp_path / "next").symlink_to("day2")
    (tmp_path / "next").rename(current)
    assert seen(tailer) == [("conn.log", 5, b"last\n", False), ("conn.log", 0, b"day2\n", True)]


def test_a_permission_error_is_told_once_and_passes(tmp_path, follow, monkeypatch):
    log = tmp_path / "conn.log"
    append(log, b"1\n")
    tailer = follow(names=["conn"])
    with monkeypatch.context() as patch:
        patch.setattr(reader.os, "open", failing(errno.EACCES))
        assert [tailer.poll(), tailer.poll()] == [[], []]
    assert [type(error) for error in follow.troubles] == [PermissionError]
    assert seen(tailer) == [("conn.log", 0, b"1\n", True)]


def test_a_read_error_that_passes_costs_nothing(tmp_path, follow, monkeypatch):
    log = tmp_path / "conn.log"
    append(log, b"1\n")
    tailer = follow()
    tailer.poll()
    append(log, b"2\n")
    with monkeypatch.context() as patch:
        patch.setattr(reader.os, "pread", failing(errno.EIO))
        assert [tailer.poll(), tailer.poll()] == [[], []]
    assert [error.errno for error in follow.troubles] == [errno.EIO]
    assert seen(tailer) == [("conn.log", 2, b"2\n", False)]


def test_a_named_pipe_does_not_stop_the_tailer(tmp_path, follow):
    os.mkfifo(tmp_path / "conn.log")
    append(tmp_path / "ntlm.log", b"1\n")
    assert seen(follow()) == [("ntlm.log", 0, b"1\n", True)]
    assert [error.errno for error in follow.troubles] == [errno.EINVAL]


@pytest.mark.parametrize("block", [17, 20, 64, 4096])
def test_a_line_too_long_is_skipped_and_counted_wherever_the_blocks_fall(tmp_path, follow, block):
    log = tmp_path / "conn.log"
    lines = [b"a" * 16, b"b" * 17, b"c", b"d" * 100, b"e" * 15]
    append(log, b"\n".join(lines) + b"\n" + b"f" * 50)
    tailer = follow(block=block, max_line=16)
    data = b"".join(chunk.data for _ in range(40) for chunk in tailer.poll())
    assert data.split() == [b"a" * 16, b"c", b"e" * 15]
    assert tailer.lost()["conn"] == 2
    position = tailer.position()
    append(log, b"\ng\n")
    again = follow(block=block, max_line=16, resume=position)
    assert [chunk.data for _ in range(9) for chunk in again.poll()] == [b"g\n"]


def test_a_poll_takes_about_a_block_of_each_file_and_says_there_is_more(tmp_path, follow, clock):
    append(tmp_path / "conn.log", b"line\n" * 1000)
    tailer = follow(block=1000, max_line=10)
    polls = 0
    while tailer.wait(1):
        assert sum(len(chunk.data) for chunk in tailer.poll()) <= 2000
        polls += 1
    assert polls >= 3
    assert tailer.position().files[0].offset == 5000


def test_a_half_line_at_the_end_of_a_rotated_file_is_counted_not_delivered(tmp_path, follow):
    log = tmp_path / "conn.log"
    append(log, b"1\nhal")
    tailer = follow()
    tailer.poll()
    log.rename(tmp_path / "conn.2026-11-23-01-42-42.log")
    append(log, b"2\n")
    assert seen(tailer) == [("conn.log", 0, b"2\n", True)]
    assert tailer.lost()["conn"] == 1


def test_after_a_restart_the_rotated_rest_and_the_files_missed_come_before_the_live_one(tmp_path, follow):
    log, elsewhere = tmp_path / "conn.log", tmp_path / "rotated"
    elsewhere.mkdir()
    append(elsewhere / "conn.2026-11-23-00-00-00.log", b"read long ago\n")
    os.utime(elsewhere / "conn.2026-11-23-00-00-00.log", ns=(1, 1))
    append(log, b"1\n")
    os.utime(log, ns=(2, 2))
    tailer = follow()
    tailer.poll()
    position = msgspec.json.decode(msgspec.json.encode(tailer.position()), type=TailPosition)
    for moment, (line, to) in enumerate(((b"2\n", "conn.log.z"), (b"3\n", "01"), (b"4\n", "02")), 3):
        append(log, line)
        os.utime(log, ns=(moment, moment))
        if to != "conn.log.z":
            log.rename(elsewhere / f"conn.2026-11-23-{to}-00-00.log")
    append(log, b"5\n")
    again = follow(resume=position, archive_folders=[elsewhere])
    assert [(data, fresh) for _, _, data, fresh in seen(again)] == [(b"2\n3\n", False), (b"4\n", True), (b"5\n", True)]
    assert follow.troubles == []


def test_a_resumed_file_that_is_not_the_one_read_before_is_read_anew_and_said(tmp_path, follow):
    log = tmp_path / "conn.log"
    append(log, b"1\n2\n")
    tailer = follow()
    tailer.poll()
    tailer.close()
    log.write_bytes(b"3\n4\n5\n")
    assert seen(follow(resume=tailer.position())) == [("conn.log", 0, b"3\n4\n5\n", True)]
    assert [error.errno for error in follow.troubles] == [errno.ESTALE]
    assert "byte 4" in str(follow.troubles[0])


def test_waiting_ends_with_the_next_byte_a_wake_up_or_the_time(tmp_path, follow, clock):
    log = tmp_path / "conn.log"
    tailer = follow()
    tailer.poll()
    assert not tailer.wait(1)
    assert clock.now == pytest.approx(1)

    def write_then(answer):
        def sleep(seconds):
            append(log, b"1\n")
            return answer

        return sleep

    assert follow(sleep=write_then(None)).wait(1)
    awake = follow(sleep=write_then(True))
    awake.poll()
    assert not awake.wait(1)


def test_a_file_cut_back_while_it_is_followed_is_said(tmp_path, follow):
    log = tmp_path / "conn.log"
    append(log, b"1\n")
    tailer = follow()
    tailer.poll()
    os.truncate(log, 0)
    tailer.poll()
    assert [error.errno for error in follow.troubles] == [errno.ESTALE]


def test_an_archive_copy_still_in_the_making_is_not_read_again(tmp_path, follow):
    log, archives = tmp_path / "conn.log", tmp_path / "archives"
    archives.mkdir()
    append(log, b"line\n" * 1000)
    os.utime(log, ns=(1, 1))
    tailer = follow(archive_folders=[archives])
    tailer.poll()
    log.unlink()
    append(archives / "conn.13:00:00-14:00:00.log", b"line\n" * 500)
    append(log, b"next\n")
    assert seen(tailer) == [("conn.log", 0, b"next\n", True)]


def test_copies_that_all_begin_with_a_hole_are_told_apart(tmp_path, follow):
    log, hole = tmp_path / "conn.log", bytes(4096)
    append(log, hole + b"1\n")
    os.utime(log, ns=(1, 1))
    tailer = follow()
    assert [chunk.data for chunk in tailer.poll()] == [b"1\n"]
    tailer.close()
    for number, data in ((2, b"1\n2\n"), (1, b"3\n")):
        copy = tmp_path / f"conn.log.{number}"
        append(copy, hole + data)
        os.utime(copy, ns=(9 - number, 9 - number))
    log.write_bytes(hole + b"4\n")
    assert [chunk.data for chunk in follow(resume=tailer.position()).poll()] == [b"2\n", b"3\n", b"4\n"]
