"""Whatever a user hands to a command, what comes back is a sentence: never a traceback."""

from __future__ import annotations

import gzip
import os
import random
import shutil

import pytest
from oddlog.cli import COMMANDS


def unreadable(folder):
    """A file that nobody may read; where root may all the same, one that no one can."""
    path = folder / "unreadable"
    path.touch(0o000)
    return "/proc/self/mem" if os.access(path, os.R_OK) else "unreadable"


@pytest.fixture
def here(small_office, logon_bundle_folder, tmp_path, monkeypatch):
    """Good and bad things to hand to a command, by name in its working directory."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(logon_bundle_folder, "bundle")
    shutil.copy(small_office.attacked / "ntlm.log", "ntlm.log")
    noise = random.Random(1).randbytes(10_000)
    (tmp_path / "noise").write_bytes(noise)
    (tmp_path / "noise.log").write_bytes(noise)
    (tmp_path / "noise.parquet").write_bytes(noise)
    (tmp_path / "noise.log.gz").write_bytes(noise)
    (tmp_path / "torn.log.gz").write_bytes(gzip.compress(noise)[:-100])
    (tmp_path / "nothing").write_bytes(b"")
    (tmp_path / "zeros.log").write_bytes(bytes(10_000))
    (tmp_path / "deep.json").write_bytes(b"[" * 100_000)
    (tmp_path / os.fsdecode(b"\xff\xfe.log")).write_bytes(noise)
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "wrong.toml").write_text("[train]\nepochs = 'many'\n")
    return tmp_path


THINGS = [
    *("missing", "noise", "noise.log", "noise.log.gz", "torn.log.gz", "nothing", "zeros.log", "deep.json", "folder"),
    *("loop", os.fsdecode(b"\xff\xfe.log"), "ntlm.log/below", "/dev/null", "", "a\nb", "x" * 300),
]

GOOD = {
    "check": ("--bundle", "bundle", "--logs", "folder", "--out", "new", "--state", "new-state"),
    "compare": ("ntlm.log",),
    "config": ("--set", "suppress_for=5"),
    "evaluate": ("noise.parquet", "--labels", "ntlm.log"),
    "inspect": ("bundle",),
    "profile": ("ntlm.log", "--out", "new"),
    "score": ("ntlm.log", "--bundle", "bundle", "--out", "new"),
    "siem": ("splunk", "props.conf"),
    "simulate": ("new", "--hosts", "40"),
    "train": ("ntlm.log", "--bundle", "new"),
    "watch": ("folder", "--bundle", "bundle", "--out", "new", "--state", "new-state"),
}
"""Arguments of each command; in a test one of them, which is no option's name, is another thing."""

# It works on no argument of a user's.
WITHOUT = {"warm"}


def test_every_command_is_tried():
    assert GOOD.keys() | WITHOUT == COMMANDS.keys()


def mistakes():
    for command, arguments in GOOD.items():
        for at, argument in enumerate(arguments):
            if not argument.startswith("--"):
                yield pytest.param(command, at, id=f"{command} {arguments[at - 1] if at else ''} {argument}")


def put(arguments, at, thing):
    return [*arguments[:at], thing, *arguments[at + 1 :]]


@pytest.mark.parametrize(("command", "at"), list(mistakes()))
def test_a_thing_of_any_other_kind_is_answered_in_words(here, oddlog, monkeypatch, command, at):
    if command == "watch":
        # What can be used is watched for ever.
        monkeypatch.setattr("threading.Event.is_set", lambda _: True)
    for thing in [*THINGS, unreadable(here)]:
        arguments = put(GOOD[command], at, thing)
        said = oddlog(command, *arguments)
        assert said.exit_code in (0, 1, 2), (arguments, said)
        assert "Traceback" not in said.err, arguments
        if said.exit_code:
            assert said.err.strip() or command == "check", arguments
            # Usage takes five.
            assert said.err.count("\n") <= 5 + thing.count("\n"), (arguments, said.err)
        shutil.rmtree(here / "new", ignore_errors=True)


@pytest.mark.parametrize("command", [name for name in GOOD if name not in ("compare", "evaluate", "siem", "simulate")])
@pytest.mark.parametrize(
    "options",
    [
        ("--config", "wrong.toml"),
        ("--config", "noise"),
        ("--config", "deep.json"),
        ("--config", "folder"),
        ("--set", "epochs"),
        ("--set", "train.epochs=many"),
        ("--set", "\udcff=\udcff"),
    ],
)
def test_a_configuration_that_cannot_be_is_answered_in_words(here, oddlog, command, options):
    said = oddlog(command, *GOOD[command], *options)
    assert said.exit_code == 2
    assert "Traceback" not in said.err
    assert (said.err or said.out).strip()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("command", ["config", "siem"])
def test_an_output_that_is_full_is_answered_in_words(process, here, command):
    before = "import os; os.dup2(os.open('/dev/full', os.O_WRONLY), 1)"
    said = process([command, *GOOD[command]], here, before)
    assert said.exit_code != 0
    assert "Traceback" not in said.err
    assert "No space left on device" in said.err
