"""/metrics, /healthz and /readyz on 127.0.0.1: what a watch has counted, read only when somebody asks."""

from __future__ import annotations

import socketserver
import threading
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Self

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from oddlog import __version__
from oddlog.errors import OddlogError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from oddlog.watch import Counters

__all__ = ["MetricsServer"]

COUNTED = {
    "records": ("log", "Records scored."),
    "bad_lines": ("log", "Lines that are no record."),
    "bad_times": ("log", "Records whose time was too far from their log's clock to be believed."),
    "late": ("log", "Records over an hour behind their log's clock."),
    "notices": ("note", "Notices written."),
    "suppressed": ("note", "Findings that were not said, since the same was said a short time before."),
    "evicted": ("detector", "Keys that went from a detector's tables, since there was no memory for more."),
    "scoring": ("detector", "Seconds that went into scoring."),
}
"""Counters by their one label, whose values are known when a watch starts: logs, notice types and detectors."""

_PATIENCE = 2.0
"""Seconds that a client may take for its request: others wait for it."""


class _Counted(Collector):
    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        for name, (label, text) in COUNTED.items():
            unit = "_seconds" if name == "scoring" else ""
            family = CounterMetricFamily(f"oddlog_{name}{unit}", text, labels=[label])
            for value, n in getattr(self._counters, name).items():
                family.add_metric([value], n)
            yield family
        lag = GaugeMetricFamily(
            "oddlog_lag_seconds", "For how long the oldest record has been on disk without a score.", labels=["log"]
        )
        for log, seconds in self._counters.lag.items():
            lag.add_metric([log], seconds)
        yield lag
        age = self._counters.checkpoint_age
        yield GaugeMetricFamily("oddlog_checkpoint_age_seconds", "Since the last checkpoint.", value=age)
        info = GaugeMetricFamily("oddlog_info", "Always 1.", labels=["version"])
        info.add_metric([__version__], 1)
        yield info


class MetricsServer:
    """Answers one request after the other on a thread of its own, which sleeps in between.

    Parameters
    ----------
    port : int
        0 takes one that is free.
    counters : Counters
    healthy, ready : callable
        None where all is well, else what is not.

    Raises
    ------
    OddlogError
        The port cannot be had.
    """

    def __init__(
        self, port: int, counters: Counters, healthy: Callable[[], str | None], ready: Callable[[], str | None]
    ) -> None:
        registry = CollectorRegistry()
        registry.register(_Counted(counters))
        ProcessCollector(registry=registry)
        answers: dict[str, Callable[[], tuple[int, str, bytes]]] = {
            "/metrics": lambda: (200, CONTENT_TYPE_LATEST, generate_latest(registry)),
            "/healthz": lambda: _verdict(healthy()),
            "/readyz": lambda: _verdict(ready()),
        }

        class Handler(BaseHTTPRequestHandler):
            timeout = _PATIENCE
            server_version, sys_version = "oddlog", ""

            def do_GET(self) -> None:
                answer = answers.get(self.path.partition("?")[0])
                status, kind, body = answer() if answer else (404, "text/plain", b"/metrics, /healthz or /readyz\n")
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing of requests."""

        # Not http.server's: it asks the DNS for its own name.
        class Server(socketserver.TCPServer):
            allow_reuse_address = True

            def handle_error(self, request: object, client_address: object) -> None:
                """Say nothing of a client that went away or sent what is no request."""

        try:
            self._server = Server(("127.0.0.1", port), Handler)
        except OSError as error:
            raise OddlogError(f"metrics.port: 127.0.0.1:{port}: {error.strerror}") from None
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give the port back."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _verdict(trouble: str | None) -> tuple[int, str, bytes]:
    return (200, "text/plain", b"ok\n") if trouble is None else (503, "text/plain", f"{trouble}\n".encode())
