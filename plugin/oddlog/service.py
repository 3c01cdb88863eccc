"""Telling systemd how a service is: datagrams to the socket that it names, sd_notify(3).

sdnotify, the library for it, has had no release since 2017 and knows no abstract sockets of containers; cysystemd needs
libsystemd and a compiler.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time

__all__ = ["between_beats", "notify", "notify_reloading"]

_PATIENCE = 0.5


def notify(*states: str) -> None:
    """Send states such as ``READY=1`` and ``STATUS=watching``; nothing where no service manager asked for them.

    A service manager that cannot be reached is none of the watch's troubles: it goes on.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    # An abstract socket's name begins with a null byte.
    address = f"\0{address[1:]}" if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        # Where many are waiting there to be read: READY=1 has to arrive, and scoring has to go on.
        sender.settimeout(_PATIENCE)
        sender.sendto("\n".join(states).encode(), address)


def notify_reloading() -> None:
    """Say that configuration is being read anew; `notify("READY=1")` ends it."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def between_beats() -> float:
    """Seconds after which to send ``WATCHDOG=1`` again: a third of what the service manager waits for it, 5 at most."""
    waited_for = os.environ.get("WATCHDOG_USEC", "")
    return min(5.0, int(waited_for) / 3e6) if waited_for.isdecimal() else 5.0
