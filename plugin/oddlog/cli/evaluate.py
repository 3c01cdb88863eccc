"""`oddlog evaluate`."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import click
import msgspec
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from oddlog.evaluate import Evaluation, Measures, read_labels, read_scores
from oddlog.evaluate import evaluate as judge

__all__ = ["evaluate"]

PIPED_WIDTH = 200


@click.command()
@click.argument("scores", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--labels",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Tab-separated, with a header: log uid ts label attack.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def evaluate(scores: Path, labels: Path, as_json: bool) -> None:
    """Judge a scores file by labels.

    Each detector's rows stand in a queue by score, and all rows in a common one by rarity. Printed is how early
    the attacks come; a record without a label counts as benign.

    \b
    Example:
        oddlog evaluate found/scores.parquet --labels office/labels.tsv
    """  # noqa: D301 - click wants the character, not the two signs
    evaluation = judge(read_scores(scores), read_labels(labels))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(evaluation), indent=2).decode())
    else:
        _print(evaluation)


def _print(evaluation: Evaluation) -> None:
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False)
    console.print(_queues(evaluation))
    if evaluation.attacks:
        console.print(_attacks(evaluation))
    console.print(
        f"20 a day over {evaluation.days:.2f} days: {evaluation.false_alarms_allowed:,} false alarms. "
        f"Records without a label, counted as benign: {evaluation.rows_without_label:,}. "
        f"Positive labels that no scored row answers to: {evaluation.labels_without_row:,}."
    )


def _queues(evaluation: Evaluation) -> Table:
    table = Table(
        "detector",
        "rows",
        "positives",
        "ROC AUC",
        "average\nprecision",
        "recall at 1 %\nfalse alarms",
        "recall at 0.1 %\nfalse alarms",
        "recall at 20\nfalse alarms a day",
        "precision\nin top 20",
        "precision\nin top 100",
        box=SIMPLE,
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for name, measures in {**evaluation.detectors, "over all": evaluation.overall}.items():
        table.add_row(name, *_cells(measures))
    return table


def _cells(measures: Measures) -> list[str]:
    rows, positives, *values = dataclasses.astuple(measures)
    return [f"{rows:,}", f"{positives:,}", *(_share(value) for value in values)]


def _attacks(evaluation: Evaluation) -> Table:
    table = Table("attack", box=SIMPLE, title="At 20 false alarms a day", title_justify="left")
    for header in ("rows", "recall\nover all", "recall of its\nbest detector"):
        table.add_column(header, justify="right")
    table.add_column("best detector")
    for name, found in sorted(evaluation.attacks.items()):
        table.add_row(
            name, f"{found.rows:,}", _share(found.recall), _share(found.best_recall), found.best_detector or "n/a"
        )
    return table


def _share(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4f}"
