"""`oddlog evaluate`."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from oddlog.errors import OddlogError
from oddlog.evaluate import evaluated, in_queues, intervals, read_labels, read_scores
from oddlog.evaluate.intervals import OVERALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oddlog.evaluate import Evaluation, Interval, Measures

    _Judged = Mapping[str, tuple[Evaluation, Mapping[str, Mapping[str, Interval]]]]

__all__ = ["evaluate"]

PIPED_WIDTH = 200


@click.command()
@click.argument("scores", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--labels",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Tab-separated, with a header: log uid ts label attack.",
)
@click.option(
    "--bootstrap", type=click.IntRange(min=0), default=0, metavar="N", help="95 % intervals by N draws of hosts."
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also draw ROC, precision and alerts a day over recall: .svg or .png. Needs the extra `report`.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def evaluate(scores: tuple[Path, ...], labels: Path, bootstrap: int, plot: Path | None, as_json: bool) -> None:
    """Judge scores files by labels, side by side where there are several.

    Each detector's rows stand in a queue by score, and all rows in a common one by rarity. Printed is how early
    the attacks come; a record without a label counts as benign. Intervals are of hosts drawn anew, since the records
    of one host are not independent.

    \b
    Example:
        oddlog evaluate found/scores.parquet --labels office/labels.tsv --bootstrap 50
    """  # noqa: D301 - click wants the character, not the two signs
    if plot is not None and (plot.suffix not in {".svg", ".png"} or not importlib.util.find_spec("matplotlib")):
        raise OddlogError("--plot writes .svg or .png, with matplotlib: install oddlog with its extra `report`")
    wanted = read_labels(labels)
    scores = tuple(dict.fromkeys(scores))
    files = {name: in_queues(read_scores(path), wanted) for name, path in zip(_names(scores), scores, strict=True)}
    judged = {file: (evaluated(queues), intervals(queues, bootstrap)) for file, queues in files.items()}
    if plot is not None:
        from oddlog.evaluate.picture import draw

        try:
            draw(files, plot)
        except OSError as error:
            raise OddlogError(f"{plot} cannot be written: {error.strerror or error}") from None
    if as_json:
        told = [
            msgspec.to_builtins(evaluation) | ({"intervals": sure} if bootstrap else {})
            for evaluation, sure in judged.values()
        ]
        found = told[0] if len(told) == 1 else dict(zip(map(str, scores), told, strict=True))
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        _print(judged)
        if plot is not None:
            click.echo(f"{plot} written")


def _names(paths: tuple[Path, ...]) -> list[str]:
    """What files are called beside each other: what they have not in common."""
    if len(paths) == 1:
        return [str(paths[0])]
    above = Path(os.path.commonpath([path.resolve().parent for path in paths]))
    return [str(path.resolve().relative_to(above)) for path in paths]


def _print(judged: _Judged) -> None:
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False)
    console.print(_queues(judged))
    if any(evaluation.attacks for evaluation, _ in judged.values()):
        console.print(_attacks(judged))
    for file, (evaluation, _) in judged.items():
        console.print(
            f"{f'{file}: ' if len(judged) > 1 else ''}"
            f"20 a day over {evaluation.days:.2f} days: {evaluation.false_alarms_allowed:,} false alarms. "
            f"Records without a label, counted as benign: {evaluation.rows_without_label:,}. "
            f"Positive labels that no scored row answers to: {evaluation.labels_without_row:,}."
        )


def _table(judged: _Judged, first: str, headers: tuple[str, ...], **options: Any) -> Table:
    """A table whose rows begin with a name, and a file where there are several."""
    table = Table(first, *(["scores"] if len(judged) > 1 else []), box=SIMPLE, **options)
    for header in headers:
        table.add_column(header, justify="right")
    return table


def _name(judged: _Judged, name: str, file: str) -> list[str]:
    return [name, file] if len(judged) > 1 else [name]


def _queues(judged: _Judged) -> Table:
    headers = (
        "rows",
        "positives",
        "ROC AUC",
        "average\nprecision",
        "recall at 1 %\nfalse alarms",
        "recall at 0.1 %\nfalse alarms",
        "recall at 20\nfalse alarms a day",
        "precision\nin top 20",
        "precision\nin top 100",
    )
    table = _table(judged, "detector", headers)
    names = dict.fromkeys(name for evaluation, _ in judged.values() for name in evaluation.detectors)
    for name in (*names, OVERALL):
        for file, (evaluation, sure) in judged.items():
            measures = evaluation.overall if name == OVERALL else evaluation.detectors.get(name)
            if measures is not None:
                table.add_row(*_name(judged, name, file), *_cells(measures, sure.get(name, {})))
    return table


def _cells(measures: Measures, sure: Mapping[str, Interval]) -> list[str]:
    rows, positives, *values = dataclasses.astuple(measures)
    fields = [field.name for field in dataclasses.fields(measures)][2:]
    told = [_share(value, sure.get(field)) for field, value in zip(fields, values, strict=True)]
    return [f"{rows:,}", f"{positives:,}", *told]


def _attacks(judged: _Judged) -> Table:
    headers = ("rows", "ROC AUC", "average\nprecision", "recall\nover all", "recall of its\nbest detector")
    table = _table(judged, "attack", headers, title="Recall at 20 false alarms a day", title_justify="left")
    table.add_column("best detector")
    for name in sorted({name for evaluation, _ in judged.values() for name in evaluation.attacks}):
        for file, (evaluation, sure) in judged.items():
            found = evaluation.attacks.get(name)
            if found is None:
                continue
            of = sure.get(name, {})
            table.add_row(
                *_name(judged, name, file),
                f"{found.rows:,}",
                _share(found.roc_auc, of.get("roc_auc")),
                _share(found.average_precision, of.get("average_precision")),
                _share(found.recall, of.get("recall_at_20_false_alarms_a_day")),
                _share(found.best_recall),
                found.best_detector or "n/a",
            )
    return table


def _share(value: float | None, sure: Interval | None = None) -> str:
    if value is None:
        return "n/a"
    return f"{value:.4f}" + (f"\n{sure[0]:.3f}-{sure[1]:.3f}" if sure else "")
