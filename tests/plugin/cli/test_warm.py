"""`oddlog warm`: says what is compiled and where it is kept, and fails where it cannot be kept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

# All of them take most of a minute.
SOME = """
import pkgutil
from oddlog_core import kernels
SOME = ("matching", "tally", "timeline")
kernels.iter_modules = lambda *where: [one for one in pkgutil.iter_modules(*where) if one.name.endswith(SOME)]
"""
FULL_DISK = f"""{SOME}
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
"""
SAYS = re.compile(r"(\d+) kernels: (\d+) compiled, (\d+) found compiled, in [\d.]+ s\n(?:(.+) holds (\d+)\n)?")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    # For another processor than this nothing is cached yet.
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_was_warmed_is_found_and_what_cannot_be_kept_is_a_sentence_and_exit_code_1(process, tmp_path, cache):
    first = process(["warm"], tmp_path, SOME)
    assert (first.exit_code, first.err) == (0, "")
    said = SAYS.fullmatch(first.out)
    kernels = int(said[1])
    assert kernels >= 5
    assert said.group(2, 3, 5) == (str(kernels), "0", str(kernels))
    assert Path(said[4]).parent == cache

    second = process(["warm"], tmp_path, FULL_DISK)
    assert (second.exit_code, second.err) == (0, "")
    assert SAYS.fullmatch(second.out).group(2, 3, 5) == ("0", str(kernels), str(kernels))

    for index in [*cache.rglob("timeline.*.nbi"), *cache.rglob("matching.*.nbi")]:
        index.unlink()
    third = process(["warm"], tmp_path, FULL_DISK)
    assert third.exit_code == 1
    (line,) = third.err.splitlines()
    assert line.startswith(f"oddlog: kernels are compiled at every start ({cache}")
    assert line.endswith("; set NUMBA_CACHE_DIR to a folder that can be written")
    said = SAYS.fullmatch(third.out)
    assert int(said[2]) >= 2
    assert int(said[3]) == int(said[5]) == kernels - int(said[2])
