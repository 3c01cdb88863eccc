"""One live log through its rotations: each file to its end, the older before the newer."""

from __future__ import annotations

import errno
import os
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from oddlog.tail.discovery import once_live
from oddlog.tail.identity import FileIdentity, FilePosition, identity_of
from oddlog.tail.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Chunk", "Follower", "Settings", "Troubles"]


class Chunk(NamedTuple):
    """Complete lines of one file.

    Attributes
    ----------
    log : str
        `conn`, `ntlm`, `dce_rpc`.
    source : str
        The live name, `conn_logger-1.log`; one decoder per source is enough: its files come one after the other.
    path : Path
        Where the file was opened; it may have been renamed since.
    file : FileIdentity
    offset : int
        Where `data` begins in the file.
    data : bytes
        Ends with a newline.
    fresh : bool
        These are the first lines of a new file, or of one written anew: the decoder starts afresh. Zeek's header is
        missing from such a file if it was cut back behind Zeek's back (copytruncate).
    """

    log: str
    source: str
    path: Path
    file: FileIdentity
    offset: int
    data: bytes
    fresh: bool


@dataclass
class Troubles:
    """Tells of a trouble once, and again only when it has changed or passed and come back."""

    tell: Callable[[Path, OSError], object]
    _told: dict[Path, int | None] = field(default_factory=dict)

    def report(self, path: Path, error: OSError) -> None:
        """Tell of an error unless it was the last one told of this path."""
        if path not in self._told or self._told[path] != error.errno:
            self._told[path] = error.errno
            self.tell(path, error)

    def passed(self, path: Path) -> None:
        """Note that the path gives no trouble now."""
        self._told.pop(path, None)


@dataclass(frozen=True)
class Settings:
    """What all followers of a folder share; `Tailer` says what each means."""

    folder: Path
    archive_folders: tuple[Path, ...]
    grace: float
    block: int
    max_line: int
    clock: Callable[[], float]
    troubles: Troubles


class Follower:
    """Follows one live name.

    A file stays open through its rename or removal and is left at its end when the file after it holds something (Zeek
    and every other single writer has moved on by then), when Zeek closed it, or after a quiet grace time.

    Parameters
    ----------
    source, log : str
        `conn_logger-1.log`, `conn`.
    last : FilePosition, optional
        Where to go on; without it the live file is read from its start and older ones are not.
    """

    def __init__(self, settings: Settings, source: str, log: str, last: FilePosition | None = None) -> None:
        self.source = source
        self.log = log
        self.too_long = 0
        self.unfinished = 0
        self.more = False
        self._busy = False
        self._delivered = 0
        self._marks: deque[tuple[float, int]] = deque()
        self._settings = settings
        self._live = settings.folder / source
        self._last = last
        self._reader: Reader | None = None
        self._queue: deque[Path] = deque()
        # The file behind `_last` was left before its end was seen.
        self._unsettled = last is not None and not last.ended
        self._quiet_since = 0.0
        self._changed = 0

    def close(self) -> None:
        """Close the file, keeping the position."""
        if self._reader is not None:
            self._leave(ended=False)

    def begin_with(self, folder: Path, length: int, is_it: Callable[[Chunk], bool]) -> None:
        """Begin with the file whose first bytes are known, wherever it is now, if there is nothing to go on from."""
        if self._last is not None or self._reader is not None:
            return
        for path, _ in once_live(self.source, self._folders(folder, 0), 0):
            with suppress(OSError):
                reader = Reader(path, self._settings.block, self._settings.max_line)
                data = reader.read(length)
                reader.close()
                if data and is_it(
                    Chunk(self.log, self.source, path, reader.file, reader.offset - len(data), data, True)
                ):
                    self._queue.append(path)
                    return

    def poll(self, most: int | None = None) -> list[Chunk]:
        """Complete lines that came since, up to a block of them; `more` says whether it stopped short.

        Where `most` is given: one chunk, or some bytes from which none came, which ends after so many bytes if a line
        does.
        """
        chunks: list[Chunk] = []
        budget = self._settings.block if most is None else 1
        self.more = self._busy = False
        while budget > 0:
            try:
                reader = self._reader or self._begin()
            except OSError:
                return chunks
            if reader is None:
                return chunks
            # Asked before reading: the end seen after a rename was seen is the end.
            attached, successor = self._look(reader)
            reach, fresh, too_long = reader.reach, reader.fresh, reader.too_long
            try:
                data = reader.read(most)
            except OSError as error:
                self._settings.troubles.report(reader.path, error)
                self._leave(ended=False)
                return chunks
            if data is None:
                self._leave(ended=False)
                continue
            budget -= reader.reach - reach
            self.too_long += reader.too_long - too_long
            if attached or data:
                self._quiet_since = self._settings.clock()
            if data:
                start = reader.offset - len(data)
                chunks.append(Chunk(self.log, self.source, reader.path, reader.file, start, data, fresh))
                self._delivered += len(data)
                self._busy = True
            elif reader.at_end:
                if attached or not (successor or reader.closed_by_zeek or self._quiet()):
                    return chunks
                self.unfinished += reader.unfinished
                self._leave(ended=True)
        self.more = True
        return chunks

    def leave_rotated(self) -> bool:
        """Leave a file that was read to its end and is live no more, though nothing is seen to follow; whether it did.

        For whoever knows that something followed: the file after it may have been copied and cut back since.
        """
        if self._reader is None or not self._reader.at_end or self._look(self._reader)[0]:
            return False
        self.unfinished += self._reader.unfinished
        self._leave(ended=True)
        return True

    def position(self) -> FilePosition | None:
        """Where it stands; None before the first file."""
        if self._reader is None:
            return self._last
        return self._reader.position(self.log, self.source, ended=False)

    def lag(self, seen: float, now: float) -> float:
        """Seconds for which the oldest bytes that are on disk and not delivered, or just now, have been there.

        Parameters
        ----------
        seen : float
            When the last poll began.
        now : float
            When what it delivered was done with.
        """
        oldest = self._marks[0][0] if self._marks else seen
        while self._marks and self._marks[0][1] <= self._delivered:
            self._marks.popleft()
        if not self.more:
            self._marks.clear()
        elif not self._marks or seen > self._marks[-1][0]:
            self._marks.append((seen, self._delivered + self._waiting()))
        return now - oldest if self.more or self._busy else 0.0

    def _waiting(self) -> int:
        """Bytes on disk that are not delivered yet, half a line too, as far as the files are known."""
        files = [*self._queue, self._live]
        total = 0
        if self._reader is not None:
            total += self._reader.waiting
        for path in files:
            with suppress(OSError):
                status = path.stat()
                if self._reader is None or identity_of(status) != self._reader.file:
                    total += status.st_size
        return total

    def glance(self) -> tuple[object, ...]:
        """Something that changes whenever `poll` may have something new to do."""
        try:
            status = self._live.stat()
        except OSError as error:
            live: tuple[object, ...] = (error.errno,)
        else:
            live = (identity_of(status), status.st_size, status.st_mtime_ns)
        return live if self._reader is None else (*live, self._reader.stamp())

    def _look(self, reader: Reader) -> tuple[bool, bool]:
        """Whether the file is still the live one, and whether a later one holds something."""
        if self._queue:
            return False, True
        try:
            status = self._live.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False, False
        except OSError as error:
            self._settings.troubles.report(self._live, error)
            return True, False
        self._settings.troubles.passed(self._live)
        return identity_of(status) == reader.file, status.st_size > 0

    def _quiet(self) -> bool:
        return self._settings.clock() - self._quiet_since >= self._settings.grace

    def _leave(self, *, ended: bool) -> None:
        assert self._reader is not None  # noqa: S101 - for the type checker
        self._last = self._reader.position(self.log, self.source, ended=ended)
        self._unsettled = not ended
        self._reader.close()
        self._reader = None

    def _open(self, path: Path) -> tuple[Reader | None, bool]:
        """Open a file, and go on in it if it is the last one; whether it is.

        After a first file an empty one is left alone: logrotate creates it before the writer lets go of the older one.
        An error other than that the file is missing is reported and raised: to wait then is better than to go on.
        """
        reader = None
        try:
            reader = Reader(path, self._settings.block, self._settings.max_line)
            if self._last is not None and not reader.stamp()[0]:
                reader.close()
                return None, False
            goes_on = self._last is not None and reader.resume(self._last)
        except (FileNotFoundError, NotADirectoryError):
            return None, False
        except OSError as error:
            self._settings.troubles.report(path, error)
            if reader is not None:
                reader.close()
            raise
        self._settings.troubles.passed(path)
        return reader, goes_on

    def _begin(self) -> Reader | None:
        """Open what comes next: the rest of the last file, files missed since then, the live one."""
        while True:
            while self._queue:
                path = self._queue.popleft()
                # Since it was listed it may have been compressed.
                for name in (path.name, f"{path.name}.gz"):
                    self._reader, _ = self._open(path.with_name(name))
                    if self._reader is not None:
                        self._quiet_since = self._settings.clock()
                        return self._reader
            # Opened before the folder is listed: whatever was rotated away before this file came is then listed.
            live, goes_on = self._open(self._folder() / self.source)
            if live is None and not self._unsettled and not self._stirred():
                return None
            if self._last is not None and not goes_on:
                self._queue.extend(self._missed(self._last, live))
            self._unsettled = False
            if not self._queue:
                self._reader = live
                return live
            if live is not None:
                live.close()

    def _stirred(self) -> bool:
        """Whether something came or went in the folder since last asked: a whole file's life may have been missed."""
        try:
            changed = self._settings.folder.stat().st_mtime_ns
        except OSError:
            return False
        before, self._changed = self._changed, changed
        return self._last is not None and changed != before

    def _folder(self) -> Path:
        # A folder that is a symlink switches: the position names the one it was.
        return Path(os.path.realpath(self._settings.folder))

    def _folders(self, before: Path, since_ns: int) -> list[Path]:
        """Where files that were live may be now.

        Beside the folder, and those named to the tailer, where it was before. A folder that is a symlink switches, as
        `current` among folders of days, or zeekctl's, whose files are archived beside it: the folders beside it and
        beside what it is, unless nothing came into them since.
        """
        now, given = self._folder(), self._settings.folder
        beside = []
        if given.is_symlink():
            for parent in dict.fromkeys([given.absolute().parent, now.parent]):
                with suppress(OSError), os.scandir(parent) as entries:
                    beside += [
                        Path(os.path.realpath(entry.path))
                        for entry in entries
                        if entry.is_dir() and entry.stat().st_mtime_ns >= since_ns
                    ]
        return [*dict.fromkeys([now, before, *self._settings.archive_folders, *beside])]

    def _missed(self, last: FilePosition, live: Reader | None) -> list[Path]:
        """List the rest of the last file, if it has one, and files that came after it and are not live any more."""
        folders = self._folders(Path(last.path).parent, last.mtime_ns)
        known = set() if live is None else {live.file}
        rest: tuple[int, Path] | None = None
        found = False
        missed = []
        for path, status in once_live(self.source, folders, last.mtime_ns):
            if identity_of(status) in known:
                continue
            known.add(identity_of(status))
            reader, goes_on = None, False
            with suppress(OSError):
                reader, goes_on = self._open(path)
            if reader is None:
                continue
            size, _ = reader.stamp()
            reader.close()
            later = status.st_mtime_ns > last.mtime_ns
            if goes_on:
                found = True
                if size > last.offset and (later or not last.ended):
                    rest = max(rest or (0, path), (size, path))
            elif later and not reader.akin:
                missed.append(path)
        if self._unsettled and last.offset and not found:
            text = f"was replaced or cut back; what followed byte {last.offset} was not found and may be lost"
            self._settings.troubles.tell(Path(last.path), OSError(errno.ESTALE, text, last.path))
        return [path for path in [rest and rest[1], *missed] if path is not None]
