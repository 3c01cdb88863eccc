"""`score` on a Dask cluster: the same road, a task for each stretch of a log, and the same answers."""

from oddlog.cluster.client import connect, score

__all__ = ["connect", "score"]
