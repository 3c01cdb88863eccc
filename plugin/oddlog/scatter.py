"""Hosts by what they called, as a picture coloured by cluster. Needs the extra `report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

if TYPE_CHECKING:
    from pathlib import Path

    from oddlog.profile import Profile

__all__ = ["draw"]

_MOST_NAMED = 12
# Okabe and Ito, Color universal design (2008): told apart by those who see few colours, too.
_COLORS = ("#0072B2", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#F0E442", "#000000")
_ODD = "#D55E00"


def draw(found: Profile, folder: Path) -> list[Path]:
    """Draw each host at its distinct responders and operations, as large as it made calls, the odd cluster named.

    Returns
    -------
    list of Path
        ``hosts.svg`` and ``hosts.png``.
    """
    numbers, label, hosts = found.table.numbers, found.clusters.label, found.table.hosts
    responders, calls, operations = numbers[:, 1], numbers[:, 3], numbers[:, 4]
    area = 12 + 60 * np.log1p(calls) / max(float(np.log1p(calls.max())), 1.0)
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots()
    colors = iter(_COLORS * (1 + len(found.clusters.centroids) // len(_COLORS)))
    size = np.bincount(label, minlength=len(found.clusters.centroids)).tolist()
    # The largest first, so that what is few lies on top.
    for k in sorted(range(len(size)), key=lambda k: -size[k]):
        of, odd = label == k, k == found.odd
        axes.scatter(
            responders[of],
            operations[of],
            area[of],
            color=_ODD if odd else next(colors),
            marker="D" if odd else "o",
            alpha=0.75,
            edgecolors="white",
            linewidths=0.5,
            label=f"cluster {k}{', the odd one' if odd else ''}: {size[k]:,} host{'s' * (size[k] != 1)}",
        )
    for host in [host for host in found.order.tolist() if label[host] == found.odd][:_MOST_NAMED]:
        at, right = (responders[host], operations[host]), responders[host] ** 2 > responders.max()
        away, side = (-7 if right else 7, 6), "right" if right else "left"
        axes.annotate(hosts[host], at, away, textcoords="offset points", ha=side, fontsize="small")
    axes.set(xscale="log", yscale="log", xlabel="distinct responders", ylabel="distinct operations")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:,.0f}")
        axis.set_minor_formatter(NullFormatter())
    axes.set_title("Originators of DCE-RPC calls; area by how many", fontsize="medium")
    axes.grid(visible=True, which="both", alpha=0.2)
    axes.legend(fontsize="small", loc="best")
    paths = [folder / "hosts.svg", folder / "hosts.png"]
    # Text as text, and neither time nor chance in the file: one log, one picture.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "oddlog"}):
        figure.savefig(paths[0], metadata={"Date": None})
        figure.savefig(paths[1], dpi=150)
    return paths
