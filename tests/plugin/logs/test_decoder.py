"""However the bytes arrive, the records are the same."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oddlog.logs import Decoder

KINDS = ["good", "port", "time", "short", "long", "json", "half json", "spelled", "iso", "blank", "comment", "header"]
LINES = st.lists(st.sampled_from([*KINDS, "wide header", "close", "latin", "return", "escape"]), max_size=30)
GARBAGE = st.binary(max_size=60).filter(lambda line: b"\n" not in line and not line.startswith((b"#", b"{")))


def _line(made, kind):
    return {
        "good": made.row(),
        "port": made.row(orig_p="93145"),
        "time": made.row(ts="-"),
        "short": b"1700000000.000000\tC1\n",
        "long": made.row()[:-1] + b"\tx\n",
        "json": made.json(),
        "half json": made.json()[:40] + b"\n",
        "spelled": made.json().replace(b"id.", b"id_"),
        "iso": made.json(ts="2023-11-14T22:13:20.250000Z"),
        "blank": b"\n",
        "comment": b"# a remark\n",
        "header": made.header(),
        "wide header": made.header(fields=["_node_name", "ts", "uid"]),
        "close": b"#close\t2024-01-31-14-00-00\n",
        "latin": made.row(history="a").replace(b"\ta\t", b"\t\xe4\t"),
        "return": made.row(history="a\rb"),
        "escape": made.row(history=r"\xe4\\b"),
    }[kind]


@settings(max_examples=150, deadline=None)
@given(kinds=LINES, cuts=st.lists(st.integers(0, 300), max_size=8), begun=st.booleans())
def test_where_the_lines_are_cut_changes_nothing(made, as_rows, kinds, cuts, begun):
    data = (made.header() if begun else b"") + b"".join(_line(made, kind) for kind in kinds)
    whole = Decoder("conn.log")
    expected = as_rows(whole.feed(data, final=True))
    lines = data.replace(b"\n", b"\n\0").split(b"\0")[:-1]
    decoder, batches, start = Decoder("conn.log"), [], 0
    for cut in [*sorted(cuts), len(lines)]:
        batches += decoder.feed(b"".join(lines[start:cut]))
        start = max(start, cut)
        # A tailer that was stopped here goes on from what it wrote down.
        count = decoder.count
        decoder = Decoder.restore(json.loads(json.dumps(decoder.state())))
        decoder.count = count
    assert as_rows(batches) == expected
    count = whole.count
    assert [str(error) for error in decoder.count.samples] == [str(error) for error in count.samples]
    decoder.count.samples = count.samples
    assert decoder.count == count
    assert count.records + count.bad + count.headers + count.blank == count.lines == len(lines)


@settings(max_examples=100, deadline=None)
@given(garbage=st.lists(st.tuples(st.integers(0, 6), GARBAGE), max_size=6), spelled=st.booleans())
@example(garbage=[(0, b"Flow Duration")], spelled=False)
def test_garbage_between_the_lines_changes_no_record_and_is_counted_exactly(made, as_rows, garbage, spelled):
    good = [made.json(orig_bytes=i) if spelled else made.row(orig_bytes=str(i)) for i in range(6)]
    before = b"" if spelled else made.header()
    expected = [row | {"line": 0} for row in as_rows(Decoder("conn.log").feed(before + b"".join(good)))]
    lines = list(good)
    for place, line in sorted(garbage, key=lambda pair: -pair[0]):
        lines.insert(place, line + b"\n")
    decoder = Decoder("conn.log")
    found = as_rows(decoder.feed(before + b"".join(lines)))
    assert [row | {"line": 0} for row in found] == expected
    blank = sum(line in (b"", b"\r") for _, line in garbage)
    assert (decoder.count.bad, decoder.count.blank) == (len(garbage) - blank, blank)


HEADS = [
    b"#separator ",
    b"#fields\tts\tuid\t",
    b"#unset_field\t",
    b"#empty_field\t",
    b"#path\t",
    b'{"ts":1,',
    b"1\t",
    b"",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.builds(bytes.__add__, st.sampled_from(HEADS), st.binary(max_size=20)), max_size=12), st.booleans())
def test_no_bytes_at_all_stop_the_decoder(made, pieces, begun):
    data = (made.header() if begun else b"") + b"\n".join(pieces)
    decoder = Decoder("conn.log")
    records = sum(map(len, decoder.feed(data, final=True)))
    count = decoder.count
    assert records + count.bad + count.headers + count.blank == count.lines


def test_a_separator_of_several_characters_is_said_to_be_unreadable(made):
    found, decoder = made.decoded(made.header().replace(b"x09", b"x09\\x09") + made.row())
    assert (found, dict(decoder.count.fields)) == ([], {"#separator": 1})


def test_a_header_may_come_in_pieces(made, as_rows):
    decoder = Decoder("log")
    for line in made.header().splitlines(keepends=True):
        assert decoder.feed(line) == []
    assert len(as_rows(decoder.feed(made.row()))) == 1


def test_a_new_header_in_mid_file_changes_the_columns(made):
    other = made.header(fields=["uid", "ts"])
    found, decoder = made.decoded(
        made.header() + made.row() + other + b"C2\t1700000000.000000\n" + made.header() + made.row()
    )
    assert [row["uid"] for row in found] == ["CH53301MTU21BMj2Bj", "C2", "CH53301MTU21BMj2Bj"]
    assert decoder.count.bad == 0


def test_tsv_may_turn_into_json_and_back(made):
    found, decoder = made.decoded(made.header() + made.row() + made.json() * 2 + made.row())
    assert [row["line"] for row in found] == [9, 10, 11, 12]
    assert decoder.count.bad == 0


def test_a_line_without_its_newline_is_taken_at_the_end_alone(made):
    decoder = Decoder("conn.log")
    with pytest.raises(ValueError, match="whole lines"):
        decoder.feed(made.json()[:-1])
    assert len(decoder.feed(made.json()[:-1], final=True)) == 1


def test_nothing_gives_nothing():
    decoder = Decoder("conn.log")
    assert decoder.feed(b"") == decoder.feed(b"", final=True) == decoder.feed(b"\n") == []
