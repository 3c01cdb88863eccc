"""The bottleneck's map as SVG."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from oddlog_core.detectors.behaviour import Map

__all__ = ["COLOURS", "scatter"]

COLOURS = (
    *("#2f6fb0", "#e07b16", "#2d9a4b", "#c63a3d", "#8059b0", "#845a4c", "#d265b0", "#6d6d6d"),
    *("#a9a713", "#16a5b8", "#7fb1de", "#e5b15d", "#83c98a", "#e59392", "#b8a2d6", "#444444"),
)
_WIDTH, _HEIGHT, _MARGIN, _MARK = 760, 660, 26, 10
# Shares of the points that lie outside the picture at either end are drawn at its edge: a few would squeeze the rest.
_OUTSIDE = 0.01


def scatter(drawn: Map, names: Sequence[str]) -> str:
    """Draw each connection as a dot in its kind's colour, and each kind's number in its middle.

    Parameters
    ----------
    drawn : Map
    names : sequence of str
        Of the kinds, for whoever rests the pointer on them.
    """
    points, kinds = _placed(np.array(drawn.points, np.float64)), np.array(drawn.kinds)
    of = [points[kinds == kind] for kind in range(len(names))]
    parts, marks = [], np.empty((0, 2))
    # The most frequent first, so that they do not cover the rare.
    for kind, own in enumerate(of):
        dots = "".join(f"M{x:.0f} {y:.0f}h0" for x, y in own)
        title = f"<title>{escape(names[kind])}</title>"
        parts.append(f'<path class="dots" stroke="{_colour(kind)}" d="{dots}">{title}</path>')
    for kind, own in enumerate(of):
        if len(own):
            x, y = _mark(own, marks)
            marks = np.concatenate([marks, [[x, y]]])
            parts.append(
                f'<g class="mark"><circle cx="{x:.0f}" cy="{y:.0f}" r="{_MARK}" fill="{_colour(kind)}"/>'
                f'<text x="{x:.0f}" y="{y + 4:.0f}">{kind + 1}</text><title>{escape(names[kind])}</title></g>'
            )
    label = "Map of the baseline's connections, coloured by kind of behaviour"
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _colour(kind: int) -> str:
    return COLOURS[kind % len(COLOURS)]


def _mark(own: NDArray[np.float64], marks: NDArray[np.float64]) -> NDArray[np.float64]:
    """One of a kind's dots, near their middle, at which its number covers no other's."""
    # The middle itself may lie among others: that of a ring does.
    near = own[((own - np.median(own, axis=0)) ** 2).sum(axis=1).argsort(kind="stable")]
    apart = np.sqrt(((near[:, None] - marks[None]) ** 2).sum(axis=2)).min(axis=1, initial=np.inf)
    dot: NDArray[np.float64] = near[int((apart >= 2 * _MARK).argmax())]
    return dot


def _placed(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where points are drawn, (n, 2), in the picture's units, y from the top."""
    low, high = np.quantile(points, [_OUTSIDE, 1 - _OUTSIDE], axis=0)
    share = (np.clip(points, low, high) - low) / np.where(high > low, high - low, 1.0)
    share[:, 1] = 1 - share[:, 1]
    placed: NDArray[np.float64] = _MARGIN + share * (np.array([_WIDTH, _HEIGHT]) - 2 * _MARGIN)
    return placed
