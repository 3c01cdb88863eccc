"""Live logs as complete lines: which files, how far, through rotation, truncation and restarts."""

from oddlog.tail.checkpoint import (
    Checkpoint,
    CheckpointError,
    lock,
    read_checkpoint,
    sync_folder,
    to_bytes,
    write_durably,
)
from oddlog.tail.discovery import live_logs
from oddlog.tail.follower import Chunk
from oddlog.tail.identity import FileIdentity, FilePosition, TailPosition
from oddlog.tail.tailer import Tailer

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "Chunk",
    "FileIdentity",
    "FilePosition",
    "TailPosition",
    "Tailer",
    "live_logs",
    "lock",
    "read_checkpoint",
    "sync_folder",
    "to_bytes",
    "write_durably",
]
