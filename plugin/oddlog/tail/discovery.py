"""Which files of a folder are live logs, and which were live once."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["live_logs", "once_live"]

# A cluster's loggers add their name. Not any suffix: conn_long.log and the like are logs of their own.
_LOGGER = r"(?:_logger[\w-]*)?"
_STAMP = r"\d[\d:._T-]*"


def live_logs(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Live logs in a folder.

    Parameters
    ----------
    folder : Path
    names : sequence of str
        Logs to look for, such as `conn`.

    Returns
    -------
    dict
        File name to log: `{"conn.log": "conn", "conn_logger-1.log": "conn"}`. Rotated, `.shadow.` and `.tmp.` files
        are not among them.

    Raises
    ------
    OSError
        The folder cannot be listed.
    """
    live = re.compile(f"({'|'.join(map(re.escape, names))}){_LOGGER}\\.log")
    with os.scandir(folder) as listing:
        return {match[0]: match[1] for entry in listing if (match := live.fullmatch(entry.name))}


def once_live(source: str, folders: Iterable[Path], since_ns: int) -> list[tuple[Path, os.stat_result]]:
    """Files that may have been behind a live name before, the one changed longest ago first.

    Parameters
    ----------
    source : str
        A live name: `conn.log` may now be `conn.2026-11-23-01-42-42.log`, `conn.13:00:00-14:00:00.log`, `conn.log.1`,
        `conn.log-20261123`, one of these as .gz, or `conn.log` in a folder that is not the current one any more.
    folders : iterable of Path
        Where to look; a folder that cannot be listed holds none.
    since_ns : int
        Files last changed before this are left out.
    """
    stem = re.escape(source.removesuffix(".log"))
    name = re.compile(rf"{stem}(?:\.log(?:[.-]{_STAMP})?|[.-]{_STAMP}\.log)(?:\.gz)?")
    found = []
    for folder in folders:
        try:
            with os.scandir(folder) as listing:
                entries = [entry for entry in listing if name.fullmatch(entry.name)]
        except OSError:
            continue
        there = {entry.name for entry in entries}
        for entry in entries:
            # While a file is being compressed, both are there.
            if entry.name.endswith(".gz") and entry.name.removesuffix(".gz") in there:
                continue
            try:
                status = entry.stat()
            except OSError:
                continue
            if status.st_mtime_ns >= since_ns:
                found.append((Path(entry.path), status))
    return sorted(found, key=lambda each: (each[1].st_mtime_ns, each[0]))
