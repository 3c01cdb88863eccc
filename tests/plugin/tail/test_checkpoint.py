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
    to_bytes,
    write_durably,
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
CHECKPOINT = Checkpoint(7, TailPosition([POSITION]), {"conn": b"\0state\n", "ntlm": b""})


def test_a_checkpoint_reads_back_as_written(tmp_path):
    path = tmp_path / "checkpoint"
    assert read_checkpoint(path) is None
    path.write_bytes(to_bytes(CHECKPOINT))
    assert read_checkpoint(path) == CHECKPOINT
    assert [each.name for each in tmp_path.iterdir()] == ["checkpoint"]


def test_a_torn_or_altered_checkpoint_is_refused_wherever_it_is_hurt(tmp_path):
    path = tmp_path / "checkpoint"
    path.write_bytes(to_bytes(CHECKPOINT))
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
    with pytest.raises(CheckpointError, match="has version 99, this oddlog reads "):
        read_checkpoint(path)


@pytest.mark.parametrize(("broken", "errors"), [("fsync", 28), ("open", 5)])
def test_a_write_that_fails_leaves_no_file(tmp_path, monkeypatch, broken, errors):
    def fail(*_):
        raise OSError(errors, os.strerror(errors))

    path = tmp_path / "file"
    monkeypatch.setattr(os if broken == "fsync" else Path, broken, fail)
    with pytest.raises(OSError, match=os.strerror(errors)):
        write_durably(path, b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_second_instance_is_refused_and_the_lock_goes_with_the_first(tmp_path):
    with lock(tmp_path), pytest.raises(OddlogError, match=f"process {os.getpid()}"), lock(tmp_path):
        pass
    with lock(tmp_path):
        pass
