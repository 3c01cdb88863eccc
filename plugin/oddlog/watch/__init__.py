"""`watch`: live logs to a notice.log that grows, with checkpoints."""

from oddlog.watch.counters import Counters
from oddlog.watch.hooks import Hooks
from oddlog.watch.run import watch

__all__ = ["Counters", "Hooks", "watch"]
