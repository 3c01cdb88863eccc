"""Findings to notices: what is said, in which words, and where it is written."""

from oddlog.notices.amounts import rarity_words
from oddlog.notices.finding import Finding
from oddlog.notices.notice import MOST_BYTES, TSV_HEADER, json_line, tsv_line
from oddlog.notices.queue import CEILING, WEAK, Candidate, Queue
from oddlog.notices.words import message, reason_words
from oddlog.notices.writer import NoticeWriter, notice_ids

__all__ = [
    "CEILING",
    "MOST_BYTES",
    "TSV_HEADER",
    "WEAK",
    "Candidate",
    "Finding",
    "NoticeWriter",
    "Queue",
    "json_line",
    "message",
    "notice_ids",
    "rarity_words",
    "reason_words",
    "tsv_line",
]
