"""`oddlog watch`."""

from __future__ import annotations

import logging
import signal
import threading
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
    their beginning; after a restart, reading goes on where it was.

    \b
    Example:
        oddlog watch /opt/zeek/logs/current --bundle office-bundle --out /var/log/oddlog --state /var/lib/oddlog
    """  # noqa: D301 - click wants the character, not the two signs
    from oddlog_core.bundle import read_bundle

    from oddlog import watch as live
    from oddlog.config import read_config
    from oddlog.errors import OddlogError

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        done = live.watch(logdir, read_bundle(bundle), read_config(config_path, settings), out, state, stop)
    except OSError as error:
        raise OddlogError(f"{error.filename or out}: {error.strerror or error}") from error
    notices = ", ".join(f"{note} {n:,}" for note, n in sorted(done.notices.items()) if n) or "none"
    bad = done.bad_lines.total()
    click.echo(f"{done.records.total():,} records, {bad:,} bad lines, notices: {notices}", err=True)
