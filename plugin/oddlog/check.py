"""What a watch would stumble over, said before it starts: nothing is written and nothing is scored."""

from __future__ import annotations

import os
import pwd
import socket
from typing import TYPE_CHECKING, Literal, NamedTuple

from oddlog_core.bundle import read_bundle
from oddlog_core.errors import BundleError

from oddlog.config import gather_config
from oddlog.errors import UsageError
from oddlog.logs import LOGS
from oddlog.tail import live_logs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Remark", "check_bundle", "check_config", "check_folder", "check_logs", "refuse_shared"]


class Remark(NamedTuple):
    """One thing that was looked at.

    Attributes
    ----------
    level : {"ok", "warning", "error"}
        Of a warning the watch can make something, with an error it would not do its work.
    about : str
        What was looked at, such as "bundle".
    says : str
    """

    level: Literal["ok", "warning", "error"]
    about: str
    says: str


def check_config(path: Path | None, settings: Sequence[str]) -> Iterator[Remark]:
    """Look at all of the configuration, and at the port that it names."""
    config, errors = gather_config(path, settings)
    for error in errors:
        yield Remark("error", "configuration", str(error))
    if not errors:
        yield Remark("ok", "configuration", str(path or "defaults"))
    if port := config.metrics.port:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError as error:
                yield Remark("warning", "metrics", f"port {port}: {error.strerror}; by a watch that runs already?")


def check_bundle(folder: Path) -> Iterator[Remark]:
    """Read a bundle as a watch does."""
    try:
        bundle = read_bundle(folder)
    except BundleError as error:
        yield Remark("error", "bundle", str(error))
        return
    logs = ", ".join(sorted({one.detector.log for one in bundle.trained.values()}))
    yield Remark("ok", "bundle", f"{folder} is {bundle.digest}, made by oddlog {bundle.oddlog}, and knows {logs}")


def check_logs(folder: Path) -> Iterator[Remark]:
    """Look whether the live logs may be read."""
    try:
        folder.stat()
    except FileNotFoundError:
        yield Remark("warning", "logs", f"{folder} is not there; a watch waits for it")
        return
    except OSError as error:
        yield Remark("error", "logs", f"{folder}: {error.strerror} {_by_user()}")
        return
    if not folder.is_dir():
        yield Remark("error", "logs", f"{folder} is no folder")
        return
    if not _may(folder, os.R_OK | os.X_OK):
        yield Remark("error", "logs", f"{folder} may not be listed {_by_user()}; its group is {_group(folder)}")
        return
    found = [folder / name for name in live_logs(folder, LOGS)]
    unreadable = [path for path in found if not _may(path, os.R_OK)]
    for path in unreadable:
        yield Remark("error", "logs", f"{path} may not be read {_by_user()}; its group is {_group(path)}")
    if not found:
        yield Remark("warning", "logs", f"{folder} holds no live log yet; a watch waits for {', '.join(LOGS)}")
    elif not unreadable:
        yield Remark("ok", "logs", f"{folder} holds {', '.join(sorted(path.name for path in found))}")


def check_folder(about: str, folder: Path, files: Sequence[str]) -> Iterator[Remark]:
    """Look whether a folder, or the one to make it in, and its files may be written."""
    # Not Path's own, which raises where this user may not look.
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.exists(path))  # noqa: PTH110
    refused = [path for name in files if os.path.exists(path := folder / name) and not _may(path, os.R_OK | os.W_OK)]  # noqa: PTH110
    if not there.is_dir():
        yield Remark("error", about, f"{folder} cannot be made: {there} is no folder")
    elif not _may(there, os.W_OK | os.X_OK):
        what = f"{folder} may not be written" if there == folder else f"{folder} cannot be made in {there}"
        yield Remark("error", about, f"{what} {_by_user()}")
    elif refused:
        yield Remark("error", about, f"{refused[0]} may not be read and written {_by_user()}")
    else:
        yield Remark("ok", about, f"{folder} may be {'written' if there == folder else 'made'}")


def refuse_shared(logs: Path, out: Path) -> None:
    """Refuse to write notices where Zeek writes logs.

    Raises
    ------
    UsageError
        Zeek opens its own notice.log there and cuts it to nothing.
    """
    if os.path.realpath(logs) == os.path.realpath(out):
        raise UsageError(f"{out}: Zeek writes its own notice.log there; give notices a folder of their own")


def _may(path: Path, what: int) -> bool:
    return os.access(path, what, effective_ids=True)


def _by_user() -> str:
    try:
        return f"by user {pwd.getpwuid(os.geteuid()).pw_name}"
    except KeyError:
        return f"by user {os.geteuid()}"


def _group(path: Path) -> str:
    try:
        return path.group()
    except KeyError:
        return str(path.stat().st_gid)
