"""`oddlog train`."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oddlog.cli.options import config_option, logs_argument, progress, read_count_lines
from oddlog.errors import OddlogError

if TYPE_CHECKING:
    from rich.progress import TaskID

    from oddlog.config import Features

__all__ = ["train"]


@click.command()
@logs_argument
@click.option("--bundle", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@config_option
@click.option(
    "--features",
    type=click.Choice(["base", "rolling"]),
    help="What the conn detector sees: the connection, or also how busy the network was. Default: oddlog.toml's.",
)
@click.option("--comment", default="", help="Kept in the bundle: what it is for.")
def train(
    logs: tuple[str, ...], bundle: Path, config_path: Path | None, features: Features | None, comment: str
) -> None:
    """Learn what is normal from LOGS and write it to a bundle.

    LOGS are files, globs and folders with conn, ntlm and dce_rpc logs. The latest quarter of them is held back to set
    thresholds by. Needs the extra `train` where there are conn logs.

    \b
    Example:
        oddlog train office/2024-01-29 office/2024-01-30 --bundle office-bundle
    """  # noqa: D301 - click wants the character, not the two signs
    import msgspec

    from oddlog import baseline
    from oddlog.config import read_config
    from oddlog.logs import open_logs

    started = time.monotonic()
    config = read_config(config_path)
    if features:
        config = msgspec.structs.replace(config, train=msgspec.structs.replace(config.train, features=features))
    with progress() as bar:
        reading = bar.add_task("reading")
        stages: dict[str, TaskID] = {}

        def on_progress(stage: str, share: float) -> None:
            if stage not in stages:
                stages[stage] = bar.add_task(f"learning {stage}", total=1.0)
                if not bar.console.is_terminal:
                    click.echo(f"learning {stage}", err=True)
            bar.update(stages[stage], completed=share)

        found = open_logs(logs, config.conn.order, on_bytes=lambda n: bar.advance(reading, n))
        bar.update(reading, total=found.total_bytes)
        if "conn" in found.names and importlib.util.find_spec("torch") is None:
            raise OddlogError("learning from conn logs needs torch: install oddlog with its extra `train`")
        learned = baseline.train(found, config, bundle, comment=comment, on_progress=on_progress)
    for line in read_count_lines(found.count):
        click.echo(line)
    for name, about in learned.trained.items():
        click.echo(f"{name}: learned from {about.records:,} records, {about.held_back:,} scores held back")
    for log, why in learned.left_out.items():
        click.echo(f"{log}: left out of the bundle: {why}")
    click.echo(f"{bundle} written in {time.monotonic() - started:.1f} s; `oddlog inspect {bundle}` prints it")
