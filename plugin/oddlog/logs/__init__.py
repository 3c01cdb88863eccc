"""Zeek's logs to batches."""

from oddlog.logs.archive import Logs, open_logs
from oddlog.logs.batch import Batch, Order
from oddlog.logs.count import ReadCount
from oddlog.logs.decoder import Decoder
from oddlog.logs.schema import LOGS, SCHEMAS, ZEEK_TYPES, log_of_fields, log_of_name
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
