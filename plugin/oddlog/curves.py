"""Loss curves of a comparison, as a picture. Needs the extra `report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from pathlib import Path

    from oddlog.compare import Comparison

__all__ = ["draw"]

_STYLES = {"adam": "-", "sgd": "--"}


def draw(comparison: Comparison, folder: Path) -> list[Path]:
    """Draw the training loss of each model on the part it is stopped by, a panel for each feature set.

    Returns
    -------
    list of Path
        ``loss.svg`` and ``loss.png``.
    """
    sets = comparison.choice.features
    colors = {name: f"C{number}" for number, name in enumerate(comparison.choice.architectures)}
    figure = Figure(figsize=(4.5 * len(sets) + 1.5, 4), layout="constrained")
    panels = figure.subplots(1, len(sets), squeeze=False)[0]
    for panel, features in zip(panels, sets, strict=True):
        for row in comparison.rows:
            architecture, of, optimizer = row.kind
            if of == features:
                losses = [epoch.validation for epoch in row.trials[0].history]
                label = f"{architecture}, {optimizer}"
                epochs = range(1, len(losses) + 1)
                panel.plot(epochs, losses, _STYLES[optimizer], color=colors[architecture], label=label, linewidth=1.2)
        panel.set(title=features, xlabel="epoch", yscale="log")
        panel.grid(visible=True, which="both", alpha=0.2)
    panels[0].set_ylabel(f"{comparison.choice.loss} on the latest tenth of the training part")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper", fontsize="small")
    paths = [folder / "loss.svg", folder / "loss.png"]
    # Text as text, and neither time nor chance in the file: one comparison, one picture.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "oddlog"}):
        figure.savefig(paths[0], metadata={"Date": None})
        figure.savefig(paths[1], dpi=150)
    return paths
