"""Kinds of behaviour: found again where they are plain, described by what is in them."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.testing as npt
import pytest
from baselines import MONDAY, anew, records
from inventions import SECOND, pieces
from oddlog_core.detectors.behaviour import N_CLUSTERS, Behaviours

DNS = {"id.resp_h": "10.0.0.2", "id.resp_p": 53, "proto": "udp", "service": "dns", "orig_bytes": 40, "resp_bytes": 90}
WEB = {"id.resp_h": "93.184.216.34", "id.resp_p": 443, "proto": "tcp", "orig_bytes": 5000, "resp_bytes": 30_000}
SCAN = {"id.resp_h": "10.0.0.7", "id.resp_p": 23, "proto": "tcp", "conn_state": "S0"}


def log_and_bottleneck(n=120):
    """Three kinds of connections, each in a corner of its own."""
    kinds = [0, 0, 0, 1, 1, 2] * (n // 6)
    rows = [
        {"ts": MONDAY + i * SECOND, "duration": 2 * SECOND, **(DNS, WEB, SCAN)[kind]} for i, kind in enumerate(kinds)
    ]
    corners = np.array([[0.0, 0, 9], [9, 0, 0], [0, 9, 0]])[kinds]
    return records("conn", rows), corners + np.random.default_rng(1).normal(0, 0.1, corners.shape), kinds


def test_a_kind_is_described_by_its_typical_connections_the_most_frequent_first(monkeypatch):
    monkeypatch.setattr("oddlog_core.detectors.behaviour.N_CLUSTERS", 3)
    log, narrow, _ = log_and_bottleneck()
    dns, web, scan = Behaviours.learn(narrow, np.arange(len(log)), [log], 0).kinds
    assert (dns.share, web.share, scan.share) == (0.5, 0.3333, 0.1667)
    assert dns.services == [("dns", 1.0)]
    assert web.services == [("443/tcp", 1.0)]
    assert (dns.destinations, web.destinations) == ([("10.0.0.2", 1.0)], [("93.184.216.34", 1.0)])
    assert (dns.places, web.places) == ([("inside", 1.0)], [("internet", 1.0)])
    assert (web.duration, web.orig_bytes, web.resp_bytes) == (2.0, 5000.0, 30_000.0)
    assert (scan.failed, scan.orig_bytes, dns.failed) == (1.0, None, 0.0)


def test_clusters_of_the_same_connections_are_one_kind(monkeypatch):
    monkeypatch.setattr("oddlog_core.detectors.behaviour.N_CLUSTERS", 4)
    log, narrow, kinds = log_and_bottleneck()
    # Lookups by night lie elsewhere than those by day, and are lookups.
    night = np.flatnonzero(np.array(kinds) == 0)[::2]
    narrow[night] += [0, 9, 9]
    learned = Behaviours.learn(narrow, np.arange(len(log)), [log], 0)
    assert [kind.share for kind in learned.kinds] == [0.5, 0.3333, 0.1667]
    assert len(learned.centroids) == 4
    assert [learned.kinds.index(learned.nearest(row)) for row in narrow] == learned.map.kinds == kinds


def test_hosts_that_answer_kerberos_are_domain_controllers(monkeypatch):
    monkeypatch.setattr("oddlog_core.detectors.behaviour.N_CLUSTERS", 2)
    kerberos = {"id.resp_p": 88, "proto": "tcp", "conn_state": "SF"}
    rows = [
        *[{"ts": MONDAY, **DNS}] * 40,
        {"ts": MONDAY, **kerberos, "id.resp_h": "10.0.0.2"},
        # Asked, but without an answer; and no inside host.
        {"ts": MONDAY, **kerberos, "id.resp_h": "10.0.0.7", "conn_state": "S0"},
        {"ts": MONDAY, **kerberos, "id.resp_h": "93.184.216.34"},
        *[{"ts": MONDAY, **SCAN}] * 10,
        *[{"ts": MONDAY, **WEB}] * 10,
    ]
    narrow = np.array([[0.0]] * 41 + [[9.0]] * 22)
    lookups, others = Behaviours.learn(narrow, np.arange(len(rows)), [records("conn", rows)], 0).kinds
    assert (lookups.controllers, others.controllers) == (1.0, 0.0)


def test_a_record_is_of_the_kind_whose_centroid_is_nearest(monkeypatch):
    monkeypatch.setattr("oddlog_core.detectors.behaviour.N_CLUSTERS", 3)
    log, narrow, kinds = log_and_bottleneck()
    learned = Behaviours.learn(narrow, np.arange(len(log)), [log], 0)
    assert [learned.kinds.index(learned.nearest(row)) for row in narrow] == kinds
    again = msgspec.json.decode(msgspec.json.encode(learned), type=Behaviours)
    assert again == learned
    assert again.nearest(narrow[3]) == learned.nearest(narrow[3])


def test_what_is_learned_depends_on_no_cut_and_only_on_the_rows_given():
    log, narrow, _ = log_and_bottleneck()
    rows = np.arange(0, len(log), 3)
    whole = Behaviours.learn(narrow[rows], rows, [log], 0)
    cut = [anew(log, piece) for piece in pieces(len(log), [0.1, 0.1, 0.55])]
    assert Behaviours.learn(narrow[rows], rows, cut, 0) == whole
    assert len(whole.map.points) == len(whole.map.kinds) == len(rows)


@pytest.mark.parametrize("columns", [1, 3])
def test_a_bottleneck_that_says_nothing_is_one_kind(columns):
    log, _, _ = log_and_bottleneck()
    learned = Behaviours.learn(np.ones((len(log), columns)), np.arange(len(log)), [log], 0)
    assert [kind.share for kind in learned.kinds] == [1.0]
    assert set(learned.map.points) == {(0.0, 0.0)}


def test_the_map_is_that_of_the_singular_values():
    log, _, _ = log_and_bottleneck()
    narrow = (
        np.random.default_rng(2).normal(0, [5, 2, 1], (len(log), 3))
        @ np.linalg.qr(np.arange(9.0).reshape(3, 3) ** 2)[0]
    )
    learned = Behaviours.learn(narrow, np.arange(len(log)), [log], 0)
    z = narrow / narrow.std(axis=0)
    _, values, axes = np.linalg.svd(z - z.mean(axis=0))
    expected = (z - z.mean(axis=0)) @ axes[:2].T
    npt.assert_allclose(np.abs(learned.map.points), np.abs(expected), atol=1e-3)
    npt.assert_allclose(learned.map.explained, values[:2] ** 2 / (values**2).sum(), atol=1e-4)
    assert len(learned.centroids) == N_CLUSTERS
    assert sum(kind.share for kind in learned.kinds) == pytest.approx(1, abs=1e-3)
