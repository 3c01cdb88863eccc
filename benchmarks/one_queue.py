"""Does what is said hold? Rarities that come true, a budget that is kept, and what chains find.

Trains on 14 days of a simulated office, scores 14 more and a 29th with attacks; then, on the captures of
../shared/data, learns from a part of a log and scores the next. Prints

- by detector, how often scores as rare as p came beside how often they should, for p = 1e-2, 1e-3 and 1e-4, with a
  95 % interval: one office is one draw of few bursts, each one host's, so hosts' days (of captures, hours) are drawn
  anew. How the baseline happened to be is not in it: with --seeds N so many offices are pooled, and drawn anew. A
  capture is learned by halves, and by thirds each from the one before;
- notices a day on the benign days at the default budget, and how many days are not within a factor 2 of it;
- attacks found before so many false notices, with chains and without, the same scores and the same calibration.

Run it with `python benchmarks/one_queue.py [--hosts 40] [--seed 5] [--fixed] [--seeds N] [--out DIR]`; captures are
left out with --seeds. It needs the extra `train`, and with --out the extra `report`, for the reliability
plot. What captures moved into simulated days come to in the joint queue is for `benchmarks/captures.py` to say.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from detection import SHARED, call, read_text, write_text
from oddlog import archive
from oddlog.cli.simulate import simulate as simulate_command
from oddlog.cli.train import train as train_command
from oddlog.config import Config
from oddlog.evaluate import read_labels
from oddlog.logs import open_logs
from oddlog_core.bundle import read_bundle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from oddlog_core.bundle import Bundle

LEVELS = (1e-2, 1e-3, 1e-4)
FALSE = (20, 50, 200)
IN_PARTS = {2: "halves", 3: "thirds"}
HEAD = "| data | detector | scores | p = 1e-2 | 1e-3 | 1e-4 |\n|---|---|---:|---:|---:|---:|"
DAY, HOUR, DRAWS = 86_400, 3600, 1000
# Enough to rank what a budget of 20 would leave unsaid.
MANY = 1000.0


def scored(
    logs: Iterable[Path], bundle: Bundle, out: Path, config: Config
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Scores and notices of some logs."""
    archive.score(open_logs(map(str, logs)), bundle, config, out)
    notices = [json.loads(line) for line in (out / "notice.log").read_text().splitlines()]
    return pd.read_parquet(out / "scores.parquet"), notices


def reliability(name: str, scores: pd.DataFrame) -> pd.DataFrame:
    """Print, by detector, realised over stated rates; as a table for the plot.

    The column `drawn` numbers what each score is drawn anew with: a host's day, or an office.
    """
    rows = []
    for detector, mine in scores.groupby("detector", observed=True):
        cells = []
        for p in LEVELS:
            expected, seen = p * len(mine), int((mine["p_value"] <= p).sum())
            low, high = interval(mine["p_value"].to_numpy() <= p, mine["drawn"].to_numpy()) / p
            sure = f"{seen / expected:.2f} [{low:.2f}, {high:.2f}] ({seen:,})"
            cells.append(sure if expected >= 1 else f"too few ({seen:,})")
        print(f"| {name} | {detector} | {len(mine):,} | {' | '.join(cells)} |")
        grid = np.geomspace(1e-5, 0.5, 60)
        realised = [(mine["p_value"] <= p).mean() for p in grid]
        rows.append(pd.DataFrame({"data": name, "detector": detector, "stated": grid, "realised": realised}))
    return pd.concat(rows)


def interval(rare: NDArray[np.bool_], drawn: NDArray[np.int64]) -> NDArray[np.float64]:
    """95 % interval of the share of scores that are rare."""
    _, group = np.unique(drawn, return_inverse=True)
    size, seen = np.bincount(group), np.bincount(group, rare)
    weight = np.random.default_rng(0).multinomial(len(size), np.full(len(size), 1 / len(size)), DRAWS)
    return np.percentile(weight @ seen / (weight @ size), [2.5, 97.5])


def of_hosts(scores: pd.DataFrame, seconds: int) -> NDArray[np.int64]:
    """A number for each host's day or hour."""
    host = scores["orig_h"].cat.codes.to_numpy().astype(np.int64)
    return host << 32 | (scores["ts"].to_numpy() // seconds).astype(np.int64)


def attacks_of(notice: dict[str, Any], by_uid: dict[str, str]) -> set[str]:
    """Attacks that a notice speaks of, by the connections it names."""
    own = notice["oddlog"]
    uids = [notice.get("uid"), *(link.get("uid") for link in own.get("chain", ()))]
    return {by_uid[uid] for uid in uids if uid in by_uid}


def instances(labels: pd.DataFrame, hosts: dict[str, str]) -> dict[str, str]:
    """Attack and source of each attack's connection, by uid."""
    pairs = zip(labels["uid"], labels["attack"], strict=True)
    return {uid: f"{attack} {hosts.get(uid, '')}" for uid, attack in pairs}


def found(notices: list[dict[str, Any]], labels: pd.DataFrame, hosts: dict[str, str]) -> list[int]:
    """How many attacks notices speak of before 20, 50 and 200 of them speak of none, the rarest first."""
    by_uid = instances(labels, hosts)
    notices = sorted(notices, key=lambda notice: -notice["oddlog"]["rarity"])
    seen: set[str] = set()
    false, at = 0, []
    for notice in notices:
        attacks = attacks_of(notice, by_uid)
        false += not attacks
        seen |= attacks
        while len(at) < len(FALSE) and false >= FALSE[len(at)]:
            at.append(len(seen))
    return at + [len(seen)] * (len(FALSE) - len(at))


@dataclass(frozen=True, slots=True)
class Office:
    """What came of one office: scores of its benign days, notices on each, and attacks found."""

    scores: pd.DataFrame
    days: list[int]
    found: dict[str, list[int]]
    attacks: int


def office(work: Path, hosts: int, seed: int, *, fixed: bool) -> Office:
    """Learn 14 days of a simulated office, score 14 more and a 29th with attacks."""
    kind = ["--fixed-addresses"] if fixed else []
    call(simulate_command, work / "office", "--hosts", hosts, "--days", 29, "--seed", seed, "--attacks", *kind)
    days = sorted((work / "office").glob("2*"))
    call(train_command, *days[:14], "--bundle", work / "bundle", "--no-drill")
    bundle = read_bundle(work / "bundle")
    scores, notices = scored(days[14:28], bundle, work / "benign", Config())
    counts = Counter(datetime.fromtimestamp(notice["ts"], UTC).date() for notice in notices)
    benign = [counts.get(datetime.fromisoformat(day.name).date(), 0) for day in days[14:28]]
    labels = read_labels(work / "office" / "labels.tsv")
    labels = labels[labels["label"]]
    hosts_of = sources(days[28])
    # Nothing is summed up, so that all of it can be ranked.
    many = Config(notices_per_day=MANY)
    at = {}
    for what, one in (("with chains", bundle), ("without", dataclasses.replace(bundle, chains=None))):
        _, said = scored([days[28]], one, work / "attacked", many)
        at[what] = found(said, labels, hosts_of)
    drawn = of_hosts(scores, DAY)
    shutil.rmtree(work)
    attacks = len(set(instances(labels, hosts_of).values()))
    return Office(scores[["detector", "p_value"]].assign(drawn=drawn), benign, at, attacks)


def pooled(offices: dict[int, Office]) -> pd.DataFrame:
    """Reliability of one office, or of several together, drawn anew office by office."""
    if len(offices) == 1:
        return reliability("office", next(iter(offices.values())).scores)
    scores = [one.scores.assign(drawn=seed) for seed, one in offices.items()]
    return reliability(f"{len(offices)} offices", pd.concat(scores, ignore_index=True))


def told(offices: dict[int, Office]) -> None:
    """Print notices a day, and attacks found."""
    budget = Config().notices_per_day
    print(f"\nNotices a day at {budget:g}:")
    for seed, one in offices.items():
        outside = sum(not budget / 2 <= n <= 2 * budget for n in one.days)
        mean = f"{np.mean(one.days):.1f} in the mean"
        print(f"seed {seed}: {' '.join(map(str, one.days))}; {mean}, {outside} days not within a factor 2")
    print(
        "\n| | " + " | ".join(f"before {n} false" for n in FALSE) + " | attacks |\n|---|" + "---:|" * (len(FALSE) + 1)
    )
    attacks = sum(one.attacks for one in offices.values())
    for what in ("with chains", "without"):
        cells = np.sum([one.found[what] for one in offices.values()], axis=0)
        print(f"| {what} | {' | '.join(map(str, cells))} | {attacks} |")


def sources(day: Path) -> dict[str, str]:
    """Source of each connection of a day, by uid."""
    logs, found = open_logs([str(day)]), {}
    for log in logs.names:
        for batch in logs.batches(log):
            found |= dict(zip(batch.table["uid"].to_pylist(), batch.table["id.orig_h"].to_pylist(), strict=True))
    return found


def capture(name: str, records: pd.DataFrame, parts: int, work: Path) -> pd.DataFrame:
    """Learn each of so many parts of a capture but the last, and score the one after it; their reliability."""
    cuts = np.linspace(0, len(records), parts + 1).astype(int)
    pieces = [records.iloc[start:stop] for start, stop in pairwise(cuts)]
    logs = [write_text(piece, work / name / str(number) / "conn.log") for number, piece in enumerate(pieces)]
    fresh = []
    for learned, judged in pairwise(logs):
        call(train_command, learned, "--bundle", work / name / "bundle", "--no-drill")
        scores, _ = scored([judged], read_bundle(work / name / "bundle"), work / name / "found", Config())
        fresh.append(scores.assign(drawn=of_hosts(scores, HOUR)))
    return reliability(f"{name}, {IN_PARTS[parts]}", pd.concat(fresh, ignore_index=True))


def draw(tables: list[pd.DataFrame], path: Path) -> None:
    import matplotlib  # noqa: PLC0415

    matplotlib.use("svg")
    from matplotlib import pyplot  # noqa: PLC0415

    figure, axes = pyplot.subplots(figsize=(6, 5))
    axes.plot([1e-5, 0.5], [1e-5, 0.5], color="grey", linewidth=1, label="as stated")
    for (name, detector), mine in pd.concat(tables).groupby(["data", "detector"]):
        some = mine[mine["realised"] > 0]
        axes.plot(some["stated"], some["realised"], linewidth=1.5, label=f"{name}, {detector}")
    axes.set(
        xscale="log", yscale="log", xlabel="stated p-value", ylabel="share of fresh benign scores at least as rare"
    )
    axes.legend(fontsize=8)
    figure.savefig(path, bbox_inches="tight")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--fixed", action="store_true", help="workstations keep their addresses")
    parser.add_argument("--seeds", type=int, default=1, help="so many offices from --seed on, together")
    parser.add_argument("--out", type=Path, help="folder for reliability.svg")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        seeds = range(arguments.seed, arguments.seed + arguments.seeds)
        offices = {seed: office(work / str(seed), arguments.hosts, seed, fixed=arguments.fixed) for seed in seeds}
        print(HEAD)
        tables = [pooled(offices)]
        if arguments.seeds == 1 and SHARED.exists():
            captures = {"m57-short": [SHARED / "m57-short" / "conn.log"]}
            captures["rita-proxy"] = sorted((SHARED / "rita-proxy").glob("conn.*"))
            for name, paths in captures.items():
                records = read_text(paths)
                tables += [capture(name, records, parts, work) for parts in IN_PARTS]
        told(offices)
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        draw(tables, arguments.out / "reliability.svg")
        print(f"\n{arguments.out / 'reliability.svg'} written")


if __name__ == "__main__":
    main()
