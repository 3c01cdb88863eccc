"""What a bundle has learned as one HTML file that needs nothing else: no network, no script."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from oddlog.notices import amount_words, behaviour_name, budget_words, duration_words, share_words
from oddlog.report.scatter import COLOURS, scatter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oddlog_core.bundle import Bundle, Trained
    from oddlog_core.detectors.behaviour import Behaviours

__all__ = ["page"]

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --quiet: #5d6878; --line: #d9dee6; --ground: #fff; --panel: #f6f8fa }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e8ef; --quiet: #9aa5b5; --line: #333c4a; --ground: #141922; --panel: #1b222d }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 84rem; padding: 2rem 1.5rem 4rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2.5rem 0 .6rem }
p { margin: .3rem 0; max-width: 62rem } .quiet { color: var(--quiet) }
table { border-collapse: collapse; font-size: .92rem; width: 100% }
th { text-align: left; font-weight: 600; color: var(--quiet) }
th, td { padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.beside { display: grid; grid-template-columns: minmax(20rem, 5fr) minmax(30rem, 6fr); gap: 1.5rem; align-items: start;
  margin-top: .8rem }
@media (max-width: 60rem) { .beside { grid-template-columns: 1fr } }
svg { width: 100%; height: auto; background: var(--panel); border: 1px solid var(--line); border-radius: 6px }
.dots { fill: none; stroke-width: 5; stroke-linecap: round; stroke-opacity: .6 }
.mark circle { stroke: var(--ground); stroke-width: 2 }
.mark text { fill: #fff; font: 700 11px system-ui, sans-serif; text-anchor: middle }
.key { display: inline-block; min-width: 1.5rem; border-radius: 1rem; color: #fff; font-weight: 700; font-size: .75rem;
  text-align: center; padding: .1rem .3rem }
ul { margin: .3rem 0; padding-left: 1.2rem } li { overflow-wrap: anywhere }
"""


def page(bundle: Bundle, days: float, notices_per_day: float) -> str:
    """Write the page.

    Parameters
    ----------
    bundle : Bundle
    days : float
        Rarity in days from which a score is a finding on an ordinary day.
    notices_per_day : float

    Returns
    -------
    str
        HTML; the same for the same bundle.
    """
    found = [one.detector.behaviours for one in bundle.trained.values()]
    made = datetime.fromisoformat(bundle.created)
    parts = [
        f"<h1>oddlog bundle {escape(bundle.digest)}</h1>",
        f'<p class="quiet">By oddlog {escape(bundle.oddlog)}, {made:%Y-%m-%d %H:%M} {made.tzname() or ""}</p>',
        f"<p>{escape(bundle.comment)}</p>" if bundle.comment else "",
        "<h2>What becomes a notice</h2>",
        f"<p>{escape(budget_words(notices_per_day, days), quote=False)}.</p>",
        _thresholds(bundle.trained.items(), days),
        *(_behaviours(kinds) for kinds in found if kinds is not None),
        "<h2>What was learned</h2>",
        *(_learned(name, one) for name, one in bundle.trained.items()),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>oddlog bundle {escape(bundle.digest)}</title><style>{_STYLE}</style></head>\n"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _row(cells: Sequence[str], kind: str = "td", numbers: Sequence[int] = ()) -> str:
    marked = (f"<{kind}{' class=number' if i in numbers else ''}>{cell}</{kind}>" for i, cell in enumerate(cells))
    return f"<tr>{''.join(marked)}</tr>"


def _thresholds(trained: Iterable[tuple[str, Trained]], days: float) -> str:
    head = ["Detector", "Log", "Baseline (UTC)", "Records", "Scores a day", "Scores held back", "Threshold"]
    numbers = range(3, 7)
    rows = []
    for name, one in trained:
        first, last = (datetime.fromtimestamp(at / 1e6, UTC) for at in (one.about.first, one.about.last))
        rows.append(
            _row(
                [
                    escape(name),
                    escape(one.detector.log),
                    f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}",
                    f"{one.about.records:,}",
                    f"{one.calibration.per_day:,.0f}",
                    f"{one.about.held_back:,}",
                    f"{one.threshold(days):.4g}",
                ],
                numbers=numbers,
            )
        )
    return f"<table>{_row(head, 'th', numbers)}{''.join(rows)}</table>"


def _behaviours(found: Behaviours) -> str:
    names = [behaviour_name(kind) for kind in found.kinds]
    numbers = range(2, 6)
    rows = [
        _row(
            [
                f'<span class="key" style="background:{COLOURS[number % len(COLOURS)]}">{number + 1}</span>',
                escape(name),
                share_words(kind.share),
                amount_words(kind.orig_bytes),
                amount_words(kind.resp_bytes),
                "–" if kind.duration is None else duration_words(kind.duration),
            ],
            numbers=numbers,
        )
        for number, (name, kind) in enumerate(zip(names, found.kinds, strict=True))
    ]
    head = _row(["", "Kind of connection", "Share", "Out", "Back", "Takes"], "th", numbers)
    kept = share_words(sum(found.map.explained))
    return f"""
<h2>Kinds of behaviour</h2>
<p>Each of the {len(found.map.points):,} dots is a connection of the baseline, and the model takes those near each other
for alike. The picture keeps {kept} of what sets them apart: kinds that overlap here may be apart for the model.
A notice names the kind that its connection resembles most. Out and back are typical bytes of the two directions.</p>
<div class="beside"><div>{scatter(found.map, names)}</div><table>{head}{"".join(rows)}</table></div>
"""


def _learned(name: str, one: Trained) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in one.detector.describe())
    return f"<p><strong>{escape(name)}</strong></p><ul>{lines}</ul>"
