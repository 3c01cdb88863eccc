"""`oddlog inspect`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from oddlog.cli.options import config_option

__all__ = ["inspect"]


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@config_option
def inspect(bundle: Path, config_path: Path | None) -> None:
    """Print what BUNDLE has learned, from which data, and the thresholds that follow.

    \b
    Example:
        oddlog inspect office-bundle
    """  # noqa: D301 - click wants the character, not the two signs
    from oddlog_core.bundle import read_bundle

    from oddlog.cli.options import bundle_folder
    from oddlog.config import read_config
    from oddlog.notices import rarity_words

    config = read_config(config_path)
    learned = read_bundle(bundle_folder(str(bundle)))
    click.echo(f"bundle {learned.digest}, made by oddlog {learned.oddlog} on {learned.created}")
    if learned.comment:
        click.echo(learned.comment)
    days = len(learned.trained) / config.notices_per_day
    click.echo(f"{config.notices_per_day:g} notices a day: a finding is what the baseline shows {rarity_words(days)}")
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
