"""`oddlog` as a user calls it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest
from oddlog.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Said(NamedTuple):
    exit_code: int
    out: str
    err: str


def in_a_process(arguments: list[str], folder: Path, before: str = "") -> Said:
    """Call the command in a process of its own, in a folder."""
    code = f"{before}\nfrom oddlog.cli import main\nmain()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def process() -> Callable[..., Said]:
    return in_a_process


@pytest.fixture
def oddlog(monkeypatch, capsys) -> Callable[..., Said]:
    """Call the command as its console script does, without the cost of a process."""

    def call(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["oddlog", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        captured = capsys.readouterr()
        return Said(code or 0, captured.out, captured.err)

    return call
