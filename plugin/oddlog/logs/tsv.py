"""Rows of a Zeek TSV log to columns, through Arrow's CSV reader."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from oddlog.logs.checked import EXPECTED, Wrong, rows_where
from oddlog.logs.schema import read_types, spelling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from oddlog.logs.lines import Lines

__all__ = ["Header", "meant", "positions", "read_rows", "read_table", "tells", "widths"]

_ESCAPED = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|\\)")
_JOINED = re.compile(rb" {2,}")
_JOINED_TEXT = re.compile(" {2,}")
_KEYWORDS = (b"#separator", b"#set_separator", b"#empty_field", b"#unset_field", b"#path", b"#fields", b"#types")

_PLAIN = 18


def _unescape(text: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()) if found[1] else b"\\", text)


@dataclass(frozen=True, slots=True)
class Header:
    """What the ``#`` lines of a TSV log have said so far.

    Attributes
    ----------
    separator, set_separator, empty_field, unset_field : str
        As declared; Zeek's defaults before that.
    path : str
        Log type, or "" while unknown.
    fields, types : tuple of str
        Names in the log's own spelling and order; empty while unknown.
    joined : bool
        Several names stand in one cell, held apart by runs of spaces, and so do the values below.
    """

    separator: str = "\t"
    set_separator: str = ","
    empty_field: str = "(empty)"
    unset_field: str = "-"
    path: str = ""
    fields: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    joined: bool = False

    def separates(self) -> bool:
        """Whether cells can be told apart: Zeek allows any separator, but none is known to be longer than this."""
        return len(self.separator) == 1 and self.separator.isascii() and self.separator not in "\n\r\0"

    def read(self, line: bytes) -> Header:
        """Take in one more of the header's lines; other comments change nothing."""
        if line.startswith(b"#separator"):
            # Only this line is held apart by whatever stands there: the separator is not known yet.
            separator = _unescape(line[len(b"#separator") :].lstrip(b" \t")).decode("utf-8", "replace")
            return Header(separator=separator or "\t")
        key, _, value = line.decode("utf-8", "backslashreplace").partition(self.separator)
        name = key.removeprefix("#")
        if name in {"set_separator", "empty_field", "unset_field", "path"}:
            changes: dict[str, Any] = {name: value}
        elif name in {"fields", "types"}:
            changes = {name: tuple(_JOINED_TEXT.sub(self.separator, value).split(self.separator))}
            if name == "fields":
                changes["joined"] = _JOINED_TEXT.search(value) is not None
        else:
            changes = {}
        return replace(self, **changes)


def tells(line: bytes) -> bool:
    """Whether a ``#`` line is part of a header, and no mere comment."""
    return line.startswith(_KEYWORDS)


def widths(lines: Lines, separator: str) -> NDArray[np.int64]:
    """Count the cells of each line."""
    cuts = np.flatnonzero(np.frombuffer(lines.data, np.uint8) == ord(separator))
    return np.searchsorted(cuts, lines.ends) - np.searchsorted(cuts, lines.starts) + 1


def read_table(data: bytes, separator: str, width: int, types: Mapping[int, pa.DataType], unset: str) -> pa.Table:
    """Cells of whole lines by Arrow's CSV reader: nothing is quoted, escaped or a comment.

    Parameters
    ----------
    data : bytes
        Lines of UTF-8, none of them blank, with no carriage return.
    separator, unset : str
    width : int
        Number of cells in every line.
    types : mapping of int to DataType
        The columns to read, by position.

    Raises
    ------
    pyarrow.ArrowInvalid
        A line of another width, or a value that is not of its type.
    """
    return csv.read_csv(
        pa.BufferReader(data),
        read_options=csv.ReadOptions(
            column_names=[str(i) for i in range(width)], block_size=len(data) + 1, use_threads=False
        ),
        parse_options=csv.ParseOptions(
            delimiter=separator, quote_char=False, double_quote=False, escape_char=False, ignore_empty_lines=False
        ),
        convert_options=csv.ConvertOptions(
            column_types={str(i): kind for i, kind in types.items()},
            include_columns=[str(i) for i in types],
            null_values=[unset],
            strings_can_be_null=True,
            check_utf8=False,
        ),
    )


def positions(fields: Sequence[str]) -> dict[str, int]:
    """Where each field, in Zeek's spelling, stands first."""
    return {spelling(name): i for i, name in reversed(list(enumerate(fields)))}


def read_rows(lines: Lines, header: Header, zeek_types: Mapping[str, str]) -> tuple[dict[str, pa.Array], Wrong]:
    """Rows below a header as columns.

    Parameters
    ----------
    lines : Lines
        Readable lines of data.
    header : Header
    zeek_types : mapping of str to str
        The fields wanted, by Zeek's name, and their Zeek types.

    Returns
    -------
    columns : dict of str to (n_lines,) array
        Those of the wanted fields that the header names.
    wrong : dict
        Rows that are not as wide as the header, or hold a value of another type; in `columns` these are unset.
    """
    if header.joined:
        lines = lines.replaced(_JOINED.sub(header.separator.encode(), lines.data))
    position = positions(header.fields)
    wanted = {name: position[name] for name in zeek_types if name in position}
    first = read_types(list(wanted), [zeek_types[name] for name in wanted])
    types = {wanted[name]: first[name] for name in wanted}
    try:
        table = read_table(lines.data, header.separator, len(header.fields), types, header.unset_field)
        cells, wrong = {i: _single(table[str(i)]) for i in types}, Wrong()
    except pa.ArrowInvalid:
        named = {i: (name, EXPECTED.get(zeek_types[name], "text")) for name, i in wanted.items()}
        cells, wrong = _salvage(lines, header, types, named)
    return {name: meant(cells[i], header.empty_field) for name, i in wanted.items()}, wrong


def _single(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.unify_dictionaries().combine_chunks()


def _salvage(
    lines: Lines, header: Header, types: Mapping[int, pa.DataType], named: Mapping[int, tuple[str, str]]
) -> tuple[dict[int, pa.Array], Wrong]:
    """Read lines of which some are bad, without one of them costing a neighbour."""
    count = widths(lines, header.separator)
    fits = count == len(header.fields)
    wrong: Wrong = {
        row: ("line", f"{len(header.fields)} columns", f"{count[row]} columns") for row in rows_where(~fits)
    }
    if not fits.any():
        return {i: pa.nulls(len(lines), kind) for i, kind in types.items()}, wrong
    fitting = lines.where(fits)
    # Bisecting the block costs a reading per bad line and level: 10 times a clean block at 1 % bad lines. Numbers read
    # as text first, and judged by column, cost less than 3 times.
    as_text = {i: pa.string() if pa.types.is_primitive(kind) else kind for i, kind in types.items()}
    table = read_table(fitting.data, header.separator, len(header.fields), as_text, header.unset_field)
    back = np.cumsum(fits) - 1
    home = pa.array(back, mask=~fits)
    rows = np.flatnonzero(fits)
    cells = {}
    for i, kind in types.items():
        cell = _single(table[str(i)])
        if pa.types.is_primitive(kind):
            cell, bad = _numbers(cell, kind)
            for row in bad:
                wrong.setdefault(int(rows[row]), (*named[i], bad[row]))
        cells[i] = cell if fits.all() else cell.take(home)
    return cells, wrong


def _numbers(texts: pa.Array, kind: pa.DataType) -> tuple[pa.Array, dict[int, str]]:
    """Numbers of a text column, as Arrow's CSV reader would make them, and the rows that hold none."""
    texts = pc.ascii_trim(texts, " \t")
    doubtful = _doubtful(texts, pa.types.is_floating(kind))
    bad: dict[int, str] = {}
    for row in rows_where(doubtful):
        text = texts[row].as_py()
        try:
            pa.scalar(text).cast(kind)
        except pa.ArrowInvalid:
            bad[row] = text
    mask = np.zeros(len(texts), np.bool_)
    mask[list(bad)] = True
    texts = pc.if_else(pa.array(mask), pa.scalar(None, pa.string()), texts)
    if not pa.types.is_integer(kind):
        return pc.cast(texts, kind), bad
    wide = pc.cast(texts, pa.uint64() if pa.types.is_unsigned_integer(kind) else pa.int64())
    try:
        return pc.cast(wide, kind), bad
    except pa.ArrowInvalid:
        narrow = pc.cast(wide, kind, safe=False)
        beyond = np.array(pc.not_equal(pc.cast(narrow, wide.type), wide).fill_null(False), np.bool_)
        bad |= {row: texts[row].as_py() for row in rows_where(beyond)}
        return pc.if_else(pa.array(beyond), pa.scalar(None, kind), narrow), bad


def _doubtful(texts: pa.Array, floating: bool) -> NDArray[np.bool_]:
    """Where a text is not plainly a number: digits alone, fewer than overflow 64 bits, and one point in a float."""
    texts = pa.concat_arrays([texts])
    offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1)
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[: offsets[-1]]
    lengths = np.diff(offsets)
    points = data == ord(".")
    total = np.zeros(len(data) + 1, np.int64)
    # A byte that is no digit weighs more than all points together.
    np.cumsum(np.where((data - np.uint8(ord("0")) > 9) & ~points, 1 << 32, points), out=total[1:])
    weight = total[offsets[1:]] - total[offsets[:-1]]
    plain: NDArray[np.bool_] = (weight == int(floating)) & (lengths > int(floating)) & (lengths <= _PLAIN)
    return ~plain & np.array(texts.is_valid(), np.bool_)


def meant(column: pa.Array, empty: str) -> pa.Array:
    """Text with Zeek's escapes undone, and "" where Zeek wrote `empty`, that it is; other columns as they are."""
    if pa.types.is_dictionary(column.type):
        values = meant(column.dictionary, empty)
        if values is column.dictionary:
            return column
        return values.take(column.indices).dictionary_encode()
    if not pa.types.is_string(column.type):
        return column
    text = np.frombuffer(column.buffers()[2] or b"", np.uint8)
    if not ((text == ord("\\")).any() or pc.any(pc.equal(column, empty)).as_py()):
        return column
    texts: Sequence[str | None] = column.to_pylist()
    return pa.array([None if text is None else "" if text == empty else _decode(text) for text in texts], pa.string())


def _decode(text: str) -> str:
    # Bytes that are no UTF-8 stay escaped, as in Zeek's JSON.
    return _unescape(text.encode()).decode("utf-8", "backslashreplace") if "\\" in text else text
