"""`oddlog novelty`."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import click

from oddlog.cli.options import logs_argument, progress, read_count_lines
from oddlog.errors import OddlogError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["novelty"]


def _models(_context: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[str, ...]:
    """Names of models, all by default."""
    from oddlog.novelty import MODELS

    wanted = MODELS if text is None else tuple(dict.fromkeys(text.split(",")))
    for name in wanted:
        if name not in MODELS:
            raise click.BadParameter(f"{name!r} is none of {', '.join(MODELS)}")
    return wanted


@click.command()
@logs_argument
@click.option("--models", callback=_models, metavar="A,B,...", help="All by default, two of scikit-learn's among them.")
@click.option("--splits", type=click.IntRange(1, 1000), default=10, show_default=True, help="Random ones.")
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="Of the first split.")
@click.option("--steps", type=click.IntRange(1, 100_000), default=2000, show_default=True, help="Of neural networks.")
@click.option("--benign", default="benign", show_default=True, help="What normal flows are labelled, in either case.")
def novelty(logs: tuple[str, ...], models: tuple[str, ...], splits: int, seed: int, steps: int, benign: str) -> None:
    """Judge novelty models on labelled flows, CICFlowMeter's CSV, that are LOGS.

    Each model learns from 66 % of the benign flows and is tested on the rest of them and on all others, without ports,
    protocol and time. Printed are, for the first split, the training and other benign flows beyond the model's boundary
    and the malicious ones within it; as medians over all splits AUC, average precision, which share of the malicious
    flows, and of each class, is missed where 1 % and 5 % of the other benign ones raise a false alarm, and the seconds
    of processor to fit. Needs the extra `train`.

    \b
    Example:
        oddlog novelty flows.csv --models svm,notebook-svm,notebook-forest --splits 2
    """  # noqa: D301 - click wants the character, not the two signs
    from oddlog import novelty as judging
    from oddlog.logs import open_logs

    if importlib.util.find_spec("torch") is None:
        raise OddlogError("learning from flows needs torch: install oddlog with its extra `train`")
    with progress() as bar:
        reading = bar.add_task("reading")
        found = open_logs(logs, on_bytes=lambda n: bar.advance(reading, n))
        bar.update(reading, total=found.total_bytes)
        flows = judging.read_flows(found, benign)
        judged: dict[str, list[judging.Judged]] = {}
        for name in models:
            task = bar.add_task(name, total=splits)
            judged[name] = []
            for number in range(splits):
                judged[name].append(judging.judge(flows, name, seed + number, steps))
                bar.advance(task)
    shares = [f"{share:.0%}" for share in judging.FALSE_ALARMS]
    errors = ("training error", "benign error", "malicious missed")
    _print(
        ("model", *errors, "AUC", "AP", *(f"missed at {share}" for share in shares), "seconds"), judging.report(judged)
    )
    _print(("missed", *(f"{name} {share}" for share in shares for name in judged)), judging.classes(judged))
    for line in read_count_lines(found.count):
        click.echo(line)


def _print(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*heads)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*row)
    console = Console()
    (console if console.is_terminal else Console(width=200)).print(table)
