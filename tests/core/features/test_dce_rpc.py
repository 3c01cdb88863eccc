"""Host windows against a dict of counters."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
from baselines import anew, records
from hypothesis import given
from hypothesis import strategies as st
from inventions import CUTS, pieces
from oddlog_core.features.dce_rpc import COUNTS, HostWindow

FIELDS = ("id.resp_h", "endpoint", "operation")
NAME = st.none() | st.sampled_from(["a", "b", "c", "d"])


@st.composite
def operations(draw):
    hosts = draw(st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2", "fe80::1", "10.0.0.9"]), max_size=40))
    rows = [{"id.orig_h": host, **{name: draw(NAME) for name in FIELDS}} for host in hosts]
    return records("dce_rpc", [{k: v for k, v in row.items() if v is not None} for row in rows])


def value(column, i):
    return None if column.codes[i] < 0 else column.values[column.codes[i]]


def naive(log):
    """Host and counts after each record; an unset field is a value of its own."""
    seen = defaultdict(lambda: [Counter() for _ in FIELDS])
    out = []
    for i in range(len(log)):
        host = value(log.categories["id.orig_h"], i)
        fields = seen[host]
        for name, counter in zip(FIELDS, fields, strict=True):
            counter[value(log.categories[name], i)] += 1
        out.append((host, [fields[0].total(), *map(len, fields), *(max(counter.values()) for counter in fields)]))
    return out


def running(window, log, cuts):
    out = []
    for piece in pieces(len(log), cuts):
        hosts, counts = window.update(anew(log, piece), 0, piece.stop - piece.start)
        out += [(window.hosts[host], row.tolist()) for host, row in zip(hosts, counts, strict=True)]
    return out


@given(operations(), CUTS)
def test_counts_so_far_are_those_of_a_dict_of_counters_however_the_log_is_cut(log, cuts):
    window = HostWindow()
    expected = naive(log)
    assert running(window, log, cuts) == expected
    assert dict(zip(window.hosts, window.counts.tolist(), strict=True)) == dict(expected)
    assert len(COUNTS) == window.counts.shape[1]


@given(operations(), CUTS)
def test_hosts_come_in_the_order_of_their_first_record_however_the_log_is_cut(log, cuts):
    window = HostWindow()
    running(window, log, cuts)
    assert window.hosts == list(dict.fromkeys(host for host, _ in naive(log)))


@given(operations(), st.floats(0, 1))
def test_an_open_window_restored_counts_on(log, interruption):
    at = round(interruption * len(log))
    window = HostWindow()
    running(window, anew(log, slice(0, at)), [])
    restored = HostWindow()
    restored.restore(window.export())
    rest = anew(log, slice(at, len(log)))
    assert running(restored, rest, []) == running(window, rest, [])
    assert restored.hosts == window.hosts
    np.testing.assert_array_equal(restored.counts, window.counts)


def test_only_the_rows_asked_for_are_taken_in():
    log = records("dce_rpc", [{"id.orig_h": f"10.0.0.{i}", "operation": "Op"} for i in range(5)])
    window = HostWindow()
    hosts, counts = window.update(log, 1, 3)
    assert window.hosts == ["10.0.0.1", "10.0.0.2"]
    assert (hosts.tolist(), counts[:, 0].tolist()) == ([0, 1], [1, 1])


@given(operations(), CUTS)
def test_hosts_beyond_the_most_are_passed_over_and_values_beyond_it_are_one_however_the_log_is_cut(log, cuts):
    window = HostWindow(most=2)
    first = {name: list(dict.fromkeys(value(log.categories[name], i) for i in range(len(log)))) for name in FIELDS}
    kept = list(dict.fromkeys(value(log.categories["id.orig_h"], i) for i in range(len(log))))[:2]
    seen = {host: [Counter() for _ in FIELDS] for host in kept}
    for i in range(len(log)):
        host = value(log.categories["id.orig_h"], i)
        if host in seen:
            for name, counter in zip(FIELDS, seen[host], strict=True):
                one = value(log.categories[name], i)
                counter[one if one in first[name][:2] else "another"] += 1
    for piece in pieces(len(log), cuts):
        window.update(anew(log, piece), 0, piece.stop - piece.start)
    expected = {
        host: [fields[0].total(), *map(len, fields), *(max(counter.values()) for counter in fields)]
        for host, fields in seen.items()
    }
    assert dict(zip(window.hosts, window.counts.tolist(), strict=True)) == expected
    names = [{value(log.categories[name], i) for i in range(len(log))} for name in ("id.orig_h", *FIELDS)]
    assert bool(window.evicted) == any(len(each) > 2 for each in names)
