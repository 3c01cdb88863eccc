"""Zeek's logs to batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oddlog.logs.archive import Logs, open_logs
from oddlog.logs.batch import Batch, Order
from oddlog.logs.count import ReadCount
from oddlog.logs.decoder import Decoder
from oddlog.logs.schema import LOGS, SCHEMAS, ZEEK_TYPES, log_of_fields, log_of_name

if TYPE_CHECKING:
    from oddlog.logs.zat_frame import ArrowLogToDataFrame

__all__ = [
    "LOGS",
    "SCHEMAS",
    "ZEEK_TYPES",
    "ArrowLogToDataFrame",
    "Batch",
    "Decoder",
    "Logs",
    "Order",
    "ReadCount",
    "log_of_fields",
    "log_of_name",
    "open_logs",
]


def __getattr__(name: str) -> Any:
    # Of all that is here only this needs pandas, a third of a second at every start.
    if name == "ArrowLogToDataFrame":
        from oddlog.logs.zat_frame import ArrowLogToDataFrame  # noqa: PLC0415

        return ArrowLogToDataFrame
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
