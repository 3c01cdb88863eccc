"""`watch` on logs that are being written says what `score` says of them afterwards, whatever happens meanwhile."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from functools import partial

import pytest
from live import LOGS, SHARES, WINDOW, Office, Script, Sensor, notices, play, score
from oddlog.config import Config
from oddlog_core.bundle import read_bundle, write_bundle
from witness import Killed

DEFAULT = Config()


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
    assert done.records == {log: len(rows) for log, rows in office.rows["tsv"].items()}
    assert done.bad_lines.total() == done.bad_lines["ntlm"] == 1
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
    named = [json.loads(line)["oddlog"] for line in notices(tmp_path / "out" / "notice.log")["ntlm"]]
    assert len({one["bundle"] for one in named}) == 2
    assert len({one["id"] for one in named}) == len(named)
    ntlm_records = len(office.rows["tsv"]["ntlm"])
    assert 0 < second.records["ntlm"] < ntlm_records
    assert first.records["ntlm"] + second.records["ntlm"] == ntlm_records


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


def read(path):
    """Notices by log but for incidents, and incidents, each in the order in which they came."""
    lines = path.read_bytes().splitlines(keepends=True)
    by_log = {log: [] for log in LOGS}
    for line in lines:
        if b"Oddlog::Incident" not in line:
            by_log[json.loads(line)["oddlog"]["log"]].append(line)
    return by_log, [line for line in lines if b"Oddlog::Incident" in line]


def before(lines, end):
    """Without what the end of an archive closes or sums up, and that of a daemon does not."""
    return [line for line in lines if json.loads(line)["ts"] < end]


@pytest.fixture(scope="module")
def ends(office):
    return {log: max(clock for clock, _ in office.clocked(log)) for log in LOGS}


@pytest.fixture(scope="module")
def by_default(office, starter_bundle, tmp_path_factory):
    """What `score` says with the defaults, chains and their incidents among it."""
    out = tmp_path_factory.mktemp("default")
    score(office.folder / "hours", starter_bundle, out, DEFAULT)
    by_log, incidents = read(out / "notice.log")
    assert sum(map(len, by_log.values())) > 20
    assert sum(b" after the incident of " in line for line in incidents) > 1
    return by_log, incidents


@pytest.mark.parametrize("shares", [SHARES, [1.0]])
def test_with_the_defaults_live_says_of_each_log_what_the_archive_says(
    office, sensor, starter_bundle, tmp_path, shares, by_default, ends
):
    script = Script(written(sensor, shares))
    script.settle()
    play(office, tmp_path, script, starter_bundle, DEFAULT)
    by_log, _ = read(tmp_path / "out" / "notice.log")
    for log, end in ends.items():
        assert before(by_log[log], end) == before(by_default[0][log], end)


def test_where_logs_appear_in_the_order_of_their_clocks_so_do_incidents(
    office, sensor, starter_bundle, tmp_path, by_default
):
    # Long enough for the first of them to be repeated.
    end = min(clock for clock, _ in office.clocked("conn")) + 1.2 * 3600
    script = Script(sensor.by_clock(end))
    script.settle()
    play(office, tmp_path, script, starter_bundle, DEFAULT)
    _, incidents = read(tmp_path / "out" / "notice.log")
    assert b" after the incident of " in b"".join(incidents)
    assert incidents == by_default[1][: len(incidents)]


def die():
    raise Killed


@pytest.mark.parametrize("at", [1, 13, 29])
def test_killed_with_all_that_the_queue_remembers_it_says_what_an_undisturbed_run_says(
    office, starter_bundle, tmp_path, at
):
    logs = []
    for name, deaths in (("undisturbed", []), ("killed", [die])):
        (tmp_path / name).mkdir()
        sensor = Sensor(office, tmp_path / name / "logs")
        actions = written(sensor)
        script = Script([*actions[:at], *deaths, *actions[at:]])
        script.settle()
        with suppress(Killed):
            play(office, tmp_path / name, script, starter_bundle, DEFAULT)
        if deaths:
            play(office, tmp_path / name, script, starter_bundle, DEFAULT)
        logs.append((tmp_path / name / "out" / "notice.log").read_bytes())
    assert b"Oddlog::Incident" in logs[0]
    assert logs[0] == logs[1]
