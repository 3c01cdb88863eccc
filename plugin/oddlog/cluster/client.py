"""The side of the cluster that asks: sends stretches off, checks that they fit together, and writes what came back."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter, deque
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from oddlog.archive import drafts, in_order, known_roads, tell
from oddlog.cluster import task
from oddlog.cluster.plan import plan
from oddlog.errors import OddlogError, UsageError
from oddlog.judged import SCORES
from oddlog.pipeline import queue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import Client, Future
    from oddlog_core.bundle import Bundle

    from oddlog.archive import Summary
    from oddlog.config import Config
    from oddlog.logs import Logs
    from oddlog.logs.merging import Numbered
    from oddlog.logs.stretch import Stretch
    from oddlog.pipeline import Outcome

__all__ = ["connect", "score"]

_log = logging.getLogger(__name__)
LOCAL = "local"
_PATIENCE = 5
"""Seconds for a scheduler to answer, and for a worker to be there."""
_WORKERLESS = 60
"""Seconds without any worker, after which a run gives up; a killed one is back within a few."""
_ASK = 2
# Ctrl-C reaches workers, too, who are ended by the one who started them.
_DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
_SOON = 10
"""Priority of what is quickly done and waited for."""
_LEAST_BYTES, _MOST_BYTES = 2 << 20, 48 << 20


@contextmanager
def connect(address: str) -> Iterator[Client]:
    """Connect to a Dask scheduler, or start one with a worker for each core here where the address is ``local``.

    Raises
    ------
    UsageError
        The extra ``cluster`` is not installed, or this is no address.
    OddlogError
        No scheduler answers, it has no workers, or they have another oddlog; or, later, it is gone.
    """
    try:
        import distributed  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise UsageError("--dask needs Dask: pip install 'oddlog[cluster]'") from None
    # What they would tell of, a lost connection or a killed worker, is either made good or told of in a sentence.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        if address == LOCAL:
            client = stack.enter_context(_here())
        else:
            client = stack.enter_context(_there(address))
            _check_workers(client, address)
        where = client.scheduler.address
        try:
            yield client
        except (distributed.CancelledError, distributed.comm.CommClosedError):
            raise OddlogError(f"the Dask scheduler at {where} is gone, and the run with it") from None


@contextmanager
def _here() -> Iterator[Client]:
    """Start a scheduler and a worker for each core."""
    import distributed  # noqa: PLC0415 - an extra

    with (
        distributed.LocalCluster(
            n_workers=len(os.sched_getaffinity(0)),
            threads_per_worker=1,
            # Any port: its own is often taken, and then it warns.
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
            preload=_DEAF,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def _there(address: str) -> Client:
    import distributed  # noqa: PLC0415 - an extra

    try:
        return distributed.Client(address, timeout=_PATIENCE)
    except ValueError as error:
        raise UsageError(f"{address} is no address of a Dask scheduler, such as tcp://10.0.0.9:8786: {error}") from None
    except OSError:
        raise OddlogError(f"no Dask scheduler answers at {address}") from None


def _check_workers(client: Client, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
    except TimeoutError:
        raise OddlogError(f"the Dask scheduler at {address} has no workers") from None
    mine = version("oddlog")
    for worker, theirs in client.run(version, "oddlog", on_error="return").items():
        if theirs != mine:
            found = "no oddlog" if isinstance(theirs, Exception) else f"oddlog {theirs}"
            raise OddlogError(f"the worker at {worker} has {found}; all need {mine}, as it is here")


def score(
    logs: Logs,
    folder: Path,
    bundle: Bundle,
    config: Config,
    out: Path,
    client: Client,
    *,
    stretch_bytes: int | None = None,
) -> Summary:
    """Score every record of the logs that the bundle knows, on a cluster, as `oddlog.archive.score` does here.

    ``notice.log`` is the same byte for byte. ``scores.parquet`` is a folder of parts with the same rows, those of each
    log in the same order.

    Parameters
    ----------
    logs : Logs
    folder : Path
        Of the bundle.
    bundle : Bundle
    config : Config
    out : Path
    client : distributed.Client
    stretch_bytes : int, optional
        Bytes of logs that make a task; no answer depends on it.

    Raises
    ------
    OddlogError
        As `oddlog.archive.score`; or a worker cannot read the logs, or none is left.
    """
    known = known_roads(logs, bundle, config)
    if stretch_bytes is None:
        share = logs.total_bytes // (4 * max(sum(client.nthreads().values()), 1))
        stretch_bytes = min(max(share, _LEAST_BYTES), _MOST_BYTES)
    job = task.Job(version("oddlog"), config, bundle.digest, Path.cwd())
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    plans = {log: plan(logs.files(log), road.warm_up, stretch_bytes) for log, road in known.items()}
    with drafts(out) as written:
        written[0].mkdir()
        run = _Run(client, job, files, plans, logs, written[0])
        streams = [in_order(run.outcomes(log)) for log in known]
        summary = tell(streams, known, queue(bundle, config), logs, config, written[1])
        if not run.parts:
            pq.write_table(SCORES.empty_table(), written[0] / part_name(0))
    summary.times = run.times
    return summary


def part_name(number: int) -> str:
    return f"part-{number:05}.parquet"


@dataclass(frozen=True, slots=True)
class _Sent:
    """A stretch that was sent off: what will come of it, and the head of that."""

    scored: Future[task.Scored]
    head: Future[task.Head]


class _Run:
    """A run's tasks, of which no more are under way or held by workers than keep these busy."""

    def __init__(
        self,
        client: Client,
        job: task.Job,
        bundle: dict[str, bytes],
        plans: dict[str, list[Stretch]],
        logs: Logs,
        folder: Path,
    ) -> None:
        self.parts = 0
        self.times = {log: Counter[str]() for log in plans}
        self._client, self._job, self._plans, self._logs, self._folder = client, job, plans, logs, folder
        import dask  # noqa: PLC0415 - an extra

        # A task rather than scattered data: what a killed worker takes with it is made again. Dask would warn that so
        # much is sent; it is sent once.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
            self._bundle = client.submit(dict, bundle, pure=False)
        by_clock = sorted((stretch for stretches in plans.values() for stretch in stretches), key=lambda one: one.begin)
        self._waiting = deque(by_clock)
        self._sent: dict[Stretch, _Sent] = {}

    def outcomes(self, log: str) -> Iterator[Outcome]:
        """What comes of one log, in its order; rows are written on the way."""
        before: task.Head | None = None
        state: Future[bytes] | None = None
        begun: list[Numbered] = []
        latest: dict[int, int] = {}
        for stretch in self._plans[log]:
            sent = self._take(stretch)
            head = self._wait(sent.head)
            reaching = tuple(pair for pair in begun if latest.get(pair[1], -1) >= stretch.begin)
            if before is not None and (head.began != before.ended or not set(reaching) <= set(stretch.before)):
                # Its warm-up was too short, or a file reaches further than was guessed.
                _log.info("%s: %s begins otherwise than was guessed and is scored again", log, stretch.own[0][0].path)
                sent.scored.release()
                sent = self._submit(replace(stretch, before=reaching), state)
                head = self._wait(sent.head)
            before, state = head, self._soon(task.state_of, sent.scored)
            for number in range(head.parts):
                content = self._wait(self._soon(task.part_of, sent.scored, number))
                (self._folder / part_name(self.parts)).write_bytes(content)
                self.parts += 1
            sent.scored.release()
            self.times[log] += head.times
            for file, number in stretch.own:
                self._logs.read_elsewhere(file, head.counts[number])
            begun += stretch.own
            latest |= head.latest
            yield from head.outcomes

    def _take(self, stretch: Stretch) -> _Sent:
        """Have a stretch sent off, and enough others after it."""
        if stretch in self._waiting:
            self._sent[stretch] = self._submit(stretch)
            self._waiting.remove(stretch)
        taken = self._sent.pop(stretch)
        most = 2 * sum(self._client.nthreads().values())
        while self._waiting and len(self._sent) < most:
            following = self._waiting.popleft()
            self._sent[following] = self._submit(following)
        return taken

    def _submit(self, stretch: Stretch, state: Future[bytes] | None = None) -> _Sent:
        arguments = (task.score_stretch, stretch, self._job, self._bundle)
        # What is done once more is waited for.
        scored = self._client.submit(*arguments, state, pure=False, priority=0 if state is None else _SOON)
        return _Sent(scored, self._soon(task.head_of, scored))

    def _soon(self, function: Callable[..., Any], *arguments: object) -> Future[Any]:
        """Submit what is not to wait behind stretches."""
        return self._client.submit(function, *arguments, pure=False, priority=_SOON)

    def _wait(self, future: Future[Any]) -> Any:
        """Result of a task, or one sentence on why there is none."""
        import distributed  # noqa: PLC0415 - an extra

        missed = time.monotonic()
        while not future.done():
            try:
                distributed.wait(future, timeout=_ASK)
            except TimeoutError:
                if self._client.nthreads():
                    missed = time.monotonic()
                elif time.monotonic() - missed > _WORKERLESS:
                    raise OddlogError(f"the Dask scheduler has had no worker for {_WORKERLESS} s") from None
        try:
            return future.result()
        except distributed.KilledWorker as error:
            where = error.last_worker.address if error.last_worker else "an unknown address"
            raise OddlogError(
                f"workers keep dying of this run, the last at {where}; have they enough memory?"
            ) from None
