"""`oddlog score`."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
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
    without_pandas,
)

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client

__all__ = ["score"]


@click.command()
@logs_argument
@bundle_option
@out_option
@config_option
@click.option("--table", is_flag=True, help="Print the ten oddest with their reasons.")
@click.option(
    "--dask",
    "scheduler",
    metavar="ADDRESS",
    help="Score on the Dask cluster of this scheduler, such as tcp://10.0.0.9:8786; `local` starts a worker for each "
    "core here.",
)
def score(
    logs: tuple[str, ...],
    bundle: Path,
    out: Path,
    config_path: Path | None,
    settings: tuple[str, ...],
    table: bool,
    scheduler: str | None,
) -> None:
    """Score archived LOGS: files, globs and folders, plain or gzipped.

    DIR/notice.log gets the notices in Zeek's format, DIR/scores.parquet a row for every record: a file, or with --dask
    a folder of parts. What an earlier run left there is replaced.

    \b
    Example:
        oddlog score office/2024-02-01 --bundle office-bundle --out found
    """  # noqa: D301 - click wants the character, not the two signs
    without_pandas()
    from oddlog_core.bundle import read_bundle

    from oddlog import archive
    from oddlog.config import read_config
    from oddlog.disorder import disorder
    from oddlog.logs import open_logs
    from oddlog.notices.amounts import count_words

    started = time.monotonic()
    config = read_config(config_path, settings)
    learned = read_bundle(bundle)
    with _cluster(scheduler) as client, progress() as bar:
        task = bar.add_task("scoring")
        found = open_logs(logs, config.conn.order, on_bytes=lambda n: bar.advance(task, n))
        bar.update(task, total=found.total_bytes)
        if client is None:
            summary = archive.score(found, learned, config, out)
        else:
            from oddlog import cluster

            summary = cluster.score(found, bundle, learned, config, out, client)
    if table and summary.rarest:
        finding_table(summary.rarest)
    for line in read_count_lines(found.count):
        click.echo(line)
    for log, counted in summary.times.items():
        if counted["bad"]:
            records = count_words(counted["bad"], "record")
            click.echo(f"{log}: {records} too far ahead of the log's clock, or over a day behind it")
        said = disorder(log, counted)
        if said is not None:
            start = " and score them with --set conn.order=start" if log == "conn" else ""
            click.echo(f"{said}; sort its lines by ts{start}")
    for log in summary.left_out:
        click.echo(f"{log}: not scored, the bundle was trained without it")
    notices = ", ".join(f"{note} {n:,}" for note, n in sorted(summary.notices.items())) or "none"
    click.echo(f"notices: {notices}")
    click.echo(f"{out / 'notice.log'} and {out / 'scores.parquet'} written in {time.monotonic() - started:.1f} s")


def _cluster(scheduler: str | None) -> AbstractContextManager[Client | None]:
    """Connect where a scheduler is named."""
    if scheduler is None:
        return nullcontext()
    from oddlog import cluster

    return cluster.connect(scheduler)
