"""Consecutive records of one log, as columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from oddlog_core.kernels.columns import filled
from oddlog_core.records import MISSING, MISSING_CODE, Categories, Records

from oddlog.logs.schema import LABEL, SCHEMAS, TYPES

if TYPE_CHECKING:
    import builtins
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Batch", "Order", "concat"]

Order = Literal["end", "start"]
"""Whether a conn log is in the order its connections ended, as Zeek writes it, or in the order they started."""

_MOST = 2**44
_ALL_SET = np.zeros(0, np.uint8)
_FURTHEST = 9e12


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some consecutive records of one log, in log order.

    Attributes
    ----------
    log : str
        ``conn``, ``ntlm``, ``dce_rpc``, ``wls`` of host events, or ``flows`` of CICFlowMeter.
    table : pyarrow.RecordBatch
        All of the log's columns in `oddlog.logs.SCHEMAS`, by Zeek's names; unset is null.
    source : str
        Path of the file; of the first record's, where several files were merged.
    lines : (n_records,) int64
        Each record's line in its file, from 1.
    sources : tuple of str
        The files that were merged; empty where there is one.
    origins : (n_records,) int32 or None
        Each record's file in `sources`.
    order : {"end", "start"} or None
        The order that this kind of file is known to be in, whatever the site says of its others.
    """

    log: str
    table: pa.RecordBatch
    source: str
    lines: NDArray[np.int64]
    sources: tuple[str, ...] = ()
    origins: NDArray[np.int32] | None = field(default=None, repr=False)
    order: Order | None = None

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, row: int) -> tuple[str, int]:
        """File and line of one record."""
        source = self.source if self.origins is None else self.sources[self.origins[row]]
        return source, int(self.lines[row])

    def slice(self, start: int, length: int | None = None) -> Batch:
        """Pick records from `start` on, without copying."""
        stop = len(self) if length is None else min(start + length, len(self))
        return self._of(self.table.slice(start, stop - start), slice(start, stop))

    def take(self, indices: ArrayLike) -> Batch:
        """Pick records at some positions, in that order."""
        rows = np.asarray(indices, np.int64)
        return self._of(self.table.take(pa.array(rows)), rows)

    def _of(self, table: pa.RecordBatch, rows: builtins.slice | NDArray[np.int64]) -> Batch:
        origins = None if self.origins is None else self.origins[rows]
        source = self.source if origins is None or not len(origins) else self.sources[origins[0]]
        return Batch(self.log, table, source, self.lines[rows], self.sources, origins, self.order)

    def moments(self, order: Order = "end") -> NDArray[np.int64]:
        """When Zeek could have told of each record, in microseconds since the epoch.

        Parameters
        ----------
        order : {"end", "start"}
            ``end``: ``ts`` plus ``duration`` for conn (``ts`` where that is unset), ``ts`` for the others. ``start``:
            ``ts``, for logs that are sorted by it.
        """
        moments = _whole(self.table["ts"], 0)
        if self.log == "conn" and (self.order or order) == "end":
            moments = moments + _whole(self.table["duration"], 0)
        return moments

    def records(self, clock: NDArray[np.int64]) -> Records:
        """Say what a detector sees; the uid is left out, and counts end at 2**44.

        Parameters
        ----------
        clock : (n_records,) int64
            As `oddlog_core.kernels.timeline.advance` makes it of `moments`.
        """
        integers: dict[str, NDArray[np.int64]] = {}
        categories: dict[str, Categories] = {}
        for name, column in zip(self.table.schema.names, self.table.columns, strict=True):
            kind = column.type
            if name == LABEL or pa.types.is_string(kind):
                # What a flow was called by whoever knows, no detector may see.
                continue
            if pa.types.is_boolean(kind):
                categories[name] = Categories(_codes(column), ("F", "T"))
            elif pa.types.is_dictionary(kind):
                categories[name] = Categories(_codes(column.indices), column.dictionary.to_pylist())
            elif pa.types.is_floating(kind):
                integers[name] = _millionths(column)
            else:
                integers[name] = _whole(column)
        return Records(self.log, clock, integers, categories)

    def dataframe(self) -> pd.DataFrame:
        """Make the frame that zat's `LogToDataFrame` makes of these records, indexed by ``ts``."""
        # pandas takes a third of a second to import, and nothing else here needs it.
        from oddlog.logs.frames import to_zat  # noqa: PLC0415

        return to_zat(self.table, TYPES[self.log]).set_index("ts")


def _held(column: pa.Array, kind: type) -> NDArray[Any]:
    """What an array of numbers holds: anything where it is unset; read-only, as Arrow's memory is."""
    data = column.buffers()[1]
    return np.frombuffer(data, kind, len(column), column.offset * np.dtype(kind).itemsize)


def _bits(data: pa.Buffer, column: pa.Array) -> NDArray[np.uint8]:
    """Bits of an array, 0 or 1 each."""
    return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[column.offset : column.offset + len(column)]


def _codes(column: pa.Array) -> NDArray[np.int32]:
    """Codes, of flags 0 and 1."""
    valid, data = column.buffers()
    flags = pa.types.is_boolean(column.type)
    codes: NDArray[np.int32] = (_bits(data, column) if flags else _held(column, np.int32)).astype(np.int32)
    if column.null_count:
        codes[_bits(valid, column) == 0] = MISSING_CODE
    return codes


def _whole(column: pa.Array, unset: int = MISSING) -> NDArray[np.int64]:
    # Always a copy: Arrow's memory is read-only, which kernels with explicit signatures refuse.
    if column.type.bit_width == 64:
        valid = column.buffers()[0] if column.null_count else None
        bits = _ALL_SET if valid is None else np.frombuffer(valid, np.uint8)
        most = _MOST if pa.types.is_uint64(column.type) else 0
        whole: NDArray[np.int64] = filled(_held(column, np.int64), bits, column.offset, most, unset)
        return whole
    whole = _held(column, np.uint16).astype(np.int64)
    if column.null_count:
        whole[_bits(column.buffers()[0], column) == 0] = unset
    return whole


def _millionths(column: pa.Array) -> NDArray[np.int64]:
    """Doubles as whole millionths, as far as they go, as intervals are whole microseconds."""
    values: NDArray[np.int64] = np.rint(np.clip(column.fill_null(0.0).to_numpy(), -_FURTHEST, _FURTHEST) * 1e6).astype(
        np.int64
    )
    values[column.is_null().to_numpy(zero_copy_only=False)] = MISSING
    return values


def concat(batches: Sequence[Batch]) -> Batch:
    """Batches of one log, one after the other, as one."""
    if len(batches) == 1:
        return batches[0]
    log = batches[0].log
    table = pa.Table.from_batches([batch.table for batch in batches], SCHEMAS[log]).unify_dictionaries()
    merged = table.combine_chunks().to_batches()
    lines = np.concatenate([batch.lines for batch in batches])
    names = {name: None for batch in batches for name in (batch.sources or (batch.source,))}
    sources, order = tuple(names), batches[0].order
    if len(sources) == 1:
        return Batch(log, merged[0] if merged else batches[0].table, sources[0], lines, order=order)
    number = {name: i for i, name in enumerate(sources)}
    origins = np.concatenate([_renumbered(batch, number) for batch in batches])
    source = sources[origins[0]] if len(origins) else sources[0]
    return Batch(log, merged[0] if merged else batches[0].table, source, lines, sources, origins, order)


def _renumbered(batch: Batch, number: dict[str, int]) -> NDArray[np.int32]:
    if batch.origins is None:
        return np.full(len(batch), number[batch.source], np.int32)
    return np.array([number[name] for name in batch.sources], np.int32)[batch.origins]
