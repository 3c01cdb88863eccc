"""`compare`: every architecture, feature set and optimizer on one conn baseline, and what follows from their losses."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations, product
from statistics import fmean, median
from typing import TYPE_CHECKING

from oddlog_core.options import FlowOptions
from oddlog_core.span import split
from sklearn.metrics import adjusted_rand_score

from oddlog.errors import OddlogError
from oddlog.pipeline import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from oddlog_core.options import Architecture, FeatureSet, Loss, Optimizer, Schedule
    from oddlog_core.training.comparison import Trial

    from oddlog.logs import Logs

__all__ = ["CLUSTERS", "Choice", "Comparison", "Row", "compare", "findings", "markdown", "table"]

CLUSTERS = 8
"""Kinds of behaviour that the bottleneck is cut into, to see whether other seeds find the same."""

_HELD_BACK = 0.25
_FEWEST = 400
# What the article found: BCE 0.208 without and 0.118 with rolling features.
_ROLLING_CUT = 0.4
_LITTLE = 0.1


@dataclass(frozen=True, slots=True)
class Choice:
    """What to compare.

    Attributes
    ----------
    architectures, features, optimizers : sequence of str
    epochs : int
        Passes over the training part at most.
    seeds : int
        Models of each kind; its row is their mean.
    loss, schedule : str
        As `oddlog_core.options.FlowOptions` has them.
    """

    architectures: Sequence[Architecture]
    features: Sequence[FeatureSet]
    optimizers: Sequence[Optimizer]
    epochs: int = 20
    seeds: int = 2
    loss: Loss = "bce"
    schedule: Schedule = "one-cycle"


@dataclass(frozen=True, slots=True)
class Row:
    """Models of one kind that differ by their seed, at least one."""

    trials: Sequence[Trial]

    @property
    def kind(self) -> tuple[Architecture, FeatureSet, Optimizer]:
        """Architecture, feature set and optimizer."""
        first = self.trials[0]
        return first.options.architecture, first.features, first.options.optimizer

    @property
    def own(self) -> float:
        """Mean binary cross-entropy over the model's own columns."""
        return fmean(trial.own for trial in self.trials)

    @property
    def shared(self) -> float:
        """The same over the columns that all feature sets have."""
        return fmean(trial.shared for trial in self.trials)

    @property
    def seconds(self) -> float:
        """Processor time to train one."""
        return fmean(trial.seconds for trial in self.trials)

    @property
    def agreement(self) -> float | None:
        """Adjusted Rand index of the clusters, mean over pairs of seeds; None where one saw a single kind, or is alone.

        Hubert and Arabie, Comparing partitions (1985): 1 is the same clusters, 0 is chance.
        """
        clusters = [trial.clusters for trial in self.trials]
        if len(clusters) < 2 or any((labels == labels[0]).all() for labels in clusters):
            return None
        return fmean(float(adjusted_rand_score(one, other)) for one, other in combinations(clusters, 2))


@dataclass(frozen=True, slots=True)
class Comparison:
    """All rows, in the order of the choice, and how many records they were learned from and judged by."""

    choice: Choice
    learned_from: int
    held_back: int
    rows: list[Row] = field(default_factory=list)


def compare(logs: Logs, choice: Choice, on_progress: Callable[[str, float], None]) -> Comparison:
    """Train every model of the choice on the same records and judge all by the latest quarter.

    Parameters
    ----------
    logs : Logs
    choice : Choice
    on_progress : callable
        Told what is being done, and which share of all is, 0 to 1.

    Raises
    ------
    OddlogError
        If there are too few conn records to learn from.
    """
    # torch is only there where someone trains.
    from oddlog_core.training import comparison  # noqa: PLC0415

    clock = Clock(logs.order)
    baseline = [clock.records(batch) for batch in logs.batches("conn") if len(batch)]
    n = sum(map(len, baseline))
    if n < _FEWEST:
        raise OddlogError(f"{n} conn records are too few to compare models by, {_FEWEST} are the least")
    learned_from, held_back = split(baseline, _HELD_BACK)
    done, of = 0, len(choice.features) * len(choice.architectures) * len(choice.optimizers) * choice.seeds
    found = Comparison(choice, sum(map(len, learned_from)), sum(map(len, held_back)))
    for features in choice.features:
        prepared = comparison.Prepared.of(learned_from, held_back, features)
        for architecture, optimizer in product(choice.architectures, choice.optimizers):
            trials = []
            for seed in range(choice.seeds):
                name = f"{architecture}, {features}, {optimizer}"
                options = FlowOptions(architecture, optimizer, choice.schedule, choice.loss, choice.epochs, seed)

                def told(share: float, name: str = name, before: int = done) -> None:
                    on_progress(name, (before + share) / of)

                trials.append(comparison.run(prepared, options, CLUSTERS, told))
                done += 1
                on_progress(name, done / of)
            found.rows.append(Row(trials))
    return found


def table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Heads and cells, a row of text for each kind of model."""
    shared = comparison.rows[0].trials[0].n_shared
    heads = [
        "architecture",
        "features",
        "optimizer",
        "columns",
        "BCE",
        f"BCE, {shared} shared",
        "CPU s",
        "same clusters",
    ]
    cells = []
    for row in comparison.rows:
        same = "–" if row.agreement is None else f"{row.agreement:.2f}"
        losses = (f"{row.own:.4f}", f"{row.shared:.4f}", f"{row.seconds:.1f}")
        cells.append([*row.kind, str(row.trials[0].n_columns), *losses, same])
    return heads, cells


def markdown(comparison: Comparison) -> str:
    """The table and the findings, as a page."""
    heads, cells = table(comparison)
    aligned = [":---" if number < 3 else "---:" for number in range(len(heads))]
    lines = [f"| {' | '.join(row)} |" for row in (heads, aligned, *cells)]
    return (
        "\n".join([about(comparison), "", *lines, "", *(f"- {sentence}" for sentence in findings(comparison))]) + "\n"
    )


def about(comparison: Comparison) -> str:
    """One sentence of what was compared."""
    choice = comparison.choice
    seeds = f"mean of {choice.seeds} seeds" if choice.seeds > 1 else "one seed"
    return (
        f"Learned from {comparison.learned_from:,} records, judged by the {comparison.held_back:,} after them; "
        f"loss {choice.loss}, {choice.schedule}, at most {choice.epochs} epochs, {seeds}."
    )


def findings(comparison: Comparison) -> list[str]:
    """Whether what the article found holds here, in sentences; what was not compared is not mentioned."""
    return [*_adam(comparison.rows), *_rolling(comparison.rows), *_double(comparison.rows), *_stable(comparison.rows)]


def _pairs(rows: Sequence[Row], place: int, one: str, other: str) -> list[tuple[Row, Row]]:
    """Rows whose kinds differ only in one place."""
    by_kind: dict[tuple[str, ...], Row] = {row.kind: row for row in rows}
    pairs = []
    for kind, row in by_kind.items():
        if kind[place] == one:
            partner = by_kind.get((*kind[:place], other, *kind[place + 1 :]))
            if partner:
                pairs.append((row, partner))
    return pairs


def _trained_best(rows: Sequence[Row]) -> list[Row]:
    """Adam's rows, or all if there are none."""
    return [row for row in rows if row.kind[2] == "adam"] or list(rows)


def _adam(rows: Sequence[Row]) -> Iterator[str]:
    pairs = _pairs(rows, 2, "sgd", "adam")
    if not pairs:
        return
    wins = sum(adam.own < sgd.own for sgd, adam in pairs)
    verdict = "holds" if wins == len(pairs) else "holds mostly" if wins > len(pairs) / 2 else "does not hold"
    change = median(adam.own / sgd.own - 1 for sgd, adam in pairs)
    yield (
        f"Adam beats SGD: {verdict}. Its loss is the lower one in {wins} of {len(pairs)} pairs, "
        f"{_percent(change)} in the median."
    )


def _rolling(rows: Sequence[Row]) -> Iterator[str]:
    pairs = _pairs(_trained_best(rows), 1, "base", "rolling")
    if not pairs:
        return
    without, together = zip(*pairs, strict=True)
    # Medians: one architecture that learns nothing must not decide for the others.
    base, rolling = (median(row.own for row in rows) for rows in (without, together))
    here, there = (median(row.shared for row in rows) for rows in (without, together))
    first, other = without[0].trials[0], together[0].trials[0]
    verdict = "holds" if 1 - rolling / base >= _ROLLING_CUT else "does not hold"
    yield (
        f"Rolling features cut the loss by {_share(_ROLLING_CUT)} or more (0.208 to 0.118 in the article): {verdict}. "
        f"The median goes from {base:.3f} over {first.n_columns} columns to {rolling:.3f} over {other.n_columns}, "
        f"{_percent(rolling / base - 1)}; on the {first.n_shared} shared columns from {here:.3f} to {there:.3f}, "
        f"{_percent(there / here - 1)}."
    )
    above, beyond = _percent((rolling - other.floor) / (base - first.floor) - 1), there - other.shared_floor
    yield (
        f"No loss goes below the entropy of the columns themselves, {first.floor:.3f} and {other.floor:.3f}; above it, "
        f"it goes from {base - first.floor:.3f} to {rolling - other.floor:.3f}, {above}; on the shared columns from "
        f"{here - first.shared_floor:.3f} to {beyond:.3f}, {_percent(beyond / (here - first.shared_floor) - 1)}."
    )


def _double(rows: Sequence[Row]) -> Iterator[str]:
    pairs = _pairs(_trained_best(rows), 0, "basic", "double")
    if not pairs:
        return
    changes = [double.own / basic.own - 1 for basic, double in pairs]
    verdict = "holds" if min(changes) > -_LITTLE else "does not hold"
    each = ", ".join(
        f"{_percent(change)} with {basic.kind[1]}" for change, (basic, _) in zip(changes, pairs, strict=True)
    )
    yield f"A second hidden layer gains little, under {_share(_LITTLE)} (`double` against `basic`): {verdict}. {each}."


def _stable(rows: Sequence[Row]) -> Iterator[str]:
    found = [row.agreement for row in rows if row.agreement is not None]
    if found:
        yield (
            f"{CLUSTERS} clusters of the bottleneck are the same for another seed to an adjusted Rand index of "
            f"{median(found):.2f} in the median, {min(found):.2f} to {max(found):.2f} (1 is the same, 0 is chance)."
        )


def _percent(change: float) -> str:
    """-0.231 as `23.1 % less`."""
    return f"{100 * abs(change):.1f} % {'less' if change < 0 else 'more'}"


def _share(part: float) -> str:
    return f"{100 * part:.0f} %"
