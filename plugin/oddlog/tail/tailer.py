"""Live logs of a folder, as complete lines in a settled order."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from oddlog.tail.discovery import live_logs
from oddlog.tail.follower import Chunk, Follower, Settings, Troubles
from oddlog.tail.identity import TailPosition

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["Tailer"]

_RELIST = 10.0
"""Seconds after which the folder is listed though its time says nothing changed: file systems keep coarse times."""

# After so many seconds of quiet, so many times the interval: what comes first then may be noticed a little later.
_BUSY, _IDLE = 5.0, 3.0


class Tailer:
    """Follows all live logs of the given names in a folder, through rotation, truncation and restarts.

    Without a position the live files are read from their beginning. With one, each goes on where it was left: what a
    file still held when it was rotated, files that came and went since, then the live one.

    Parameters
    ----------
    folder : path
        Where Zeek writes. It may be a symlink that switches, and need not exist yet.
    names : sequence of str
        Logs to follow, in the order `poll` gives them.
    resume : TailPosition, optional
        From `position` of an earlier run.
    archive_folders : iterable of path
        Where rotation may move files to (`Log::default_rotation_dir`), besides the folder itself.
    on_trouble : callable
        Told `(path, OSError)` when something cannot be read, once until it passes or changes; and when the rest of a
        file was not found.
    grace : float
        Seconds of quiet after which a file that was renamed or removed, and not replaced, is left.
    block : int
        Bytes read from one source in one poll, roughly.
    max_line : int
        Longer lines are skipped and counted; less than `block`.
    interval : float
        Seconds between two looks while waiting; three times that when nothing has come for some seconds.
    clock, sleep : callable
        A truthy answer of `sleep` ends the wait: pass `threading.Event().wait` to be woken.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        names: Sequence[str] = ("conn", "ntlm", "dce_rpc"),
        resume: TailPosition | None = None,
        *,
        archive_folders: Iterable[str | os.PathLike[str]] = (),
        on_trouble: Callable[[Path, OSError], object] = lambda _path, _error: None,
        grace: float = 10.0,
        block: int = 2 << 20,
        max_line: int = 1 << 20,
        interval: float = 0.02,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._folder = Path(folder)
        self._names = list(names)
        self._interval = interval
        self._sleep = sleep
        self._clock = clock
        self._troubles = Troubles(on_trouble)
        archives = tuple(Path(each) for each in archive_folders)
        self._settings = Settings(self._folder, archives, grace, block, max_line, clock, self._troubles)
        self._followers: list[Follower] = []
        for position in resume.files if resume else []:
            if position.log in self._names:
                self._followers.append(Follower(self._settings, position.source, position.log, position))
        self._follow({f"{name}.log": name for name in self._names})
        self._listed: tuple[int, int, int] | None = None
        self._listed_at = 0.0
        self._seen: object = None
        self._seen_at = self._brought_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all files; `position` still tells where they stand."""
        for follower in self._followers:
            follower.close()

    def lost(self) -> dict[str, int]:
        """By log, lines skipped as too long, and files that ended, rotated away, in the middle of one."""
        lost = dict.fromkeys(self._names, 0)
        for follower in self._followers:
            lost[follower.log] += follower.too_long + follower.unfinished
        return lost

    def poll(self) -> list[Chunk]:
        """Complete lines that came since the last poll, without waiting.

        Returns
        -------
        list of Chunk
            By the order of `names`, then by live name; within one live name older files first. If anything came there
            may be more: `wait` then returns at once.
        """
        self._seen, self._seen_at = self._glance(), self._clock()
        self._discover()
        chunks = [chunk for follower in self._followers for chunk in follower.poll()]
        if chunks:
            self._brought_at = self._seen_at
        return chunks

    def again(self, log: str, source: str, folder: Path, length: int, is_it: Callable[[Chunk], bool]) -> Chunk | None:
        """The next lines of one live name alone, ending after so many bytes if a line does; None if there are none.

        To read in the order in which an earlier run read. Of a name that no position tells of, the file is looked for
        that begins with what `is_it` knows, there and in the folder where it was.
        """
        if log not in self._names:
            return None
        self._follow({source: log})
        (follower,) = (each for each in self._followers if each.source == source)
        follower.begin_with(folder, length, is_it)
        chunks = follower.poll(length)
        while not chunks and (follower.more or follower.leave_rotated()):
            chunks = follower.poll(length)
        return chunks[0] if chunks else None

    def lag(self) -> dict[str, float]:
        """By log, how long the oldest bytes that are on disk and not done with have been seen there, in seconds.

        To be asked when what `poll` gave is done with.
        """
        now = self._clock()
        lag = dict.fromkeys(self._names, 0.0)
        for follower in self._followers:
            lag[follower.log] = max(lag[follower.log], follower.lag(self._seen_at, now))
        return lag

    def wait(self, timeout: float) -> bool:
        """Wait until `poll` may have something, for `timeout` seconds at most; tells whether it may."""
        end = self._clock() + timeout
        while not (any(follower.more for follower in self._followers) or self._glance() != self._seen):
            left = end - self._clock()
            busy = self._clock() - self._brought_at < _BUSY
            if left <= 0 or self._sleep(min(self._interval if busy else _IDLE * self._interval, left)):
                return False
        return True

    def position(self) -> TailPosition:
        """How far all chunks that `poll` returned reach."""
        positions = (follower.position() for follower in self._followers)
        return TailPosition([position for position in positions if position is not None])

    def _glance(self) -> object:
        return self._stamp(), [follower.glance() for follower in self._followers]

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            status = self._folder.stat()
        except OSError as error:
            self._troubles.report(self._folder, error)
            return None
        return status.st_dev, status.st_ino, status.st_mtime_ns

    def _discover(self) -> None:
        stamp = self._stamp()
        if stamp is None or (stamp == self._listed and self._clock() - self._listed_at < _RELIST):
            return
        try:
            found = live_logs(self._folder, self._names)
        except OSError as error:
            self._troubles.report(self._folder, error)
            return
        self._troubles.passed(self._folder)
        self._listed, self._listed_at = stamp, self._clock()
        self._follow(found)

    def _follow(self, logs: dict[str, str]) -> None:
        known = {follower.source for follower in self._followers}
        new = [Follower(self._settings, source, log) for source, log in logs.items() if source not in known]
        self._followers += new
        self._followers.sort(key=lambda follower: (self._names.index(follower.log), follower.source))
