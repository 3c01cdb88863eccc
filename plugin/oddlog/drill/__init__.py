"""Attacks put into copies of a site's own logs, to see which of them would be told of."""

from oddlog.drill.running import TIMES, drill
from oddlog.drill.words import drill_lines

__all__ = ["TIMES", "drill", "drill_lines"]
