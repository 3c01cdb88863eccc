"""Arguments and options that several commands share, and how they show progress."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from oddlog.logs import ReadCount
    from oddlog.notices import Finding

__all__ = [
    "bundle_folder",
    "bundle_option",
    "config_option",
    "finding_table",
    "logs_argument",
    "out_option",
    "progress",
    "read_count_lines",
    "without_pandas",
]

STARTER = "starter"


def bundle_folder(value: str) -> Path:
    """Find a bundle by its folder, or the shipped one by its name."""
    if value == STARTER and not Path(value).exists():
        return Path(str(files("oddlog") / STARTER))
    folder = Path(value)
    if not folder.is_dir():
        raise click.BadParameter(
            f"{value} is no folder; `oddlog train` makes a bundle, `{STARTER}` names one for a look"
        )
    return folder


def logs_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Take logs: files, globs and folders."""
    return click.argument("logs", nargs=-1, required=True, metavar="LOGS...")(command)


def bundle_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Take a bundle that exists."""
    text = f"What `oddlog train` wrote; `{STARTER}` is the one that is shipped, for a first look only."
    return click.option(
        "--bundle",
        required=True,
        metavar="DIR",
        callback=lambda _context, _parameter, value: bundle_folder(value),
        help=text,
    )(command)


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Take an oddlog.toml, and keys that stand above it."""
    kind = click.Path(exists=True, dir_okay=False, path_type=Path)
    text = "A key of oddlog.toml and its value, above the file and the environment; may be given again."
    command = click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=text)(command)
    return click.option("--config", "config_path", type=kind, metavar="FILE", help="oddlog.toml.")(command)


def out_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Take the folder that output goes to."""
    kind = click.Path(file_okay=False, path_type=Path)
    return click.option("--out", required=True, type=kind, metavar="DIR", help="Where notice.log goes.")(command)


def progress() -> Progress:
    """Draw bars on stderr that leave nothing behind."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    # Where there is no terminal, what is left behind would be an empty line.
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


class _Absent:
    """Says that there is no pandas, in the place of what would find it."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)


def without_pandas() -> None:
    """Spare Arrow the import of pandas, which it makes to ask of every array whether it is one of pandas'.

    Told once that there is none it asks no more; what needs pandas still imports it.
    """
    if "pandas" in sys.modules:
        return
    sys.meta_path.insert(0, _Absent)
    try:
        import pyarrow as pa

        pa.array((0,))
    finally:
        sys.meta_path.remove(_Absent)


def read_count_lines(count: ReadCount) -> Iterable[str]:
    """Say what became of all lines: the total, then what was wrong and what was passed over."""
    bad = f"{count.bad:,} bad lines" if count.bad else "no bad lines"
    yield f"{count.records:,} records read, {bad}, {count.lines:,} lines in all"
    for error in count.samples[:5]:
        yield f"  {error}"
    if count.bad > 5:
        most = ", ".join(f"{name} {n:,}" for name, n in count.fields.most_common(5))
        yield f"  and {count.bad - 5:,} more; by field: {most}"
    for error in count.damaged:
        yield f"  {error}"
    for path, reason in count.skipped[:5]:
        yield f"  not read: {path}: {reason}"
    if len(count.skipped) > 5:
        yield f"  and {len(count.skipped) - 5:,} more files not read"


def finding_table(findings: Iterable[Finding]) -> None:
    """Print findings as a table, the oddest first."""
    from rich.table import Table
    from rich.text import Text

    from oddlog.notices import beside_words, message

    table = Table(title="The oddest", title_justify="left", show_lines=True)
    table.add_column("type", no_wrap=True)
    table.add_column("time (UTC)", no_wrap=True)
    table.add_column("what, and why it is odd", ratio=1)
    for finding in findings:
        # As text: rich would take [fe80::1] for one of its styles.
        what = Text("\n").join([Text(message(finding)), *(Text(line, "dim") for line in beside_words(finding.context))])
        table.add_row(finding.note, _clock_words(finding.ts), what)
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    console.print(table)


def _clock_words(moment: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(moment / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")
