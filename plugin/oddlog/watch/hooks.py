"""What whoever runs a watch may have a say in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from oddlog_core.bundle import Bundle

    from oddlog.config import Config

__all__ = ["Hooks"]


@dataclass(frozen=True, slots=True)
class Hooks:
    """Called on the watch's thread.

    Attributes
    ----------
    beat : callable
        Called about twice a second or more often, also while a full disk is waited for; first when the logs are being
        followed. Not called while a long replay or a batch is scored.
    renewed : callable
        Asked at every turn; a bundle and a configuration to go on with, or None. The state is kept: a checkpoint is
        written and read back, and detectors to which the old state means nothing start afresh.
    """

    beat: Callable[[], object] = lambda: None
    renewed: Callable[[], tuple[Bundle, Config] | None] = lambda: None
