"""Judge a scores file by labels: how early in the queue the attacks stand."""

from oddlog.evaluate.intervals import Interval, intervals
from oddlog.evaluate.judging import Evaluation, Found, Queues, evaluate, evaluated, in_queues
from oddlog.evaluate.measures import Measures
from oddlog.evaluate.reading import read_labels, read_scores

__all__ = [
    "Evaluation",
    "Found",
    "Interval",
    "Measures",
    "Queues",
    "evaluate",
    "evaluated",
    "in_queues",
    "intervals",
    "read_labels",
    "read_scores",
]
