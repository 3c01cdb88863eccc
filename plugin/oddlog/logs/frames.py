"""Batches as the frames zat makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from zat.log_to_dataframe import LogToDataFrame

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["to_zat"]


def to_zat(table: pa.RecordBatch, zeek_types: Mapping[str, str]) -> pd.DataFrame:
    """Columns as zat types them.

    Parameters
    ----------
    table : RecordBatch
        Columns of a log; times and intervals as such, text as text.
    zeek_types : mapping of str to str
        Zeek's type of each.
    """
    kinds = LogToDataFrame().pd_column_types(list(zeek_types), list(zeek_types.values()))
    columns = {}
    for name, zeek_type in zeek_types.items():
        column = table[name]
        if zeek_type in {"time", "interval"}:
            seconds = pc.divide(column.cast(pa.int64()).cast(pa.float64()), 1e6).to_pandas()
            convert = pd.to_datetime if zeek_type == "time" else pd.to_timedelta
            columns[name] = convert(seconds, unit="s")
        else:
            if pa.types.is_boolean(column.type):
                column = pc.if_else(column, "T", "F")
            columns[name] = column.to_pandas().astype(kinds[name])
    return pd.DataFrame(columns)
