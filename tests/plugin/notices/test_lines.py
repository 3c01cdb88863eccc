"""Lines of notice.log, as those read them who take them in."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oddlog.logs.lines import Lines
from oddlog.logs.tsv import Header, read_rows
from oddlog.notices import MOST_BYTES, TSV_HEADER, json_line, tsv_line
from oddlog_core.detectors.contract import Reason
from zat.log_to_dataframe import LogToDataFrame
from zat.zeek_log_reader import ZeekLogReader

ZEEK_KEYS = {
    *("ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "fuid", "file_mime_type", "file_desc", "proto"),
    *("note", "msg", "sub", "src", "dst", "p", "n", "peer_descr", "actions", "email_dest", "suppress_for"),
}
REASONS = (Reason("orig_bytes", 1.2e9, 4e4, 0.7), Reason("service", None, "ssl", 0.2))
texts = st.text(max_size=40) | st.text(alphabet='\\\t\n\r-#",(é€😀 x0a\x1b', max_size=40)
wild_texts = texts | st.builds(lambda text, n: text * n, st.text(min_size=1, max_size=3), st.integers(1, 30_000))


def read_tsv(data):
    """Notices by oddlog's own reading of Zeek's TSV, as dicts."""
    lines = data.splitlines(keepends=True)
    header = Header()
    for line in lines:
        if line.startswith(b"#"):
            header = header.read(line.rstrip(b"\n"))
    rows = Lines.split(b"".join(line for line in lines if not line.startswith(b"#")), 1)
    columns, wrong = read_rows(rows, header, dict(zip(header.fields, header.types, strict=True)))
    assert not wrong
    return [
        dict(zip(columns, values, strict=True))
        for values in zip(*(c.to_pylist() for c in columns.values()), strict=True)
    ]


def test_json_has_zeeks_keys_and_one_of_its_own(make_finding):
    said = json.loads(json_line(make_finding(reasons=REASONS), 3600.0))
    assert set(said) - ZEEK_KEYS == {"oddlog"}
    assert {
        "uid": "CH53301MTU21BMj2Bj",
        "id.orig_h": "10.2.4.17",
        "id.orig_p": 48818,
        "id.resp_h": "203.0.113.9",
        "id.resp_p": 443,
        "proto": "tcp",
        "note": "Oddlog::Odd_Connection",
        "n": 1,
        "peer_descr": "oddlog",
        "actions": ["Notice::ACTION_LOG"],
        "suppress_for": 3600.0,
    }.items() <= said.items()
    assert set(said["oddlog"]) == {"id", "log", "ts", "detector", "bundle", "score", "rarity", "reasons"}


def test_json_keeps_every_key_that_elastics_own_example_of_a_notice_has(make_finding, real_logs):
    examples = (real_logs / "elastic-ecs" / "notice.input.jsonl").read_text().splitlines()
    wanted = {key for example in examples for key in json.loads(example)} - {"dropped"}
    said = json.loads(json_line(make_finding(reasons=REASONS), 3600.0))
    assert wanted <= set(said)
    assert all(
        type(said[key]) is type(json.loads(example)[key])
        for example in examples
        for key in wanted & {*json.loads(example)}
    )


def test_who_reads_source_and_destination_finds_the_records_ends(make_finding):
    said = json.loads(json_line(make_finding(), 0))
    assert (said["src"], said["dst"], said["p"]) == (said["id.orig_h"], said["id.resp_h"], said["id.resp_p"])
    of_host = json.loads(json_line(make_finding("dce_rpc"), 0))
    assert of_host["src"] == "10.2.4.17"


def test_what_is_unset_is_left_out_and_never_null(make_finding):
    line = json_line(make_finding("dce_rpc", REASONS), 0)
    assert b"null" not in line
    said = json.loads(line)
    assert not {"uid", "dst", "p", "proto", "id.orig_h", "id.resp_h", "id.orig_p", "id.resp_p"} & set(said)
    assert "seen" not in said["oddlog"]["reasons"][1]


@given(moment=st.integers(-(2**40), 2**51))
def test_time_has_six_decimals_and_loses_none(make_finding, moment):
    line = json_line(make_finding(clock=moment), 0)
    text = line[len(b'{"ts":') : line.index(b",")].decode()
    assert len(text.partition(".")[2]) == 6
    assert int(text.replace(".", "")) == moment
    assert f"\t{text}\t".encode() in b"\t" + tsv_line(make_finding(clock=moment), 0)


@settings(max_examples=60)
@given(text=wild_texts, other=wild_texts, n=st.integers(0, 40), log=st.sampled_from(["conn", "ntlm"]))
def test_a_line_is_whole_and_never_longer_than_a_relay_takes(make_finding, text, other, n, log):
    record = {"username": text, "service": other, "uid": text, "id.orig_h": other, "proto": text}
    # Of no field that has numbers.
    reason = Reason(f"{text}.", other, text, 1 / max(n, 1))
    finding = make_finding(log, (reason,) * n, record=record)
    for line in (json_line(finding, 3600.0), tsv_line(finding, 3600.0)):
        assert len(line) <= MOST_BYTES
        assert line.count(b"\n") == 1
        assert line.endswith(b"\n")
        line.decode()
    assert json.loads(json_line(finding, 3600.0))["oddlog"]["id"] == finding.id


@given(text=texts, other=texts)
def test_json_holds_texts_as_they_are(make_finding, text, other):
    said = json.loads(json_line(make_finding(reasons=(Reason("service", text, other, 1.0),)), 0))
    (reason,) = said["oddlog"]["reasons"]
    assert (reason["seen"], reason["expected"]) == (text, other)


@given(uid=texts, proto=texts)
def test_tsv_reads_back_as_it_was(make_finding, uid, proto):
    finding = make_finding(reasons=REASONS, record={"uid": uid, "proto": proto})
    said = json.loads(json_line(finding, 3600.0))
    (row,) = read_tsv(TSV_HEADER + tsv_line(finding, 3600.0))
    assert row["oddlog.id"] == said["oddlog"]["id"]
    for key in ("uid", "proto", "id.orig_h", "id.resp_p", "note", "msg", "sub", "src", "dst", "p", "n", "peer_descr"):
        assert row[key] == said[key]
    assert row["oddlog.score"] == pytest.approx(said["oddlog"]["score"], abs=1e-6)


def test_tsv_marks_what_is_unset(make_finding):
    (row,) = read_tsv(TSV_HEADER + tsv_line(make_finding("dce_rpc"), 0))
    assert [key for key, value in row.items() if value is None] == [
        *("uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "dst", "p")
    ]


def test_zats_readers_take_the_tsv(make_finding, tmp_path):
    path = tmp_path / "notice.log"
    # zat strips lines, and its frames cut a row at # and join rows at a quote; names such as these are in real logs.
    names = ["ada", 'ann "the#1"', "-", "", "a\tb\nc", "\\x41"]
    findings = [make_finding("ntlm", record={"username": name, "uid": name}) for name in names]
    path.write_bytes(TSV_HEADER + b"".join(tsv_line(finding, 3600.0) for finding in findings))
    rows = list(ZeekLogReader(str(path)).readrows())
    assert [row["oddlog.id"] for row in rows] == [finding.id for finding in findings]
    frame = LogToDataFrame().create_dataframe(str(path), ts_index=False)
    assert list(frame["oddlog.id"]) == [finding.id for finding in findings]
    assert list(frame["p"]) == [443] * len(names)


def test_a_finding_has_one_id_wherever_and_whenever_it_is_scored(make_finding):
    finding = make_finding(reasons=REASONS)
    again = dataclasses.replace(
        finding,
        score=1.0,
        rarity=2.0,
        reasons=(),
        bundle="another",
        clock=finding.clock + 5,
        record=dict(reversed(finding.record.items())),
    )
    assert again.id == finding.id


@pytest.mark.parametrize(
    "change",
    [
        {"record": {"uid": "C2"}},
        {"record": {"ts": 5}},
        {"record": {"duration": 5}},
        {"record": {"username": "ada"}},
        {"record": {"success": False}},
        {"record": {"operation": "NetrLogonSamLogonEx"}},
        {"detector": "another"},
        {"window": 5},
    ],
)
def test_another_record_or_detector_has_another_id(make_finding, change):
    assert make_finding("ntlm", **change).id != make_finding("ntlm").id


def test_each_host_window_has_an_id_of_its_own(make_finding):
    one = make_finding("dce_rpc")
    others = [
        make_finding("dce_rpc", orig_h="10.2.4.18"),
        make_finding("dce_rpc", ts=one.ts - one.window),
        make_finding("dce_rpc", window=one.window * 2),
    ]
    assert len({finding.id for finding in (one, *others)}) == 4
