"""Does what is said hold? Rarities that come true, a budget that is kept, and what chains find.

Trains on 14 days of a simulated office, scores 14 more and a 29th with attacks; then, on the captures of
../shared/data, learns from the first half of a log and scores the second. Prints

- by detector, how often scores as rare as p came beside how often they should, for p = 1e-2, 1e-3 and 1e-4, with a
  95 % interval: one office is one draw of few bursts, each one host's, so hosts' days (of captures, hours) are drawn
  anew. How the baseline happened to be is not in it: with --seeds N, ntlm and dce_rpc of so many offices are pooled,
  and offices are drawn anew;
- notices a day on the benign days at the default budget, and how many days are not within a factor 2 of it;
- attacks found before so many false notices, with chains and without, the same scores and the same calibration.

Run it with `python benchmarks/one_queue.py [--hosts 40] [--seed 5] [--fixed] [--seeds N] [--out DIR]`; --seeds prints
the pooled rarities and nothing else. It needs the extra `train`, and with --out the extra `report`, for the reliability
plot. What captures moved into simulated days come to in the joint queue is for `benchmarks/captures.py` to say.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import tempfile
from collections import Counter
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from detection import SHARED, call, halves, read_text, write_text
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


def reliability(name: str, scores: pd.DataFrame, drawn: NDArray[np.int64]) -> pd.DataFrame:
    """Print, by detector, realised over stated rates; as a table for the plot.

    `drawn` numbers what each score is drawn anew with: a host's day, or an office.
    """
    rows = []
    for detector, mine in scores.groupby("detector", observed=True):
        cells = []
        for p in LEVELS:
            expected, seen = p * len(mine), int((mine["p_value"] <= p).sum())
            low, high = interval(mine["p_value"].to_numpy() <= p, drawn[scores["detector"] == detector]) / p
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


def office(work: Path, hosts: int, seed: int, *, fixed: bool) -> pd.DataFrame:
    """The simulated office; its reliability."""
    kind = ["--fixed-addresses"] if fixed else []
    call(simulate_command, work / "office", "--hosts", hosts, "--days", 29, "--seed", seed, "--attacks", *kind)
    days = sorted((work / "office").glob("2*"))
    call(train_command, *days[:14], "--bundle", work / "bundle", "--no-drill")
    bundle = read_bundle(work / "bundle")
    scores, notices = scored(days[14:28], bundle, work / "benign", Config())
    print(HEAD)
    table = reliability("office", scores, of_hosts(scores, DAY))
    midnights = [datetime.fromtimestamp(notice["ts"], UTC).date() for notice in notices]
    counts = Counter(midnights)
    benign = [counts.get(datetime.fromisoformat(day.name).date(), 0) for day in days[14:28]]
    budget = Config().notices_per_day
    outside = sum(not budget / 2 <= n <= 2 * budget for n in benign)
    told = f"{' '.join(map(str, benign))}; {np.mean(benign):.1f} in the mean"
    print(f"\nNotices a day at {budget:g}: {told}, {outside} days not within a factor 2")
    print(
        "\n| | " + " | ".join(f"before {n} false" for n in FALSE) + " | attacks |\n|---|" + "---:|" * (len(FALSE) + 1)
    )
    labels = read_labels(work / "office" / "labels.tsv")
    labels = labels[labels["label"]]
    hosts_of = sources(days[28])
    n_attacks = len(set(instances(labels, hosts_of).values()))
    # Nothing is summed up, so that all of it can be ranked.
    many = Config(notices_per_day=MANY)
    for what, one in (("with chains", bundle), ("without", dataclasses.replace(bundle, chains=None))):
        _, said = scored([days[28]], one, work / "attacked", many)
        cells = found(said, labels, hosts_of)
        print(f"| {what} | {' | '.join(map(str, cells))} | {n_attacks} |")
    return table


def offices(work: Path, hosts: int, seeds: Iterable[int], *, fixed: bool) -> pd.DataFrame:
    """The reliability of logons and calls of several simulated offices together."""
    found = []
    for seed in seeds:
        place = work / str(seed)
        kind = ["--fixed-addresses"] if fixed else []
        call(simulate_command, place / "office", "--hosts", hosts, "--days", 28, "--seed", seed, *kind)
        logs = [[day / f"{log}.log" for log in ("ntlm", "dce_rpc")] for day in sorted((place / "office").glob("2*"))]
        call(train_command, *chain(*logs[:14]), "--bundle", place / "bundle", "--no-drill")
        scores, _ = scored(chain(*logs[14:]), read_bundle(place / "bundle"), place / "benign", Config())
        found.append(scores[["detector", "p_value"]].assign(seed=seed))
        shutil.rmtree(place)
    scores = pd.concat(found, ignore_index=True)
    print(HEAD)
    return reliability(f"{len(found)} offices", scores, scores["seed"].to_numpy())


def sources(day: Path) -> dict[str, str]:
    """Source of each connection of a day, by uid."""
    logs, found = open_logs([str(day)]), {}
    for log in logs.names:
        for batch in logs.batches(log):
            found |= dict(zip(batch.table["uid"].to_pylist(), batch.table["id.orig_h"].to_pylist(), strict=True))
    return found


def capture(name: str, paths: list[Path], work: Path) -> pd.DataFrame:
    first, second = halves(read_text(paths))
    logs = [write_text(part, work / name / half / "conn.log") for part, half in ((first, "first"), (second, "second"))]
    call(train_command, logs[0], "--bundle", work / name / "bundle", "--no-drill")
    scores, _ = scored([logs[1]], read_bundle(work / name / "bundle"), work / name / "found", Config())
    return reliability(name, scores, of_hosts(scores, HOUR))


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
    parser.add_argument("--seeds", type=int, help="so many offices from --seed on, their ntlm and dce_rpc alone")
    parser.add_argument("--out", type=Path, help="folder for reliability.svg")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if arguments.seeds:
            seeds = range(arguments.seed, arguments.seed + arguments.seeds)
            tables = [offices(work, arguments.hosts, seeds, fixed=arguments.fixed)]
        else:
            tables = [office(work, arguments.hosts, arguments.seed, fixed=arguments.fixed)]
            if SHARED.exists():
                print(f"\n{HEAD}")
                rita = sorted((SHARED / "rita-proxy").glob("conn.*"))
                tables.append(capture("m57-short", [SHARED / "m57-short" / "conn.log"], work))
                tables.append(capture("rita-proxy", rita, work))
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        draw(tables, arguments.out / "reliability.svg")
        print(f"\n{arguments.out / 'reliability.svg'} written")


if __name__ == "__main__":
    main()
