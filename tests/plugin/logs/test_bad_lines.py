"""A bad line is named, counted once, and costs no neighbour."""

from __future__ import annotations

import pytest
from oddlog.logs import Decoder

TSV = {
    "port": ({"orig_p": "93145"}, "id.orig_p"),
    "negative port": ({"resp_p": "-5"}, "id.resp_p"),
    "negative count": ({"orig_bytes": "-5"}, "orig_bytes"),
    "fraction of a count": ({"orig_pkts": "1.5"}, "orig_pkts"),
    "count over 64 bits": ({"resp_bytes": "99999999999999999999"}, "resp_bytes"),
    "empty count": ({"orig_pkts": ""}, "orig_pkts"),
    "no time": ({"ts": "-"}, "ts"),
    "time in words": ({"ts": "yesterday"}, "ts"),
    "time before 1970": ({"ts": "-1.000000"}, "ts"),
    "time after 2200": ({"ts": "7258118400.000000"}, "ts"),
    "time in milliseconds": ({"ts": "1700000000250.0"}, "ts"),
    "time that is no number": ({"ts": "nan"}, "ts"),
    "endless duration": ({"duration": "inf"}, "duration"),
    "duration that is no number": ({"duration": "nan"}, "duration"),
    "negative duration": ({"duration": "-0.5"}, "duration"),
    "two points": ({"duration": "1.2.3"}, "duration"),
    "flag": ({"local_orig": "yes"}, "local_orig"),
    "column too many": ({"service": "a\tb"}, "line"),
    "NUL": ({"history": "a\0b"}, "line"),
}


@pytest.mark.parametrize("case", TSV)
@pytest.mark.parametrize("place", ["alone", "first", "last", "between"])
def test_a_bad_tsv_line_is_named_and_its_neighbours_survive(made, case, place):
    changed, field = TSV[case]
    good, bad = made.row(), made.row(**changed)
    lines = {"alone": [bad], "first": [bad, good, good], "last": [good, good, bad], "between": [good, bad, good]}[place]
    found, decoder = made.decoded(made.header() + b"".join(lines), "here/conn.log")
    (error,) = decoder.count.samples
    assert (error.path, error.line, error.field) == ("here/conn.log", 9 + lines.index(bad), field)
    assert dict(decoder.count.fields) == {field: 1}
    assert [row["line"] for row in found] == [9 + i for i, line in enumerate(lines) if line == good]
    assert all(row | {"line": 0} == made.decoded(made.header() + good)[0][0] | {"line": 0} for row in found)


def test_bad_utf8_costs_its_line_alone(made):
    lines = [made.row(history="a"), made.row().replace(b"ShAD", b"\xff\xfe"), made.row(history="c")]
    found, decoder = made.decoded(made.header() + b"".join(lines))
    assert [row["history"] for row in found] == ["a", "c"]
    assert decoder.count.samples[0].line == 10


JSON = {
    "port": ({"orig_p": 93145}, "id.orig_p"),
    "negative count": ({"orig_bytes": -5}, "orig_bytes"),
    "fraction of a count": ({"orig_pkts": 1.5}, "orig_pkts"),
    "count over 64 bits": ({"resp_bytes": 10**20}, "resp_bytes"),
    "no time": ({"ts": None}, "ts"),
    "time in words": ({"ts": "yesterday"}, "ts"),
    "time before 1970": ({"ts": -1}, "ts"),
    "time that is no number": ({"ts": float("nan")}, "ts"),
    "endless duration": ({"duration": float("inf")}, "duration"),
    "a list for a port": ({"orig_p": [1]}, "id.orig_p"),
    "an object for text": ({"service": {"a": 1}}, "service"),
    "a number for text": ({"service": 5}, "service"),
    "a number for a flag": ({"local_orig": 1}, "local_orig"),
    "a flag for a count": ({"orig_pkts": True}, "orig_pkts"),
    "another log": ({"_path": "dns"}, "_path"),
}


@pytest.mark.parametrize("case", JSON)
@pytest.mark.parametrize("place", ["alone", "first", "between"])
def test_a_bad_json_value_is_named_and_its_neighbours_survive(made, case, place):
    changed, field = JSON[case]
    good, bad = made.json(), made.json(**changed)
    lines = {"alone": [bad], "first": [bad, good, good], "between": [good, bad, good]}[place]
    found, decoder = made.decoded(b"".join(lines), "conn.log", "conn")
    assert dict(decoder.count.fields) == {field: 1}
    assert decoder.count.samples[0].line == 1 + lines.index(bad)
    assert [row["line"] for row in found] == [1 + i for i, line in enumerate(lines) if line == good]


@pytest.mark.parametrize(
    "bad",
    [
        b'{"ts":1700000000.25,"uid":"C1"',
        b"{",
        b"{}{}",
        b'{"ts":1,"ts":2}',
        b'{"ts":1700000000.25} x',
        b"[1,2]",
        b"garbage",
        b'{"uid":"\\ud800","ts":1700000000.25}',
        b'{"uid":"\xff","ts":1700000000.25}',
        b'{"uid":"a\0b","ts":1700000000.25}',
        b'{"a":' * 5000,
        b'{"ts":1700000000.25,"id.orig_p":007}',
    ],
)
def test_a_line_that_is_no_record_costs_no_neighbour(made, bad):
    good = made.json()
    found, decoder = made.decoded(good + bad + b"\n" + good, "conn.log")
    assert [row["line"] for row in found] == [1, 3]
    assert decoder.count.bad == 1


@pytest.mark.parametrize(
    ("changed", "field", "value"),
    [
        ({"orig_bytes": "10"}, "orig_bytes", 10),
        ({"orig_bytes": 10.0}, "orig_bytes", 10),
        ({"orig_p": "445"}, "id.orig_p", 445),
        ({"tunnel_parents": "C1,C2"}, "tunnel_parents", "C1,C2"),
        ({"tunnel_parents": ["C1", "C2"]}, "tunnel_parents", "C1,C2"),
        ({"tunnel_parents": []}, "tunnel_parents", ""),
        ({"local_orig": "T"}, "local_orig", True),
        ({"resp_bytes": 2**64 - 1}, "resp_bytes", 2**64 - 1),
    ],
)
def test_what_json_writers_make_of_numbers_and_sets_is_understood(made, changed, field, value):
    (row,), decoder = made.decoded(made.json(**changed), log="conn")
    assert (row[field], decoder.count.bad) == (value, 0)


def test_a_half_line_at_the_end_is_one_bad_line(made):
    found, decoder = made.decoded(made.header() + made.row() + made.row()[:60])
    assert (len(found), decoder.count.bad, decoder.count.lines) == (1, 1, 10)


def test_a_bare_carriage_return_ends_no_line_and_crlf_ends_one(made):
    data = made.header("ntlm") + made.row("ntlm", username="a\rb") + made.row("ntlm")
    found, decoder = made.decoded(data)
    assert [row["username"] for row in found] == ["a\rb", "ada"]
    crlf, _ = made.decoded((made.header() + made.row() * 2).replace(b"\n", b"\r\n"))
    assert crlf == made.decoded(made.header() + made.row() * 2)[0]
    assert decoder.count.lines == 10


def test_blank_lines_and_comments_are_counted_apart(made):
    found, decoder = made.decoded(
        made.header() + b"\n" + made.row() + b"# a remark\n\n" + made.row() + b"#close\t2024\n"
    )
    count = decoder.count
    assert ([row["line"] for row in found], count.blank, count.headers, count.bad) == ([10, 13], 2, 10, 0)


def test_rows_without_a_header_are_bad(made):
    found, decoder = made.decoded(made.row() * 3, "conn.log")
    assert (found, decoder.count.bad) == ([], 3)


def test_rows_below_the_header_of_another_log_are_bad(made):
    found, decoder = made.decoded(
        made.header() + made.row() + made.header("dns", ["ts", "uid"], ["time", "string"]) + b"1\tC\n"
    )
    assert (len(found), dict(decoder.count.fields)) == (1, {"#path": 1})


def test_every_bad_line_is_told_but_only_twenty_are_kept(made):
    told = []
    decoder = Decoder("conn.log", on_bad=told.append)
    decoder.feed(made.header() + made.row(ts="-") * 50)
    assert (len(told), len(decoder.count.samples), decoder.count.bad) == (50, 20, 50)
