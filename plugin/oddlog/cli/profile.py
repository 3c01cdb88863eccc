"""`oddlog profile`."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oddlog.cli.options import logs_argument, progress, read_count_lines
from oddlog.errors import OddlogError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

__all__ = ["profile"]


@click.command()
@logs_argument
@click.option("--clusters", type=click.IntRange(2, 50), default=5, show_default=True, help="Kinds of hosts.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of k-means.")
@click.option("--most", type=click.IntRange(1), default=40, show_default=True, help="Hosts to print, odd ones first.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Also write hosts.tsv, hosts.svg and hosts.png there; needs the extra `report`.",
)
def profile(logs: tuple[str, ...], clusters: int, seed: int, most: int, out: Path | None) -> None:
    """Print what each host calls by DCE-RPC, of the dce_rpc logs among LOGS.

    Of responders and of operations: how many calls, how many different ones, the most frequent and its share. Hosts
    are clustered by k-means over z-scores of these; the odd cluster is the one of few hosts that is far from the rest.

    \b
    Example:
        oddlog profile office/2024-01-29 --out profiled
    """  # noqa: D301 - click wants the character, not the two signs
    from rich.console import Console

    from oddlog import profile as profiling
    from oddlog.logs import open_logs

    if out and importlib.util.find_spec("matplotlib") is None:
        raise OddlogError("a picture needs matplotlib: install oddlog with its extra `report`")
    with progress() as bar:
        task = bar.add_task("reading")
        found = open_logs(logs, on_bytes=lambda n: bar.advance(task, n))
        bar.update(task, total=found.total_bytes)
        profiled = profiling.profile(found, clusters, seed)
    console = Console()
    console = console if console.is_terminal else Console(width=160)
    _print(console, "Hosts, odd ones first", *profiling.host_rows(profiled, most), right=(2, 3, 5, 6, 7, 9))
    _print(console, "Clusters, by their means", *profiling.cluster_rows(profiled), right=range(1, 8))
    if (left := len(profiled.order) - most) > 0:
        click.echo(f"{left:,} more hosts")
    if profiled.odd is None:
        click.echo("no cluster is small")
    for line in read_count_lines(found.count):
        click.echo(line)
    if out:
        from oddlog import scatter

        out.mkdir(parents=True, exist_ok=True)
        heads, rows = profiling.host_rows(profiled)
        table = out / "hosts.tsv"
        with table.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter="\t", lineterminator="\n").writerows([heads, *rows])
        click.echo(" ".join(map(str, [table, *scatter.draw(profiled, out)])) + " written")


def _print(
    console: Console, title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]
) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number in right else "left")
    for row in rows:
        # As text: rich would take [fe80::1] for one of its styles.
        table.add_row(*map(Text, row))
    console.print(table)
