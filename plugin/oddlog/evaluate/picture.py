"""Curves of scores as a picture: what each queue finds, and what that costs. Needs the extra `report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from oddlog.evaluate.intervals import OVERALL
from oddlog.evaluate.judging import FALSE_ALARMS_A_DAY, alone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from oddlog.evaluate.judging import Queues
    from oddlog.evaluate.measures import Queue

__all__ = ["draw"]

_STYLES = ("-", "--", ":", "-.")


def draw(named: Mapping[str, Queues], path: Path) -> None:
    """Draw ROC, precision over recall, and recall over alerts a day: of each queue, and of each attack.

    Parameters
    ----------
    named : mapping of str to Queues
        By what a scores file is called; each has a style of line of its own.
    path : Path
        SVG or PNG, by its suffix.
    """
    figure = Figure(figsize=(13.5, 8), layout="constrained")
    upper, lower = figure.subplots(2, 3)
    for (file, queues), style in zip(named.items(), [*_STYLES] * len(named), strict=False):
        before = f"{file}: " if len(named) > 1 else ""
        for panels, curves in ((upper, _by_detector(queues)), (lower, _by_attack(queues))):
            for number, (name, queue) in enumerate(curves):
                if queue.judgeable:
                    _lines(panels, queue, queues.days, f"{before}{name}", style, f"C{number % 10}")
    for panels, what in ((upper, "detector"), (lower, "attack, without the others")):
        for panel, (title, across, up) in zip(panels, _PANELS, strict=True):
            panel.set(title=f"{title} by {what}", xlabel=across, ylabel=up)
            panel.set_ylim(-0.02, 1.02)
            panel.grid(visible=True, which="both", alpha=0.2)
        panels[0].set(xscale="log", xlim=(1e-5, 1))
        panels[2].set(xscale="log")
        panels[2].axvline(FALSE_ALARMS_A_DAY, color="0.5", linewidth=0.8, linestyle=":")
        handles, texts = panels[0].get_legend_handles_labels()
        panels[2].legend(handles, texts, loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize="small", frameon=False)
    # Text as text, and neither time nor chance in the file: the same scores, the same picture.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "oddlog"}):
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=120, metadata=metadata)


_PANELS = (
    ("ROC", "share of false alarms", "recall"),
    ("precision", "recall", "precision"),
    ("alerts", "alerts a day, false and true", "recall"),
)


def _by_detector(queues: Queues) -> Iterator[tuple[str, Queue]]:
    yield OVERALL, queues.common
    yield from ((name, queue) for name, (_, queue) in queues.own.items())


def _by_attack(queues: Queues) -> Iterator[tuple[str, Queue]]:
    for name in queues.attacks:
        yield name, queues.common.reweighed(alone(queues.common, queues.rows_of(name)))


def _lines(panels: np.ndarray, queue: Queue, days: float, label: str, style: str, color: str) -> None:
    false, true = queue.curve
    told = {"label": label, "linestyle": style, "color": color, "linewidth": 1.2}
    kept = _corners(true)
    false, true = false[kept], true[kept]
    panels[0].plot(false / false[-1], true / true[-1], drawstyle="steps-post", **told)
    alarms = false + true > 0
    false, true = false[alarms], true[alarms]
    panels[1].plot(true / true[-1], true / (false + true), drawstyle="steps-pre", **told)
    panels[2].plot((false + true) / days, true / true[-1], drawstyle="steps-post", **told)


def _corners(true: np.ndarray) -> np.ndarray:
    """Thresholds where recall grows, and those just before: between them a line is level, and need not be drawn."""
    grows = np.flatnonzero(np.diff(true, prepend=-1) > 0)
    return np.unique(np.concatenate([[0], np.maximum(grows - 1, 0), grows, [len(true) - 1]]))
