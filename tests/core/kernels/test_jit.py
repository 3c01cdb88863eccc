"""Kernels are compiled once and found again; a cache that cannot be used costs time and a sentence, nothing else."""

from __future__ import annotations

import importlib.util
import resource
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from numba import config
from oddlog_core.errors import UncachedWarning
from oddlog_core.kernels import _jit, compile_all

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")

SOURCE = """
from oddlog_core.kernels._jit import kernel

@kernel("int64[:](int64[:])")
def double(values):
    return values * 2
"""


@contextmanager
def full_disk():
    """No file can take a byte, whoever writes it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the installed module is; nothing is cached yet, and there is no other place to cache."""
    monkeypatch.setattr(_jit, "COMPILED", [])
    monkeypatch.setattr(config, "CACHE_DIR", "")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a file" / "cache"))
    (tmp_path / "a file").touch()
    package = tmp_path / "package"
    package.mkdir()
    (package / "doubling.py").write_text(SOURCE)
    return package


@pytest.fixture
def start(folder):
    """Import the module as a new process does, and say how its kernel came about."""

    def import_():
        spec = importlib.util.spec_from_file_location("doubling", folder / "doubling.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert module.double(np.array([3])).tolist() == [6]
        return _jit.COMPILED[-1]

    return import_


def test_a_kernel_is_compiled_once_and_then_found(folder, start):
    first, second = start(), start()
    assert (first.found, second.found) == (False, True)
    assert first.folder == second.folder == folder / "__pycache__"
    assert first.name == "doubling.double"


def test_the_folder_that_is_asked_for_comes_first(folder, start, tmp_path, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "asked"))
    assert start().folder.parent == tmp_path / "asked"
    assert start().found
    assert not (folder / "__pycache__").exists()


def test_a_cache_that_can_only_be_read_is_read(folder, start):
    start()
    with full_disk():
        assert start().found


def test_where_the_first_folder_cannot_be_written_the_next_is(folder, start, tmp_path, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "a file"))
    assert start().folder == folder / "__pycache__"


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize(
    "torn", [lambda _: b"", lambda data: data[:20], lambda data: data[:-7], lambda data: bytes(len(data))]
)
def test_a_torn_cache_file_is_replaced(folder, start, suffix, torn):
    start()
    (path,) = (folder / "__pycache__").glob(f"*{suffix}")
    path.write_bytes(torn(path.read_bytes()))
    assert not start().found
    assert start().found


def test_a_torn_cache_file_that_cannot_be_replaced_is_survived(folder, start):
    start()
    (path,) = (folder / "__pycache__").glob("*.nbi")
    path.write_bytes(b"torn")
    with full_disk(), pytest.warns(UncachedWarning, match="File too large"):
        assert not start().found


def test_without_a_folder_to_write_one_sentence_says_how_to_get_one(folder, start):
    (folder / "__pycache__").touch()
    with pytest.warns(UncachedWarning) as said:
        kernels = [start(), start()]
    assert [one.folder for one in kernels] == [None, None]
    (sentence,) = [str(one.message) for one in said]
    assert sentence.startswith(f"kernels are compiled at every start ({folder / '__pycache__'}: ")
    assert sentence.endswith("; set NUMBA_CACHE_DIR to a folder that can be written")


def test_without_a_home_no_folder_called_tilde_is_made(folder, start, tmp_path, monkeypatch):
    # What ~/.cache stays where the user has neither HOME nor a line in passwd.
    monkeypatch.setenv("XDG_CACHE_HOME", "~/.cache")
    monkeypatch.chdir(tmp_path)
    (folder / "__pycache__").touch()
    with pytest.warns(UncachedWarning):
        start()
    assert not (tmp_path / "~").exists()


def test_a_function_from_no_file_is_compiled_all_the_same(folder):
    names: dict[str, object] = {}
    exec(compile(SOURCE, "<nowhere>", "exec"), names)  # noqa: S102
    with pytest.warns(UncachedWarning, match="there is no folder to keep them in"):
        assert names["double"](np.array([3])).tolist() == [6]


def test_all_kernels_are_compiled_when_asked():
    kernels = {one.name for one in compile_all()}
    assert {"oddlog_core.kernels.rolling.mean_std", "oddlog_core.kernels.keytable.assign"} <= kernels
