"""One thing after the other where that matters, and on two threads where it does not."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

__all__ = ["in_turns"]

T = TypeVar("T")
R = TypeVar("R")
_THREADS = 2
# Results that wait while others are made, each a few MB.
_WAITING = 1


def in_turns(coming: Iterator[T], begin: Callable[[T], Iterable[Callable[[], R]]]) -> Iterator[R]:
    """What comes of things, in their order: taken and begun in turn, ended by two threads at once.

    A thread takes a thing all the way, so that what the next step needs is in its processor's cache.

    Parameters
    ----------
    coming : iterator
        Advanced by one thread at a time.
    begin : callable
        Given one thing after the other, by one thread at a time; gives what makes each result, on any thread.
    """

    def one(may_take: Event, may_begin: Event, taken: Event, begun: Event) -> list[R] | None:
        try:
            may_take.wait()
            thing = next(coming, None)
            taken.set()
            may_begin.wait()
            pieces = None if thing is None else [*begin(thing)]
        finally:
            # Nobody waits for what has failed.
            taken.set()
            begun.set()
        return None if pieces is None else [piece() for piece in pieces]

    line: deque[Future[list[R] | None]] = deque()
    last = Event(), Event()
    for turn in last:
        turn.set()

    def another() -> None:
        nonlocal last
        before, last = last, (Event(), Event())
        line.append(threads.submit(one, *before, *last))

    with ThreadPoolExecutor(_THREADS) as threads:
        try:
            for _ in range(_THREADS + _WAITING):
                another()
            while (results := line.popleft().result()) is not None:
                another()
                # Nothing here may hold a result longer than whoever takes it.
                while results:
                    yield results.pop(0)
        finally:
            threads.shutdown(cancel_futures=True)
