"""What a field's text becomes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oddlog.logs import SCHEMAS, ZEEK_TYPES, Decoder, log_of_fields, log_of_name
from oddlog.logs.times import microseconds, parse_time
from oddlog_core.records import MISSING, MISSING_CODE


@pytest.mark.parametrize("log", ["conn", "ntlm", "dce_rpc"])
def test_tsv_and_json_of_the_same_record_read_equal(made, log):
    (tsv,), _ = made.decoded(made.header(log) + made.row(log))
    (spelled,), _ = made.decoded(made.json(log), log=log)
    assert tsv | {"line": 0} == spelled | {"line": 0}
    assert tsv["ts"] == datetime(2023, 11, 14, 22, 13, 20, 250000, UTC)


def test_columns_have_the_types_the_design_names():
    conn = SCHEMAS["conn"]
    assert conn.names == list(ZEEK_TYPES["conn"])
    assert conn.field("ts").type == pa.timestamp("us", "UTC")
    assert conn.field("duration").type == pa.duration("us")
    assert conn.field("id.orig_p").type == pa.uint16()
    assert conn.field("orig_bytes").type == pa.uint64()
    assert conn.field("local_orig").type == pa.bool_()
    assert conn.field("uid").type == pa.string()
    assert conn.field("id.orig_h").type == pa.dictionary(pa.int32(), pa.string())


def test_unset_is_missing_in_both_formats_and_absent_columns_are_unset(made):
    unset = ["service", "duration", "orig_bytes", "local_orig"]
    (tsv,), _ = made.decoded(made.header() + made.row(**dict.fromkeys(unset, "-")))
    (spelled,), _ = made.decoded(made.json(**dict.fromkeys(unset)), log="conn")
    narrow = ["ts", "uid"]
    (absent,), _ = made.decoded(made.header(fields=narrow) + b"1700000000.000000\tC1\n")
    for row in (tsv, spelled, absent):
        assert [row[name] for name in unset] == [None] * 4


def test_records_keep_missing_apart_from_zero_and_end_counts_at_2_to_the_44(made):
    data = made.header() + made.row(
        orig_bytes="-", resp_bytes=str(2**64 - 1), service="-", local_orig="-", duration="-"
    )
    (batch,) = Decoder("log").feed(data)
    records = batch.records(batch.moments())
    assert records.integers["orig_bytes"].tolist() == [MISSING]
    assert records.integers["resp_bytes"].tolist() == [2**44]
    assert records.integers["duration"].tolist() == [MISSING]
    assert records.integers["ts"].tolist() == batch.moments().tolist() == [1_700_000_000_250_000]
    assert records.categories["service"].codes.tolist() == [MISSING_CODE]
    assert records.categories["local_orig"].codes.tolist() == [MISSING_CODE]
    local = records.categories["local_resp"]
    assert local.values[local.codes[0]] == "F"
    assert "uid" not in records.categories
    assert set(records.integers) | set(records.categories) | {"uid"} == set(ZEEK_TYPES["conn"])


def test_moments_are_ends_for_conn_and_starts_on_request(made):
    (batch,) = Decoder("log").feed(made.header() + made.row())
    assert batch.moments().tolist() == [1_700_000_001_750_000]
    assert batch.moments("start").tolist() == [1_700_000_000_250_000]
    (batch,) = Decoder("log").feed(made.header("dce_rpc") + made.row("dce_rpc"))
    assert batch.moments().tolist() == [1_700_000_000_250_000]


def test_arrays_for_kernels_can_be_written_to(made):
    (batch,) = Decoder("log").feed(made.header() + made.row())
    records = batch.records(batch.moments())
    arrays = [batch.moments(), *records.integers.values(), *(c.codes for c in records.categories.values())]
    assert all(array.flags.writeable and array.flags.c_contiguous for array in arrays)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (r"\\pipe\\lsass", "\\pipe\\lsass"),
        (r"\x5cpipe", "\\pipe"),
        (r"a\x2cb", "a,b"),
        (r"\xc3\xa4", "ä"),
        (r"\xff\xe4", r"\xff\xe4"),
        (r"\x2d", "-"),
        ("(empty)", ""),
        (r"\x28empty)", "(empty)"),
        ("", ""),
        ("null", "null"),
        ("NA", "NA"),
        ('"', '"'),
        ("a#b", "a#b"),
        ("ä", "ä"),
        (r"C:\dir", r"C:\dir"),
    ],
)
def test_text_is_read_as_zeek_meant_it(made, text, meant):
    (row,), decoder = made.decoded(made.header("ntlm") + made.row("ntlm", username=text))
    assert row["username"] == meant
    assert decoder.count.bad == 0


def test_values_that_unescape_to_the_same_text_are_one_category(made):
    data = made.header("ntlm") + made.row("ntlm", username="A") + made.row("ntlm", username=r"\x41")
    (batch,) = Decoder("log").feed(data)
    assert batch.table["username"].dictionary.to_pylist() == ["A"]


@pytest.mark.parametrize(
    "ts",
    [
        1700000000.25,
        "1700000000.25",
        "2023-11-14T22:13:20.250000Z",
        "2023-11-14T22:13:20.25Z",
        "2023-11-14T22:13:20.250000",
        "2023-11-14T22:13:20.250000400Z",
        "2023-11-14T23:13:20.250+01:00",
        "2023-11-14 22:13:20.25Z",
    ],
)
def test_every_spelling_of_a_time_is_the_same_time(made, ts):
    for data in (made.json(ts=ts), made.json() + made.json(ts=ts), made.json(ts=ts) + made.json()):
        found, decoder = made.decoded(data, log="conn")
        assert decoder.count.bad == 0
        assert {row["ts"] for row in found} == {datetime(2023, 11, 14, 22, 13, 20, 250000, UTC)}


@pytest.mark.parametrize("spelling", ["id.orig_h", "id_orig_h", "nested"])
def test_every_spelling_of_the_ids_is_the_same(made, spelling):
    record = json.loads(made.json())
    ids = {name: record.pop(name) for name in list(record) if name.startswith("id.")}
    if spelling == "nested":
        record["id"] = {name.removeprefix("id."): value for name, value in ids.items()}
    else:
        record |= {name.replace("id.", spelling[:3]): value for name, value in ids.items()}
    line = json.dumps(record).encode() + b"\n"
    for data in (line, line + made.json(), made.json() + line):
        found, decoder = made.decoded(data, log="conn")
        assert decoder.count.bad == 0
        assert {(row["id.orig_h"], row["id.orig_p"], row["id.resp_h"], row["id.resp_p"]) for row in found} == {
            ("10.0.0.1", 49152, "10.0.0.2", 445)
        }


def test_extra_columns_may_stand_anywhere(made):
    fields = ["_node_name", *ZEEK_TYPES["conn"], "label", "detailedlabel"]
    data = made.header(fields=fields) + b"worker-1\t" + made.row().rstrip(b"\n") + b"\tBenign\t(empty)\n"
    (row,), _ = made.decoded(data)
    (plain,), _ = made.decoded(made.header() + made.row())
    assert row == plain


def test_names_joined_in_one_cell_are_taken_apart(made):
    fields = [*[name for name in ZEEK_TYPES["conn"] if name not in {"tunnel_parents", "ip_proto"}]]
    header = made.header(fields=[*fields, "tunnel_parents   label   detailed-label"])
    header = header.replace(b"\tstring\n", b"\tset[string]   string   string\n")
    values = made.row().rstrip(b"\n").split(b"\t")[: len(fields)]
    for tail in (b"C1   Malicious   Scan", b"C1\tMalicious\tScan"):
        (row,), decoder = made.decoded(header + b"\t".join([*values, tail]) + b"\n")
        assert (row["tunnel_parents"], row["resp_ip_bytes"], decoder.count.bad) == ("C1", 180, 0)


def test_a_separator_other_than_tab_is_followed(made):
    data = (made.header() + made.row()).replace(b"gssapi,smb", b"dns").replace(b"\t", b"|").replace(b"x09", b"x7c")
    (row,), _ = made.decoded(data)
    assert row["service"] == "dns"


@given(st.integers(0, 7_258_118_399_999_999))
def test_a_whole_microsecond_survives_zeeks_six_decimals(moment):
    assert microseconds(np.array([float(f"{moment // 10**6}.{moment % 10**6:06d}")])).tolist() == [moment]
    told = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)
    assert parse_time(told.isoformat()) == moment


@given(st.floats(0, 1e6))
def test_a_double_is_rounded_as_zeeks_tsv_writer_rounds_it(seconds):
    whole, _, fraction = f"{seconds:.6f}".partition(".")
    assert microseconds(np.array([seconds])).tolist() == [int(whole) * 10**6 + int(fraction)]


@pytest.mark.parametrize(
    ("name", "log"),
    [
        ("conn.log", "conn"),
        ("conn.13:00:00-14:00:00.log.gz", "conn"),
        ("conn.2026-11-23-01-42-42.log", "conn"),
        ("conn_logger-1.log", "conn"),
        ("conn.log.labeled", "conn"),
        ("NASHUA_conn.log", "conn"),
        ("open_conn.log", "conn"),
        ("T1003.006_impacket_zeek-dce_rpc.log", "dce_rpc"),
        ("ntlm.log", "ntlm"),
        ("notice.log", None),
        ("connections.log", None),
        ("conn_long.log", None),
        ("dns.log", None),
    ],
)
def test_a_name_tells_the_log(name, log):
    assert log_of_name(name) == log


def test_fields_tell_the_log():
    for log, types in ZEEK_TYPES.items():
        assert log_of_fields(types) == log
    assert log_of_fields(["ts", "uid", "query"]) is None


def test_the_header_outweighs_the_name_and_path_outweighs_it_too(made):
    _, decoder = made.decoded(made.header("ntlm") + made.row("ntlm"), source="conn.log")
    assert (decoder.log, decoder.count.records) == ("ntlm", 1)
    for key in ("_path", "@stream"):
        _, decoder = made.decoded(made.json("ntlm", **{key: "ntlm"}), source="conn.log")
        assert (decoder.log, decoder.count.records) == ("ntlm", 1)


def test_old_status_stands_beside_success(made):
    (row,), _ = made.decoded(made.header("ntlm") + made.row("ntlm", success="-", status="SUCCESS"))
    assert (row["success"], row["status"]) == (None, "SUCCESS")
