"""Plain lines to columns by kernels: what Zeek writes when nothing is odd, which is nearly always.

A line in any doubt is left to `tsv.read_rows` or `json_lines.read_objects`, which read plain lines equal, in more time.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from oddlog_core.kernels import cells, objects
from oddlog_core.records import MISSING, MISSING_CODE

from oddlog.logs.lines import cells as split_cells
from oddlog.logs.schema import ALIASES, PATH_KEYS, SCHEMAS, ZEEK_TYPES
from oddlog.logs.tsv import meant, positions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from oddlog.logs.lines import Lines
    from oddlog.logs.tsv import Header

__all__ = ["TOO_LONG", "plain_objects", "plain_rows"]

_KINDS = {
    "time": cells.TIME,
    "interval": cells.INTERVAL,
    "count": cells.COUNT,
    "port": cells.PORT,
    "bool": cells.FLAG,
}
_TYPES = {
    cells.TIME: pa.timestamp("us", "UTC"),
    cells.INTERVAL: pa.duration("us"),
    cells.COUNT: pa.uint64(),
    cells.PORT: pa.uint16(),
}
TOO_LONG = 2**31 - 2
"""Bytes from which on places in a block do not fit 32 bits, as Arrow's do not either."""

_NEWLINE = ord("\n")


def _kind(log: str, name: str) -> int:
    kind = _KINDS.get(ZEEK_TYPES[log][name])
    if kind is None:
        kind = cells.CODE if pa.types.is_dictionary(SCHEMAS[log].field(name).type) else cells.TEXT
    return kind


def plain_rows(lines: Lines, header: Header, log: str) -> tuple[pa.RecordBatch, NDArray[np.bool_]] | None:
    """Rows below a header.

    Parameters
    ----------
    lines : Lines
        Readable lines of data.
    header : Header
        Its separator is one byte.
    log : str

    Returns
    -------
    table : RecordBatch
        The plain rows, all columns of the log's schema.
    plain : (n_lines,) bool
        Which they are. None instead of both where no row can be plain.
    """
    position = positions(header.fields)
    unset = header.unset_field.encode()
    if header.joined or len(unset) != 1 or "ts" not in position or len(lines.data) > TOO_LONG:
        return None
    data = np.frombuffer(lines.data, np.uint8)
    starts, afters, plain = _cells(lines, header.separator, len(header.fields))
    names = {place: name for name, place in position.items() if name in ZEEK_TYPES[log]}
    kinds = [_kind(log, names[i]) if i in names else cells.SKIP for i in range(len(header.fields))]
    columns, odd = _columns(data, starts, afters, kinds, unset[0], spelled=False)
    # The bytes without which no text can mean anything else: looked for in all at once, not in every column.
    if b"\\" in lines.data or header.empty_field[:1].encode() in lines.data:
        columns = [meant(column, header.empty_field) for column in columns]
    named = dict(zip((names[i] for i, kind in enumerate(kinds) if kind != cells.SKIP), columns, strict=True))
    plain[plain] = ~odd
    return _table(log, named, odd), plain


def _cells(lines: Lines, separator: str, width: int) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_]]:
    """Where the cells of the lines of some width begin, the places after them, and which lines have that width."""
    cuts, n_lines = (lines.cuts, len(lines)) if lines.cuts is not None else split_cells(lines.data, separator, width)
    if n_lines is not None:
        return cuts[:-1].reshape(-1, width), cuts[1:].reshape(-1, width), np.ones(n_lines, np.bool_)
    last = np.flatnonzero(np.frombuffer(lines.data, np.uint8)[cuts[1:] - 1] == _NEWLINE)
    regular = np.diff(last, prepend=-1) == width
    places = last[regular][:, None] + np.arange(1 - width, 1)
    return cuts[places], cuts[places + 1], regular


def plain_objects(lines: Lines, log: str) -> tuple[pa.RecordBatch, NDArray[np.bool_]] | None:
    """JSON lines, each beginning with ``{``; the rest is as `plain_rows` has it."""
    if len(lines.data) > TOO_LONG:
        return None
    data = np.frombuffer(lines.data, np.uint8)
    kinds = [_kind(log, name) for name in SCHEMAS[log].names]
    known = (*_keys(log), np.array(kinds), np.frombuffer(log.encode(), np.uint8))
    starts, afters, odd = objects.split(data, lines.starts, lines.ends, *known)
    plain = ~odd
    if odd.any():
        starts, afters = starts[plain], afters[plain]
    columns, odd = _columns(data, starts, afters, kinds, 0, spelled=True)
    plain[plain] = ~odd
    return _table(log, dict(zip(SCHEMAS[log].names, columns, strict=True)), odd), plain


@functools.cache
def _keys(log: str) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Keys of an object as `objects.split` takes them."""
    names = SCHEMAS[log].names
    places = {name: place for place, name in enumerate(names)}
    places |= {alias: places[name] for alias, name in ALIASES.items()}
    places |= dict.fromkeys(PATH_KEYS, objects.NAMES_LOG) | {"id": objects.REFUSED}
    keys = [f'"{key}":'.encode() for key in places]
    edges = np.cumsum([0, *map(len, keys)])
    return np.frombuffer(b"".join(keys), np.uint8), edges, np.array([*places.values()])


def _columns(
    data: NDArray[np.uint8],
    starts: NDArray[np.int32],
    afters: NDArray[np.int32],
    kinds: Sequence[int],
    unset: int,
    *,
    spelled: bool,
) -> tuple[list[pa.Array], NDArray[np.bool_]]:
    """Columns of all kinds but SKIP, and the rows that are odd."""
    integers, codes, texts, n_texts, odd = cells.columns(data, starts, afters, np.array(kinds), unset, spelled)
    columns = []
    integer = code = 0
    for column, kind in enumerate(kinds):
        if kind == cells.TEXT:
            columns.append(_text(*cells.gather(data, starts[:, column], afters[:, column], unset)))
        elif kind == cells.CODE:
            _, begin, length = texts[code, :, : n_texts[code]].astype(np.int32)
            values = _text(*cells.gather(data, begin, begin + length + 1, 0))
            indices = _array(codes[code], pa.int32(), codes[code] == MISSING_CODE)
            columns.append(pa.DictionaryArray.from_arrays(indices, values))
            code += 1
        elif kind == cells.FLAG:
            columns.append(_flags(codes[code]))
            code += 1
        elif kind != cells.SKIP:
            values = integers[integer]
            missing = values == MISSING
            columns.append(_array(values.astype(np.uint16) if kind == cells.PORT else values, _TYPES[kind], missing))
            integer += 1
    return columns, odd


def _array(values: NDArray[Any], kind: pa.DataType, missing: NDArray[np.bool_]) -> pa.Array:
    """Values as they lie in memory."""
    return pa.Array.from_buffers(kind, len(values), [_validity(missing), pa.py_buffer(values)])


def _flags(codes: NDArray[np.int32]) -> pa.Array:
    # What Arrow makes of NumPy's bools, where both come in a seventieth of the time.
    return pa.Array.from_buffers(pa.bool_(), len(codes), [_validity(codes == MISSING_CODE), _bits(codes == 1)])


def _text(offsets: NDArray[np.int32], texts: NDArray[np.uint8], missing: NDArray[np.bool_]) -> pa.Array:
    buffers = [_validity(missing), pa.py_buffer(offsets), pa.py_buffer(texts)]
    return pa.Array.from_buffers(pa.string(), len(missing), buffers)


def _validity(missing: NDArray[np.bool_]) -> pa.Buffer | None:
    return _bits(~missing) if missing.any() else None


def _bits(flags: NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(flags, bitorder="little"))


def _table(log: str, columns: Mapping[str, pa.Array], odd: NDArray[np.bool_]) -> pa.RecordBatch:
    """All columns of the schema, without the odd rows."""
    arrays = [
        columns[field.name] if field.name in columns else pa.nulls(len(odd), field.type) for field in SCHEMAS[log]
    ]
    table = pa.RecordBatch.from_arrays(arrays, schema=SCHEMAS[log])
    return table.filter(pa.array(~odd)) if odd.any() else table
