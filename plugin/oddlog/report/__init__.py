"""The page that shows what a bundle has learned."""

from oddlog.report.page import page

__all__ = ["page"]
