"""Findings to notices: what is said, in which words, and where it is written."""

from oddlog.notices.amounts import rarity_words
from oddlog.notices.finding import Finding
from oddlog.notices.notice import MOST_BYTES, TSV_HEADER, json_line, tsv_line
from oddlog.notices.ordinals import Ordinals
from oddlog.notices.remark import Remark
from oddlog.notices.words import message, reason_words
from oddlog.notices.writer import NoticeWriter, notice_ids

__all__ = [
    "MOST_BYTES",
    "TSV_HEADER",
    "Finding",
    "NoticeWriter",
    "Ordinals",
    "Remark",
    "json_line",
    "message",
    "notice_ids",
    "rarity_words",
    "reason_words",
    "tsv_line",
]
