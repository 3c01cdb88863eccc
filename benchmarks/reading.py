"""How fast logs are read: clean and with 1 % bad lines, beside zat, pandas and zcat."""

from __future__ import annotations

import argparse
import gzip
import subprocess
import tempfile
import time
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    clean = records(given.rows)
    bad = spoilt(clean)
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
        runs: list[tuple[str, Callable[[Path], object], Path]] = [
            ("TSV", read, plain),
            ("TSV, 1 % bad", read, file("conn.bad.log", tsv(bad))),
            ("TSV, gzipped", read, packed),
            ("JSON", read, file("conn.json.log", lines(clean))),
            ("JSON, 1 % bad", read, file("conn.bad.json.log", lines(bad))),
            ("zat", lambda path: LogToDataFrame().create_dataframe(str(path)), plain),
            (
                "pandas.read_csv, untyped",
                lambda path: pd.read_csv(path, sep="\t", names=list(TYPES), comment="#", na_values="-"),
                plain,
            ),
            ("zcat", lambda path: subprocess.run(["zcat", path], stdout=subprocess.DEVNULL, check=True), packed),
            ("inflating alone", inflate, packed),
        ]
        print(f"{given.rows:,} conn records, best of {given.times}\n")
        print(f"{'':26} {'seconds':>8} {'MB/s':>8} {'rows/s':>12}")
        for name, what, path in runs:
            seconds = best(what, path, given.times)
            megabytes = (plain if path == packed else path).stat().st_size / 1e6
            print(f"{name:26} {seconds:8.3f} {megabytes / seconds:8.0f} {given.rows / seconds:12,.0f}")


if __name__ == "__main__":
    main()
