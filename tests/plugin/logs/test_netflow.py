"""LANL's netflow, by its published schema: what a line becomes, and what is left of a day file that breaks off."""

from __future__ import annotations

import bz2
import gzip

import numpy as np
import pytest
from oddlog.errors import LogError
from oddlog.logs import open_logs
from oddlog.logs.decoder import Decoder

LINES = (
    b"118781,5580,Comp364445,Comp547245,17,Port05507,Port46272,0,755065,0,1042329018\n"
    b"118783,6976,Comp450942,ActiveDirectory,6,Port03137,445,1665,1108,300810,250408\n"
    b"118785,0,IP564116,Comp141988,1,0,0,1,0,84,0\n"
    b"118786,1,Comp141988,VPN,41,Port99999,5060,3,2,197,46\n"
)


def made(n: int) -> bytes:
    """As many lines as a day file might begin with, in the order of their times."""
    rng = np.random.default_rng(3)
    rows = zip(
        np.sort(rng.integers(118781, 205181, n)),
        rng.integers(0, 300_000, n),
        rng.integers(0, 400, n),
        rng.choice([b"Comp000001", b"ActiveDirectory", b"Mail", b"IP564116"], n),
        rng.choice([6, 17, 1], n),
        rng.integers(0, 100_000, n),
        rng.choice([b"53", b"445", b"443", b"Port46272"], n),
        rng.integers(0, 2**40, n),
        strict=True,
    )
    return b"".join(b"%d,%d,Comp%06d,%b,%d,Port%05d,%b,3,2,%d,46\n" % row for row in rows)


def test_a_line_becomes_a_conn_record():
    decoder = Decoder("netflow_day-02")
    (batch,) = decoder.feed(LINES, final=True)
    found = batch.table.to_pydict()
    assert batch.log == decoder.log == "conn"
    assert batch.table["ts"].cast("int64").to_pylist() == [t * 1_000_000 for t in (118781, 118783, 118785, 118786)]
    assert [span.total_seconds() for span in found["duration"]] == [5580, 6976, 0, 1]
    assert found["id.orig_h"] == ["Comp364445", "Comp450942", "IP564116", "Comp141988"]
    assert found["id.resp_h"] == ["Comp547245", "ActiveDirectory", "Comp141988", "VPN"]
    assert found["proto"] == ["udp", "tcp", "icmp", "unknown_transport"]
    assert found["ip_proto"] == [17, 6, 1, 41]
    assert found["id.orig_p"] == [49152 + 5507, 49152 + 3137, 0, 49152 + 99999 % 16384]
    assert found["id.resp_p"] == [49152 + 46272 % 16384, 445, 0, 5060]
    assert found["resp_bytes"] == [1042329018, 250408, 0, 46]
    assert found["service"] == found["conn_state"] == found["uid"] == [None] * 4


def test_its_clock_is_the_start_of_flows_whatever_the_site_says():
    (batch,) = Decoder("netflow_day-02").feed(LINES, final=True)
    for part in (batch, batch.slice(1), batch.take([2, 0])):
        np.testing.assert_array_equal(part.moments("end"), part.moments("start"))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_a_day_reads_the_same_however_it_is_packed_and_cut(tmp_path, pack):
    data = made(3000)
    path = tmp_path / "netflow_day-03"
    path.write_bytes(pack(data))
    (whole,) = Decoder("day").feed(data, final=True)
    for block in (4096, 1 << 22):
        read: list[int] = []
        logs = open_logs([path], block_bytes=block, on_bytes=read.append)
        batches = list(logs.batches("conn"))
        assert logs.names == ("conn",)
        assert sum(read) == path.stat().st_size
        lines = np.concatenate([batch.lines for batch in batches])
        np.testing.assert_array_equal(lines, np.arange(1, 3001))
        for name in ("ts", "id.orig_h", "id.orig_p", "id.resp_p", "proto", "orig_bytes"):
            found = [value for batch in batches for value in batch.table[name].to_pylist()]
            assert found == whole.table[name].to_pylist()


def test_a_day_that_breaks_off_inside_a_block_and_a_line_gives_its_whole_lines_and_says_so(tmp_path):
    data = made(40_000)
    path = tmp_path / "netflow_day-03.bz2"
    # Blocks of 100 kB: the ones before the break are whole, and end within a line.
    packed = bz2.compress(data, 1)
    path.write_bytes(packed[: len(packed) * 3 // 4])
    logs = open_logs([path])
    records = [row for batch in logs.batches("conn") for row in batch.table["orig_bytes"].to_pylist()]
    expected = [int(line.split(b",")[9]) for line in data.splitlines()[: len(records)]]
    assert 20_000 < len(records) < 40_000
    assert records == expected
    assert logs.count.bad == 0
    (damage,) = logs.count.damaged
    assert "cut short" in str(damage)
    assert damage.line == len(records)


def test_streams_end_to_end_are_one_file(tmp_path):
    path = tmp_path / "days.bz2"
    first, second = made(200), LINES.replace(b"1187", b"9187")
    path.write_bytes(bz2.compress(first) + bz2.compress(second))
    logs = open_logs([path])
    assert sum(map(len, logs.batches("conn"))) == 204
    assert logs.count.damaged == []


@pytest.mark.parametrize(
    ("line", "field", "found"),
    [
        (b"118781,5580,Comp364445,Comp5", "line", "4 columns"),
        (b"118781,5580,Comp364445,Comp547245,17,Port,53,0,1,0,1", "id.orig_p", "Port"),
        (b"118781,5580,Comp364445,Comp547245,17,1,70000,0,1,0,1", "id.resp_p", "70000"),
        (b"118781,5580,Comp364445,Comp547245,17,1,,0,1,0,1", "id.resp_p", "nothing"),
        (b"118781,5580,,Comp547245,17,1,2,0,1,0,1", "id.orig_h", "nothing"),
        (b"118781,-3,Comp364445,Comp547245,17,1,2,0,1,0,1", "duration", "-3.0"),
        (b"noon,3,Comp364445,Comp547245,17,1,2,0,1,0,1", "ts", "noon"),
        (b"Time,Duration,SrcDevice,DstDevice,Protocol,SrcPort,DstPort,a,b,c,d", "ts", "Time"),
    ],
)
def test_a_bad_line_is_named_and_costs_no_neighbour(line, field, found):
    bad: list[LogError] = []
    decoder = Decoder("day", on_bad=bad.append)
    batches = decoder.feed(line + b"\n" + LINES, final=True)
    assert sum(map(len, batches)) == 4
    assert [(error.line, error.field, error.found) for error in bad] == [(1, field, found)]


def test_a_restored_decoder_goes_on(tmp_path):
    decoder = Decoder("day")
    first = decoder.feed(LINES)
    again = Decoder.restore(decoder.state())
    # Torn by itself, which no longer tells what it is.
    (batch,) = again.feed(LINES[: LINES.index(b"\n") + 1])
    assert len(batch) == 1
    assert batch.order == first[0].order == "start"
    assert batch.lines.tolist() == [5]


def test_other_lines_with_commas_are_no_flows(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"1,2,3\n" * 20)
    with pytest.raises(LogError, match="Zeek log"):
        open_logs([path])
