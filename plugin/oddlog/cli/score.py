"""`oddlog score`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from oddlog.cli.options import (
    bundle_option,
    config_option,
    finding_table,
    logs_argument,
    out_option,
    progress,
    read_count_lines,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["score"]


@click.command()
@logs_argument
@bundle_option
@out_option
@config_option
@click.option("--table", is_flag=True, help="Print the ten oddest with their reasons.")
def score(logs: tuple[str, ...], bundle: Path, out: Path, config_path: Path | None, table: bool) -> None:
    """Score archived LOGS: files, globs and folders, plain or gzipped.

    DIR/notice.log gets the notices in Zeek's format, DIR/scores.parquet a row for every record. What an earlier run
    left there is replaced.

    \b
    Example:
        oddlog score office/2024-02-01 --bundle office-bundle --out found
    """  # noqa: D301 - click wants the character, not the two signs
    from oddlog_core.bundle import read_bundle

    from oddlog import archive
    from oddlog.config import read_config
    from oddlog.logs import open_logs

    started = time.monotonic()
    config = read_config(config_path)
    learned = read_bundle(bundle)
    with progress() as bar:
        task = bar.add_task("scoring")
        found = open_logs(logs, config.conn.order, on_bytes=lambda n: bar.advance(task, n))
        bar.update(task, total=found.total_bytes)
        summary = archive.score(found, learned, config, out)
    if table and summary.rarest:
        finding_table(summary.rarest)
    for line in read_count_lines(found.count):
        click.echo(line)
    if summary.bad_time:
        click.echo(f"{summary.bad_time:,} records with a time over a day away from their log's clock")
    for log in summary.left_out:
        click.echo(f"{log}: not scored, the bundle was trained without it")
    notices = ", ".join(f"{note} {n:,}" for note, n in sorted(summary.notices.items())) or "none"
    click.echo(f"notices: {notices}")
    click.echo(f"{out / 'notice.log'} and {out / 'scores.parquet'} written in {time.monotonic() - started:.1f} s")
