"""Read scores and labels, and say exactly what is wrong with a file that is neither."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from oddlog.errors import LogError, OddlogError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_labels", "read_scores"]

SCORE_COLUMNS = {
    "log": pa.string(),
    "uid": pa.string(),
    "ts": pa.float64(),
    "orig_h": pa.string(),
    "detector": pa.string(),
    "score": pa.float64(),
    "rarity": pa.float64(),
}
NEVER_NULL = ("log", "ts", "detector")
LABEL_COLUMNS = ("log", "uid", "ts", "label", "attack")
UNSET = ("-", "")


def read_scores(path: Path) -> pd.DataFrame:
    """Read a scores.parquet, or a folder of parts.

    Parameters
    ----------
    path : Path
        As `oddlog score` writes it.

    Returns
    -------
    pandas.DataFrame
        Columns `log`, `uid`, `ts` (s), `orig_h`, `detector`, `score`, `rarity` (days) and `window_s` (s, NaN for a
        plain record).

    Raises
    ------
    OddlogError
        No Parquet, a column is missing or of another type, or a row has no log, ts or detector.
    """
    try:
        present = set(pq.ParquetDataset(path).schema.names)
        table = pq.read_table(path, columns=[name for name in (*SCORE_COLUMNS, "window_s") if name in present])
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise OddlogError(f"{path}: not a Parquet file that can be read: {str(error).splitlines()[0]}") from error
    scores = {}
    for name, kind in SCORE_COLUMNS.items():
        if name not in present:
            raise OddlogError(f"{path}: the column {name} is missing: is this a scores.parquet of oddlog score?")
        scores[name] = _column(path, table, name, kind)
        if name in NEVER_NULL and scores[name].null_count:
            row = scores[name].is_null().index(pa.scalar(value=True)).as_py()
            raise OddlogError(f"{path}: row {row + 1} has no {name}")
    if "window_s" in present:
        scores["window_s"] = _column(path, table, "window_s", pa.float64())
    else:
        scores["window_s"] = pa.nulls(table.num_rows, pa.float64())
    frame: pd.DataFrame = pa.table(scores).to_pandas()
    return frame


def _column(path: Path, table: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray:
    try:
        return table[name].cast(kind)
    except pa.ArrowException as error:
        raise OddlogError(f"{path}: the column {name} should be {kind}, it is {table[name].type}") from error


def read_labels(path: Path) -> pd.DataFrame:
    """Read tab-separated labels.

    Parameters
    ----------
    path : Path
        A header line that names at least `log`, `uid`, `ts`, `label` and `attack`; `-` is unset.

    Returns
    -------
    pandas.DataFrame
        Columns `log`, `uid`, `ts` (s, NaN if unset), `label` (bool), `attack`, `orig_h` (None where the file has no
        such column or value).

    Raises
    ------
    OddlogError
        No header, a line of another length, a label that is not 0 or 1, a ts that is no number.
    """
    with path.open("rb") as file:
        header = file.readline().decode(errors="replace").rstrip("\r\n").split("\t")
    for name in LABEL_COLUMNS:
        if name not in header:
            raise LogError(str(path), 1, "the header", f"tab-separated and name {name}", "\t".join(header))
    wanted = [*LABEL_COLUMNS, *(["orig_h"] if "orig_h" in header else [])]
    try:
        table = pacsv.read_csv(
            path,
            # One thread, so that an error names its row.
            read_options=pacsv.ReadOptions(use_threads=False),
            parse_options=pacsv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=pacsv.ConvertOptions(
                include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowException as error:
        raise OddlogError(f"{path}: {str(error).splitlines()[0]}") from error
    read: pd.DataFrame = table.to_pandas()
    _check(path, read["label"].isin(["0", "1"]), read["label"], "label", "0 or 1")
    # A ts is a decimal number of seconds; to_numeric would read `True` and `inf` too.
    unset = read["ts"].str.lower().isin([*UNSET, "nan"])
    _check(path, unset | read["ts"].str.fullmatch(r"-?\d+(\.\d*)?([eE][+-]?\d+)?"), read["ts"], "ts", "epoch seconds")
    return pd.DataFrame(
        {
            "log": read["log"],
            "uid": read["uid"].mask(read["uid"].isin(UNSET)),
            "ts": read["ts"].mask(unset, "nan").astype("float64"),
            "label": read["label"] == "1",
            "attack": read["attack"],
            "orig_h": read["orig_h"].mask(read["orig_h"].isin(UNSET)) if "orig_h" in header else None,
        }
    )


def _check(path: Path, good: pd.Series, found: pd.Series, field: str, expected: str) -> None:
    bad = np.flatnonzero(~good.to_numpy(dtype=bool))
    if bad.size:
        # The reader skips blank lines, the reader of the message counts them.
        with path.open("rb") as file:
            lines = (number for number, line in enumerate(file, start=1) if line.strip(b"\r\n"))
            line = next(islice(lines, int(bad[0]) + 1, None))
        raise LogError(str(path), line, field, expected, str(found.iloc[bad[0]]))
