"""CICFlowMeter's CSV in its spellings: what a row becomes, and what costs a row."""

from __future__ import annotations

import numpy as np
import pytest
from oddlog.logs import SCHEMAS, Decoder, open_logs
from oddlog.logs.schema import FLOW_NUMBERS
from oddlog_core.records import MISSING

OF_2018 = (
    "Dst Port,Protocol,Timestamp,Flow Duration,Tot Fwd Pkts,Tot Bwd Pkts,TotLen Fwd Pkts,TotLen Bwd Pkts,"
    "Fwd Pkt Len Max,Fwd Pkt Len Min,Fwd Pkt Len Mean,Fwd Pkt Len Std,Bwd Pkt Len Max,Bwd Pkt Len Min,Bwd Pkt Len Mean,"
    "Bwd Pkt Len Std,Flow Byts/s,Flow Pkts/s,Flow IAT Mean,Flow IAT Std,Flow IAT Max,Flow IAT Min,Fwd IAT Tot,"
    "Fwd IAT Mean,Fwd IAT Std,Fwd IAT Max,Fwd IAT Min,Bwd IAT Tot,Bwd IAT Mean,Bwd IAT Std,Bwd IAT Max,Bwd IAT Min,"
    "Fwd PSH Flags,Bwd PSH Flags,Fwd URG Flags,Bwd URG Flags,Fwd Header Len,Bwd Header Len,Fwd Pkts/s,Bwd Pkts/s,"
    "Pkt Len Min,Pkt Len Max,Pkt Len Mean,Pkt Len Std,Pkt Len Var,FIN Flag Cnt,SYN Flag Cnt,RST Flag Cnt,PSH Flag Cnt,"
    "ACK Flag Cnt,URG Flag Cnt,CWE Flag Count,ECE Flag Cnt,Down/Up Ratio,Pkt Size Avg,Fwd Seg Size Avg,"
    "Bwd Seg Size Avg,Fwd Byts/b Avg,Fwd Pkts/b Avg,Fwd Blk Rate Avg,Bwd Byts/b Avg,Bwd Pkts/b Avg,Bwd Blk Rate Avg,"
    "Subflow Fwd Pkts,Subflow Fwd Byts,Subflow Bwd Pkts,Subflow Bwd Byts,Init Fwd Win Byts,Init Bwd Win Byts,"
    "Fwd Act Data Pkts,Fwd Seg Size Min,Active Mean,Active Std,Active Max,Active Min,Idle Mean,Idle Std,Idle Max,"
    "Idle Min,Label"
)
OF_2017 = (
    " Destination Port, Protocol, Timestamp, Flow Duration, Total Fwd Packets, Total Backward Packets,"
    "Total Length of Fwd Packets,Init_Win_bytes_forward, act_data_pkt_fwd, min_seg_size_forward,Flow Bytes/s, Label"
)
NEWER = (
    "id,Flow ID,Src IP,Src Port,Dst IP,Dst Port,Protocol,Timestamp,Flow Duration,Total Fwd Packet,Flow Bytes/s,Label"
)


def row_of(header: str, **cells: str) -> bytes:
    """A row of zeros, but for the cells given by their place's name."""
    usual = {"Timestamp": "14/02/2018 08:31:01", "Label": "Benign"}
    return ",".join(cells.get(name.strip(), usual.get(name.strip(), "0")) for name in header.split(",")).encode()


def decoded(header: str, *rows: bytes):
    bad = []
    decoder = Decoder("day.csv", on_bad=bad.append)
    return decoder, decoder.feed(b"\n".join([header.encode(), *rows]) + b"\n", final=True), bad


def test_every_column_of_2018_is_known_by_its_newer_name():
    order = OF_2018.split(",")[3:-1]
    row = row_of(OF_2018, **{name: str(i) for i, name in enumerate(order)})
    _, (batch,), bad = decoded(OF_2018, row)
    assert not bad
    found = [name for name in FLOW_NUMBERS if batch.table[name].null_count == 0]
    assert len(found) == len(order)
    # The newer writer put its columns in the same order, and a few of its own between them.
    assert [batch.table[name][0].as_py() for name in found] == list(range(len(order)))


def test_a_row_of_each_spelling_becomes_a_flow():
    for header, port in ((OF_2018, "Dst Port"), (OF_2017, "Destination Port"), (NEWER, "Dst Port")):
        cells = {port: "443", "Protocol": "6", "Flow Duration": "375949", "Label": "FTP-BruteForce"}
        decoder, (batch,), bad = decoded(header, row_of(header, **cells))
        assert (decoder.log, batch.log, bad) == ("flows", "flows", [])
        assert batch.table.schema == SCHEMAS["flows"]
        found = batch.table.to_pylist()[0]
        assert (found["id.resp_p"], found["proto"], found["Flow Duration"]) == (443, "tcp", 375949.0)
        assert found["ts"].isoformat() == "2018-02-14T08:31:01+00:00"
        assert found["Label"] == "FTP-BruteForce"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2017-07-04 17:58:11.770612", "2017-07-04T17:58:11.770612+00:00"),
        ("03/07/2017 08:55:58", "2017-07-03T08:55:58+00:00"),
        ("5/7/2017 8:42", "2017-07-05T08:42:00+00:00"),
        ("03/07/2017 01:55:58 PM", "2017-07-03T13:55:58+00:00"),
    ],
)
def test_timestamps_are_iso_or_day_first(text, expected):
    _, (batch,), _ = decoded(NEWER, row_of(NEWER, Timestamp=text))
    assert batch.table["ts"][0].as_py().isoformat() == expected


@pytest.mark.parametrize("text", ["", "noon", "31/02/2018 08:31:01", "2018/02/14/8"])
def test_a_row_without_a_time_is_bad_and_named(text):
    _, (batch,), bad = decoded(NEWER, row_of(NEWER, Timestamp=text), row_of(NEWER))
    assert len(batch) == 1
    assert [(error.line, error.field, error.found) for error in bad] == [(2, "ts", text or "nothing")]


@pytest.mark.parametrize("text", ["Infinity", "-Infinity", "NaN", ""])
def test_what_is_divided_by_zero_is_unset(text):
    _, (batch,), bad = decoded(
        NEWER, row_of(NEWER, **{"Flow Bytes/s": text}), row_of(NEWER, **{"Flow Bytes/s": "-2.5"})
    )
    assert not bad
    assert batch.table["Flow Bytes/s"].to_pylist() == [None, -2.5]
    assert batch.records(batch.moments()).integers["Flow Bytes/s"].tolist() == [MISSING, -2_500_000]


def test_repeated_headers_are_headers_and_may_change_the_columns():
    rows = [row_of(OF_2018), OF_2018.encode(), row_of(OF_2018), NEWER.encode(), row_of(NEWER, **{"Src IP": "10.0.0.1"})]
    decoder, batches, bad = decoded(OF_2018, *rows)
    assert not bad
    assert (decoder.count.headers, decoder.count.records) == (3, 3)
    assert [batch.table["id.orig_h"][0].as_py() for batch in batches] == [None, None, "10.0.0.1"]
    assert np.concatenate([batch.lines for batch in batches]).tolist() == [2, 4, 6]


def test_no_number_costs_a_neighbour():
    _, (batch,), bad = decoded(NEWER, row_of(NEWER, **{"Flow Duration": "long"}), b"1,2,3", row_of(NEWER))
    assert len(batch) == 1
    assert [(error.line, error.field) for error in bad] == [(2, "Flow Duration"), (3, "line")]


def test_a_label_is_shown_to_no_detector():
    _, (batch,), _ = decoded(NEWER, row_of(NEWER))
    records = batch.records(batch.moments())
    assert "Label" not in {*records.integers, *records.categories}


def test_a_restored_decoder_goes_on():
    decoder = Decoder("day.csv")
    decoder.feed(NEWER.encode() + b"\n")
    (batch,) = Decoder.restore(decoder.state()).feed(row_of(NEWER) + b"\n")
    assert batch.lines.tolist() == [2]


def test_real_flows_are_read_whole(real_logs):
    logs = open_logs([real_logs / "cicids2017"])
    assert logs.names == ("flows",)
    batches = list(logs.batches("flows"))
    labels = [label for batch in batches for label in batch.table["Label"].to_pylist()]
    assert (len(labels), logs.count.bad, labels.count("BENIGN")) == (12_533, 0, 1_234)
