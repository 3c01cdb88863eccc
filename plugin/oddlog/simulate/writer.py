"""Columns to Zeek's own lines: TSV with its header, or JSON."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from gzip import GzipFile
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FIELDS", "Coded", "Format", "LogWriter", "write_labels"]

Format = Literal["tsv", "json"]

_IDS = (
    ("ts", "time"),
    ("uid", "string"),
    ("id.orig_h", "addr"),
    ("id.orig_p", "port"),
    ("id.resp_h", "addr"),
    ("id.resp_p", "port"),
)
FIELDS: dict[str, tuple[tuple[str, str], ...]] = {
    "conn": (
        *_IDS,
        ("proto", "enum"),
        ("service", "string"),
        ("duration", "interval"),
        ("orig_bytes", "count"),
        ("resp_bytes", "count"),
        ("conn_state", "string"),
        ("local_orig", "bool"),
        ("local_resp", "bool"),
        ("missed_bytes", "count"),
        ("history", "string"),
        ("orig_pkts", "count"),
        ("orig_ip_bytes", "count"),
        ("resp_pkts", "count"),
        ("resp_ip_bytes", "count"),
        ("tunnel_parents", "set[string]"),
        ("ip_proto", "count"),
    ),
    "ntlm": (
        *_IDS,
        ("username", "string"),
        ("hostname", "string"),
        ("domainname", "string"),
        ("server_nb_computer_name", "string"),
        ("server_dns_computer_name", "string"),
        ("server_tree_name", "string"),
        ("success", "bool"),
    ),
    "dce_rpc": (
        *_IDS,
        ("rtt", "interval"),
        ("named_pipe", "string"),
        ("endpoint", "string"),
        ("operation", "string"),
    ),
}
_CHUNK = 200_000
"""Rows formatted at once; keeps memory small and Arrow's 32-bit string offsets in range."""


@dataclass(frozen=True)
class Coded:
    """A column of strings as codes into a table; -1 is unset."""

    codes: npt.NDArray[np.int64]
    values: list[str]

    def __len__(self) -> int:
        return len(self.codes)


Column = npt.NDArray[Any] | Coded


class _Formatter:
    """Turns columns into texts, each value formatted once per distinct string."""

    def __init__(self, log: str, how: Format) -> None:
        self._fields, self._how = FIELDS[log], how

    def lines(self, columns: dict[str, Column], start: int, stop: int) -> bytes:
        texts = [self._text(name, kind, columns.get(name), start, stop) for name, kind in self._fields]
        if self._how == "tsv":
            # A column's null becomes "-", so the separator never moves.
            rows = pc.binary_join_element_wise(*texts, "\t", null_handling="replace", null_replacement="-")
            rows = pc.binary_join_element_wise(rows, "\n", "")
        else:
            rows = pc.binary_join_element_wise(*texts, ",", null_handling="skip")
            rows = pc.binary_join_element_wise("{", rows, "}\n", "")
        return _bytes(rows)

    def _text(self, name: str, kind: str, column: Column | None, start: int, stop: int) -> pa.Array:
        if column is None:
            return pa.nulls(stop - start, pa.string())
        if isinstance(column, Coded):
            codes = column.codes[start:stop]
            index = pa.array(codes, pa.int64(), mask=codes < 0)
            return pc.take(pa.array([self._string(name, value) for value in column.values], pa.string()), index)
        text = self._number(kind, column[start:stop])
        if self._how == "tsv":
            return text
        quote = '"' if kind in ("string", "addr") else ""
        return pc.binary_join_element_wise(f'"{name}":{quote}', text, quote, "")

    def _string(self, name: str, value: str) -> str:
        return f'"{name}":{json.dumps(value)}' if self._how == "json" else value.replace("\\", "\\\\")

    def _number(self, kind: str, values: npt.NDArray[Any]) -> pa.Array:
        if kind == "string":
            return pa.array(values).cast(pa.binary()).cast(pa.string())
        if kind == "bool":
            words = ["false", "true"] if self._how == "json" else ["F", "T"]
            return pc.take(pa.array(words), pa.array(values, pa.int64(), mask=values < 0))
        if kind in ("time", "interval"):
            return _six_decimals(values, trim=self._how == "json")
        return pa.array(values, pa.int64(), mask=values < 0).cast(pa.string())


def _six_decimals(micros: npt.NDArray[np.int64], *, trim: bool) -> pa.Array:
    """Microseconds as seconds; JSON drops zeros at the end but keeps one decimal, as Zeek's does."""
    unset = micros < 0
    whole = pa.array(micros // 1_000_000, mask=unset).cast(pa.string())
    rest = pc.utf8_lpad(pa.array(micros % 1_000_000, mask=unset).cast(pa.string()), 6, "0")
    if trim:
        rest = pc.utf8_rtrim(rest, "0")
        rest = pc.if_else(pc.equal(rest, ""), "0", rest)
    return pc.binary_join_element_wise(whole, rest, ".")


def _bytes(rows: pa.Array) -> bytes:
    offsets = np.frombuffer(rows.buffers()[1], np.int32)[rows.offset : rows.offset + len(rows) + 1]
    return bytes(memoryview(rows.buffers()[2])[offsets[0] : offsets[-1]]) if len(rows) else b""


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO | GzipFile]:
    if path.suffix == ".gz":
        # No name and no time inside: the same seed gives the same bytes.
        with path.open("wb") as raw, GzipFile("", "wb", 6, raw, mtime=0) as zipped:
            yield zipped
    else:
        with path.open("wb") as raw:
            yield raw


@dataclass(frozen=True)
class LogWriter:
    """Writes whole logs into one day's folder.

    Parameters
    ----------
    folder : pathlib.Path
    how : {"tsv", "json"}
    gzip : bool
    """

    folder: Path
    how: Format
    gzip: bool

    def write(self, log: str, columns: dict[str, Column], opened: float) -> Path:
        """Write one log.

        Parameters
        ----------
        log : {"conn", "ntlm", "dce_rpc"}
        columns : dict
            By Zeek's field name, in log order; times and intervals as int64 microseconds, numbers -1 where unset. A
            field without a column is unset throughout.
        opened : float
            Epoch of `#open`; the log closes a day later.

        Returns
        -------
        pathlib.Path
        """
        path = self.folder / f"{log}.log{'.gz' if self.gzip else ''}"
        formatter = _Formatter(log, self.how)
        rows = len(columns["ts"])
        with _open(path) as out:
            if self.how == "tsv":
                out.write(_header(log, opened))
            for start in range(0, rows, _CHUNK):
                out.write(formatter.lines(columns, start, min(start + _CHUNK, rows)))
            if self.how == "tsv":
                out.write(f"#close\t{_stamp(opened + 86_400)}\n".encode())
        return path


def _stamp(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d-%H-%M-%S")


def _header(log: str, opened: float) -> bytes:
    names, types = zip(*FIELDS[log], strict=True)
    lines = (
        "#separator \\x09",
        "#set_separator\t,",
        "#empty_field\t(empty)",
        "#unset_field\t-",
        f"#path\t{log}",
        f"#open\t{_stamp(opened)}",
        "\t".join(("#fields", *names)),
        "\t".join(("#types", *types)),
    )
    return "".join(f"{line}\n" for line in lines).encode()


def write_labels(
    out: BinaryIO, log: str, uid: npt.NDArray[np.bytes_], ts: npt.NDArray[np.int64], attack: Coded
) -> None:
    """Append one row per record: log, uid, ts, label, attack."""
    for start in range(0, len(uid), _CHUNK):
        part = slice(start, start + _CHUNK)
        codes = attack.codes[part]
        names = pc.take(pa.array(attack.values, pa.string()), pa.array(codes, pa.int64(), mask=codes < 0))
        label = pc.take(pa.array(["0", "1"]), pa.array((codes >= 0).astype(np.int64)))
        rows = pc.binary_join_element_wise(
            log,
            pa.array(uid[part]).cast(pa.binary()).cast(pa.string()),
            _six_decimals(ts[part], trim=False),
            label,
            names,
            "\t",
            null_handling="replace",
            null_replacement="-",
        )
        out.write(_bytes(pc.binary_join_element_wise(rows, "\n", "")))
