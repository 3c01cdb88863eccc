"""Judge a scores file by labels: how early in the queue the attacks stand."""

from oddlog.evaluate.judging import Evaluation, Found, evaluate
from oddlog.evaluate.measures import Measures
from oddlog.evaluate.reading import read_labels, read_scores

__all__ = ["Evaluation", "Found", "Measures", "evaluate", "read_labels", "read_scores"]
