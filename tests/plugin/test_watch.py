"""`watch` on logs that are being written says what `score` says of them afterwards, whatever happens meanwhile."""

from __future__ import annotations

import errno
import json
import os
import random
from functools import partial

import oddlog.watch
import pytest
from live import SHARES, WINDOW, Office, Script, Sensor, notices, play, score
from oddlog.errors import OddlogError
from oddlog.notices import NoticeWriter
from oddlog.tail import read_checkpoint
from oddlog_core.bundle import read_bundle, write_bundle


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Office:
    return Office.made(tmp_path_factory.mktemp("office"))


@pytest.fixture
def sensor(office, tmp_path) -> Sensor:
    return Sensor(office, tmp_path / "logs")


def written(sensor, shares=SHARES, **how):
    return [partial(sensor.write, share, **how) for share in shares]


def watched(office, folder, actions):
    """Play all of it in one run and give the notices."""
    script = Script(actions)
    script.settle()
    play(office, folder, script)
    return notices(folder / "out" / "notice.log")


@pytest.mark.parametrize("form", ["tsv", "json"])
def test_live_equals_archive_line_by_line_and_half_lines_wait_for_their_rest(office, tmp_path, form):
    sensor = Sensor(office, tmp_path / "logs", form)
    cuts = random.Random(0)
    actions = [partial(sensor.write, share, cut=cuts.choice([0, 1, 7, 90])) for share in SHARES]
    assert watched(office, tmp_path, [*actions, partial(sensor.write, 1.0)]) == office.live


def test_all_records_are_counted_and_bad_lines_told(office, sensor, tmp_path, caplog):
    def spoil():
        with (tmp_path / "logs" / "ntlm.log").open("ab") as file:
            file.write(b"not a logon\n")

    script = Script([*written(sensor), spoil])
    script.settle()
    done = play(office, tmp_path, script)
    assert done.records == sum(map(len, office.rows["tsv"].values()))
    assert done.bad_lines == 1
    assert "ntlm.log" in caplog.text
    assert sum(done.notices.values()) == sum(map(len, office.live.values()))


@pytest.mark.parametrize("close", [True, False])
def test_a_log_that_is_renamed_is_read_to_its_end_and_then_its_successor(office, sensor, tmp_path, close):
    actions = written(sensor)
    for at in (25, 16, 15, 5):
        actions.insert(at, partial(sensor.rotate, close=close))
    # Two things between two looks: what was written just before the rename is not seen under the old name.
    actions[6:9] = [lambda both=actions[6:9]: [action() for action in both]]
    assert watched(office, tmp_path, actions) == office.live
    assert sensor.rotations == 4
    assert score(tmp_path / "logs", office.bundle, tmp_path / "found") == office.archived


def test_a_log_that_is_written_anew_in_place_brings_its_own_header(office, sensor, tmp_path):
    actions = written(sensor)
    actions.insert(20, partial(sensor.restart, "tsv"))
    actions.insert(10, partial(sensor.restart, "tsv", turned=True))
    assert watched(office, tmp_path, actions) == office.live


def test_tsv_may_turn_into_json_and_back_when_zeek_restarts(office, sensor, tmp_path):
    actions = written(sensor)
    actions.insert(20, partial(sensor.restart, "tsv"))
    actions.insert(10, partial(sensor.restart, "json"))
    assert watched(office, tmp_path, actions) == office.live


def test_a_clusters_loggers_write_one_log_together(office, sensor, tmp_path):
    actions = [partial(sensor.write, share, suffix=f"_logger-{at // 3 % 2 + 1}") for at, share in enumerate(SHARES)]
    # A new name in the folder may be noticed only after its next listing: file systems keep coarse times.
    script = Script([])
    for action in actions:
        script.actions.extend([action, script.pause(11.0)])
    play(office, tmp_path, script)
    assert notices(tmp_path / "out" / "notice.log") == office.live
    assert len(list((tmp_path / "logs").iterdir())) == 6


def test_a_folder_that_comes_later_is_found(office, tmp_path):
    sensor = Sensor(office, tmp_path / "later")
    actions = [lambda: None, *written(sensor, [0.3]), lambda: sensor.folder.rename(tmp_path / "logs")]
    actions.append(lambda: setattr(sensor, "folder", tmp_path / "logs"))
    assert watched(office, tmp_path, actions + written(sensor)) == office.live


@pytest.mark.parametrize("every", [1, 7])
def test_a_stop_and_a_start_lose_nothing_and_repeat_nothing(office, sensor, tmp_path, every):
    actions = written(sensor)
    actions.insert(12, partial(sensor.rotate, close=True))
    records = 0
    for start in range(0, len(actions), every):
        # The last of them happens when nobody looks any more.
        records += play(office, tmp_path, Script(actions[start : start + every])).records
    script = Script([])
    script.settle()
    records += play(office, tmp_path, script).records
    assert notices(tmp_path / "out" / "notice.log") == office.live
    assert records == sum(map(len, office.rows["tsv"].values()))


DAMAGES = {
    "torn": lambda data: data[:-3],
    "empty": lambda _: b"",
    "of another version": lambda _: b"oddlog-checkpoint 99 0\n",
}


class Killed(BaseException):
    """Stands in for SIGKILL: nothing is finished, nothing is said."""


@pytest.fixture
def mortal(monkeypatch):
    """Something to call with the number of moments that are left to live; each trace on disk has some of them."""
    left = [0]

    def passes():
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    def between(function):
        def run(*arguments):
            passes()
            done = function(*arguments)
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
    monkeypatch.setattr(NoticeWriter, "write", between(NoticeWriter.write))
    monkeypatch.setattr(NoticeWriter, "sync", between(NoticeWriter.sync))
    monkeypatch.setattr(oddlog.watch, "write_checkpoint", between(oddlog.watch.write_checkpoint))
    monkeypatch.setattr(Script, "wait", between(Script.wait))

    def live(moments):
        left[0] = moments

    return live


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("rotating", [False, True], ids=["one notice.log", "notice.log rotates"])
def test_killed_at_any_moment_it_says_each_notice_once(office, sensor, tmp_path, mortal, seed, rotating):
    moments = random.Random(seed)
    actions = written(sensor)
    actions.insert(17, partial(sensor.rotate, close=False))
    rotated = []

    def rotate_notices():
        path = tmp_path / "out" / "notice.log"
        if path.exists():
            rotated.append(path.rename(path.with_name(f"notice.log.{len(rotated)}")))

    for at in (24, 14, 13, 3) if rotating else ():
        actions.insert(at, rotate_notices)
    script = Script(actions, seconds=1.5)
    script.settle()
    kills = 0
    while True:
        mortal(moments.randrange(1, 60) if kills < 12 else 0)
        try:
            play(office, tmp_path, script)
        except Killed:
            kills += 1
            script.settle()
            continue
        break
    assert kills > 4
    # In the order they were written; which files they lie in does not matter.
    assert notices(*rotated, tmp_path / "out" / "notice.log") == office.live


def test_killed_before_its_first_checkpoint_it_says_nothing_twice(office, sensor, tmp_path, mortal):
    sensor.write(1.0)
    mortal(9)
    with pytest.raises(Killed):
        play(office, tmp_path, Script([lambda: None] * 3))
    assert not (tmp_path / "state" / "checkpoint").exists()
    assert 0 < sum(map(len, notices(tmp_path / "out" / "notice.log").values())) < 10
    mortal(0)
    assert watched(office, tmp_path, []) == office.live


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_survived_with_a_message(office, sensor, tmp_path, damage, caplog):
    play(office, tmp_path, Script(written(sensor, SHARES[:15])))
    path = tmp_path / "state" / "checkpoint"
    path.write_bytes(damage(path.read_bytes()))
    assert watched(office, tmp_path, written(sensor, SHARES[15:])) == office.live
    assert f"{path}: " in caplog.text
    assert "starting afresh" in caplog.text


def test_a_checkpoint_knows_a_log_as_soon_as_it_is_there(office, sensor, tmp_path):
    known = []

    def begin():
        (tmp_path / "logs" / "ntlm.log").write_bytes(b"".join(office.headers["ntlm"] + office.rows["tsv"]["ntlm"]))

    def look():
        checkpoint = read_checkpoint(tmp_path / "state" / "checkpoint")
        known.append([each.source for each in checkpoint.position.files])

    play(office, tmp_path, Script([begin, look, partial(sensor.write, SHARES[3]), look], seconds=0.0))
    assert known == [["ntlm.log"], ["conn.log", "ntlm.log", "dce_rpc.log"]]


def test_another_bundle_takes_over_where_the_first_one_stopped(office, sensor, tmp_path, caplog):
    ntlm = {"ntlm-kmodes": office.bundle.trained["ntlm-kmodes"]}
    others = {name: one for name, one in office.bundle.trained.items() if name != "conn-autoencoder"}
    for name, trained in (("ntlm", ntlm), ("others", others)):
        write_bundle(tmp_path / name, trained, oddlog="0", created="2024-01-30", comment="another")
    # Without the first one's logs there is nothing to compare conn and dce_rpc with; logons are judged one by one.
    first = play(office, tmp_path, Script(written(sensor, SHARES[:15])), read_bundle(tmp_path / "others"))
    script = Script(written(sensor, SHARES[15:]))
    script.settle()
    second = play(office, tmp_path, script, read_bundle(tmp_path / "ntlm"))
    assert "the bundle is another" in caplog.text
    named = [json.loads(line)["oddlog"] for line in notices(tmp_path / "out" / "notice.log")["ntlm"]]
    assert len({one["bundle"] for one in named}) == 2
    assert len({one["id"] for one in named}) == len(named)
    ntlm_records = len(office.rows["tsv"]["ntlm"])
    assert 0 < second.records < ntlm_records
    assert first.records > ntlm_records


def test_a_silent_logs_window_closes_after_one_more_windows_length(office, sensor, tmp_path):
    path = tmp_path / "out" / "notice.log"
    silence = WINDOW * (office.last // WINDOW + 2) - office.last
    seen = []
    script = Script([partial(sensor.write, 1.0)], seconds=0.0)
    script.actions.extend(
        [script.pause(silence - 1), lambda: seen.append(notices(path)), script.pause(2), lambda: None]
    )
    play(office, tmp_path, script)
    assert seen == [office.live]
    assert notices(path) == office.archived


def test_notices_go_on_in_a_new_file_when_logrotate_takes_the_old_one(office, sensor, tmp_path):
    path, rotated = tmp_path / "out" / "notice.log", tmp_path / "out" / "notice.log.1"
    actions = written(sensor)
    actions.insert(15, lambda: path.rename(rotated))
    watched(office, tmp_path, actions)
    assert rotated.stat().st_size > 0
    assert path.stat().st_size > 0
    assert notices(rotated, path) == office.live


def test_a_full_disk_is_waited_for_and_costs_no_notice(office, sensor, tmp_path, monkeypatch, caplog):
    write, full = os.write, [False]

    def limited(file, data):
        """As write(2) on a disk that fills up: first a part, then an error."""
        begins = data.startswith(b'{"ts"')
        if full[0] and not begins:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data[: len(data) // 2] if full[0] else data)

    monkeypatch.setattr(os, "write", limited)

    def fill():
        full[0] = True

    def clear():
        full[0] = False

    # While it waits for the disk, whatever else happens goes on.
    caplog.set_level("INFO")
    actions = written(sensor)
    actions[20:20] = [clear]
    actions[5:5] = [fill]
    assert watched(office, tmp_path, actions) == office.live
    assert "No space left on device" in caplog.text
    assert "can be written again" in caplog.text


def test_stopped_while_the_disk_is_full_it_says_so_and_the_next_run_says_the_rest(
    office, sensor, tmp_path, monkeypatch
):
    write = os.write
    play(office, tmp_path, Script(written(sensor, SHARES[:10])))

    def full(file, data):
        if data.startswith(b'{"ts"'):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OddlogError, match="No space left on device"):
        play(office, tmp_path, Script(written(sensor, SHARES[10:])))
    monkeypatch.setattr(os, "write", write)
    assert watched(office, tmp_path, []) == office.live


def test_a_checkpoint_that_cannot_be_written_is_told_once_and_costs_nothing(
    office, sensor, tmp_path, monkeypatch, caplog
):
    tried = []

    def fail(*_):
        tried.append(1)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(oddlog.watch, "write_checkpoint", fail)
        play(office, tmp_path, Script(written(sensor, SHARES[:25])))
    assert len(tried) > 2
    assert caplog.text.count("no checkpoint could be written") == 1
    assert watched(office, tmp_path, written(sensor, SHARES[25:])) == office.live
