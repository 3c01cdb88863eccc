"""A checkpoint is there whole, or it is said why not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from oddlog.errors import OddlogError
from oddlog.tail import (
    Checkpoint,
    CheckpointError,
    FileIdentity,
    FilePosition,
    TailPosition,
    lock,
    read_checkpoint,
    write_atomically,
    write_checkpoint,
)

POSITION = FilePosition(
    log="conn",
    source="conn.log",
    path="/logs/conn.log",
    file=FileIdentity(1, 2),
    offset=3,
    head="a",
    tail="b",
    mtime_ns=4,
    fresh=False,
    ended=False,
)
CHECKPOINT = Checkpoint(TailPosition([POSITION]), {"conn": b"\0state\n", "ntlm": b""})


def test_a_checkpoint_reads_back_as_written(tmp_path):
    path = tmp_path / "checkpoint"
    assert read_checkpoint(path) is None
    write_checkpoint(path, CHECKPOINT)
    assert read_checkpoint(path) == CHECKPOINT
    assert [each.name for each in tmp_path.iterdir()] == ["checkpoint"]


def test_a_torn_or_altered_checkpoint_is_refused_wherever_it_is_hurt(tmp_path):
    path = tmp_path / "checkpoint"
    write_checkpoint(path, CHECKPOINT)
    whole = path.read_bytes()
    hurt = [whole[:length] for length in range(len(whole))]
    hurt += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]
    for data in hurt:
        path.write_bytes(data)
        with pytest.raises(CheckpointError, match=str(path)):
            read_checkpoint(path)


def test_a_checkpoint_of_another_version_is_refused_by_its_version(tmp_path):
    path = tmp_path / "checkpoint"
    path.write_bytes(b"oddlog-checkpoint 99 0\n")
    with pytest.raises(CheckpointError, match="has version 99, this oddlog reads 1"):
        read_checkpoint(path)


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, broken):
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if broken == "fsync" else Path, broken, fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_second_instance_is_refused_and_the_lock_goes_with_the_first(tmp_path):
    with lock(tmp_path), pytest.raises(OddlogError, match=f"process {os.getpid()}"), lock(tmp_path):
        pass
    with lock(tmp_path):
        pass
