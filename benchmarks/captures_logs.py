"""Zeek's three logs as text, as the judgement by captures moves them about: read, cut, mixed and written."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
from oddlog.simulate.writer import FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    Record = dict[str, str]

__all__ = ["LOGS", "Lines", "moment", "read_columns", "read_records"]

LOGS = ("conn", "ntlm", "dce_rpc")
_NAMES = {log: [name for name, _ in fields] for log, fields in FIELDS.items()}
_NUMBERS = {"ts": pa.float64(), "duration": pa.float64()}


def read_records(path: Path) -> list[Record]:
    """Records of a capture's log, TSV or JSON, plain or gzipped, as text; unset is `-`."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt") as lines:
        fields: list[str] = []
        records = []
        for line in lines:
            if line.startswith("#fields"):
                fields = line.rstrip("\n").split("\t")[1:]
            elif line.startswith("{"):
                record = {name: str(value) for name, value in json.loads(line).items()}
                records.append(record | {"ts": f"{datetime.fromisoformat(record['ts']).timestamp():.6f}"})
            elif not line.startswith("#"):
                records.append(dict(zip(fields, line.rstrip("\n").split("\t"), strict=True)))
    return records


def moment(record: Record) -> float:
    """When Zeek could have told of a record: its end if it is a connection."""
    duration = record.get("duration", "-")
    return float(record["ts"]) + (float(duration) if duration != "-" else 0.0)


def read_columns(path: Path, log: str, names: Iterable[str]) -> pd.DataFrame:
    """Read some columns of a log that the simulator wrote; times and durations as numbers, all else as text."""
    table = pc.read_csv(
        path,
        read_options=pc.ReadOptions(skip_rows=8, column_names=_NAMES[log]),
        parse_options=pc.ParseOptions(delimiter="\t", quote_char=False, invalid_row_handler=lambda _: "skip"),
        convert_options=pc.ConvertOptions(
            include_columns=list(names),
            column_types={name: _NUMBERS.get(name, pa.string()) for name in names},
            null_values=["-"],
            strings_can_be_null=False,
        ),
    )
    return table.to_pandas()


@dataclass(frozen=True)
class Lines:
    """A log's lines in Zeek's order.

    Attributes
    ----------
    log : str
    header : bytes
    lines : list of bytes
        Without their line ends.
    moments : (n_lines,) float64
        Seconds since the epoch; rising.
    """

    log: str
    header: bytes
    lines: list[bytes]
    moments: NDArray[np.float64]

    @classmethod
    def read(cls, path: Path, log: str) -> Self:
        """Read a log that the simulator wrote."""
        lines = path.read_bytes().split(b"\n")
        header = b"\n".join(lines[:8])
        lines = [line for line in lines[8:] if line and not line.startswith(b"#")]
        times = read_columns(path, log, ("ts", "duration") if log == "conn" else ("ts",))
        return cls(log, header, lines, np.maximum.accumulate(times.fillna(0).sum(axis=1).to_numpy()))

    def between(self, since: float, until: float) -> Self:
        """Cut out the lines of a stretch of time, its end left out."""
        a, b = np.searchsorted(self.moments, [since, until])
        return type(self)(self.log, self.header, self.lines[a:b], self.moments[a:b])

    def record(self, i: int) -> Record:
        """Give one line's record."""
        return dict(zip(_NAMES[self.log], self.lines[i].decode().split("\t"), strict=True))

    def mixed(self, records: Iterable[Record]) -> Self:
        """Put records among the lines, each where its time is."""
        records = sorted(records, key=moment)
        own = np.array([moment(record) for record in records])
        places = np.searchsorted(self.moments, own, side="right")
        texts = ["\t".join(record.get(name, "-") for name in _NAMES[self.log]).encode() for record in records]
        lines: list[bytes] = []
        since = 0
        for place, text in zip(places.tolist(), texts, strict=True):
            lines += self.lines[since:place]
            lines.append(text)
            since = place
        lines += self.lines[since:]
        return type(self)(self.log, self.header, lines, np.insert(self.moments, places, own))

    def write(self, path: Path) -> Path:
        """Write a log that oddlog reads."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\n".join([self.header, *self.lines, b""]))
        return path
