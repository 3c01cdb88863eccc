"""Findings to notices: what is said, in which words, and where it is written."""

from oddlog.notices.amounts import budget_words, count_words, duration_words, notices_words, rarity_words, share_words
from oddlog.notices.beside import amount_words, behaviour_name, beside_words, typical_words
from oddlog.notices.candidate import WEAK, Candidate, by_clock
from oddlog.notices.finding import Finding
from oddlog.notices.incidents import INCIDENT
from oddlog.notices.notice import MOST_BYTES, TSV_HEADER, json_line, tsv_line
from oddlog.notices.ordinals import Ordinals
from oddlog.notices.queue import CEILING, Queue
from oddlog.notices.remark import Remark
from oddlog.notices.words import message, reason_words
from oddlog.notices.writer import NoticeWriter, notice_ids

__all__ = [
    "CEILING",
    "INCIDENT",
    "MOST_BYTES",
    "TSV_HEADER",
    "WEAK",
    "Candidate",
    "Finding",
    "NoticeWriter",
    "Ordinals",
    "Queue",
    "Remark",
    "amount_words",
    "behaviour_name",
    "beside_words",
    "budget_words",
    "by_clock",
    "count_words",
    "duration_words",
    "json_line",
    "message",
    "notice_ids",
    "notices_words",
    "rarity_words",
    "reason_words",
    "share_words",
    "tsv_line",
    "typical_words",
]
