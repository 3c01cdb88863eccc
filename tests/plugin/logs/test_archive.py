"""Archives: what is found, what is refused, and in which order it is read."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oddlog.errors import LogError, OddlogError, UsageError
from oddlog.logs import LOGS, open_logs
from oddlog.logs.batch import concat
from oddlog.logs.schema import FLOWS


def _at(made, *seconds):
    times = [f"{1_700_000_000 + second}.000000" for second in seconds]
    return made.header() + b"".join(made.row(ts=ts, duration="-") for ts in times)


def _told(logs, log="conn", rows=None):
    return [
        (int(moment) // 10**6 - 1_700_000_000, batch.where(i)[0].rsplit("/", 1)[-1])
        for batch in logs.batches(log, rows)
        for i, moment in enumerate(batch.moments())
    ]


@pytest.fixture
def archive(tmp_path, made):
    """A day as zeekctl leaves it, with what else lies about."""
    day = tmp_path / "2024-01-31"
    day.mkdir()
    (day / "conn.13:00:00-14:00:00.log.gz").write_bytes(gzip.compress(_at(made, 10, 11)))
    (day / "conn.12:00:00-13:00:00.log.gz").write_bytes(gzip.compress(_at(made, 1, 2, 3)))
    (day / "ntlm.12:00:00-13:00:00.log").write_bytes(made.json("ntlm"))
    (day / "dns.12:00:00-13:00:00.log").write_bytes(made.header("dns", ["ts", "query"], ["time", "string"]) + b"1\tx\n")
    (day / "README").write_text("Lorem ipsum\n")
    (day / "conn-summary.log").write_text("no log at all\n")
    (day / ".shadow.conn.log").write_bytes(b".log\n")
    (day / "empty.log").write_bytes(b"")
    (day / "dce_rpc.closed.log").write_bytes(made.header("dce_rpc") + b"#close\t2024\n")
    return tmp_path


def test_a_folder_is_read_in_clock_order_and_what_is_no_log_is_listed(archive):
    logs = open_logs([archive])
    assert logs.names == ("conn", "dce_rpc", "ntlm")
    assert [second for second, _ in _told(logs)] == [1, 2, 3, 10, 11]
    assert _told(logs, "dce_rpc") == []
    skipped = {path.rsplit("/", 1)[-1]: reason for path, reason in logs.count.skipped}
    assert set(skipped) == {"README", "conn-summary.log", "dns.12:00:00-13:00:00.log", "empty.log"}
    assert "another log (dns)" in skipped["dns.12:00:00-13:00:00.log"]
    assert "empty" in skipped["empty.log"]


def test_globs_files_and_folders_name_the_same_records_once(archive):
    day = archive / "2024-01-31"
    expected = _told(open_logs([archive]))
    assert _told(open_logs([f"{archive}/*/conn*"])) == expected
    assert _told(open_logs([f"{archive}/**/conn*.gz"])) == expected
    assert _told(open_logs([str(archive), day, day / "conn.12:00:00-13:00:00.log.gz"])) == expected


def test_a_file_named_by_itself_that_is_no_log_gets_one_sentence(archive):
    day = archive / "2024-01-31"
    (day / "binary").write_bytes(bytes(range(256)) * 100)
    for name, found in (("README", "Lorem ipsum"), ("empty.log", "an empty file"), ("binary", "binary data")):
        with pytest.raises(LogError, match=found) as caught:
            open_logs([day / name])
        assert "\n" not in str(caught.value)
        assert str(day / name) in str(caught.value)


def test_paths_that_name_nothing_are_wrong_usage(archive):
    for paths, said in (
        (["/nowhere"], "/nowhere does not exist"),
        ([f"{archive}/*.zip"], "no file matches"),
        ([archive / "2024-01-31" / "dns.12:00:00-13:00:00.log"], "another log"),
        ([], "nothing at all"),
    ):
        with pytest.raises(UsageError, match=said):
            open_logs(paths)


def test_a_file_that_may_not_be_read_says_so(archive, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("oddlog.logs.discovery.blocks", refuse)
    with pytest.raises(OddlogError, match="cannot be read: Permission denied"):
        open_logs([archive / "2024-01-31" / "README"])


@settings(max_examples=60, deadline=None)
@given(
    files=st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=25).map(sorted), min_size=1, max_size=5),
    block=st.sampled_from([1, 300, 1000, 1 << 22]),
    rows=st.sampled_from([None, 1, 7, 333]),
)
def test_files_of_several_loggers_are_merged_and_blocks_change_nothing(made, tmp_path_factory, files, block, rows):
    folder = tmp_path_factory.mktemp("cluster")
    for i, seconds in enumerate(files):
        (folder / f"conn_logger-{i}.log").write_bytes(_at(made, *seconds))
    logs = open_logs([folder], block_bytes=block)
    expected = sorted((second, f"conn_logger-{i}.log") for i, seconds in enumerate(files) for second in seconds)
    assert _told(logs, rows=rows) == expected
    lengths = [len(batch) for batch in logs.batches("conn", rows)]
    assert rows is None or all(length == rows for length in lengths[:-1])
    for i, seconds in enumerate(files):
        count = logs.counts[str(folder / f"conn_logger-{i}.log")]
        assert (count.records, count.lines) == (len(seconds), len(seconds) + 8)


def test_merged_records_know_their_file_and_line(made, tmp_path):
    (tmp_path / "conn_a.log").write_bytes(_at(made, 1, 3, 5))
    (tmp_path / "conn_b.log").write_bytes(_at(made, 2, 3, 4))
    batch = concat(list(open_logs([tmp_path]).batches("conn")))
    where = [batch.where(i) for i in range(len(batch))]
    a, b = str(tmp_path / "conn_a.log"), str(tmp_path / "conn_b.log")
    assert where == [(a, 9), (b, 9), (a, 10), (b, 10), (b, 11), (a, 11)]
    assert [batch.take([4, 0]).where(i) for i in range(2)] == [(b, 11), (a, 9)]
    assert batch.slice(1, 2).where(0) == (b, 9)
    assert batch.slice(1, 2).source == b


def test_a_log_out_of_order_keeps_its_own_order(made, tmp_path):
    (tmp_path / "conn_a.log").write_bytes(_at(made, 5, 1, 9))
    (tmp_path / "conn_b.log").write_bytes(_at(made, 6, 7))
    assert [second for second, _ in _told(open_logs([tmp_path]))] == [5, 1, 6, 7, 9]


def test_progress_ends_at_the_size_on_disk_and_counting_twice_counts_once(archive):
    read: list[int] = []
    logs = open_logs([archive], on_bytes=read.append)
    for _ in range(2):
        read.clear()
        for log in logs.names:
            list(logs.batches(log))
        assert sum(read) == logs.total_bytes
        assert logs.count.records == 6


@pytest.mark.parametrize("block", [5000, 1 << 22])
def test_a_gzip_cut_short_gives_what_can_be_read_and_says_so(made, tmp_path, block):
    rng = np.random.default_rng(1)
    data = made.header() + b"".join(made.row(orig_bytes=str(n)) for n in rng.integers(0, 2**40, 5000))
    path = tmp_path / "conn.log.gz"
    path.write_bytes(gzip.compress(data)[:-2000])
    logs = open_logs([path], block_bytes=block)
    records = sum(map(len, logs.batches("conn")))
    count = logs.count
    assert 3000 < records < 5000
    assert count.records + count.bad + count.headers + count.blank == count.lines
    assert count.bad <= 1
    (damage,) = count.damaged
    assert "cut short" in str(damage)


def test_gzip_members_and_padding_are_one_file(made, tmp_path):
    path = tmp_path / "conn.log.gz"
    path.write_bytes(gzip.compress(_at(made, 1)) + gzip.compress(made.row() * 2) + b"\0" * 512)
    logs = open_logs([path])
    assert sum(map(len, logs.batches("conn"))) == 3
    assert logs.count.damaged == []


def test_a_corrupt_gzip_says_so(made, tmp_path):
    path = tmp_path / "conn.log.gz"
    data = bytearray(gzip.compress(_at(made, *range(3000)), 0))
    data[-5000:-4000] = b"\xff" * 1000
    path.write_bytes(bytes(data))
    logs = open_logs([path])
    list(logs.batches("conn"))
    (damage,) = logs.count.damaged
    assert "corrupt" in str(damage)


def test_every_real_log_is_read_without_silent_loss(real_logs):
    logs = open_logs([real_logs])
    assert set(logs.names) == {*LOGS, FLOWS, "auth"}
    for block in (None, 1 << 12):
        read = open_logs([real_logs], block_bytes=block or 1 << 22)
        records = sum(len(batch) for log in read.names for batch in read.batches(log))
        for path, count in read.counts.items():
            assert count.records + count.bad + count.headers + count.blank == count.lines, path
            assert count.lines == _lines(path)
        assert records == read.count.records == 69_678
        assert dict(read.count.fields) == {"line": 2, "id.orig_p": 1}


def _lines(path):
    data = Path(path).read_bytes()
    data = gzip.decompress(data) if path.endswith(".gz") else data
    return data.count(b"\n") + (not data.endswith(b"\n"))


def test_tsv_and_json_of_the_same_real_traffic_read_equal(real_logs):
    compared = 0
    for folder in ("wrccdc", "zerologon", "zeek-traces"):
        for path in sorted((real_logs / folder).rglob("tsv/*.log*")):
            if "notice" in path.name:
                continue
            (tsv,) = _whole(path)
            (spelled,) = _whole(path.parent.parent / "json" / path.name)
            assert tsv.table.to_pylist() == spelled.table.to_pylist(), path
            compared += 1
    assert compared == 119


def _whole(path):
    logs = open_logs([path])
    return [concat(list(logs.batches(log))) for log in logs.names]
