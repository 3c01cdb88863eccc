"""Columns as read, brought to the types of a batch; values out of range name their rows as bad."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from oddlog.logs.schema import SCHEMAS, TYPES
from oddlog.logs.times import LATEST, microseconds, parse_times

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["EXPECTED", "Wrong", "checked", "refuse_unset", "rows_where"]

EXPECTED: Mapping[str, str] = {
    "time": "a time between 1970 and 2200",
    "interval": "a finite number of seconds, 0 or more",
    "port": "a port from 0 to 65535",
    "count": "a whole number, 0 or more",
    "bool": "T or F",
    "double": "a number",
}
"""What a field of each Zeek type must hold, in an error's words; all others hold text."""

Wrong = dict[int, tuple[str, str, str]]
"""By row: the field, what was expected there, and what was found."""


def rows_where(bad: NDArray[np.bool_]) -> list[int]:
    """Rows that a mask marks."""
    return [int(row) for row in np.flatnonzero(bad)]


def refuse_unset(columns: Mapping[str, pa.Array], names: Sequence[str], expected: str, wrong: Wrong) -> None:
    """Name the rows of columns that may not be unset."""
    for name in names:
        for row in rows_where(_isnull(columns[name])):
            wrong.setdefault(row, (name, expected, "nothing"))


def _isnull(column: pa.Array) -> NDArray[np.bool_]:
    return np.array(column.is_null(), np.bool_)


def _time(column: pa.Array) -> tuple[pa.Array, NDArray[np.bool_]]:
    if pa.types.is_floating(column.type):
        seconds = column.fill_null(np.nan).to_numpy(zero_copy_only=False)
        moments, bad = microseconds(seconds), ~((seconds >= 0) & (seconds < LATEST))
    else:
        moments, bad = parse_times(column.cast(pa.string()))
        bad = bad | (moments < 0) | (moments >= LATEST * 1_000_000)
    return pa.array(moments).cast(pa.timestamp("us", "UTC")), bad


def _interval(column: pa.Array) -> tuple[pa.Array, NDArray[np.bool_]]:
    unset = _isnull(column)
    seconds = column.fill_null(0.0).to_numpy(zero_copy_only=False)
    spans = pa.array(microseconds(seconds), mask=unset).cast(pa.duration("us"))
    return spans, ~((seconds >= 0) & (seconds < LATEST))


def _flag(column: pa.Array) -> tuple[pa.Array, NDArray[np.bool_]]:
    if pa.types.is_boolean(column.type):
        return column, np.zeros(len(column), np.bool_)
    true, false = pc.equal(column, "T"), pc.equal(column, "F")
    bad = pc.invert(pc.or_(true, false)).fill_null(False).to_numpy(zero_copy_only=False)
    return true, bad


def _text(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if column.type == kind:
        return column
    return column.dictionary_encode() if pa.types.is_dictionary(kind) else column.cast(kind)


def _convert(column: pa.Array, zeek_type: str, kind: pa.DataType) -> tuple[pa.Array, NDArray[np.bool_] | None]:
    if zeek_type == "time":
        return _time(column)
    if zeek_type == "interval":
        return _interval(column)
    if zeek_type == "bool":
        return _flag(column)
    return _text(column, kind), None


def checked(log: str, columns: Mapping[str, pa.Array], rows: int) -> tuple[pa.RecordBatch, Wrong]:
    """Columns of one log as its schema has them, and the rows that break it.

    Parameters
    ----------
    log : str
    columns : mapping of str to (rows,) array
        By Zeek's field name, those that were read: times and intervals in seconds (or times as text), ports and counts
        as uint16 and uint64, flags as bools or ``T`` and ``F``, text as text.
    rows : int

    Returns
    -------
    table : RecordBatch
        All rows, all columns of the schema; what stands in a wrong field means nothing.
    wrong : dict
        A row is named once, with its first wrong field in the schema's order.
    """
    arrays: list[Any] = []
    wrong: Wrong = {}
    for field in SCHEMAS[log]:
        column = columns.get(field.name)
        zeek_type = TYPES[log][field.name]
        if column is None:
            arrays.append(pa.nulls(rows, field.type))
            if zeek_type == "time":
                wrong |= {row: (field.name, EXPECTED["time"], "nothing") for row in range(rows) if row not in wrong}
            continue
        array, bad = _convert(column, zeek_type, field.type)
        arrays.append(array)
        if bad is None or not bad.any():
            continue
        for row in rows_where(bad):
            if row not in wrong:
                found = column[row].as_py()
                wrong[row] = (field.name, EXPECTED[zeek_type], "nothing" if found is None else str(found))
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMAS[log]), wrong
