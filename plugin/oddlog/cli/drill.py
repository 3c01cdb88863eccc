"""`oddlog drill`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from oddlog.cli.options import bundle_option, config_option, logs_argument, progress

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["drill"]


@click.command()
@logs_argument
@bundle_option
@config_option
@click.option("--times", type=click.IntRange(1, 100), default=3, show_default=True, help="How often each is tried.")
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="Another seed is other hosts and hours."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def drill(
    logs: tuple[str, ...],
    bundle: Path,
    config_path: Path | None,
    settings: tuple[str, ...],
    times: int,
    seed: int,
    as_json: bool,
) -> None:
    """Put attacks into a copy of the latest day of LOGS and say of which of them a notice would speak.

    LOGS are the site's own, and attacks are between hosts that are in them, over ports and operations in use there. Of
    a busy site the day's last hours are taken. Nothing is written.

    \b
    Example:
        oddlog drill office/2024-02-01 --bundle office-bundle
    """  # noqa: D301 - click wants the character, not the two signs
    import msgspec
    from oddlog_core.bundle import read_bundle

    from oddlog import drill as drilling
    from oddlog.config import read_config
    from oddlog.logs import open_logs

    started = time.monotonic()
    config = read_config(config_path, settings)
    learned = read_bundle(bundle)
    with progress() as bar:
        task = bar.add_task("drill", total=1.0)
        found = open_logs(logs, config.conn.order)
        done = drilling.drill(
            found, learned, config, seed=seed, times=times, on_progress=lambda share: bar.update(task, completed=share)
        )
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(done), indent=2).decode())
        return
    for line in drilling.drill_lines(done):
        click.echo(line)
    click.echo(f"{time.monotonic() - started:.1f} s")
