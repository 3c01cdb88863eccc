"""How fast logs are read: clean and with 1 % bad lines, beside zat, pandas and zcat; and where the time goes."""

from __future__ import annotations

import argparse
import cProfile
import gzip
import pstats
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pandas as pd
from oddlog.logs import ZEEK_TYPES, open_logs
from oddlog.logs.blocks import blocks
from zat.log_to_dataframe import LogToDataFrame

if TYPE_CHECKING:
    from collections.abc import Callable

TYPES = {name: kind for name, kind in ZEEK_TYPES["conn"].items() if name != "ip_proto"}
HEADER = (
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#fields\t"
    + "\t".join(TYPES)
    + "\n#types\t"
    + "\t".join(TYPES.values())
    + "\n"
)
BROKEN = ("id.orig_p", "93145"), ("ts", "yesterday"), ("orig_bytes", "-5"), ("duration", "nan")


# Functions by stage, none of which calls another; what they call counts as theirs.
STAGES = {
    "inflating": ["blocks"],
    "NUL, UTF-8, carriage returns": ["unreadable", "without_returns"],
    "lines and cells": ["of_rows", "split", "_cells"],
    "numbers and codes": ["columns"],
    "Arrow columns": ["_columns", "meant", "_table"],
    "lines left to Arrow": ["read_rows", "read_objects", "checked", "concat"],
    "columns for detectors": ["moments", "records"],
}


def records(rows: int) -> list[dict[str, str]]:
    rng = np.random.default_rng(1)
    started = 1_700_000_000_000_000 + np.cumsum(rng.integers(1, 20_000, rows))
    hosts = rng.zipf(1.3, (rows, 2)) % 60_000
    ports = rng.choice([53, 443, 80, 445, 88, 389], rows)
    numbers = rng.lognormal(6, 2, (rows, 6)).astype(np.int64)
    lasted = rng.lognormal(-1, 2, rows)
    return [
        {
            "ts": f"{ts // 10**6}.{ts % 10**6:06d}",
            "uid": f"C{i:016x}",
            "id.orig_h": f"10.0.{orig >> 8}.{orig & 255}",
            "id.orig_p": str(49152 + i % 16000),
            "id.resp_h": f"10.1.{resp >> 8}.{resp & 255}",
            "id.resp_p": str(port),
            "proto": "tcp" if port != 53 else "udp",
            "service": "-" if i % 3 else "gssapi,smb",
            "duration": f"{span:.6f}",
            "orig_bytes": str(n[0]),
            "resp_bytes": str(n[1]),
            "conn_state": "SF",
            "local_orig": "T",
            "local_resp": "F",
            "missed_bytes": "0",
            "history": ("ShADadFf", "Dd", "ShADadfR")[i % 3],
            "orig_pkts": str(n[2]),
            "orig_ip_bytes": str(n[3]),
            "resp_pkts": str(n[4]),
            "resp_ip_bytes": str(n[5]),
            "tunnel_parents": "-",
        }
        for i, (ts, (orig, resp), port, span, n) in enumerate(
            zip(started.tolist(), hosts.tolist(), ports.tolist(), lasted.tolist(), numbers.tolist(), strict=True)
        )
    ]


def as_json(record: dict[str, str]) -> bytes:
    kinds = {"time": float, "interval": float, "port": int, "count": int, "bool": lambda text: text == "T"}

    def value(text: str, kind: str) -> object:
        try:
            return kinds.get(kind, str)(text)
        except ValueError:
            return text

    return msgspec.json.encode({name: value(record[name], kind) for name, kind in TYPES.items() if record[name] != "-"})


def spoilt(rows: list[dict[str, str]], nth: int = 100) -> list[dict[str, str]]:
    return [row | dict([BROKEN[i // nth % len(BROKEN)]]) if i % nth == nth // 2 else row for i, row in enumerate(rows)]


def read(path: Path) -> None:
    for _ in open_logs([path]).batches("conn"):
        pass


def inflate(path: Path) -> None:
    for _ in blocks(path):
        pass


def best(what: Callable[[Path], object], path: Path, times: int) -> float:
    def once() -> float:
        start = time.perf_counter()
        what(path)
        return time.perf_counter() - start

    return min(once() for _ in range(times))


def stages(path: Path) -> dict[str, float]:
    """Processor seconds of each stage, from bytes on disk to what detectors get."""

    def through() -> None:
        for batch in open_logs([path]).batches("conn"):
            batch.records(batch.moments())

    through()
    profile = cProfile.Profile(time.process_time)
    started = time.process_time()
    profile.runcall(through)
    total = time.process_time() - started
    spent: Counter[str] = Counter()
    for (file, _, name), (_, _, _, seconds, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        if "oddlog" in file:
            spent[name] += seconds
    # `_columns` calls `columns`, which is a stage of its own.
    spent["_columns"] -= spent["columns"]
    found = {stage: sum(spent[name] for name in names) for stage, names in STAGES.items()}
    return found | {"the rest": total - sum(found.values()), "all": total}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--stages", type=Path, nargs="*", help="conn logs to take apart, in place of all else")
    given = parser.parse_args()
    if given.stages:
        tell_stages({path.name: path for path in given.stages})
        return
    clean = records(given.rows)
    bad = spoilt(clean)

    def zcat(path: Path) -> None:
        subprocess.run(["zcat", path], stdout=subprocess.DEVNULL, check=True)

    with tempfile.TemporaryDirectory() as folder:

        def file(name: str, data: bytes) -> Path:
            path = Path(folder, name)
            path.write_bytes(data)
            return path

        def tsv(rows: list[dict[str, str]]) -> bytes:
            return (HEADER + "".join("\t".join(row.values()) + "\n" for row in rows)).encode()

        def lines(rows: list[dict[str, str]]) -> bytes:
            return b"".join(as_json(row) + b"\n" for row in rows)

        plain = file("conn.log", tsv(clean))
        packed = file("conn.log.gz", gzip.compress(plain.read_bytes(), 6))
        spelled = file("conn.json.log", lines(clean))
        packed_json = file("conn.json.log.gz", gzip.compress(spelled.read_bytes(), 6))
        runs: list[tuple[str, Callable[[Path], object], Path]] = [
            ("TSV", read, plain),
            ("TSV, 1 % bad", read, file("conn.bad.log", tsv(bad))),
            ("TSV, gzipped", read, packed),
            ("JSON", read, spelled),
            ("JSON, gzipped", read, packed_json),
            ("JSON, 1 % bad", read, file("conn.bad.json.log", lines(bad))),
            ("zat", lambda path: LogToDataFrame().create_dataframe(str(path)), plain),
            (
                "pandas.read_csv, untyped",
                lambda path: pd.read_csv(path, sep="\t", names=list(TYPES), comment="#", na_values="-"),
                plain,
            ),
            ("zcat", zcat, packed),
            ("inflating alone", inflate, packed),
            (
                "zcat, JSON",
                zcat,
                packed_json,
            ),
        ]
        print(f"{given.rows:,} conn records, best of {given.times}\n")
        print(f"{'':26} {'seconds':>8} {'MB/s':>8} {'rows/s':>12}")
        for name, what, path in runs:
            seconds = best(what, path, given.times)
            megabytes = {packed: plain, packed_json: spelled}.get(path, path).stat().st_size / 1e6
            print(f"{name:26} {seconds:8.3f} {megabytes / seconds:8.0f} {given.rows / seconds:12,.0f}")
        print()
        tell_stages({"TSV, gzipped": packed, "JSON, gzipped": packed_json, "TSV, 1 % bad": runs[1][2]})


def tell_stages(paths: dict[str, Path]) -> None:
    found = {name: stages(path) for name, path in paths.items()}
    rows = {name: count(path) for name, path in paths.items()}
    print("processor seconds per million records\n")
    print(f"{'':30}" + "".join(f"{name:>20}" for name in found))
    for stage in [*STAGES, "the rest", "all"]:
        print(f"{stage:30}" + "".join(f"{1e6 * found[name][stage] / rows[name]:20.3f}" for name in found))


def count(path: Path) -> int:
    return sum(map(len, open_logs([path]).batches("conn")))


if __name__ == "__main__":
    main()
