"""`oddlog compare`."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
from oddlog_core.options import Architecture, FeatureSet, Loss, Optimizer, Schedule

from oddlog.cli.options import logs_argument, progress, read_count_lines
from oddlog.errors import OddlogError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["compare"]


def _several(name: str, values: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option that takes some of the values, all by default."""
    known = get_args(values)

    def parse(_context: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[str, ...]:
        wanted = known if text is None else tuple(dict.fromkeys(text.split(",")))
        for value in wanted:
            if value not in known:
                raise click.BadParameter(f"{value!r} is none of {', '.join(known)}")
        return wanted

    return click.option(name, callback=parse, metavar="A,B,...", help=f"Of {', '.join(known)}; all by default.")


@click.command()
@logs_argument
@_several("--architectures", Architecture)
@_several("--features", FeatureSet)
@_several("--optimizers", Optimizer)
@click.option("--epochs", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most.")
@click.option("--seeds", type=click.IntRange(1, 100), default=2, show_default=True, help="Models of each kind.")
@click.option("--loss", type=click.Choice(get_args(Loss)), default="bce", show_default=True, help="To train by.")
@click.option("--schedule", type=click.Choice(get_args(Schedule)), default="one-cycle", show_default=True)
@click.option("--order", type=click.Choice(["end", "start"]), default="end", show_default=True, help="Of conn logs.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Also write comparison.md, loss.svg and loss.png there; needs the extra `report`.",
)
def compare(logs: tuple[str, ...], order: Any, out: Path | None, **chosen: Any) -> None:
    """Train many models on the conn logs among LOGS and print a table of how well they do.

    All learn from the same records and are judged by the latest quarter: the mean binary cross-entropy of columns
    scaled from 0 to 1, over each model's own columns and over those that all feature sets have. Below the table stands
    whether Adam beats SGD, rolling features help and a second layer does not, as others have found. Needs the extra
    `train`.

    \b
    Example:
        oddlog compare office/2024-01-29 --architectures basic,double --epochs 2 --out compared
    """  # noqa: D301 - click wants the character, not the two signs
    from rich.console import Console
    from rich.table import Table

    from oddlog import compare as comparing
    from oddlog.logs import open_logs

    for extra, needed, of in (("train", "torch", "comparing models"), ("report", "matplotlib", "a picture")):
        if (extra == "train" or out) and importlib.util.find_spec(needed) is None:
            raise OddlogError(f"{of} needs {needed}: install oddlog with its extra `{extra}`")
    with progress() as bar:
        reading = bar.add_task("reading")
        training = bar.add_task("training", total=1.0)
        found = open_logs(logs, order, on_bytes=lambda n: bar.advance(reading, n))
        bar.update(reading, total=found.total_bytes)

        def on_progress(name: str, share: float) -> None:
            bar.update(training, completed=share, description=name)

        comparison = comparing.compare(found, comparing.Choice(**chosen), on_progress)
    heads, cells = comparing.table(comparison)
    table = Table(*heads)
    for column in table.columns[3:]:
        column.justify = "right"
    for row in cells:
        table.add_row(*row)
    console = Console()
    (console if console.is_terminal else Console(width=140)).print(table)
    click.echo(comparing.about(comparison))
    for sentence in comparing.findings(comparison):
        click.echo(sentence)
    for line in read_count_lines(found.count):
        click.echo(line)
    if out:
        from oddlog import curves

        out.mkdir(parents=True, exist_ok=True)
        page = out / "comparison.md"
        page.write_text(comparing.markdown(comparison), encoding="utf-8")
        click.echo(" ".join(map(str, [page, *curves.draw(comparison, out)])) + " written")
