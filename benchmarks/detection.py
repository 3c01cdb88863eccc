"""Does it find attacks? oddlog's conn detector beside its peers, on the same records.

Each data set is cut in two by the clock. All learn from the first half; attacks between hosts of the baseline
(`injection.py`) are put among the records of the second, whose own records are ordinary. Everyone reads the same Zeek
logs through oddlog's reader. Captures whose labels came with them are reported as they are.

Of two equal scores neither is the higher: at a threshold that several records share, recall is what is to be expected
when they are put in a random order, so a rule that says only yes or no is judged at 1 % false alarms too. Average
precision takes equal scores as one step.

Run it with `python benchmarks/detection.py` after `pip install -r benchmarks/requirements.txt`, from a checkout with
the logs in ../shared/data; it needs the extra `train`. `--quick` takes under 40 s, `--models all` adds every
architecture and feature set, `--only oddlog,tuple` picks contestants, `--data m57,rita` data sets.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from habits import Habits, ends
from injection import KINDS, inject
from oddlog.cli.score import score as score_command
from oddlog.cli.simulate import simulate as simulate_command
from oddlog.cli.train import train as train_command
from oddlog_core.detectors.contract import FitOptions
from oddlog_core.options import Architecture, FeatureSet
from peers import Log, best_column, peers
from sklearn.metrics import average_precision_score, roc_auc_score
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import click
    from numpy.typing import NDArray
    from peers import Contestant

    Measured = dict[str, pd.DataFrame]

SHARED = Path(__file__).parents[2] / "shared" / "data"
DEFAULT = FitOptions()
ODDLOG: dict[str, dict[str, str]] = {"oddlog": {}} | {
    f"{architecture}, {features}": {"architecture": architecture, "features": features}
    for features in get_args(FeatureSet)
    for architecture in get_args(Architecture)
    if (architecture, features) != (DEFAULT.flow.architecture, DEFAULT.features)
}
"""Options of `oddlog train`, by the name of the row: its default, and every other architecture and feature set."""

MEASURES = {
    "AUC": ".3f",
    "average precision": ".3f",
    "recall at 1 %": ".3f",
    "recall at 0.1 %": ".3f",
    "attacks seen at 1 %": ".2f",
    "attacks seen at 0.1 %": ".2f",
    "learning": ".1f",
    "scoring": ".2f",
}
"""Columns of the table and how their numbers are written; an attack is seen where any record of it is; CPU seconds."""

QUICK = ("oddlog", "tuple rarity", "never seen tuple", "isolation forest", "PCA, rolling")
"""Contestants of a quick run, and the columns of the table by kind."""


def call(command: click.Command, *arguments: object) -> None:
    """Run one of oddlog's commands in this process, quietly."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        command.main([str(one) for one in arguments], standalone_mode=False)


class Oddlog:
    """`oddlog train` and `oddlog score`, with some of train's options."""

    def __init__(self, options: dict[str, str]) -> None:
        self._options = [part for name, value in options.items() for part in (f"--{name}", value)]

    def fit(self, baseline: Log, work: Path) -> None:
        """Train a bundle in a folder of its own."""
        self._work = Path(tempfile.mkdtemp(dir=work))
        call(train_command, baseline.path, "--bundle", self._work / "bundle", "--no-drill", *self._options)

    def score(self, judged: Log) -> NDArray[np.float64]:
        """Read the scores from scores.parquet."""
        call(score_command, judged.path, "--bundle", self._work / "bundle", "--out", self._work / "found")
        scores = pq.read_table(self._work / "found" / "scores.parquet")
        if scores["uid"].to_pylist() != judged.records["uid"].tolist():
            raise RuntimeError("scores.parquet has other records than the log, or in another order")
        return scores["score"].to_numpy()


@dataclass(frozen=True)
class Data:
    """A baseline, and groups of logs to judge by: each a log's records with `attack` and `instance`."""

    name: str
    baseline: pd.DataFrame
    judged: dict[str, list[pd.DataFrame]]


def read_text(paths: list[Path]) -> pd.DataFrame:
    """Zeek's TSV as text, in the order in which connections end."""
    frames = []
    for path in paths:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt") as lines:
            fields: list[str] = []
            rows = []
            for line in lines:
                if line.startswith("#fields"):
                    fields = line.rstrip("\n").split("\t")[1:]
                elif not line.startswith("#"):
                    rows.append(line.rstrip("\n").split("\t"))
        frames.append(pd.DataFrame(rows, columns=fields, dtype=str))
    records = pd.concat(frames, ignore_index=True)
    return records.iloc[np.argsort(ends(records), kind="stable")].reset_index(drop=True)


def write_text(records: pd.DataFrame, path: Path) -> Path:
    """Zeek's TSV, without the columns that are labels."""
    records = records.drop(columns=["attack", "instance", "label", "detailedlabel"], errors="ignore")
    header = ["#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)", "#unset_field\t-", "#path\tconn"]
    header.append("\t".join(["#fields", *records.columns]))
    lines = map("\t".join, records.itertuples(index=False, name=None))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*header, *lines, ""]))
    return path


def with_attacks(name: str, baseline: pd.DataFrame, judged: pd.DataFrame, seeds: range) -> Data:
    """One group of judged logs for each choice of destinations."""
    groups = {}
    for among in ("answering", "internal"):
        habits = Habits(baseline, among)
        groups[among] = [inject(habits, judged, seed) for seed in seeds]
    return Data(name, baseline, groups)


def halves(records: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return records.iloc[: len(records) // 2], records.iloc[len(records) // 2 :].reset_index(drop=True)


def m57(_work: Path, seeds: range) -> Data:
    # Small: an injection has room for half the kinds.
    twice = range(2 * seeds.start, 2 * seeds.stop)
    return with_attacks("m57-short", *halves(read_text([SHARED / "m57-short" / "conn.log"])), twice)


def rita(_work: Path, seeds: range) -> Data:
    return with_attacks("rita-proxy", *halves(read_text(sorted((SHARED / "rita-proxy").glob("conn.*")))), seeds)


def simulated(work: Path, seeds: range) -> Data:
    call(simulate_command, work / "office", "--hosts", 40, "--days", 2, "--seed", 11)
    days = [read_text([day / "conn.log"]) for day in sorted((work / "office").glob("2*"))]
    return with_attacks("simulated", days[0], days[1], seeds)


def stratosphere(number: str) -> Callable[[Path, range], Data]:
    def load(_work: Path, _seeds: range) -> Data:
        records = read_text([SHARED / "stratosphere" / f"{number}-zeek-mixed" / "conn.log.labeled"])
        records["attack"] = np.where(records["label"] == "Malicious", records["detailedlabel"], "")
        records["instance"] = np.where(records["attack"] == "", "", records["id.orig_h"])
        baseline, judged = halves(records)
        return Data(f"stratosphere/{number}", baseline[baseline["attack"] == ""], {"as labelled": [judged]})

    return load


DATA: dict[str, Callable[[Path, range], Data]] = {
    "m57": m57,
    "rita": rita,
    "simulated": simulated,
    "008": stratosphere("008"),
    "010": stratosphere("010"),
}


def caught(score: NDArray[np.float64], attack: NDArray[np.bool_], false_alarms: float) -> NDArray[np.float64]:
    """How likely each record is to be above the threshold at which this share of ordinary records is.

    1 above and 0 below it; on it, the share of the records there for which there is room.
    """
    ordinary = np.sort(score[~attack])[::-1]
    room = false_alarms * len(ordinary)
    threshold = ordinary[min(int(room), len(ordinary) - 1)]
    above, level = (ordinary > threshold).sum(), (ordinary == threshold).sum()
    return np.where(score == threshold, (room - above) / level, score > threshold)


def judge(score: NDArray[np.float64], labels: pd.DataFrame) -> dict[str, float]:
    """AUC, average precision, recall; and recall at 1 % by kind, as numbers caught and there."""
    attack = (labels["attack"] != "").to_numpy()
    at_1, at_01 = caught(score, attack, 0.01), caught(score, attack, 0.001)
    out = {
        "AUC": roc_auc_score(attack, score),
        "average precision": average_precision_score(attack, score),
        "recall at 1 %": at_1[attack].mean(),
        "recall at 0.1 %": at_01[attack].mean(),
    }
    instances = labels[attack].assign(at_1=at_1[attack], at_01=at_01[attack]).groupby("instance")
    out["attacks seen at 1 %"] = instances["at_1"].max().mean()
    out["attacks seen at 0.1 %"] = instances["at_01"].max().mean()
    for kind, rows in labels[attack].groupby("attack"):
        out[f"caught {kind}"], out[f"all {kind}"] = at_1[rows.index].sum(), len(rows)
    return out


def contest(data: Data, contestants: dict[str, Contestant], work: Path) -> Iterator[tuple[str, Measured]]:
    """For each group, each contestant's measures: a row for each judged log."""
    baseline = Log.read(write_text(data.baseline, work / "baseline" / "conn.log"))
    learning = {}
    for name, one in contestants.items():
        before = time.process_time()
        one.fit(baseline, work)
        learning[name] = time.process_time() - before
    for group, logs in data.judged.items():
        rows: dict[str, list[dict[str, float]]] = {name: [] for name in (*contestants, "best column (oracle)")}
        for number, labelled in enumerate(logs):
            judged = Log.read(write_text(labelled, work / f"judged-{number}" / "conn.log"))
            for name, one in contestants.items():
                before = time.process_time()
                score = one.score(judged)
                scoring = time.process_time() - before
                rows[name].append(judge(score, labelled) | {"learning": learning[name], "scoring": scoring})
            attack = (labelled["attack"] != "").to_numpy()
            rows["best column (oracle)"].append(judge(best_column(judged, attack), labelled))
        yield group, {name: pd.DataFrame(measured) for name, measured in rows.items()}


def report(data: Data, group: str, measured: Measured) -> None:
    logs = data.judged[group]
    attacks = [int((labelled["attack"] != "").sum()) for labelled in logs]
    ordinary = int((logs[0]["attack"] == "").sum())
    print(
        f"\n## {data.name}, {group}\n\nLearned from {len(data.baseline):,} records; {ordinary:,} ordinary records and "
        f"{np.mean(attacks):,.0f} of attacks, mean over {len(logs)}.\n"
    )
    print("| | " + " | ".join(MEASURES) + " |\n|" + "---|" * (len(MEASURES) + 1))
    for name, table in measured.items():
        means = [f"{table[column].mean():{form}}" if column in table else "" for column, form in MEASURES.items()]
        print(f"| {name} | " + " | ".join(means) + " |")
    shown = {name: table for name, table in measured.items() if name in QUICK or name.startswith("oddlog")}
    kinds = [kind for kind in KINDS if any(f"all {kind}" in table for table in shown.values())]
    if kinds:
        print("\nRecall at 1 % false alarms, by kind of attack:\n")
        print("| kind | records | " + " | ".join(shown) + " |\n|" + "---|" * (len(shown) + 2))
        for kind in kinds:
            there = {name: table[f"all {kind}"].sum() for name, table in shown.items()}
            recalls = [f"{table[f'caught {kind}'].sum() / there[name]:.2f}" for name, table in shown.items()]
            print(f"| {kind} | {max(there.values()):.0f} | " + " | ".join(recalls) + " |")


def chosen(names: Iterable[str], only: str | None) -> Iterator[str]:
    """Names that start with one of a comma-separated list, all without one."""
    for name in names:
        if only is None or any(name.startswith(start) for start in only.split(",")):
            yield name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="the two captures, one seed, few contestants")
    parser.add_argument(
        "--models", default="oddlog", help="of oddlog's, by the start of their names, or all: oddlog,deep; oddlog alone"
    )
    parser.add_argument("--only", help="contestants, by the start of their names: oddlog,tuple")
    parser.add_argument("--data", help=f"data sets, of {','.join(DATA)}")
    parser.add_argument(
        "--seeds", type=int, default=3, help="injections of each data set; twice as many of the smallest"
    )
    parser.add_argument("--first-seed", type=int, default=0, help="attacks that no choice was made by, for a last word")
    arguments = parser.parse_args()
    # OneClassSVM and KitNET meet columns that do not vary.
    warnings.simplefilter("ignore", RuntimeWarning)
    if not SHARED.exists():
        sys.exit(f"{SHARED} is missing: the captures are not part of this project")
    data = arguments.data or ("m57,rita" if arguments.quick else None)
    for key in chosen(DATA, data):
        models = chosen(ODDLOG, None if arguments.models == "all" else arguments.models)
        contestants = {name: Oddlog(ODDLOG[name]) for name in models} | peers()
        names = [name for name in contestants if not arguments.quick or arguments.only or name in {*QUICK, *ODDLOG}]
        contestants = {name: contestants[name] for name in chosen(names, arguments.only)}
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            seeds = range(arguments.first_seed, arguments.first_seed + (1 if arguments.quick else arguments.seeds))
            loaded = DATA[key](work, seeds)
            with threadpool_limits(1):
                for group, measured in contest(loaded, contestants, work):
                    report(loaded, group, measured)
    print(f"\n{time.process_time():.0f} s of CPU")


if __name__ == "__main__":
    main()
