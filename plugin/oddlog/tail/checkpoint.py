"""What must survive a crash: written whole or not at all, and known as damaged when it is."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import msgspec

from oddlog.errors import OddlogError
from oddlog.tail.identity import TailPosition, digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "lock",
    "read_checkpoint",
    "sync_folder",
    "to_bytes",
    "write_durably",
]

VERSION = 7
_MAGIC = b"oddlog-checkpoint"


class CheckpointError(OddlogError):
    """A checkpoint that cannot be used, and why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class Checkpoint(msgspec.Struct, frozen=True):
    """How far the logs were read, and what was remembered at that point.

    Attributes
    ----------
    number : int
        Counts up; what was read after it is in the journal of this number.
    position : TailPosition
    states : dict
        By a name the owner chooses; opaque here.
    """

    number: int
    position: TailPosition
    states: dict[str, bytes]


def write_durably(path: Path, data: bytes) -> None:
    """Write and sync a file.

    Raises
    ------
    OSError
        There is then no such file.
    """
    try:
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make durable which files a folder has."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """A line with the version and a digest of all that follows it, then msgpack."""
    body = msgspec.msgpack.encode(checkpoint)
    return b"%s %d %s\n%s" % (_MAGIC, VERSION, digest(body).encode(), body)


def read_checkpoint(path: Path) -> Checkpoint | None:
    """Read a checkpoint; None if there is none.

    Raises
    ------
    CheckpointError
        It is damaged, of another version, or no checkpoint. Whoever goes on without it should say so.
    OSError
        It cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    line, _, body = data.partition(b"\n")
    words = line.split(b" ")
    if len(words) != 3 or words[0] != _MAGIC:
        raise CheckpointError(path, "is no checkpoint of oddlog, or its beginning is damaged")
    if words[1] != b"%d" % VERSION:
        raise CheckpointError(path, f"has version {words[1].decode(errors='replace')}, this oddlog reads {VERSION}")
    if words[2] != digest(body).encode():
        raise CheckpointError(path, "is damaged: its content does not match its checksum")
    try:
        return msgspec.msgpack.decode(body, type=Checkpoint)
    except msgspec.DecodeError as error:
        raise CheckpointError(path, f"does not hold what version {VERSION} holds: {error}") from error


@contextmanager
def lock(folder: Path) -> Iterator[IO[str]]:
    """Keep every other instance from using a folder, until the block is left or the process dies.

    Yields
    ------
    file
        That is locked.

    Raises
    ------
    OddlogError
        Another instance uses it.
    """
    with (folder / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            text = f"{folder} is in use by another oddlog, process {owner}: stop that one or name another folder"
            raise OddlogError(text) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield file
