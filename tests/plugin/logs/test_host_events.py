"""LANL's host events, by their published schema: what a line becomes, and what is said of a bad one."""

from __future__ import annotations

import bz2
import gzip
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from oddlog.logs import open_logs
from oddlog.logs.decoder import Decoder

if TYPE_CHECKING:
    from oddlog.errors import LogError

EVENTS = (
    {"UserName": "Comp607982$", "EventID": 4672, "LogHost": "Comp607982", "LogonID": "0x3e7", "Time": 1},
    {
        "LogHost": "Comp883307", "Time": 2, "EventID": 4624, "LogonType": 3, "LogonTypeDescription": "Network",
        "UserName": "User1", "DomainName": "Domain001", "AuthenticationPackage": "Kerberos", "Source": "Comp1",
    },
    {"LogHost": "AD", "Time": 3, "EventID": 4776, "UserName": "User1", "Source": "Comp1", "Status": "0x0"},
    {"LogHost": "AD", "Time": 3, "EventID": 4776, "UserName": "User2", "Source": "Comp1", "Status": "0xc000006a"},
    {"LogHost": "AD", "Time": 4, "EventID": 4625, "UserName": "User2", "LogonType": 3, "Status": "0xc000006d"},
    {"LogHost": "Comp1", "Time": 5, "EventID": 4688, "ProcessName": "cmd.exe", "ParentProcessName": "explorer"},
)  # fmt: skip
LINES = b"".join(json.dumps(event).encode() + b"\n" for event in EVENTS)


def read(data, **options):
    return Decoder("events", **options).feed(data, final=True)


def test_a_line_becomes_a_record():
    (batch,) = read(LINES)
    found = batch.table.to_pydict()
    assert batch.log == "wls"
    assert batch.table["ts"].cast("int64").to_pylist() == [t * 1_000_000 for t in (1, 2, 3, 3, 4, 5)]
    assert found["id.orig_h"] == ["Comp607982", "Comp1", "Comp1", "Comp1", "AD", "Comp1"]
    assert found["id.resp_h"] == ["Comp607982", "Comp883307", "AD", "AD", "AD", "Comp1"]
    assert found["event_id"] == ["4672", "4624", "4776", "4776", "4625", "4688"]
    assert found["success"] == [None, True, True, False, False, None]
    assert found["logon_type"] == [None, "3", None, None, "3", None]
    assert found["process_name"][-1], found["parent_process_name"][-1] == ("cmd.exe", "explorer")
    assert found["uid"] == [None] * 6


def test_numbers_as_text_are_taken_and_change_nothing():
    (whole,) = read(LINES)
    (text,) = read(LINES.replace(b'"EventID": 4624', b'"EventID": "4624"'))
    assert text.table == whole.table


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_a_day_reads_the_same_however_it_is_packed_and_cut(tmp_path, pack):
    path = tmp_path / "wls_day-01"
    path.write_bytes(pack(LINES * 400))
    (whole,) = read(LINES * 400)
    for block in (4096, 1 << 22):
        logs = open_logs([path], block_bytes=block)
        batches = list(logs.batches("wls"))
        assert logs.names == ("wls",)
        np.testing.assert_array_equal(np.concatenate([batch.lines for batch in batches]), np.arange(1, 2401))
        for name in ("ts", "id.orig_h", "event_id", "success"):
            assert [v for batch in batches for v in batch.table[name].to_pylist()] == whole.table[name].to_pylist()


@pytest.mark.parametrize(
    ("line", "field", "found"),
    [
        (b'{"LogHost":"AD","EventID":4}', "Time", "nothing"),
        (b'{"LogHost":"AD","EventID":4,"Time":"noon"}', "Time", "noon"),
        (b'{"LogHost":5,"EventID":4,"Time":1}', "LogHost", "5"),
        (b'{"LogHost":"AD","Time":1}', "EventID", "nothing"),
        (b'{"LogHost":"AD","EventID":4,"Time":-1}', "ts", "-1.0"),
        (b'{"LogHost":"AD","EventID":4,"Ti', "line", '{"LogHost":"AD","EventID":4,"Ti'),
    ],
)
def test_a_bad_line_is_named_and_costs_no_neighbour(line, field, found):
    bad: list[LogError] = []
    (batch,) = read(LINES + line + b"\n" + LINES, on_bad=bad.append)
    assert len(batch) == 12
    assert [(error.line, error.field, error.found) for error in bad] == [(7, field, found)]


def test_a_restored_decoder_goes_on():
    decoder = Decoder("events")
    decoder.feed(LINES)
    (batch,) = Decoder.restore(decoder.state()).feed(LINES)
    assert batch.lines.tolist() == [7, 8, 9, 10, 11, 12]
