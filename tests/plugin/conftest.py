"""A simulated office, and bundles to score it by, that several tests share."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from oddlog import baseline
from oddlog.config import Config
from oddlog.logs import open_logs
from oddlog.simulate import simulate
from oddlog_core.bundle import read_bundle

if TYPE_CHECKING:
    from collections.abc import Callable

    from oddlog_core.bundle import Bundle


class Office(NamedTuple):
    quiet: Path
    attacked: Path


@pytest.fixture(scope="session")
def small_office(tmp_path_factory) -> Office:
    """Folders of two days of 40 hosts; conn.log is cut after its first 4,000 records."""
    done = simulate(tmp_path_factory.mktemp("small") / "office", hosts=40, days=2, seed=3, attacks=True)
    for folder in done.folders:
        with (folder / "conn.log").open("rb") as log:
            lines = [line for line, _ in zip(log, range(4008), strict=False)]
        (folder / "conn.log").write_bytes(b"".join(lines))
    return Office(*done.folders)


@pytest.fixture(scope="session")
def logon_bundle_folder(small_office, tmp_path_factory) -> Path:
    """Learned from the quiet day's ntlm and dce_rpc logs, for which torch is not needed."""
    folder = tmp_path_factory.mktemp("bundles") / "logons"
    logs = open_logs([small_office.quiet / "ntlm.log", small_office.quiet / "dce_rpc.log"])
    baseline.train(logs, Config(), folder)
    return folder


@pytest.fixture(scope="session")
def logon_bundle(logon_bundle_folder) -> Bundle:
    return read_bundle(logon_bundle_folder)


@pytest.fixture(scope="session")
def starter_bundle() -> Bundle:
    """The bundle that ships with oddlog, which knows all three logs."""
    return read_bundle(Path(str(files("oddlog") / "starter")))


def _logons(*records: dict[str, Any]) -> bytes:
    start = {"_path": "ntlm", "id.orig_h": "10.0.0.1", "id.orig_p": 50000, "id.resp_h": "10.0.0.2", "id.resp_p": 445}
    lines = [{**start, "uid": f"C{i}", "domainname": "OFFICE", **record} for i, record in enumerate(records)]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@pytest.fixture(scope="session")
def logons() -> Callable[..., bytes]:
    """Lines of an ntlm.log in JSON, each of them with the fields given."""
    return _logons
