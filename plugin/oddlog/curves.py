"""Loss curves of a comparison, as a picture. Needs the extra `report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

if TYPE_CHECKING:
    from pathlib import Path

    from oddlog.compare import Comparison

__all__ = ["draw"]

_STYLES = {"adam": "-", "sgd": "--"}


def draw(comparison: Comparison, folder: Path) -> list[Path]:
    """Draw the training loss of each model on the part it is stopped by, a panel for each feature set on one scale.

    Returns
    -------
    list of Path
        ``loss.svg`` and ``loss.png``.
    """
    sets = comparison.choice.features
    colors = {name: f"C{number}" for number, name in enumerate(comparison.choice.architectures)}
    figure = Figure(figsize=(4 * len(sets) + 1.5, 5), layout="constrained")
    panels = figure.subplots(1, len(sets), squeeze=False, sharey=True)[0]
    for panel, features in zip(panels, sets, strict=True):
        for row in comparison.rows:
            architecture, of, optimizer = row.kind
            if of == features:
                losses = [epoch.validation for epoch in row.trials[0].history]
                label = f"{architecture}, {optimizer}"
                epochs = range(1, len(losses) + 1)
                panel.plot(epochs, losses, _STYLES[optimizer], color=colors[architecture], label=label, linewidth=1.2)
        panel.set(title=features, xlabel="epoch", yscale="log")
        panel.grid(visible=True, alpha=0.3)
    curves = [[epoch.validation for epoch in row.trials[0].history] for row in comparison.rows]
    # One that begins, or stays, far above all others must not flatten them.
    low, high = 0.95 * min(map(min, curves)), 1.5 * float(np.median([losses[0] for losses in curves]))
    steps = np.array([1.0, 1.5, 2.0, 3.0, 5.0, 7.0]) * 10.0 ** np.arange(-4, 3)[:, None]
    shown = steps[(steps > low) & (steps < high)]
    panels[0].set_ylim(low, high)
    panels[0].yaxis.set_major_locator(FixedLocator(shown))
    panels[0].yaxis.set_minor_locator(NullLocator())
    panels[0].yaxis.set_major_formatter("{x:g}")
    panels[0].set_ylabel(f"{comparison.choice.loss} on the latest tenth of the training part")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper", fontsize="small")
    paths = [folder / "loss.svg", folder / "loss.png"]
    # Text as text, and neither time nor chance in the file: one comparison, one picture.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "oddlog"}):
        figure.savefig(paths[0], metadata={"Date": None})
        figure.savefig(paths[1], dpi=150)
    return paths
