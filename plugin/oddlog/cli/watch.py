"""`oddlog watch`."""

from __future__ import annotations

from pathlib import Path

import click

from oddlog.cli.options import bundle_option, config_option, out_option

__all__ = ["watch"]


@click.command()
@click.argument("logdir", type=click.Path(file_okay=False, path_type=Path))
@bundle_option
@out_option
@click.option(
    "--state",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="What must survive a restart.",
)
@config_option
def watch(
    logdir: Path, bundle: Path, out: Path, state: Path, config_path: Path | None, settings: tuple[str, ...]
) -> None:
    """Score the live logs in LOGDIR as Zeek writes them; SIGTERM or Ctrl-C ends it.

    DIR/notice.log grows by a line for each notice; it is never rewritten. Logs that are there already are read from
    their beginning; after a restart, reading goes on where it was. SIGHUP reads bundle and configuration anew and
    loses no state; what cannot be used is said, and the old one stays.

    \b
    Example:
        oddlog watch /opt/zeek/logs/current --bundle office-bundle --out /var/log/oddlog --state /var/lib/oddlog
    """  # noqa: D301 - click wants the character, not the two signs
    from oddlog import daemon
    from oddlog.errors import OddlogError

    try:
        daemon.run(logdir, daemon.Given(bundle, config_path, settings), out, state)
    except OSError as error:
        raise OddlogError(f"{error.filename or out}: {error.strerror or error}") from error
