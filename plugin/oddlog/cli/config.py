"""`oddlog config`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from oddlog.cli.options import config_option

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["config"]


@click.command()
@config_option
def config(config_path: Path | None, settings: tuple[str, ...]) -> None:
    """Print the configuration that is in force, as an oddlog.toml with every key explained.

    Without FILE that is a file to begin with. A key that is as by default is commented out. What is in FILE stands
    above the defaults, above it the environment (ODDLOG_NOTICES_PER_DAY=5, ODDLOG_TRAIN__EPOCHS=3: the key in
    capitals, two underscores between a table and its key), above that --set (--set train.epochs=3). Texts stand there
    as they are, anything else as in TOML.

    \b
    Example:
        oddlog config --set notices_per_day=5
    """  # noqa: D301 - click wants the character, not the two signs
    from oddlog.config import read_config
    from oddlog.keys import document

    click.echo(document(read_config(config_path, settings)), nl=False)
