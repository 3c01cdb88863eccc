"""Plain lines are read by kernels, the others by Arrow: nobody can tell which from what was read."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oddlog.logs import ZEEK_TYPES, Decoder, decoder, open_logs
from oddlog.logs.lines import Lines
from oddlog.logs.plain import plain_objects, plain_rows
from oddlog.logs.times import microseconds
from oddlog.logs.tsv import Header
from oddlog_core.kernels import cells
from oddlog_core.kernels.cuts import cut

LOGS = st.sampled_from(sorted(ZEEK_TYPES))
DIGITS = st.text("0123456789", max_size=20)
NUMBERS = """
    - 0 00 007 01.5 -1 -0 +5 1e5 1E-7 1e 1e+ nan inf 1. .5 . 1.2.3 0x10 65535 65536 9999999999999999 99999999999999999
    18446744073709551615 18446744073709551616 7258118399.999999 7258118400.000000 7258118400 1700000000.2500001
    0.0000005 0.5e-6 1.5e-6 2.5e-6 9.5367431640625e-07 1048575.0000005 1048576.0000005 00.123456 1/3.123456
    12345.12345: 1.12345/
""".split()  # noqa: SIM905
NUMBERS += ["", " 7", "7 ", " 1700000000.250000"]
WORDS = [
    "-",
    "--",
    "",
    "(empty)",
    "T",
    "F",
    "true",
    "tru",
    "10.0.0.1",
    "fe80::1",
    "\\x41",
    "\\xff",
    "\\",
    "a,b",
    "ä",
    '"',
    "{",
]
FLAGS = ["T", "F", "-", "TT", "", "t", "0", "TF"]
ANY_NUMBER = st.one_of(
    st.sampled_from(NUMBERS),
    st.builds("{}.{}".format, DIGITS, DIGITS),
    st.builds("{}{}".format, st.integers(0, 10**18), st.sampled_from(["", ".0", "e0", "e-6", "E+2", "."])),
    st.floats(0, 2e10).map(repr),
    st.floats(0, 2e10).map("{:.6f}".format),
)
ANY_WORD = st.one_of(
    st.sampled_from(WORDS),
    st.text(st.characters(exclude_characters="\t\n\r\0", exclude_categories=["Cs"]), max_size=20),
    st.integers(0, 400).map("10.20.30.{}".format),
)
KINDS = {"time": NUMBERS, "interval": NUMBERS, "port": NUMBERS, "count": NUMBERS, "bool": FLAGS}


def _any_cell(zeek_type):
    return ANY_WORD if zeek_type not in KINDS else st.sampled_from(FLAGS) if zeek_type == "bool" else ANY_NUMBER


@st.composite
def tsv(draw, made):
    """A log of good lines, some of which have cells changed to anything."""
    log = draw(LOGS)
    lines = []
    for _ in range(draw(st.integers(1, 12))):
        names = draw(st.lists(st.sampled_from(list(ZEEK_TYPES[log])), max_size=3))
        changed = {name: draw(_any_cell(ZEEK_TYPES[log][name])) for name in names}
        lines.append("\t".join(made.values(log, changed).values()))
    places = st.integers(0, len(lines))
    for line in draw(st.lists(st.sampled_from(["", "# remark", "1\t2", "a\tb\tc" * 20, "\t" * 21]), max_size=2)):
        lines.insert(draw(places), line)
    return made.header(log) + "".join(line + "\n" for line in lines).encode()


SCALARS = [
    "null",
    "true",
    "false",
    "nul",
    "nulls",
    "tru",
    "[]",
    '["C1"]',
    '["C1","C2"]',
    "{}",
    '"\x01"',
    '"a long one\x01"',
]
SCALARS += ['"a\\u0041"', '"a\\"b"', '"1700000000.25"', '"', '"a', "-1.5", "- 1", "1 2", "01", "conn", '"conn"']
ANY_SCALAR = st.one_of(
    st.sampled_from(SCALARS),
    ANY_NUMBER,
    ANY_WORD.map(json.dumps),
    ANY_WORD.map(lambda text: json.dumps(text, ensure_ascii=False)),
)
SPACES = st.sampled_from(["", "", "", " ", "  ", "\t"])


@st.composite
def objects(draw, made):
    """A log of good JSON lines, some of which have values changed to anything, keys moved, doubled and made up."""
    log = draw(LOGS)
    others = ["extra", "id_orig_h", "id_resp_p", "_path", "id", "@stream", "a\\u0062", ""]
    lines = []
    for _ in range(draw(st.integers(1, 12))):
        pairs = {key: json.dumps(value) for key, value in json.loads(made.json(log)).items()}
        for name in draw(st.lists(st.sampled_from(list(ZEEK_TYPES[log])), max_size=2)):
            pairs[name] = draw(ANY_SCALAR)
        for name in draw(st.lists(st.sampled_from([*ZEEK_TYPES[log]]), max_size=2)):
            pairs.pop(name, None)
        items = [*pairs.items()]
        for name in draw(st.lists(st.sampled_from([*others, *ZEEK_TYPES[log]]), max_size=1)):
            value = draw(st.one_of(ANY_SCALAR, st.just(json.dumps(log))))
            items.insert(draw(st.integers(0, len(items))), (name, value))
        if draw(st.booleans()):
            items = draw(st.permutations(items))
        before, after = draw(st.tuples(SPACES, SPACES))
        text = ",".join(f'{before}"{key}":{after}{value}{before}' for key, value in items)
        lines.append("{" + text + "}" + draw(st.sampled_from(["", "", "", " ", ",", "}"])))
    return "".join(line + "\n" for line in lines).encode(), log


def _both(data, log, as_rows):
    """What is read of some data with the kernels, and without them."""
    found = []
    for without in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            if without:
                patch.setattr(decoder, "plain_rows", lambda *_: None)
                patch.setattr(decoder, "plain_objects", lambda *_: None)
            errors = []
            read = Decoder("some.log", log, lambda error, errors=errors: errors.append(str(error)))
            batches = read.feed(data)
        for batch in batches:
            batch.table.validate(full=True)
        count = read.count
        found.append((as_rows(batches), errors, count.records, count.bad, count.lines))
    return found


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_rows_are_read_as_arrow_reads_them(made, as_rows, data):
    found, expected = _both(data.draw(tsv(made)), None, as_rows)
    assert found == expected


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_objects_are_read_as_arrow_reads_them(made, as_rows, data):
    lines, log = data.draw(objects(made))
    found, expected = _both(lines, log, as_rows)
    assert found == expected


@pytest.mark.parametrize("log", sorted(ZEEK_TYPES))
def test_every_kind_of_cell_is_read_as_arrow_reads_it(made, as_rows, log):
    rows = [
        "\t".join((made.values(log, {}) | {name: text}).values()) + "\n"
        for name, kind in ZEEK_TYPES[log].items()
        for text in KINDS.get(kind, WORDS)
    ]
    found, expected = _both(made.header(log) + "".join(rows).encode(), None, as_rows)
    assert found == expected


@pytest.mark.parametrize("log", sorted(ZEEK_TYPES))
def test_every_kind_of_value_is_read_as_arrow_reads_it(made, as_rows, log):
    good = {key: json.dumps(value) for key, value in json.loads(made.json(log)).items()}
    keys = [*ZEEK_TYPES[log], "_path", "@stream", "id", "id_orig_p", "extra"]
    values = [*NUMBERS, *SCALARS, *map(json.dumps, WORDS)]
    changed = [good | {key: value} for key in keys for value in values]
    changed += [{name: good[name] for name in good if name != key} | {key: value} for key in keys for value in values]
    objects = [",".join(f'"{key}":{value}' for key, value in pairs.items()) for pairs in changed]
    base = ",".join(f'"{key}":{value}' for key, value in good.items())
    objects += [f'{base},"{key}":{good.get(key, json.dumps(log))}' for key in keys]
    objects += [f'"{key}":{good.get(key, json.dumps(log))},{base},"{key}":"{log}"' for key in keys]
    lines = "".join(f"{{{text}}}\n" for text in objects).encode()
    lines += "".join(f"{{{base}{end}\n" for end in ("", " }", "} ", ",}", "}}", "},", "} x", "}{}", "]")).encode()
    found, expected = _both(lines, log, as_rows)
    assert found == expected


def test_real_logs_are_read_as_arrow_reads_them(real_logs, monkeypatch):
    def told():
        logs = open_logs([real_logs])
        return [
            (batch.where(0), batch.table.to_pylist(), batch.lines.tolist())
            for log in logs.names
            for batch in logs.batches(log)
        ], [str(error) for error in logs.count.samples]

    found = told()
    monkeypatch.setattr(decoder, "plain_rows", lambda *_: None)
    monkeypatch.setattr(decoder, "plain_objects", lambda *_: None)
    assert found == told()


@pytest.mark.parametrize("log", sorted(ZEEK_TYPES))
def test_what_zeek_writes_is_plain(made, log):
    rows = Lines.split(made.row(log) + made.row(log, ts="1700000000.000001"), 1)
    head = Header().read(b"#fields\t" + "\t".join(ZEEK_TYPES[log]).encode())
    table, plain = plain_rows(rows, head, log)
    assert (plain.tolist(), len(table)) == ([True, True], 2)
    if log != "dce_rpc":  # its pipes are written with escapes
        lines = Lines.split(made.json(log) + made.json(log).replace(b" ", b"").replace(b'{"', b'{"extra":1.5,"'), 1)
        table, plain = plain_objects(lines, log)
        assert (plain.tolist(), len(table)) == ([True, True], 2)


@settings(max_examples=500, deadline=None)
@given(st.one_of(ANY_NUMBER, st.floats(0, 1e-3).map(repr), st.floats(0, 1e6).map(repr)))
@example("0.0004589557647705078")
@example("1048576.0000005")
@example("1048575.0000005")
@example("0.00000095367431640625")
@example("1e-19")
def test_an_interval_is_rounded_as_its_double_or_left_alone(text):
    data = np.frombuffer(text.encode() + b",", np.uint8)
    where = np.array([[0]], np.int32), np.array([[len(data)]], np.int32)
    integers, *_, odd = cells.columns(data, *where, np.array([cells.INTERVAL]), 0, True)
    try:
        value = json.loads(text)
    except ValueError:
        assert odd[0]
    else:
        assert odd[0] or integers[0, 0] == microseconds(np.array([float(value)]))[0]


@settings(max_examples=100, deadline=None)
@given(
    texts=st.lists(
        st.one_of(st.binary(max_size=30), st.integers(0, 3000).map(lambda i: b"10.0.%d" % i)), max_size=3000
    ),
    unset=st.sampled_from([b"-", b"1"]),
)
def test_codes_are_one_to_one_with_texts(texts, unset):
    texts = [text.replace(b",", b";").replace(b"\n", b" ") for text in texts]
    data = np.frombuffer(b",".join([*texts, b""]), np.uint8)
    cuts, _ = cut(data, ord(","))
    starts, afters = np.split(np.array([cuts[:-1], cuts[1:]])[:, : len(texts), None], 2)
    _, (codes,), (where,), (n,), odd = cells.columns(
        data, starts[0], afters[0], np.array([cells.CODE]), unset[0], False
    )
    known = [data[start : start + length].tobytes() for _, start, length in where[:, :n].T]
    assert not odd.any()
    assert [unset if code < 0 else known[code] for code in codes] == texts
    assert len(set(known)) == len(known)


def test_names_made_to_meet_in_one_slot_are_left_to_arrow(made, as_rows):
    # The kernels' hash backwards, of 64-bit values that end in the same 20 bits.
    keys = np.arange(1_000_000, dtype=np.uint64) << np.uint64(20)
    fold = np.uint64(32)
    keys = (keys ^ (keys >> fold)) * np.uint64(pow(0x9E3779B97F4A7C15, -1, 2**64))
    texts = ((keys ^ (keys >> fold)) - np.uint64(8)).view(np.uint8).reshape(-1, 8)
    names = [text.tobytes().decode() for text in texts[((texts > 32) & (texts < 127)).all(axis=1)]]
    assert len(names) > 150
    lines = b"".join(made.row("ntlm", username=name) for name in names)
    head = Header().read(b"#fields\t" + "\t".join(ZEEK_TYPES["ntlm"]).encode())
    _, plain = plain_rows(Lines.split(lines, 1), head, "ntlm")
    assert plain.sum() == 64
    found, expected = _both(made.header("ntlm") + lines, None, as_rows)
    assert found == expected
    assert found[2] == len(names)
