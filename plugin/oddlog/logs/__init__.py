"""Zeek's logs to batches."""

from oddlog.logs.batch import Batch
from oddlog.logs.count import ReadCount
from oddlog.logs.decoder import Decoder
from oddlog.logs.schema import LOGS, SCHEMAS, ZEEK_TYPES, log_of_fields, log_of_name

__all__ = [
    "LOGS",
    "SCHEMAS",
    "ZEEK_TYPES",
    "Batch",
    "Decoder",
    "ReadCount",
    "log_of_fields",
    "log_of_name",
]
