"""Which file a position belongs to: device and inode, and the bytes before the offset."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    import os

__all__ = ["SPAN", "FileIdentity", "FilePosition", "TailPosition", "digest", "identity_of"]

SPAN = 1024
"""Bytes at the start of a file and before the offset that are remembered, at most."""


class FileIdentity(NamedTuple):
    """What a rename leaves as it is. An inode is used again once its file is gone: a position adds hashes."""

    device: int
    inode: int


class FilePosition(msgspec.Struct, frozen=True, kw_only=True):
    """How far the files behind one live name were read.

    Attributes
    ----------
    source : str
        The live name, `conn_logger-1.log`, whatever the file is called now.
    path : str
        Where the file was opened.
    offset : int
        Bytes up to the end of the last complete line delivered.
    head, tail : str
        Digests of the first and of the last `SPAN` bytes before the offset, or of all of them where there are fewer.
    mtime_ns : int
        When the file had last changed, as it was last read.
    fresh : bool
        No line of it was delivered yet.
    ended : bool
        It was rotated away and read to its end.
    """

    log: str
    source: str
    path: str
    file: FileIdentity
    offset: int
    head: str
    tail: str
    mtime_ns: int
    fresh: bool
    ended: bool


class TailPosition(msgspec.Struct, frozen=True):
    """How far every live log was read; becomes JSON and back through msgspec."""

    files: list[FilePosition] = []


def identity_of(stat: os.stat_result) -> FileIdentity:
    """Identity of the file that was asked about."""
    return FileIdentity(stat.st_dev, stat.st_ino)


def digest(data: bytes) -> str:
    """128 bits of BLAKE2b, in hexadecimal."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()
