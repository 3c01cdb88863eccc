"""Archived logs in clock order."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from oddlog.errors import LogError
from oddlog.logs.batch import concat
from oddlog.logs.blocks import BLOCK_BYTES, Damage, blocks
from oddlog.logs.count import ReadCount
from oddlog.logs.decoder import Decoder
from oddlog.logs.discovery import find_logs
from oddlog.logs.merging import merged, timed

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from oddlog.logs.batch import Batch, Order
    from oddlog.logs.discovery import LogFile
    from oddlog.logs.merging import Numbered, Timed

__all__ = ["Logs", "open_logs", "read_file"]


def open_logs(
    paths: Iterable[str | os.PathLike[str]],
    order: Order = "end",
    *,
    block_bytes: int = BLOCK_BYTES,
    on_bytes: Callable[[int], None] | None = None,
) -> Logs:
    """Find logs and look at how each begins.

    Parameters
    ----------
    paths : iterable of path-like
        Files, globs and folders, plain or gzipped, as Zeek, zeekctl or an export left them.
    order : {"end", "start"}
        Whether conn logs are in the order connections ended, as Zeek writes them, or sorted by ``ts``.
    block_bytes : int
        Bytes to decode at once; no answer depends on it.
    on_bytes : callable, optional
        Told, while batches are read, how many more bytes of `Logs.total_bytes` were.

    Raises
    ------
    UsageError
        A path that does not exist, a glob that matches nothing, or no log at all.
    LogError
        A file named by itself that is no Zeek log.
    """
    files, skipped = find_logs(paths, order)
    return Logs(files, skipped, order, block_bytes, on_bytes)


_LARGER = 3


class Logs:
    """Logs of one archive; made by `open_logs`.

    Attributes
    ----------
    names : tuple of str
        Log types that are present.
    total_bytes : int
        Size of their files on disk.
    counts : dict of str to ReadCount
        What became of each file's lines, so far as they were read.
    order : {"end", "start"}
        As given to `open_logs`.
    large : bool
        Whether to read larger blocks: a tenth less time a record, for whoever has the memory.
    """

    def __init__(
        self,
        files: Sequence[LogFile],
        skipped: Sequence[tuple[str, str]],
        order: Order,
        block_bytes: int,
        on_bytes: Callable[[int], None] | None,
    ) -> None:
        self.names = tuple(sorted({file.log for file in files}))
        self.total_bytes = sum(file.size for file in files)
        self.counts: dict[str, ReadCount] = {}
        self.order = order
        self._files = files
        self._skipped = skipped
        self.large = False
        self._block_bytes = block_bytes
        self._on_bytes = on_bytes

    @property
    def count(self) -> ReadCount:
        """What became of all lines read so far."""
        total = ReadCount(skipped=list(self._skipped))
        for file in self._files:
            total.add(self.counts.get(str(file.path), ReadCount()))
        return total

    def files(self, log: str) -> list[Numbered]:
        """Files of one log by their first moments, each with its number among all files."""
        files = [(file, number) for number, file in enumerate(self._files) if file.log == log]
        return sorted(files, key=lambda pair: (pair[0].first, pair[1]))

    def read_elsewhere(self, file: LogFile, count: ReadCount) -> None:
        """Take note of a file that another process has read to its end."""
        self.counts[str(file.path)] = count
        if self._on_bytes:
            self._on_bytes(file.size)

    def batches(self, log: str, rows: int | None = None) -> Iterator[Batch]:
        """Read all records of one log, in clock order.

        Files follow each other by their first record; where several hold the same time, they are merged by each file's
        own clock, and equal times by the order of the files.

        Parameters
        ----------
        log : str
        rows : int, optional
            Records in every batch but the last; else as many as a block holds.
        """
        batches = (batch for batch, _ in merged(deque(self.files(log)), self._open))
        return batches if rows is None else _of_length(batches, rows)

    def _open(self, file: LogFile, _number: int) -> Iterator[Timed]:
        block_bytes = _LARGER * self._block_bytes if self.large else self._block_bytes
        self.counts[str(file.path)], batches = read_file(file, file.path, block_bytes, self._on_bytes)
        return timed(batches, self.order)


def read_file(
    file: LogFile, path: Path, block_bytes: int, on_bytes: Callable[[int], None] | None = None
) -> tuple[ReadCount, Iterator[Batch]]:
    """Read one file, `path` being where it lies.

    Returns
    -------
    count : ReadCount
        Of the lines read so far.
    batches : iterator of Batch
    """
    decoder = Decoder(str(file.path), file.log)
    return decoder.count, _decoded(decoder, path, block_bytes, on_bytes)


def _decoded(decoder: Decoder, path: Path, block_bytes: int, on_bytes: Callable[[int], None] | None) -> Iterator[Batch]:
    try:
        for block, final in blocks(path, block_bytes, on_bytes):
            yield from decoder.feed(block, final=final)
    except Damage as damage:
        error = LogError(decoder.source, decoder.line, "file", "a whole stream", f"one that {damage}")
        decoder.count.damaged.append(error)


def _of_length(batches: Iterable[Batch], rows: int) -> Iterator[Batch]:
    held: list[Batch] = []
    length = 0
    for batch in batches:
        held.append(batch)
        length += len(batch)
        if length < rows:
            continue
        whole = concat(held)
        full = length - length % rows
        for start in range(0, full, rows):
            yield whole.slice(start, rows)
        held, length = ([whole.slice(full)], length - full) if full < length else ([], 0)
    if held:
        yield concat(held)
