"""Rows of a Zeek JSON log to columns, through Arrow's JSON reader; what Arrow refuses is judged line by line."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

from oddlog.logs.lenient import judged
from oddlog.logs.schema import ALIASES, PATH_KEYS, ZEEK_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from oddlog.logs.checked import Wrong
    from oddlog.logs.lines import Lines

__all__ = ["first_object", "read_objects"]

_Part = tuple["NDArray[np.int64]", dict[str, pa.Array], "Wrong"]

_ARROW = {
    "interval": pa.float64(),
    "port": pa.uint16(),
    "count": pa.uint64(),
    "bool": pa.bool_(),
    "set[string]": pa.list_(pa.string()),
}
_PYTHON: dict[str, Any] = {
    "interval": float,
    "port": Annotated[int, msgspec.Meta(ge=0, le=2**16 - 1)],
    "count": Annotated[int, msgspec.Meta(ge=0)],
    "bool": bool,
    "set[string]": list[str],
}


def first_object(line: bytes) -> dict[str, Any]:
    """Decode one line; what is no JSON object gives an empty one."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


@functools.cache
def _schema(log: str, text_time: bool) -> pa.Schema:
    """Every field in each of its spellings: no reading may depend on how its neighbours are spelled."""
    time = pa.string() if text_time else pa.float64()
    fields = {name: _ARROW.get(kind, time if kind == "time" else pa.string()) for name, kind in ZEEK_TYPES[log].items()}
    nested = pa.struct([(name.removeprefix("id."), kind) for name, kind in fields.items() if name.startswith("id.")])
    aliased = {alias: fields[name] for alias, name in ALIASES.items()}
    return pa.schema((fields | aliased | dict.fromkeys(PATH_KEYS, pa.string()) | {"id": nested}).items())


@functools.cache
def _decoder(log: str, text_time: bool) -> msgspec.json.Decoder[Any]:
    """Make what refuses nearly every line that Arrow's reader does with that schema, 5 times faster than `json`."""
    time: Any = str if text_time else float
    kinds = {name: _PYTHON.get(kind, time if kind == "time" else str) for name, kind in ZEEK_TYPES[log].items()}
    nested = msgspec.defstruct(
        "Id", [(name.removeprefix("id."), kind | None, None) for name, kind in kinds.items() if name.startswith("id.")]
    )
    keys = kinds | {alias: kinds[name] for alias, name in ALIASES.items()} | dict.fromkeys(PATH_KEYS, str)
    keys["id"] = nested
    names = {f"f{i}": key for i, key in enumerate(keys)}
    record = msgspec.defstruct(
        "Record", [(f"f{i}", kind | None, None) for i, kind in enumerate(keys.values())], rename=names
    )
    return msgspec.json.Decoder(record)


def read_objects(lines: Lines, log: str) -> tuple[dict[str, pa.Array], Wrong]:
    """JSON lines as columns.

    Parameters
    ----------
    lines : Lines
        At least one readable line, each beginning with ``{``.
    log : str

    Returns
    -------
    columns : dict of str to (n_lines,) array
        All fields of the log, by Zeek's name; times in seconds, or as text where the first line has text.
    wrong : dict
        Lines that are no JSON object, are of another log, or hold a value of another type.
    """
    text_time = isinstance(first_object(lines[0]).get("ts"), str)
    schema = _schema(log, text_time)
    whole = _read(lines, schema)
    if whole is not None:
        return _folded(whole, log)
    strict = _accepted(lines, _decoder(log, text_time))
    parts: list[_Part] = list(_parts(lines.where(strict), np.flatnonzero(strict), schema, log))
    read = np.zeros(len(lines), np.bool_)
    for rows, _, _ in parts:
        read[rows] = True
    odd = np.flatnonzero(~read)
    parts.append((odd, *judged([lines[int(row)] for row in odd], log, text_time)))
    home = pa.array(np.argsort(np.concatenate([rows for rows, _, _ in parts])))
    columns = {
        name: pa.concat_arrays([columns[name] for _, columns, _ in parts]).take(home) for name in ZEEK_TYPES[log]
    }
    return columns, {int(rows[row]): wrong for rows, _, found in parts for row, wrong in found.items()}


def _accepted(lines: Lines, decoder: msgspec.json.Decoder[Any]) -> NDArray[np.bool_]:
    view = memoryview(lines.data)
    accepted = np.ones(len(lines), np.bool_)
    for i, (start, end) in enumerate(zip(lines.starts.tolist(), lines.ends.tolist(), strict=True)):
        try:
            decoder.decode(view[start:end])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            accepted[i] = False
    return accepted


def _parts(lines: Lines, rows: NDArray[np.int64], schema: pa.Schema, log: str) -> Iterator[_Part]:
    """Bisect lines until Arrow takes what is left of them."""
    if not len(rows):
        return
    table = _read(lines, schema)
    if table is not None:
        yield (rows, *_folded(table, log))
    elif len(rows) > 1:
        half = len(rows) // 2
        yield from _parts(lines.slice(0, half), rows[:half], schema, log)
        yield from _parts(lines.slice(half, len(rows)), rows[half:], schema, log)


def _read(lines: Lines, schema: pa.Schema) -> pa.Table | None:
    """Arrow's reading, or None where a line is not exactly one object that fits the schema."""
    # Arrow reads a stream of objects and not of lines. "}" newline "{" can only stand between two of them.
    if not (lines.bytes_at(lines.ends - 1) == ord("}")).all():
        return None
    try:
        table = arrow_json.read_json(
            pa.BufferReader(lines.data),
            read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(lines.data) + 1),
            parse_options=arrow_json.ParseOptions(
                explicit_schema=schema, newlines_in_values=False, unexpected_field_behavior="ignore"
            ),
        )
    except pa.ArrowInvalid:
        return None
    return table if table.num_rows == len(lines) else None


def _folded(table: pa.Table, log: str) -> tuple[dict[str, pa.Array], Wrong]:
    """Columns under Zeek's names, from whichever spelling holds them, and lines of other logs."""
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    nested = columns["id"]
    for alias, name in ALIASES.items():
        others = [columns[alias], pc.struct_field(nested, name.removeprefix("id."))]
        for other in others:
            if other.null_count < len(other):
                columns[name] = pc.coalesce(columns[name], other)
    wrong: Wrong = {}
    for key in PATH_KEYS:
        path = columns[key]
        if path.null_count < len(path):
            for row in np.flatnonzero(pc.not_equal(path, log).fill_null(False).to_numpy(zero_copy_only=False)):
                wrong.setdefault(int(row), (key, log, path[int(row)].as_py()))
    fields = {name: columns[name] for name in ZEEK_TYPES[log]}
    for name, column in fields.items():
        if pa.types.is_list(column.type):
            fields[name] = pc.binary_join(column, ",")
    return fields, wrong
