"""A cluster's answers are those of one process, whatever the archive looks like and whoever is killed."""

from __future__ import annotations

import gzip
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oddlog import archive, cluster
from oddlog.cluster.plan import plan
from oddlog.config import Config
from oddlog.errors import OddlogError, UsageError
from oddlog.evaluate.reading import read_scores
from oddlog.logs import open_logs
from oddlog.logs.discovery import LogFile

distributed = pytest.importorskip("distributed", reason="Dask comes with the extra `cluster`")

MANY = Config(notices_per_day=5000)
LOGS = ("conn", "dce_rpc", "ntlm")
STRETCH = 20_000
"""Bytes: an hour's file or a few."""
HOUR = 3600


class Day:
    """A day's records of each log as lines with their clock, to be written as any archive."""

    def __init__(self, folder: Path) -> None:
        self.headers: dict[str, bytes] = {}
        self.rows: dict[str, list[tuple[float, bytes]]] = {}
        for log in LOGS:
            lines = (folder / f"{log}.log").read_bytes().splitlines(keepends=True)
            header = [line for line in lines if line.startswith(b"#") and not line.startswith(b"#close")]
            names = next(line for line in header if line.startswith(b"#fields")).split()[1:]
            rows = [line for line in lines if not line.startswith(b"#")]
            # Of dce_rpc a share: there are many more records than of the others.
            rows = rows[:: 5 if log == "dce_rpc" else 1]
            self.headers[log] = b"".join(header)
            self.rows[log] = [(_clock(line, names), line) for line in rows]

    def write(self, path: Path, log: str, rows: list[bytes]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        data = self.headers[log] + b"".join(rows)
        path.write_bytes(gzip.compress(data, 1) if path.suffix == ".gz" else data)

    def split(self, log, part_of):
        """Lines by what a function of the clock and their number says."""
        parts = {}
        for number, (clock, line) in enumerate(self.rows[log]):
            parts.setdefault(part_of(clock, number), []).append(line)
        return sorted(parts.items())


def _clock(line, names):
    cells = line.rstrip(b"\n").split(b"\t")
    duration = cells[names.index(b"duration")] if b"duration" in names else b"-"
    return float(cells[0]) + (0.0 if duration == b"-" else float(duration))


def later(line, seconds):
    ts, tab, rest = line.partition(b"\t")
    return b"%.6f" % (float(ts) + seconds) + tab + rest


def hourly(day, folder):
    for log in LOGS:
        for hour, rows in day.split(log, lambda clock, _: int(clock // HOUR) % 24):
            day.write(folder / f"{log}.{hour:02}:00:00-{hour + 1:02}:00:00.log.gz", log, rows)


def loggers(day, folder):
    """Three loggers whose files overlap wholly, and which rotate every two hours."""
    for log in LOGS:
        for (hour, logger), rows in day.split(log, lambda clock, number: (int(clock // HOUR) % 24 // 2, number % 3)):
            day.write(folder / f"{log}_logger-{logger}.{hour:02}:00:00.log", log, rows)


def unguessable(day, folder):
    """Files by no known naming; some that reach over the four that begin after them."""
    names = [
        "quince",
        "medlar",
        "sloe",
        "damson",
        "rowan",
        "bullace",
        "whitebeam",
        "azarole",
        "serviceberry",
        "crab",
        "haw",
        "hip",
    ]
    for log in LOGS:
        for part, rows in day.split(log, lambda clock, _: int(clock // HOUR) % 24 // 2):
            day.write(folder / f"{log}-{names[part]}.log", log, rows)
        for start in (0, 4, 8):
            rows = [line for clock, line in day.rows[log] if start <= clock // HOUR % 24 / 2 < start + 4][::7]
            day.write(folder / f"{log}-{names[start]}-too.log", log, rows)


def wrong_clock(day, folder):
    """A clock that is ten days ahead for some hours and comes back, and a sensor that is off for two days."""
    for log in LOGS:
        for hour, lines in day.split(log, lambda clock, _: int(clock // HOUR) % 24):
            off, third = 2 * 86_400 * (hour >= 18), len(lines) // 3
            ahead = slice(third, 2 * third) if hour == 10 else slice(0, 0)
            lines[ahead] = [later(line, 10 * 86_400) for line in lines[ahead]]
            day.write(folder / f"{log}.{hour:02}:00:00.log", log, [later(line, off) for line in lines])


@pytest.fixture(scope="module")
def day(small_office):
    return Day(small_office.attacked)


@pytest.fixture(scope="module")
def bundle_folder():
    return Path(archive.__file__).parent / "starter"


@pytest.fixture(scope="module")
def threads():
    """A scheduler and a worker with two threads in this process."""
    with distributed.Client(
        processes=False,
        n_workers=1,
        threads_per_worker=2,
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    ) as client:
        yield client


def score_process(folder, *arguments):
    """Call `oddlog score` in a process of its own, in a folder."""
    command = [sys.executable, "-c", "from oddlog.cli import main; main()", "score", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def rows_of(path, log):
    frame = pd.read_parquet(path)
    frame = frame.astype(dict.fromkeys(("log", "orig_h", "resp_h", "detector"), object))
    return frame[frame["log"] == log].reset_index(drop=True)


def assert_same(one, other, summaries):
    assert (one / "notice.log").read_bytes() == (other / "notice.log").read_bytes()
    for log in LOGS:
        pd.testing.assert_frame_equal(rows_of(one / "scores.parquet", log), rows_of(other / "scores.parquet", log))
    assert summaries[0] == summaries[1]
    assert summaries[0].notices.total() > 100


def counted(logs):
    count = logs.count
    return count.lines, count.records, count.bad, count.fields, [*map(str, count.samples)]


@pytest.mark.parametrize(
    ("shape", "again"), [(hourly, False), (loggers, False), (unguessable, True), (wrong_clock, True)]
)
def test_a_cluster_answers_as_one_process_does(
    threads, day, starter_bundle, bundle_folder, tmp_path, caplog, shape, again
):
    shape(day, tmp_path / "logs")
    for log in (tmp_path / "logs").glob("ntlm*.log"):
        with log.open("ab") as file:
            file.write(b"a bad line\n")
    logs = [open_logs([tmp_path / "logs"]) for _ in range(2)]
    caplog.set_level(logging.INFO, "oddlog.cluster")
    summaries = [
        archive.score(logs[0], starter_bundle, MANY, tmp_path / "one"),
        cluster.score(logs[1], bundle_folder, starter_bundle, MANY, tmp_path / "many", threads, stretch_bytes=STRETCH),
    ]
    assert_same(tmp_path / "one", tmp_path / "many", summaries)
    assert logs[0].counts.keys() == logs[1].counts.keys()
    assert counted(logs[0]) == counted(logs[1])
    parts = [pd.read_parquet(part)["log"].astype(object) for part in (tmp_path / "many/scores.parquet").iterdir()]
    assert sum("ntlm" in {*part} for part in parts) > 1
    if shape is hourly:
        # It is warmed up with a day, and not cut where all of it would be read twice.
        assert sum("dce_rpc" in {*part} for part in parts) > 1
    assert bool(caplog.records) == again
    if shape is wrong_clock:
        assert sum(counted["bad"] for counted in summaries[0].times.values()) > 10


def test_parts_open_as_one_table(threads, day, starter_bundle, bundle_folder, tmp_path):
    hourly(day, tmp_path / "logs")
    out = tmp_path / "found"
    out.mkdir()
    (out / "scores.parquet").write_text("an earlier run's file")
    for _ in range(2):
        cluster.score(
            open_logs([tmp_path / "logs"]), bundle_folder, starter_bundle, MANY, out, threads, stretch_bytes=STRETCH
        )
        assert sorted(path.name for path in out.iterdir()) == ["notice.log", "scores.parquet"]
    parts = out / "scores.parquet"
    expected = sum(pq.read_metadata(part).num_rows for part in parts.iterdir())
    assert len(pd.read_parquet(parts)) == expected
    assert pl.read_parquet(parts).height == expected
    (rows,) = duckdb.read_parquet(f"{parts}/*.parquet").aggregate("count(*)").fetchall()
    assert rows == (expected,)
    frame = read_scores(parts)
    assert len(frame) == expected
    assert set(frame["log"]) == set(LOGS)
    # One process replaces the folder by a file, and neither replaces what is not theirs.
    archive.score(open_logs([tmp_path / "logs"]), starter_bundle, MANY, out)
    assert parts.is_file()
    parts.unlink()
    parts.mkdir()
    (parts / "thesis.odt").write_text("the only copy")
    with pytest.raises(OddlogError, match=r"thesis.odt is no part of scores"):
        archive.score(open_logs([tmp_path / "logs"]), starter_bundle, MANY, out)


def test_a_log_that_a_worker_sees_otherwise_is_an_error_and_nothing_is_left(
    threads, day, starter_bundle, bundle_folder, tmp_path
):
    hourly(day, tmp_path / "logs")
    path = tmp_path / "logs" / "ntlm.11:00:00-12:00:00.log.gz"
    for harm, said in (
        (lambda: path.write_bytes(b"other"), "has 5 bytes on the worker"),
        (path.unlink, "No such file"),
    ):
        logs = open_logs([tmp_path / "logs"])
        content = path.read_bytes()
        harm()
        with pytest.raises(OddlogError, match=said) as caught:
            cluster.score(logs, bundle_folder, starter_bundle, MANY, tmp_path / "found", threads)
        assert str(path) in str(caught.value)
        assert socket.gethostname() in str(caught.value)
        assert list((tmp_path / "found").iterdir()) == []
        path.write_bytes(content)


@pytest.fixture
def dask(tmp_path):
    """Start Dask's own commands on loopback; whatever still runs at the end is killed."""
    started = []

    def start(*arguments, **environment):
        log = (tmp_path / f"dask-{len(started)}.log").open("wb")
        command = [sys.executable, "-m", "dask", *arguments]
        environment = {**os.environ, **environment}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=tmp_path)
        started.append((process, log))
        return process

    yield start
    for process, log in started:
        process.kill()
        process.wait()
        log.close()


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def refuse(address, error, said):
    with pytest.raises(error, match=said), cluster.connect(address):
        pass


def start_worker(dask, address, **environment):
    # Without a nanny, which would start a killed one again.
    return dask("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", **environment)


def test_real_workers_one_of_them_killed_in_mid_run(dask, day, starter_bundle, bundle_folder, tmp_path):
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    scheduler = dask("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    workers = [start_worker(dask, address) for _ in range(2)]
    hourly(day, tmp_path / "logs")
    loggers(day, tmp_path / "logs" / "more")
    logs = [open_logs([tmp_path / "logs"]) for _ in range(2)]
    summaries = [archive.score(logs[0], starter_bundle, MANY, tmp_path / "one")]
    draft = tmp_path / "many" / ".scores.parquet.draft"
    seen = []

    def kill_in_mid_run():
        while len(seen) < 2:
            seen[:] = draft.glob("*") if draft.is_dir() else []
            time.sleep(0.01)
        workers[0].send_signal(signal.SIGKILL)

    with distributed.Client(address, timeout=60) as client:
        client.wait_for_workers(2, timeout=60)
    with cluster.connect(address) as client:
        killing = threading.Thread(target=kill_in_mid_run, daemon=True)
        killing.start()
        summaries.append(
            cluster.score(
                logs[1], bundle_folder, starter_bundle, MANY, tmp_path / "many", client, stretch_bytes=STRETCH
            )
        )
        killing.join()
        assert len(client.nthreads()) == 1
    assert workers[0].wait() == -signal.SIGKILL
    assert len(seen) < len(list((tmp_path / "many/scores.parquet").iterdir())) / 2
    assert_same(tmp_path / "one", tmp_path / "many", summaries)
    # The worker that is left takes the command's run.
    (tmp_path / "many.toml").write_text("notices_per_day = 5000\n")
    options = ("--bundle", "starter", "--config", "many.toml", "--out", "again")
    score_process(tmp_path, "logs", *options, "--dask", address)
    assert (tmp_path / "again/notice.log").read_bytes() == (tmp_path / "one/notice.log").read_bytes()
    # Without the scheduler there is nobody left to take it.

    def without_scheduler():
        with cluster.connect(address) as client:
            scheduler.kill()
            cluster.score(logs[1], bundle_folder, starter_bundle, MANY, tmp_path / "never", client)

    with pytest.raises(OddlogError, match=f"scheduler at {address} is gone"):
        without_scheduler()
    assert not (tmp_path / "never").exists() or list((tmp_path / "never").iterdir()) == []


def test_workers_here_are_started_and_ended(small_office, logon_bundle_folder, logon_bundle, tmp_path):
    log = small_office.attacked / "ntlm.log"
    archive.score(open_logs([log]), logon_bundle, Config(), tmp_path / "one")
    score_process(tmp_path, log, "--bundle", logon_bundle_folder, "--out", "many", "--dask", "local")
    assert (tmp_path / "many/notice.log").read_bytes() == (tmp_path / "one/notice.log").read_bytes()
    one, many = (rows_of(tmp_path / out / "scores.parquet", "ntlm") for out in ("one", "many"))
    pd.testing.assert_frame_equal(one, many)


def test_a_worker_with_another_oddlog_is_refused(dask, tmp_path):
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    dask("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    with distributed.Client(address, timeout=60):
        refuse(address, OddlogError, "has no workers")
    other = tmp_path / "other" / "oddlog-0.0.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: oddlog\nVersion: 0.0.0\n")
    path = os.pathsep.join(filter(None, (str(other.parent), os.environ.get("PYTHONPATH"))))
    start_worker(dask, address, PYTHONPATH=path)
    with distributed.Client(address, timeout=60) as client:
        client.wait_for_workers(1, timeout=60)
    refuse(address, OddlogError, r"the worker at tcp://127.0.0.1:\d+ has oddlog 0.0.0; all need")


def test_an_address_where_nobody_answers_is_one_sentence():
    refuse(f"tcp://127.0.0.1:{free_port()}", OddlogError, "no Dask scheduler answers at tcp://127.0.0.1:")


def test_an_address_that_is_none_is_wrong_usage():
    for address in ("scheduler", "gopher://10.0.0.9:70"):
        refuse(address, UsageError, f"{address} is no address of a Dask scheduler")


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'oddlog\[cluster\]'"), cluster.connect("local"):
        pass


def files(firsts, size=100, name="conn.{0:02}:00:00.log.gz"):
    return [(LogFile(Path(name.format(i)), "conn", first, size), i) for i, first in enumerate(firsts)]


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 300), st.sampled_from("abc")), min_size=1, max_size=40),
    st.integers(0, 30),
    st.integers(1, 500),
)
def test_a_plan_has_every_file_once_and_no_file_before_it_begins(made, warm_up, stretch_bytes):
    found = [
        (LogFile(Path(f"{kind}.{i:02}:00:00.log"), "conn", first, size), i)
        for i, (first, size, kind) in enumerate(sorted(made))
    ]
    stretches = plan(found, warm_up, stretch_bytes)
    assert [pair for stretch in stretches for pair in stretch.own] == found
    assert all(one.end == other.begin for one, other in pairwise(stretches))
    assert [stretch.last for stretch in stretches] == [False] * (len(stretches) - 1) + [True]
    for number, stretch in enumerate(stretches):
        assert all(stretch.begin <= file.first < stretch.end for file, _ in stretch.own)
        assert all(file.first < stretch.begin for file, _ in stretch.before)
        assert bool(stretch.before) == bool(number)
        again = sum(file.size for file, _ in stretch.before)
        if number:
            own = [sum(file.size for file, _ in one.own) for one in stretches[number - 1 : number + 1]]
            assert own[0] >= max(stretch_bytes, again)
            assert sum(file.size for one in stretches[number:] for file, _ in one.own) >= again


def test_hourly_files_are_cut_by_size_and_only_the_file_before_is_read_again():
    stretches = plan(files(range(0, 24 * HOUR, HOUR)), 60, 300)
    assert {len(stretch.own) for stretch in stretches} == {3}
    assert {len(stretch.before) for stretch in stretches[1:]} == {1}


def test_several_loggers_are_cut_where_they_rotate():
    firsts = [hour * HOUR + logger for hour in range(24) for logger in range(3)]
    found = [
        (LogFile(Path(f"conn_logger-{i % 3}.{i // 3:02}:00:00.log"), "conn", first, 100), i)
        for i, first in enumerate(firsts)
    ]
    stretches = plan(found, 60, 350)
    assert all(stretch.begin % HOUR == 0 for stretch in stretches[1:])
    assert {len(stretch.before) for stretch in stretches[1:]} == {3}
