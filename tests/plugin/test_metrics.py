"""What Prometheus and a load balancer are answered, over real connections."""

from __future__ import annotations

import socket
import time
import urllib.error
import urllib.request

import pytest
from oddlog.errors import OddlogError
from oddlog.metrics import COUNTED, MetricsServer
from oddlog.watch import Counters
from prometheus_client.parser import text_string_to_metric_families


@pytest.fixture
def counters():
    counters = Counters()
    counters.know(["conn", "ntlm"], ["Odd_Connection", "Odd_NTLM_Logon"], ["conn-autoencoder", "ntlm-kmodes"])
    counters.records["conn"] += 1234
    counters.bad_lines["ntlm"] += 2
    counters.notices["Oddlog::Odd_NTLM_Logon"] += 3
    counters.scoring["conn-autoencoder"] += 1.5
    counters.lag["conn"] = 0.25
    counters.checkpoint_age = 4.5
    return counters


@pytest.fixture
def troubles():
    """What is wrong, by path; empty where all is well."""
    return {}


@pytest.fixture
def server(counters, troubles):
    with MetricsServer(0, counters, lambda: troubles.get("/healthz"), lambda: troubles.get("/readyz")) as server:
        yield server


def get(server, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def samples(text):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_prometheus_reads_every_counter_under_its_labels(server, counters):
    status, text = get(server, "/metrics")
    assert status == 200
    found = samples(text)
    assert found["oddlog_records_total", "conn"] == 1234
    assert found["oddlog_records_total", "ntlm"] == 0
    assert found["oddlog_bad_lines_total", "ntlm"] == 2
    assert found["oddlog_notices_total", "Oddlog::Odd_NTLM_Logon"] == 3
    assert found["oddlog_suppressed_total", "Oddlog::Odd_Connection"] == 0
    assert found["oddlog_evicted_total", "ntlm-kmodes"] == 0
    assert found["oddlog_scoring_seconds_total", "conn-autoencoder"] == 1.5
    assert found["oddlog_lag_seconds", "conn"] == 0.25
    assert found[("oddlog_checkpoint_age_seconds",)] == 4.5
    assert found[("process_resident_memory_bytes",)] > 0


def test_numbers_are_those_of_the_moment_and_labels_stay_as_many(server, counters):
    before = samples(get(server, "/metrics")[1])
    counters.records["conn"] += 1
    after = samples(get(server, "/metrics")[1])
    assert after["oddlog_records_total", "conn"] == before["oddlog_records_total", "conn"] + 1
    assert after.keys() == before.keys()
    assert {name for name, *_ in after} >= {f"oddlog_{name}_total" for name in COUNTED if name != "scoring"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_what_is_wrong_is_said_with_503(server, troubles, path):
    assert get(server, path) == (200, "ok\n")
    troubles[path] = "starting"
    assert get(server, path) == (503, "starting\n")


def test_any_other_path_is_404(server):
    status, text = get(server, "/")
    assert (status, text) == (404, "/metrics, /healthz or /readyz\n")


def test_only_this_machine_can_ask(server):
    with socket.create_connection(("127.0.0.1", server.port)) as local:
        assert local.getpeername()[0] == "127.0.0.1"
    # The loopback has more addresses than the one that is listened on; so would any other interface be refused.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", server.port), timeout=5)


@pytest.mark.parametrize(
    "sent", [b"", b"\x16\x03\x01 no HTTP at all\r\n\r\n", b"GET /metrics", b"GET " + b"x" * 70_000]
)
def test_a_client_that_says_nothing_useful_keeps_others_waiting_for_seconds_at_most(server, sent, capfd):
    with socket.create_connection(("127.0.0.1", server.port)) as silent:
        silent.sendall(sent)
        before = time.monotonic()
        assert get(server, "/healthz")[0] == 200
        assert time.monotonic() - before < 5
    assert capfd.readouterr().err == ""


def test_a_port_that_is_taken_is_one_sentence(server, counters):
    with pytest.raises(OddlogError, match=f"^metrics.port: 127.0.0.1:{server.port}: Address already in use$"):
        MetricsServer(server.port, counters, lambda: None, lambda: None)
