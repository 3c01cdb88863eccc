"""zat's reader of whole logs, with Arrow where it calls pandas."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from zat.log_to_dataframe import LogToDataFrame

from oddlog.errors import LogError
from oddlog.logs.blocks import blocks
from oddlog.logs.decoder import Decoder
from oddlog.logs.frames import to_zat
from oddlog.logs.lines import Lines, without_returns
from oddlog.logs.schema import ZEEK_TYPES, spelling
from oddlog.logs.tsv import Header, read_rows, tells

if TYPE_CHECKING:
    import os

    from oddlog.logs.checked import Wrong

__all__ = ["ArrowLogToDataFrame"]


class ArrowLogToDataFrame(LogToDataFrame):  # type: ignore[misc]  # zat is untyped
    """`zat.log_to_dataframe.LogToDataFrame`, several times faster, for paths, bytes and gzip.

    It also reads what zat gets wrong: a ``#`` or ``"`` in a value, ``NA`` and ``null`` as names, Zeek's escapes and
    ``(empty)``, columns that are empty at the end, JSON lines.

    Attributes
    ----------
    errors : list of LogError
        Lines the last call left out, as they do not fit the header.
    """

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[LogError] = []
        self._source = "<bytes>"
        self._lines = Lines.split(b"", 1)
        self._header = Header()

    def create_dataframe(
        self,
        log_filename: str | os.PathLike[str] | bytes | bytearray | memoryview,
        ts_index: bool = True,
        aggressive_category: bool = True,
        usecols: list[str] | None = None,
    ) -> pd.DataFrame:
        """Read one whole log.

        Parameters
        ----------
        log_filename : path-like or bytes-like
            A file, plain or gzipped, or what stands in one; TSV, or JSON lines of a conn, dce_rpc or ntlm log.
        ts_index, aggressive_category, usecols
            As zat has them.

        Raises
        ------
        LogError
            There is no header and no record.
        """
        self.errors = []
        data = self._bytes(log_filename)
        if data.startswith(b"{"):
            return self._objects(data, ts_index, usecols)
        lines = Lines.split(without_returns(data if data.endswith(b"\n") else data + b"\n"), 1)
        self._read_header(lines)
        with tempfile.NamedTemporaryFile("w", suffix=".log", encoding="utf-8") as header:
            # zat reads headers from files alone, and never ends on one without #fields.
            header.write("#fields\t" + "\t".join(self._header.fields) + "\n")
            header.write("#types\t" + "\t".join(self._header.types) + "\n")
            header.flush()
            # zat appends to `usecols`, and sets its index in a way that pandas 4 will not have.
            chosen = usecols and [*usecols]
            frame: pd.DataFrame = super().create_dataframe(header.name, False, aggressive_category, chosen)
        return frame.set_index("ts") if ts_index and "ts" in frame and not frame.empty else frame

    def _bytes(self, log: str | os.PathLike[str] | bytes | bytearray | memoryview) -> bytes:
        if isinstance(log, (bytes, bytearray, memoryview)):
            self._source = "<bytes>"
            return bytes(log)
        self._source = str(log)
        return b"".join(block for block, _ in blocks(Path(log)))

    def _read_header(self, lines: Lines) -> None:
        self._header = Header()
        first = lines.bytes_at(lines.starts)
        for row in np.flatnonzero(first == ord("#")):
            if tells(lines[int(row)]):
                self._header = self._header.read(lines[int(row)])
        if not self._header.fields:
            found = lines[0][:80].decode("utf-8", "backslashreplace") if len(lines) else ""
            raise LogError(self._source, 1, "line", "the header of a Zeek log", found)
        self._lines = lines.where((first != ord("#")) & (first != ord("\n")))

    def _create_initial_df(
        self,
        log_filename: str,  # noqa: ARG002
        all_fields: list[str],  # noqa: ARG002
        usecols: list[str] | None,
        dtypes: dict[str, Any],
    ) -> pd.DataFrame:
        types = dict(zip(self._header.fields, self._header.types, strict=False))
        wanted = {spelling(name): types[name] for name in types if name in dtypes and (not usecols or name in usecols)}
        lines, unreadable = self._lines, self._lines.unreadable()
        self._leave_out(lines, unreadable)
        if unreadable:
            lines = lines.where(_without(len(lines), unreadable))
        columns, wrong = read_rows(lines, self._header, wanted)
        self._leave_out(lines, wrong)
        good = _without(len(lines), wrong)
        return pd.DataFrame(
            {
                name: columns[spelling(name)].to_pandas()[good].reset_index(drop=True).astype(kind)
                for name, kind in dtypes.items()
            }
        )

    def _leave_out(self, lines: Lines, wrong: Wrong) -> None:
        self.errors += [LogError(self._source, int(lines.numbers[row]), *wrong[row]) for row in sorted(wrong)]

    def _objects(self, data: bytes, ts_index: bool, usecols: list[str] | None) -> pd.DataFrame:
        decoder = Decoder(self._source, on_bad=self.errors.append)
        batches = decoder.feed(data, final=True)
        if not batches:
            raise LogError(self._source, 1, "line", "a record of a conn, dce_rpc or ntlm log", "none")
        frame = pd.concat([to_zat(batch.table, ZEEK_TYPES[batch.log]) for batch in batches], ignore_index=True)
        frame = frame[["ts", *(name for name in usecols if name != "ts")]] if usecols else frame
        return frame.set_index("ts") if ts_index else frame


def _without(length: int, rows: Wrong) -> np.ndarray[Any, np.dtype[np.bool_]]:
    keep = np.ones(length, np.bool_)
    keep[list(rows)] = False
    return keep
