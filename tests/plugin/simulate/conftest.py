"""Simulated offices the tests share, and a plain reader of what was written."""

from __future__ import annotations

import json
from csv import QUOTE_NONE
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from oddlog.simulate import simulate

if TYPE_CHECKING:
    from pathlib import Path


def read_tsv(path: Path) -> pd.DataFrame:
    with path.open() as lines:
        names = next(line for line in lines if line.startswith("#fields")).rstrip("\n").split("\t")[1:]
    return pd.read_csv(path, sep="\t", comment="#", names=names, dtype=str, keep_default_na=False, quoting=QUOTE_NONE)


def read_json(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def numbers(column: pd.Series) -> pd.Series:
    """Values of a column of numbers; what is unset counts as none."""
    return pd.to_numeric(column.replace("-", "0"))


def read_labels(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "labels.tsv", sep="\t", dtype=str)


@pytest.fixture(scope="session")
def office(tmp_path_factory) -> Path:
    """Three days of a small office, attacked on the last."""
    out = tmp_path_factory.mktemp("office") / "logs"
    simulate(out, hosts=60, days=3, seed=5, attacks=True)
    return out


@pytest.fixture(scope="session")
def office_days(office) -> list[dict[str, pd.DataFrame]]:
    return [
        {log: read_tsv(folder / f"{log}.log") for log in ("conn", "ntlm", "dce_rpc")}
        for folder in sorted(path for path in office.iterdir() if path.is_dir())
    ]


@pytest.fixture(scope="session")
def working_day(tmp_path_factory) -> pd.DataFrame:
    """conn.log of one working day of 200 hosts."""
    out = tmp_path_factory.mktemp("working_day") / "logs"
    done = simulate(out, hosts=200, seed=2)
    return read_tsv(done.folders[0] / "conn.log")
