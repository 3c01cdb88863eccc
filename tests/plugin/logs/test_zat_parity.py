"""Everything reads as zat reads it, except where zat is wrong."""

from __future__ import annotations

import gzip

import pandas as pd
import pandas.testing as pdt
import pyarrow as pa
import pytest
from oddlog.errors import LogError
from oddlog.logs import ZEEK_TYPES, ArrowLogToDataFrame, Decoder
from oddlog.logs.schema import read_types
from zat.log_to_dataframe import LogToDataFrame

# zat's own reader uses it.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.set_index is deprecated")


def test_every_real_tsv_log_reads_equal_to_zats_own(real_logs):
    compared = 0
    for path in sorted(real_logs.rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        if not data.startswith(b"#separator"):
            continue
        ours, theirs = ArrowLogToDataFrame(), LogToDataFrame().create_dataframe(str(path))
        frame = ours.create_dataframe(path)
        # zat takes a line that breaks off in the middle for a record.
        theirs = theirs.iloc[: len(theirs) - len(ours.errors)]
        assert len(ours.errors) == (path.parts[-2:] == ("truncated", "conn.log"))
        assert _dtypes(frame) == _dtypes(theirs), path
        pdt.assert_index_equal(frame.index, theirs.index)
        for name in frame:
            _assert_same_text(frame[name], theirs[name], f"{path} {name}")
        compared += 1
    assert compared >= 185


def test_types_are_those_of_zats_map():
    arrow = {"UInt64": pa.uint64(), "UInt16": pa.uint16(), "Int32": pa.int32(), "float": pa.float64()}
    arrow |= {"object": pa.string(), "category": pa.dictionary(pa.int32(), pa.string())}
    zeek_types = [*LogToDataFrame().type_map, "string", "addr", "enum", "set[string]", "subnet"]
    names = [f"field{i}" for i in range(len(zeek_types))]
    for fields, types in [(names, zeek_types), (["uid", "fuid", "orig_fuids"], ["string", "string", "vector[string]"])]:
        theirs = LogToDataFrame().pd_column_types(fields, types)
        assert read_types(fields, types) == {name: arrow[kind] for name, kind in theirs.items()}


def _dtypes(frame):
    return frame.dtypes.astype(str).to_dict()


def _assert_same_text(ours: pd.Series, theirs: pd.Series, where: str) -> None:
    """Hold columns equal where zat's differs only by what the exceptions below are about."""
    if ours.dtype != "category":
        pdt.assert_series_equal(ours, theirs, obj=where)
        return
    # As text: zat makes numbers of a text column that happens to hold nothing else.
    meant = [
        None if missing else "" if value == "(empty)" else str(value).replace("\\\\", "\\")
        for value, missing in zip(theirs, theirs.isna(), strict=True)
    ]
    assert [None if missing else value for value, missing in zip(ours, ours.isna(), strict=True)] == meant, where


def test_a_batch_gives_the_frame_that_zat_makes(real_logs):
    for name in ("zerologon/CVE-2020-1472_exploit_win2019/tsv/conn.log", "zat-samples/conn.log"):
        path = real_logs / name
        theirs = LogToDataFrame().create_dataframe(str(path))
        (batch,) = Decoder(name).feed(path.read_bytes(), final=True)
        frame = batch.dataframe()
        assert list(frame) == [field for field in ZEEK_TYPES["conn"] if field != "ts"]
        shared = [column for column in theirs if column in frame]
        assert _dtypes(frame[shared]) == _dtypes(theirs[shared])
        pdt.assert_index_equal(frame.index, theirs.index)
        for column in shared:
            _assert_same_text(frame[column], theirs[column], column)


@pytest.fixture
def both(tmp_path):
    """Read a small log with zat's reader and with ours."""

    def read(data):
        path = tmp_path / "ntlm.log"
        path.write_bytes(data)
        ours = ArrowLogToDataFrame()
        frame = ours.create_dataframe(path)
        assert ours.errors == []
        return LogToDataFrame().create_dataframe(str(path)), frame

    return read


def test_a_hash_inside_a_value_does_not_cut_the_row(made, both):
    theirs, ours = both(made.header("ntlm") + made.row("ntlm", username="a#b") + made.row("ntlm"))
    assert (theirs["username"].tolist()[0], pd.isna(theirs["success"].iloc[0])) == ("a", True)
    assert ours["username"].tolist() == ["a#b", "ada"]
    assert ours["success"].tolist() == ["T", "T"]


def test_a_column_that_is_empty_at_the_end_does_not_shift_the_others(made, both):
    fields = ["ts", "uid", "username", ""]
    data = made.header("ntlm", fields, ["time", "string", "string", ""])
    data += b"1700000000.000000\tC1\tada\t\n"
    with pytest.raises(ValueError, match="could not convert string to float: 'C1'"):
        both(data)
    ours = ArrowLogToDataFrame().create_dataframe(data)
    assert (ours["uid"].tolist(), ours["username"].tolist()) == (["C1"], ["ada"])


@pytest.mark.parametrize("name", ["null", "None", "NA", "nan", "N/A"])
def test_a_name_that_pandas_takes_for_missing_is_a_name(made, both, name):
    theirs, ours = both(made.header("ntlm") + made.row("ntlm", username=name) + made.row("ntlm"))
    assert pd.isna(theirs["username"].iloc[0])
    assert ours["username"].iloc[0] == name


def test_a_quotation_mark_does_not_swallow_the_lines_after_it(made, both):
    data = made.header("ntlm") + made.row("ntlm", username='"ada') + made.row("ntlm") + made.row("ntlm", username='b"')
    theirs, ours = both(data)
    assert len(theirs) < 3
    assert ours["username"].tolist() == ['"ada', "ada", 'b"']


def test_escapes_are_undone(made, both):
    theirs, ours = both(made.header("ntlm") + made.row("ntlm", username=r"\xc3\xa4\\b"))
    assert theirs["username"].tolist() == [r"\xc3\xa4\\b"]
    assert ours["username"].tolist() == ["ä\\b"]


def test_empty_is_empty_and_not_the_word(made, both):
    theirs, ours = both(made.header("ntlm") + made.row("ntlm", username="(empty)"))
    assert theirs["username"].tolist() == ["(empty)"]
    assert ours["username"].tolist() == [""]


def test_text_that_looks_like_a_number_stays_text(made, both):
    theirs, ours = both(made.header("ntlm") + made.row("ntlm", username="007"))
    assert theirs["username"].tolist() == [7]
    assert ours["username"].tolist() == ["007"]


def test_bytes_and_gzip_read_as_the_file_does(made, tmp_path):
    data = made.header() + made.row() * 3
    plain, packed = tmp_path / "conn.log", tmp_path / "conn.log.gz"
    plain.write_bytes(data)
    packed.write_bytes(gzip.compress(data))
    frames = [ArrowLogToDataFrame().create_dataframe(source) for source in (plain, packed, data, memoryview(data))]
    for frame in frames:
        pdt.assert_frame_equal(frame, frames[0])


def test_json_lines_give_the_same_frame(made):
    tsv = ArrowLogToDataFrame().create_dataframe(made.header() + made.row() * 2)
    spelled = ArrowLogToDataFrame().create_dataframe(made.json() * 2)
    pdt.assert_frame_equal(spelled, tsv)


def test_columns_can_be_chosen_and_the_choice_is_left_alone(made):
    chosen = ["uid", "id.orig_p"]
    for data in (made.header() + made.row(), made.json()):
        frame = ArrowLogToDataFrame().create_dataframe(data, usecols=chosen)
        assert list(frame) == ["uid", "id.orig_p"]
    assert chosen == ["uid", "id.orig_p"]
    assert "ts" in ArrowLogToDataFrame().create_dataframe(made.header() + made.row(), ts_index=False)


def test_what_is_no_log_is_refused_and_bad_lines_are_listed(made):
    with pytest.raises(LogError, match="header"):
        ArrowLogToDataFrame().create_dataframe(b"Lorem ipsum\n")
    reader = ArrowLogToDataFrame()
    frame = reader.create_dataframe(made.header() + made.row() + made.row(orig_p="93145") + made.row())
    assert (len(frame), [error.line for error in reader.errors]) == (2, [10])
