"""What a worker does: scores one stretch of one log."""

from __future__ import annotations

import socket
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from oddlog_core.bundle import read_bundle

from oddlog.archive import write_scores
from oddlog.errors import OddlogError
from oddlog.judged import SCORES, WRITTEN
from oddlog.logs.stretch import StretchReader
from oddlog.packing import pack, unpack
from oddlog.pipeline import roads
from oddlog.turns import in_turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from oddlog_core.bundle import Bundle

    from oddlog.config import Config
    from oddlog.logs import Batch, ReadCount
    from oddlog.logs.stretch import Stretch
    from oddlog.pipeline import Outcome

__all__ = ["Head", "Job", "Scored", "head_of", "part_of", "score_stretch", "state_of"]

# About 50 MB.
_PART_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """What all tasks of a run have in common.

    Attributes
    ----------
    version : str
        Of the oddlog that asks.
    config : Config
    digest : str
        Of the bundle.
    folder : Path
        Where relative paths start.
    """

    version: str
    config: Config
    digest: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Head:
    """What came of a stretch, but for its rows.

    Attributes
    ----------
    began, ended : bytes
        The road's fingerprint before its first record and after its last.
    outcomes : list of Outcome
        Without their scores.
    parts : int
    times : Counter of str
        What its clock counted.
    counts : dict of int to ReadCount
        Of the files that begin in it, by number.
    latest : dict of int to int
        The clock that each of those ends with.
    """

    began: bytes
    ended: bytes
    outcomes: list[Outcome]
    parts: int
    times: Counter[str]
    counts: dict[int, ReadCount]
    latest: dict[int, int]


@dataclass(frozen=True, slots=True)
class Scored:
    """What came of a stretch: its head, the road's state at its end, and its rows as Parquet files."""

    head: Head
    state: bytes
    parts: list[bytes]

    def __sizeof__(self) -> int:
        """Bytes, by which Dask decides what to keep in memory."""
        return len(self.state) + sum(map(len, self.parts))


def score_stretch(stretch: Stretch, job: Job, bundle: dict[str, bytes], state: bytes | None = None) -> Scored:
    """Score a stretch after a warm-up, or from where the one before it ended.

    Parameters
    ----------
    stretch : Stretch
    job : Job
    bundle : dict of str to bytes
        Its files.
    state : bytes, optional
        The road's state at its beginning.

    Raises
    ------
    OddlogError
        This worker has another oddlog, or not the same logs.
    """
    if version("oddlog") != job.version:
        raise OddlogError(f"the worker on {socket.gethostname()} has oddlog {version('oddlog')}, not {job.version}")
    _check_files(stretch, job.folder)
    road = roads(_bundle(job.digest, bundle), job.config)[stretch.log]
    if state is not None:
        road.restore(unpack(state))
    elif any(file.first < stretch.begin - road.warm_up for file, _ in stretch.before):
        road.clock.join()
    reader = StretchReader(stretch, job.config.conn.order, job.folder)
    rows = _Rows()
    began, before = b"", Counter[str]()

    def begin(read: tuple[Batch, bool]) -> list[Callable[[], Outcome]]:
        nonlocal began, before
        batch, own = read
        if own and not began:
            began, before = road.fingerprint(), road.clock.counted.copy()
        begun = [*road.begin(batch)] if own or state is None else []
        # Of a warm-up nothing but the state counts.
        return begun if own else []

    outcomes = [rows.keep(outcome) for outcome in in_turns(reader.batches(road.warm_up), begin)]
    ended, exported = road.fingerprint(), pack(road.export())
    if stretch.last:
        outcomes += [rows.keep(outcome) for outcome in road.close()]
    parts = rows.finish()
    times = road.clock.counted - before if began else Counter[str]()
    head = Head(began or ended, ended, outcomes, len(parts), times, reader.counts, reader.latest)
    return Scored(head, exported, parts)


def head_of(scored: Scored) -> Head:
    """All but the rows and the state."""
    return scored.head


def state_of(scored: Scored) -> bytes:
    """The road's state at its end."""
    return scored.state


def part_of(scored: Scored, number: int) -> bytes:
    """One Parquet file of its rows."""
    return scored.parts[number]


def _check_files(stretch: Stretch, folder: Path) -> None:
    here = socket.gethostname()
    for file, _ in (*stretch.before, *stretch.own):
        path = folder / file.path
        try:
            size = path.stat().st_size
        except OSError as error:
            reason = error.strerror or error
            raise OddlogError(
                f"{path} cannot be read on the worker {here} ({reason}); workers need the logs under the same path"
            ) from None
        if size != file.size:
            raise OddlogError(
                f"{path} has {size:,} bytes on the worker {here} and {file.size:,} where the run was started; "
                "workers need the same logs under the same path"
            )


_bundles: dict[str, Bundle] = {}


def _bundle(digest: str, files: dict[str, bytes]) -> Bundle:
    """Read a bundle, once in each worker."""
    bundle = _bundles.get(digest)
    if bundle is None:
        with tempfile.TemporaryDirectory(prefix="oddlog-") as name:
            for path, content in files.items():
                target = Path(name, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            bundle = read_bundle(Path(name))
        _bundles.clear()
        _bundles[digest] = bundle
    return bundle


class _Rows:
    """Rows of scores as Parquet files in memory."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._sink: pa.BufferOutputStream | None = None
        self._writer: pq.ParquetWriter | None = None
        self._rows = 0

    def keep(self, outcome: Outcome) -> Outcome:
        """Take an outcome's rows, and leave of its candidates what can be sent."""
        rows = sum(map(len, outcome.scores))
        if rows:
            if self._writer is None:
                self._sink = pa.BufferOutputStream()
                self._writer = pq.ParquetWriter(self._sink, SCORES, **WRITTEN)
            write_scores(self._writer, outcome)
            self._rows += rows
            if self._rows >= _PART_ROWS:
                self.finish()
        return replace(outcome, scores=[], candidates=[candidate.settled() for candidate in outcome.candidates])

    def finish(self) -> list[bytes]:
        """End the file that is being written; all of them."""
        if self._writer is not None and self._sink is not None:
            self._writer.close()
            self._parts.append(self._sink.getvalue().to_pybytes())
            self._writer, self._rows = None, 0
        return self._parts
