"""Does it find real attacks? Captures, moved into an office where all that they use is in daily use.

A baseline of 14 simulated days (`captures_office.py` says what is added to it); a benign fifteenth; and the same day
with each of the captures in ../shared/data moved into it (`captures_moved.py`): 30 of OTRF's, four of Zerologon, three
of DCSync and DCShadow, and the password guessing at WRCCDC. Half of the attacks come from a workstation that
administers others, in turns over the seeds. Two readings of a budget:

- notices: the threshold is where the benign day brings at most 20, those of one type, source, destination, port and
  hour being one; a capture is found if a row of its own passes it, a host-window only where it did not by itself. Where
  equal scores would make it more, as many of them as make 20 are drawn. Everyone is judged at their own threshold, too.
- records: a capture is found if a row of its own comes before 20, 50 or 200 false records, in a queue for each log and
  in the joint one, by rarity.

Run it with `python benchmarks/captures.py` from a checkout with the captures; with `--fixed` workstations keep their
addresses, with `--orders` no order of calls is new by itself. `--conn` adds conn logs, whose model is trained for
minutes (it needs the extra `train`) and kept in build/bench. `--quick` takes one seed, `--only svcctl,dcsync` picks
captures, `--seeds` and `--first-seed` choose workstations and hours. Seeds from 100 are for a last word: no choice was
made by them.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from captures_logs import read_columns
from captures_moved import Capture, Moved, Place, move, read_captures
from captures_oddlog import Oddlog
from captures_office import DAYS, Office, build_office
from captures_peers import COLUMNS, PEERS, Peer
from captures_queue import Queue

SHARED = Path(__file__).parents[2] / "shared" / "data"
WORK = Path(__file__).parents[1] / "build" / "bench"
NOTICES = 20
FALSE = (20, 50, 200)
HOSTS, OFFICE_SEED = 100, 21


@dataclass
class Judged:
    """What one contestant says: rows of the benign day, and of each capture by (seed, number).

    Rows have `log`, `value`, `score` and what tells notices apart.
    """

    benign: pd.DataFrame
    captured: dict[tuple[int, int], pd.DataFrame]
    told: dict[tuple[int, int], int] | None = None
    false: int = 0


def places(office: Office, captures: list[Capture], seed: int) -> list[Moved]:
    """Move every capture to a workstation and an hour of the judged day."""
    day, midnight = office.day(DAYS)
    site = office.site
    is_admin = np.isin(np.arange(site.n_people), site.admins - site.n_fixed)
    out = []
    for number, capture in enumerate(captures):
        rng = np.random.default_rng([office.seed, seed, number])
        admin = (number + seed) % 2 == 0
        length = capture.span[1] - capture.span[0]
        there = day.present & (day.leave - day.arrive > length + 3600) & (day.arrive < 3600 * 15) & (is_admin == admin)
        # A new lease is an address that nobody knows, and would be found for that.
        for person in rng.permutation(np.flatnonzero(there)).tolist():
            since, until = max(day.arrive[person] + 600, 3600 * 9), min(day.leave[person] - 600, 3600 * 17) - length
            start = float(rng.uniform(since, max(until, since + 1)))
            if office.calls(day, person + site.n_fixed, start):
                break
        place = Place(day, midnight, person + site.n_fixed, start, admin)
        out.append(move(capture, place, office, rng))
    return out


def judge_oddlog(contestant: Oddlog, moved: dict[tuple[int, int], Moved], ports: pd.Series) -> Judged:
    rows, findings = contestant.benign()
    rows = rows.assign(value=rows["rarity"], port=rows["uid"].map(ports))
    told = {(f.detector, f.orig_h, f.resp_h, f.resp_p, f.clock // 3_600_000_000) for f in findings}
    captured, hits = {}, {}
    for key, one in moved.items():
        own, found = contestant.captured(one)
        captured[key], hits[key] = own.assign(value=own["rarity"]), len(found)
    return Judged(rows, captured, hits, len(told))


def judge_peer(peer: Peer, office: Office, moved: dict[tuple[int, int], Moved]) -> Judged:
    def rows(log: str, records: pd.DataFrame) -> pd.DataFrame:
        scored = peer.rows(log, records)
        names = {"id.orig_h": "orig_h", "id.resp_h": "resp_h", "id.resp_p": "port"}
        unit = [f"{log} {i}" for i in range(len(records))]
        return records.rename(columns=names).assign(
            log=log, detector=log, unit=unit, score=scored["score"], value=scored["rarity"]
        )

    benign = [rows(log, read_columns(office.judged / f"{log}.log", log, COLUMNS[log])) for log in peer.logs]
    captured = {}
    for key, one in moved.items():
        frames = [
            rows(log, pd.DataFrame(one.records[log])[list(COLUMNS[log])].astype({"ts": float}))
            for log in peer.logs
            if one.records[log]
        ]
        captured[key] = pd.concat(frames) if frames else pd.DataFrame(columns=["log", "value", "score"])
    return Judged(pd.concat(benign), captured)


def by_notices(name: str, judged: Judged, captures: list[Capture], moved: dict[tuple[int, int], Moved]) -> dict:
    """The first reading, over captures that left logons or calls: shares found, and which were."""
    benign = judged.benign[judged.benign["log"] != "conn"]
    queue = Queue(benign)
    threshold = queue.threshold(NOTICES)
    row = {"name": name, "found": {}, "as is": {}, "false": judged.false}
    flagging = name in ("never seen from this host", "k-modes > 6")
    for key in moved:
        if captures[key[1]].logons:
            own = judged.captured[key]
            own = own[own["log"] != "conn"]
            new = own[own["without"] <= threshold] if "without" in own else own[own["score"] > 0] if flagging else own
            row["found"][key] = queue.before(new["value"].to_numpy(float), NOTICES + 1, notices=True)
            if flagging:
                row["as is"][key] = bool((own["score"] > 0).any())
            elif judged.told is not None:
                row["as is"][key] = judged.told[key] > 0
    if flagging:
        row["false"] = Queue(benign[benign["score"] > 0]).notices_at(-np.inf)
    return row


def print_notices(rows: list[dict], moved: dict[tuple[int, int], Moved]) -> None:
    keys = list(rows[0]["found"])
    n = len({number for _, number in keys})
    seeds = sorted({seed for seed, _ in keys})
    print(
        f"\n## At most {NOTICES} notices on the benign day\n\n"
        f"{n} captures with logons or calls, mean over {len(seeds)} seeds.\n"
    )
    print("| | found | from others | from administrators | at its own threshold | notices then |\n|" + "---|" * 6)
    for row in rows:
        found = row["found"]
        admin = [found[key] for key in keys if moved[key].place.admin]
        plain = [found[key] for key in keys if not moved[key].place.admin]
        own = f"{np.mean(list(row['as is'].values())):.0%} | {row['false']}" if row["as is"] else " | "
        print(
            f"| {row['name']} | {sum(found.values()) / len(seeds):.1f} ({np.mean(list(found.values())):.0%}) "
            f"| {np.mean(plain):.0%} | {np.mean(admin):.0%} | {own} |"
        )


def print_records(contestants: dict[str, Judged], captures: list[Capture], seeds: int) -> None:
    """Print the second reading, over all captures that left a record in the log, or in any."""
    print(f"\n## Before so many false records\n\nCaptures found, mean over {seeds} seeds; {len(captures)} there are.\n")
    print("| | queue | captures | " + " | ".join(map(str, FALSE)) + " |\n|" + "---|" * (len(FALSE) + 3))
    for name, judged in contestants.items():
        logs = judged.benign["log"].unique().tolist()
        several = {}
        for log in logs:
            queue = Queue(judged.benign[judged.benign["log"] == log])
            own = {key: rows["value"][rows["log"] == log].to_numpy(float) for key, rows in judged.captured.items()}
            several[log] = {f: {key: queue.before(values, f) for key, values in own.items()} for f in FALSE}
        joint = Queue(judged.benign)
        own = {key: rows["value"].to_numpy(float) for key, rows in judged.captured.items()}
        tables = several | {
            "any of them": {f: {key: max(several[log][f][key] for log in logs) for key in own} for f in FALSE}
        }
        tables["joint"] = {f: {key: joint.before(values, f) for key, values in own.items()} for f in FALSE}
        for queue, table in tables.items():
            n = sum(
                bool(c.records[queue]) if queue in several else any(c.records[log] for log in logs) for c in captures
            )
            cells = [f"{sum(table[f].values()) / seeds:.1f}" for f in FALSE]
            print(f"| {name} | {queue} | {n} | " + " | ".join(cells) + " |")


def print_missed(row: dict, judged: Judged, captures: list[Capture], moved: dict[tuple[int, int], Moved]) -> None:
    queue = Queue(judged.benign[judged.benign["log"] != "conn"])
    print(
        "\n## What oddlog misses\n\n"
        "Where it was missed, its oddest row and how many notices of the benign day are as odd.\n"
    )
    print("| capture | seed, from | notices as odd | log, detector | what |\n|---|---|---|---|---|")
    for key, found in sorted(row["found"].items(), key=lambda item: (item[0][1], item[0][0])):
        if found == 1:
            continue
        seed, number = key
        own = judged.captured[key]
        own = own[own["log"] != "conn"]
        who = "administrator" if moved[key].place.admin else "other"
        if not len(own):
            print(f"| {captures[number].name} | {seed}, {who} | | | no row |")
            continue
        best = own.loc[own["value"].idxmax()]
        records = [r for r in moved[key].records[best["log"]] if r["uid"] == best["uid"]]
        what = dict.fromkeys(
            " ".join((r.get("endpoint", ""), r.get("operation", r.get("username", "")))) for r in records
        )
        shown = "; ".join(list(what)[:4]) or f"host-window of {best['orig_h']}"
        print(
            f"| {captures[number].name} | {seed}, {who} | {queue.notices_at(best['value'])} "
            f"| {best['log']}, {best['detector']}, once in {best['value']:.2g} days | {shown} |"
        )


def print_false(judged: Judged, most: int = 25) -> None:
    benign = judged.benign.sort_values("value", ascending=False)
    once = benign.drop_duplicates(["detector", "orig_h", "resp_h", "port"])[:most]
    print("\n## The benign day's oddest\n\n| log, detector | from | to | port | once in days |\n|---|---|---|---|---|")
    for _, row in once.iterrows():
        to, port = ("" if pd.isna(row[name]) else row[name] for name in ("resp_h", "port"))
        print(f"| {row['log']}, {row['detector']} | {row['orig_h']} | {to} | {port} | {row['value']:.2g} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one seed")
    parser.add_argument("--only", help="captures, by a part of their names: svcctl,dcsync")
    parser.add_argument("--fixed", action="store_true", help="the office whose workstations keep their addresses")
    parser.add_argument("--orders", action="store_true", help="the baseline holds the captures' orders of calls, too")
    parser.add_argument("--conn", action="store_true", help="conn logs too")
    parser.add_argument("--epochs", type=int, help="of the conn model; few are enough to see that all works")
    parser.add_argument("--seeds", type=int, default=4, help="workstations and hours for each capture")
    parser.add_argument("--first-seed", type=int, default=0, help="from 100 for a last word")
    parser.add_argument("--no-peers", action="store_true", help="oddlog alone")
    arguments = parser.parse_args()
    if not SHARED.exists():
        sys.exit(f"{SHARED} is missing: the captures are not part of this project")
    everything = read_captures(SHARED)
    office = build_office(WORK, everything, HOSTS, OFFICE_SEED, not arguments.fixed, arguments.orders)
    captures = [
        c for c in everything if not arguments.only or any(part in c.name for part in arguments.only.split(","))
    ]
    seeds = range(arguments.first_seed, arguments.first_seed + (1 if arguments.quick else arguments.seeds))
    moved = {(seed, n): one for seed in seeds for n, one in enumerate(places(office, captures, seed))}
    logs = ["conn", "ntlm", "dce_rpc"] if arguments.conn else ["ntlm", "dce_rpc"]
    ports = pd.concat(
        frame.drop_duplicates("uid").set_index("uid")["id.resp_p"]
        for frame in (read_columns(office.judged / f"{log}.log", log, ("uid", "id.resp_p")) for log in logs)
    )
    ports = ports[~ports.index.duplicated()]
    contestants = {"oddlog": judge_oddlog(Oddlog(office, logs, WORK, arguments.epochs), moved, ports)}
    spent = {"oddlog": time.process_time()}
    if not arguments.no_peers:
        baseline = {
            log: pd.concat(
                (read_columns(day / f"{log}.log", log, COLUMNS[log]) for day in office.baseline), ignore_index=True
            )
            for log in logs
        }
        for name in PEERS:
            before = time.process_time()
            contestants[name] = judge_peer(Peer(name, baseline, DAYS), office, moved)
            spent[name] = time.process_time() - before
    rows = [by_notices(name, judged, captures, moved) for name, judged in contestants.items()]
    print_notices(rows, moved)
    print_records(contestants, captures, len(seeds))
    print_missed(rows[0], contestants["oddlog"], captures, moved)
    print_false(contestants["oddlog"])
    print("\nSeconds of CPU: " + ", ".join(f"{name} {seconds:.0f}" for name, seconds in spent.items()))


if __name__ == "__main__":
    main()
