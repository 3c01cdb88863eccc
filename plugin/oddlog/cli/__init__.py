"""The command line: one file per command, loaded when it is called, so that `oddlog --help` starts at once."""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys
import warnings
from importlib import import_module
from typing import TYPE_CHECKING

import click
from oddlog_core.errors import OddlogCoreError, UncachedWarning

from oddlog import __version__
from oddlog.errors import OddlogError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["main"]

COMMANDS = {
    "check": "Say what a watch would stumble over.",
    "compare": "Compare models of conn logs.",
    "config": "Print the configuration, with every key explained.",
    "drill": "Try which attacks on this site would be told of.",
    "evaluate": "Judge a scores file by labels.",
    "inspect": "Print what a bundle has learned.",
    "novelty": "Judge novelty models on labelled flows.",
    "profile": "Compare hosts by what they call.",
    "score": "Score archived logs.",
    "siem": "Print what systemd, shippers and SIEMs need.",
    "simulate": "Make a simulated office's Zeek logs.",
    "train": "Learn what is normal from logs.",
    "warm": "Compile what every start would else compile.",
    "watch": "Score live logs as Zeek writes them.",
}


class _Commands(click.Group):
    """Imports `oddlog.cli.<name>` only when <name> runs; its help line stands in COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"oddlog.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="oddlog")
def _oddlog() -> None:
    """Point out the odd records in Zeek's conn, ntlm and dce_rpc logs, with the reason."""


def _sentence(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
    usual: Callable[..., str] = warnings.formatwarning,
) -> str:
    """One line for a warning that is meant for the user; for any other what Python makes of it."""
    return (
        f"oddlog: {message}\n"
        if issubclass(category, UncachedWarning)
        else usual(message, category, filename, lineno, line)
    )


def main() -> None:
    """Run the command line; errors a user can cause are one line on stderr (exit 1 while running, 2 for usage)."""
    warnings.formatwarning = _sentence
    for stream in (sys.stdout, sys.stderr):
        # A file's name need not be UTF-8, and is printed all the same.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # What is imported stays. Python would look through it for what may go, again and again and at the end: a fifth of
    # the time that a start takes.
    gc.set_threshold(50_000)
    # NumPy's BLAS would start a thread for each core, which waits by spinning; nothing here is worth one.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    atexit.register(gc.freeze)
    try:
        _oddlog(prog_name="oddlog")
    except OddlogError as error:
        click.echo(f"oddlog: {error}", err=True)
        sys.exit(error.exit_code)
    except OddlogCoreError as error:
        click.echo(f"oddlog: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        # A folder that may not be written, a full disk.
        click.echo(f"oddlog: {error.filename or 'output'}: {error.strerror or error}", err=True)
        sys.exit(1)
