"""Checkpoints written while scoring goes on."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import traceback
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Child"]

_PR_SET_PDEATHSIG = 1
_UNEXPECTED = 255


class Child:
    """A forked process that sees all state as it was at the fork, and does one thing with it.

    A thread would have to copy the state first, and to hold the interpreter's lock while it packs what it copied: at a
    million hosts both are seconds. A fork copies page tables. The child must not outlive the process that
    started it, which may have been killed and started again.

    Parameters
    ----------
    task : callable
        May raise OSError.
    lock : file
        What it shall not hold.

    Raises
    ------
    OSError
        There can be no other process now.
    """

    def __init__(self, task: Callable[[], object], lock: IO[str]) -> None:
        parent = os.getpid()
        self._pid = os.fork()
        if not self._pid:
            os._exit(_outcome(task, lock, parent))

    def done(self, *, wait: bool = False) -> bool:
        """Whether it has ended; to be asked until it says so.

        Raises
        ------
        OSError
            That its task raised.
        """
        pid, status = os.waitpid(self._pid, 0 if wait else os.WNOHANG)
        if not pid:
            return False
        code = os.waitstatus_to_exitcode(status)
        if code:
            reason = os.strerror(code) if 0 < code < _UNEXPECTED else f"its process ended with {code}"
            raise OSError(max(code, 0), reason)
        return True


def _outcome(task: Callable[[], object], lock: IO[str], parent: int) -> int:
    """Run the task in the child; its exit code."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            return _UNEXPECTED
        # A lock is held as long as anyone has the file open.
        lock.close()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        # A collection writes to every object, and every page written to is copied.
        gc.disable()
        os.nice(5)
        task()
    except OSError as error:
        return error.errno or _UNEXPECTED
    except BaseException:
        traceback.print_exc(file=sys.stderr)
        return _UNEXPECTED
    return 0
