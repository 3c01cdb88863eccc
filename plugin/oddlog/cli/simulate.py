"""`oddlog simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from oddlog import simulate as simulator

if TYPE_CHECKING:
    from datetime import date, datetime

    from oddlog.simulate.writer import Format

__all__ = ["simulate"]


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--hosts",
    type=click.IntRange(min=simulator.FEWEST_HOSTS),
    default=200,
    show_default=True,
    help="Machines in the office.",
)
@click.option("--days", type=click.IntRange(min=1), default=1, show_default=True, help="Days in a row.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Another seed is another office."
)
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%d"]),
    default=simulator.START.isoformat(),
    show_default=True,
    metavar="YYYY-MM-DD",
    help="The first day.",
)
@click.option("--attacks", is_flag=True, help="Put labelled attacks into the last day.")
@click.option("--fixed-addresses", is_flag=True, help="Workstations keep their addresses; else leases change.")
@click.option(
    "--format", "how", type=click.Choice(["tsv", "json"]), default="tsv", show_default=True, help="As Zeek writes it."
)
@click.option("--gzip", is_flag=True, help="Write .log.gz.")
def simulate(
    out: Path,
    hosts: int,
    days: int,
    seed: int,
    start: datetime,
    attacks: bool,
    fixed_addresses: bool,
    how: Format,
    gzip: bool,
) -> None:
    """Make the Zeek logs of an office that does not exist, in the new folder OUT.

    OUT/YYYY-MM-DD/ gets conn, ntlm and dce_rpc logs, and OUT/labels.tsv says of every record whether it belongs to an
    attack.

    \b
    Example:
        oddlog simulate office --hosts 200 --days 4 --attacks
    """  # noqa: D301 - click wants the character, not the two signs
    columns = (TextColumn("simulating {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"{days} days of {hosts} hosts", total=days)

        def written(_: date) -> None:
            bar.advance(task)

        done = simulator.simulate(
            out,
            hosts=hosts,
            days=days,
            seed=seed,
            start=start.date(),
            attacks=attacks,
            leased=not fixed_addresses,
            how=how,
            gzip=gzip,
            on_day=written,
        )
    for log, records in done.records.items():
        of_attacks = f", {done.attacks[log]:,} of them in attacks" if attacks else ""
        click.echo(f"{log}: {records:,} records{of_attacks}")
    click.echo(f"logs: {done.folders[0]}" + (f" to {done.folders[-1].name}" if days > 1 else ""))
    click.echo(f"labels: {done.labels}")
