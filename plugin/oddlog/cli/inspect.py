"""`oddlog inspect`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from oddlog.cli.options import config_option
from oddlog.errors import OddlogError

__all__ = ["inspect"]


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@config_option
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write it as a page, with a map of the kinds of behaviour.",
)
def inspect(bundle: Path, config_path: Path | None, settings: tuple[str, ...], html: Path | None) -> None:
    """Print what BUNDLE has learned, from which data, and the thresholds that follow.

    \b
    Example:
        oddlog inspect office-bundle --html office.html
    """  # noqa: D301 - click wants the character, not the two signs
    from oddlog_core.bundle import read_bundle

    from oddlog.cli.options import bundle_folder
    from oddlog.config import read_config
    from oddlog.drill import drill_lines
    from oddlog.notices import behaviour_name, budget_words, typical_words
    from oddlog.pipeline import threshold
    from oddlog.report import page

    config = read_config(config_path, settings)
    learned = read_bundle(bundle_folder(str(bundle)))
    days = threshold(learned, config)
    if html is not None:
        try:
            html.write_text(page(learned, days, config.notices_per_day), encoding="utf-8")
        except OSError as error:
            raise OddlogError(f"{html} cannot be written: {error.strerror}") from None
    click.echo(f"bundle {learned.digest}, made by oddlog {learned.oddlog} on {learned.created}")
    if learned.comment:
        click.echo(learned.comment)
    click.echo(budget_words(config.notices_per_day, days))
    for name, one in learned.trained.items():
        about, calibration = one.about, one.calibration
        first, last = (datetime.fromtimestamp(moment / 1e6, UTC) for moment in (about.first, about.last))
        click.echo(f"\n{name}: {about.records:,} records of {one.detector.log}.log")
        click.echo(
            f"  from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC, {calibration.per_day:,.0f} scores a day"
        )
        why = (
            f"set by {about.held_back:,} scores held back" if one.detector.threshold is None else "whatever the budget"
        )
        click.echo(f"  threshold {one.threshold(days):.6g}, {why}")
        for line in one.detector.describe():
            click.echo(f"  {line}")
        if one.detector.behaviours is not None:
            click.echo("  kinds of behaviour, each with its share of the baseline and what is typical:")
            for kind in one.detector.behaviours.kinds:
                typical = typical_words(kind.orig_bytes, kind.resp_bytes, kind.duration)
                click.echo(f"    {kind.share * 100:4.1f} %  {behaviour_name(kind)}: {typical or 'nothing logged'}")
    if learned.drill is not None:
        click.echo()
        for line in drill_lines(learned.drill):
            click.echo(line)
    if html is not None:
        click.echo(f"\n{html} written")
