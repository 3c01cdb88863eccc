"""`archive.score`: what it writes, and that real logs of every shape pass through it."""

from __future__ import annotations

import gzip
import heapq
import json
import re
from collections import Counter
from itertools import accumulate, pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oddlog import archive
from oddlog.config import Config
from oddlog.errors import OddlogError, UsageError
from oddlog.logs import open_logs
from oddlog.notices import TSV_HEADER
from oddlog.pipeline import Outcome

MANY = Config(notices_per_day=5000)
COLUMNS = ("log", "uid", "ts", "orig_h", "resp_h", "detector", "score", "p_value", "rarity", "window_s")


@pytest.fixture(scope="module")
def scored(small_office, starter_bundle, tmp_path_factory):
    """Folder with the outcome of a day with attacks, its summary, and the logs it read."""
    out = tmp_path_factory.mktemp("scored") / "found"
    logs = open_logs([small_office.attacked])
    return out, archive.score(logs, starter_bundle, MANY, out), logs


def notices(out):
    return [json.loads(line) for line in (out / "notice.log").read_text().splitlines()]


def scores(out):
    return pd.read_parquet(out / "scores.parquet")


def in_order(frame):
    """Rows in an order that does not depend on which log was read when."""
    frame = frame.astype(dict.fromkeys(("log", "orig_h", "resp_h", "detector"), object))
    return frame.sort_values(["log", "ts", "uid", "orig_h"], kind="stable", ignore_index=True)


def test_two_files_are_left_and_no_draft(scored):
    out, _, _ = scored
    assert sorted(path.name for path in out.iterdir()) == ["notice.log", "scores.parquet"]


def test_the_scores_file_keeps_the_contract(scored):
    out, _, _ = scored
    schema = pq.read_schema(out / "scores.parquet")
    assert tuple(schema.names) == COLUMNS
    text = pa.dictionary(pa.int32(), pa.string())
    assert [schema.field(name).type for name in COLUMNS] == [
        *(text, pa.string(), pa.float64(), text, text, text),
        *[pa.float64()] * 4,
    ]


def test_pandas_opens_the_scores_with_a_row_for_every_record(scored, starter_bundle):
    out, _, logs = scored
    frame = scores(out)
    rows = Counter(frame["log"])
    by_log = {log: sum(len(batch) for batch in logs.batches(log)) for log in ("conn", "ntlm")}
    assert {log: rows[log] for log in by_log} == by_log
    assert 0 < rows["dce_rpc"] < by_log["conn"]
    assert frame["score"].notna().all()
    for one in starter_bundle.trained.values():
        mine = frame[frame["detector"] == one.detector.name]
        assert set(mine["log"]) == {one.detector.log}
        score = mine["score"].to_numpy()
        kinds = [None, *(np.full(len(score), number) for number in range(len(one.calibration.kinds)))]
        assert np.any([mine["p_value"] == one.calibration.p_value(score, kind) for kind in kinds], axis=0).all()
        # Less where the sensor saw little of a record, or the log had just begun.
        assert (mine["rarity"] <= 1 / (mine["p_value"] * one.calibration.per_day) * (1 + 1e-9)).all()


def test_notices_of_all_logs_are_in_clock_order(scored):
    said = notices(scored[0])
    logs = [notice["oddlog"]["log"] for notice in said]
    assert set(logs) == {"conn", "dce_rpc", "ntlm"}
    # Merged, not one log after the other.
    assert sum(one != other for one, other in pairwise(logs)) > 10
    times = [notice["ts"] for notice in said]
    assert times == sorted(times)


@st.composite
def told_of(draw):
    """What one log's records bring: clocks that rise and sometimes fall, each with findings of some detectors."""
    gaps = st.sampled_from([0, 0, 1, 2, 50, -30])
    clocks = list(accumulate(draw(st.lists(gaps, max_size=12)), initial=1000))
    window = st.sampled_from([None, None, None, 1, 20])
    return [
        (clock, [(detector, draw(window)) for detector in draw(st.lists(st.sampled_from("ab"), max_size=2))])
        for clock in clocks
    ]


def outcomes_of(records, cuts):
    """Outcomes as a road gives them: cut anywhere and where the clock falls, candidates by clock and detector."""
    edges = {0, len(records), *(round(cut * len(records)) for cut in cuts)}
    falls = {i for i, (one, other) in enumerate(pairwise(records), 1) if other[0] < one[0]}
    for start, stop in pairwise(sorted(edges | falls)):
        piece = records[start:stop]
        found = [
            # A host-window's clock is its end, which is not before the record that tells of it.
            SimpleNamespace(clock=clock + (beyond or 0), detector=detector, number=start + i)
            for detector in "ab"
            for i, (clock, findings) in enumerate(piece)
            for name, beyond in findings
            if name == detector
        ]
        found.sort(key=lambda one: (one.clock, one.detector))
        yield Outcome([], iter(found), piece[0][0], piece[-1][0], start in falls)


@example([(0, [("b", None)]), (0, [("a", None)])], [(0, [])], [0.5])
@given(told_of(), told_of(), st.lists(st.floats(0, 1), max_size=4))
def test_no_cut_changes_the_order_of_notices_or_how_two_logs_are_merged(one, other, cuts):
    def merged(*cuts):
        streams = [archive.in_order(outcomes_of(records, cuts)) for records in (one, other)]
        items = list(heapq.merge(*streams, key=lambda item: item[0]))
        assert [moment for moment, _ in items] == sorted(moment for moment, _ in items)
        return [(found.clock, found.detector, found.number) for _, found in items if found is not None]

    assert merged(*cuts) == merged()
    assert sorted(merged()) == sorted(
        (clock + (beyond or 0), detector, number)
        for records in (one, other)
        for number, (clock, findings) in enumerate(records)
        for detector, beyond in findings
    )
    if all(first <= second for records in (one, other) for (first, _), (second, _) in pairwise(records)):
        assert [clock for clock, _, _ in merged()] == sorted(clock for clock, _, _ in merged())


def test_the_summary_counts_what_was_written(scored):
    out, summary, _ = scored
    said = notices(out)
    assert summary.notices == Counter(notice["note"] for notice in said)
    assert summary.left_out == []
    # Not what counts others.
    own = [one for one in said if not re.search(" more (like|odd things after) the ", one["msg"])]
    own = [one for one in own if one["oddlog"]["detector"] != "queue"]
    rarest = sorted((notice["oddlog"]["rarity"] for notice in own), reverse=True)[:10]
    assert [finding.rarity for finding in summary.rarest] == rarest


def test_every_notice_on_a_record_has_its_row_in_the_scores(scored):
    out, _, _ = scored
    rows = {(row.uid, round(row.ts, 6), row.score) for row in scores(out).itertuples()}
    # A host-window that a record decided is a row without one.
    others = {row.detector for row in scores(out).itertuples() if not np.isnan(row.window_s)} | {"incident"}
    said = [notice for notice in notices(out) if "uid" in notice and notice["oddlog"]["detector"] not in others]
    assert said
    assert {(notice["uid"], notice["oddlog"]["ts"], notice["oddlog"]["score"]) for notice in said} <= rows


def test_no_two_notices_share_an_id(scored):
    ids = [notice["oddlog"]["id"] for notice in notices(scored[0])]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("block_bytes", [2_000, 100_000])
def test_blocks_of_another_size_and_gzip_give_the_same_files(
    scored, small_office, starter_bundle, tmp_path, block_bytes
):
    out, _, _ = scored
    folder = tmp_path / small_office.attacked.name
    folder.mkdir()
    for log in small_office.attacked.iterdir():
        if log.name != "dce_rpc.log" or block_bytes > 10_000:
            (folder / f"{log.name}.gz").write_bytes(gzip.compress(log.read_bytes(), 1))
    archive.score(open_logs([folder], block_bytes=block_bytes), starter_bundle, MANY, tmp_path / "found")
    logs = {log.name.partition(".")[0] for log in folder.iterdir()}
    # What chains together is of all logs.
    told, again = (
        [one for one in notices(folder) if one["oddlog"]["log"] in logs and one["note"] != "Oddlog::Incident"]
        for folder in (out, tmp_path / "found")
    )
    assert again == told
    if len(logs) == 3:
        assert notices(tmp_path / "found") == notices(out)
    frame = scores(out)
    pd.testing.assert_frame_equal(in_order(scores(tmp_path / "found")), in_order(frame[frame["log"].isin(logs)]))


def test_tsv_says_the_same_as_json(scored, small_office, starter_bundle, tmp_path):
    out, _, _ = scored
    archive.score(
        open_logs([small_office.attacked]), starter_bundle, Config(notices_per_day=5000, notice_format="tsv"), tmp_path
    )
    content = (tmp_path / "notice.log").read_bytes()
    assert content.startswith(TSV_HEADER)
    lines = [line.split("\t") for line in content.removeprefix(TSV_HEADER).decode().splitlines()]
    names = TSV_HEADER.decode().splitlines()[-2].split("\t")[1:]
    assert {len(line) for line in lines} == {len(names)}
    assert [line[names.index("oddlog.id")] for line in lines] == [notice["oddlog"]["id"] for notice in notices(out)]


class BreaksOff:
    """Logs that cannot be read beyond their first batches."""

    def __init__(self, logs):
        self._logs = logs
        self.names = logs.names

    def batches(self, log):
        for number, batch in enumerate(self._logs.batches(log, rows=500)):
            if number == 2:
                raise OSError(5, "Input/output error")
            yield batch


def test_a_run_that_fails_leaves_an_earlier_runs_files_as_they_were(small_office, starter_bundle, tmp_path):
    (tmp_path / "notice.log").write_text("an earlier notice")
    (tmp_path / "scores.parquet").write_text("earlier scores")
    with pytest.raises(OSError, match="Input/output"):
        archive.score(BreaksOff(open_logs([small_office.attacked])), starter_bundle, MANY, tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "notice.log": "an earlier notice",
        "scores.parquet": "earlier scores",
    }


def test_a_first_run_that_fails_leaves_nothing(small_office, starter_bundle, tmp_path):
    with pytest.raises(OSError, match="Input/output"):
        archive.score(BreaksOff(open_logs([small_office.attacked])), starter_bundle, MANY, tmp_path / "found")
    assert list((tmp_path / "found").iterdir()) == []


def test_a_run_replaces_an_earlier_ones_files(small_office, logon_bundle, tmp_path):
    (tmp_path / "notice.log").write_text("an earlier notice")
    (tmp_path / "scores.parquet").write_text("earlier scores")
    (tmp_path / ".notice.log.draft").write_text("half a notice of a run that was killed")
    archive.score(open_logs([small_office.attacked / "ntlm.log"]), logon_bundle, MANY, tmp_path)
    assert {notice["oddlog"]["log"] for notice in notices(tmp_path)} == {"ntlm"}
    assert set(scores(tmp_path)["log"]) == {"ntlm"}


def test_a_log_that_the_bundle_does_not_know_is_said(small_office, logon_bundle, tmp_path):
    summary = archive.score(open_logs([small_office.attacked]), logon_bundle, MANY, tmp_path)
    assert summary.left_out == ["conn"]
    assert set(scores(tmp_path)["log"]) == {"dce_rpc", "ntlm"}


def test_logs_of_which_the_bundle_knows_none_are_an_error_and_nothing_is_written(small_office, logon_bundle, tmp_path):
    with pytest.raises(OddlogError, match="knows none of these logs: conn"):
        archive.score(open_logs([small_office.attacked / "conn.log"]), logon_bundle, MANY, tmp_path / "found")
    assert not (tmp_path / "found").exists()


def test_a_quiet_log_leaves_an_empty_notice_log(small_office, logon_bundle, tmp_path):
    config = Config(notices_per_day=1e-9)
    summary = archive.score(open_logs([small_office.quiet / "ntlm.log"]), logon_bundle, config, tmp_path)
    assert (tmp_path / "notice.log").read_bytes() == b""
    assert summary.rarest == []
    assert len(scores(tmp_path)) > 100


def test_bad_times_are_counted(logons, logon_bundle, tmp_path):
    now = 1_700_000_000
    log = tmp_path / "ntlm.log"
    log.write_bytes(logons(*({"ts": now + i} for i in range(5)), {"ts": now + 3 * 86_400}, {"ts": now + 6}))
    assert archive.score(open_logs([log]), logon_bundle, MANY, tmp_path / "found").times["ntlm"]["bad"] == 1


def test_one_time_a_day_ahead_changes_nothing_but_its_own_record(small_office, logon_bundle, tmp_path):
    lines = (small_office.attacked / "ntlm.log").read_bytes().splitlines(keepends=True)
    (at,) = [i for i, line in enumerate(lines) if not line.startswith(b"#")][100:101]
    moment, _, rest = lines[at].partition(b"\t")
    said = []
    for ahead in (0, 80_000):
        lines[at] = b"%.6f\t%s" % (float(moment) + ahead, rest)
        (tmp_path / "ntlm.log").write_bytes(b"".join(lines))
        summary = archive.score(open_logs([tmp_path / "ntlm.log"]), logon_bundle, MANY, tmp_path / "found")
        assert summary.times["ntlm"]["bad"] == (ahead > 0)
        frame = scores(tmp_path / "found")
        others = (frame["ts"] - float(moment) - ahead).abs() > 1e-6
        said.append((frame[others].reset_index(drop=True), notices(tmp_path / "found")))
    (scores_before, before), (scores_after, after) = said
    pd.testing.assert_frame_equal(scores_before, scores_after)
    assert [one["ts"] for one in before] == [one["ts"] for one in after]


def test_what_is_still_to_be_said_when_the_logs_end_is_stamped_with_their_end(small_office, logon_bundle, tmp_path):
    lines = (small_office.attacked / "ntlm.log").read_bytes().splitlines(keepends=True)
    *_, last = (line for line in lines if not line.startswith(b"#"))
    moment, _, rest = last.partition(b"\t")
    later = [b"%.6f\t%s" % (float(moment) + 86_400 + i, rest) for i in range(5)]
    told = []
    for more in ([], later):
        (tmp_path / "ntlm.log").write_bytes(b"".join(lines + more))
        archive.score(open_logs([tmp_path / "ntlm.log"]), logon_bundle, MANY, tmp_path / "found")
        told.append({one["oddlog"]["id"]: one for one in notices(tmp_path / "found")})
    ended, went_on = told
    # That of a log which goes on is stamped with the end of its quiet, and is the same one.
    stamps = [(one["ts"], went_on[name]["ts"]) for name, one in ended.items() if went_on[name]["ts"] > float(moment)]
    assert len(stamps) > 10
    assert {one for one, _ in stamps} == {float(moment)}


@pytest.mark.parametrize("name", ["wrccdc", "zerologon", "zeek-traces"])
def test_real_logs_score_the_same_in_tsv_and_json(real_logs, starter_bundle, tmp_path, name):
    outcomes = []
    for how in ("tsv", "json"):
        folders = sorted(folder for folder in (real_logs / name).rglob(how) if folder.is_dir())
        archive.score(open_logs(folders), starter_bundle, Config(notices_per_day=100_000), tmp_path / how)
        outcomes.append((in_order(scores(tmp_path / how)), notices(tmp_path / how)))
    (tsv_scores, tsv_notices), (json_scores, json_notices) = outcomes
    assert len(tsv_scores) > 100
    pd.testing.assert_frame_equal(tsv_scores, json_scores)
    assert len(tsv_notices) > 10
    assert tsv_notices == json_notices


# Flows and logons of other makes than Zeek's.
NO_ZEEK_LOGS = {"cicids2017", "lanl2015"}


def test_every_folder_of_real_logs_is_scored_and_no_line_lost(real_logs, starter_bundle, tmp_path):
    without = set()
    for folder in sorted(path for path in real_logs.iterdir() if path.is_dir()):
        try:
            logs = open_logs([folder])
        except UsageError:
            without.add(folder.name)
            continue
        if not {"conn", "ntlm", "dce_rpc"} & set(logs.names):
            # Not Zeek's, and no log that the starter bundle knows.
            without.add(folder.name)
            continue
        out = tmp_path / folder.name
        archive.score(logs, starter_bundle, Config(), out)
        count = logs.count
        assert count.records + count.bad + count.headers + count.blank == count.lines, folder
        assert count.records > 0, folder
        for path, read in logs.counts.items():
            assert read.lines == lines_of(path), path
        rows = Counter(scores(out)["log"])
        for log in {"conn", "ntlm"} & set(logs.names):
            assert rows[log] == sum(len(batch) for batch in logs.batches(log)), folder
    assert without == NO_ZEEK_LOGS


def lines_of(path):
    with open(path, "rb") as file:  # noqa: PTH123
        data = file.read()
    data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    return data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
