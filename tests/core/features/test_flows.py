"""Usual flows of each source against counters."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from baselines import DAY, MONDAY, anew, inventions, office, records
from hypothesis import given, settings
from inventions import CUTS, pieces
from oddlog_core.features import flows
from oddlog_core.features.flows import MOST_FLOWS, Flow, UsualFlows

LOG = office("conn", 600, seed=5)


def ends(log):
    def texts(name):
        column = log.categories[name]
        return [column.values[code] if code >= 0 else None for code in column.codes]

    return list(
        zip(texts("id.orig_h"), texts("id.resp_h"), log.integers["id.resp_p"].tolist(), texts("proto"), strict=True)
    )


def test_each_source_has_its_most_frequent_flows_the_most_frequent_first():
    counted = Counter(ends(LOG))
    learned = UsualFlows.learn([LOG]).of
    assert set(learned) == {source for source, *_ in counted}
    for source, found in learned.items():
        own = sorted((often for (of, *_), often in counted.items() if of == source), reverse=True)
        assert [flow.often for flow in found] == own[:MOST_FLOWS]
        assert all(counted[source, flow.host, flow.port, flow.proto] == flow.often for flow in found)


def test_typical_amounts_are_means_of_logarithms_of_what_was_logged():
    flow = {"ts": MONDAY, "id.orig_h": "a", "id.resp_h": "b", "id.resp_p": 443, "proto": "tcp"}
    log = records("conn", [{**flow, "orig_bytes": 9}, {**flow, "orig_bytes": 999}, flow])
    assert UsualFlows.learn([log]).of == {"a": [Flow("b", 443, "tcp", 3, None, 99.0, None)]}


@settings(max_examples=30)
@given(CUTS)
def test_a_baseline_teaches_the_same_however_it_is_cut(cuts):
    assert UsualFlows.learn([anew(LOG, piece) for piece in pieces(len(LOG), cuts)]).of == UsualFlows.learn([LOG]).of


@settings(max_examples=30)
@given(inventions("conn"))
def test_any_baseline_teaches_some_that_survive_a_file(log):
    learned = UsualFlows.learn([log]).of
    assert msgspec.json.decode(msgspec.json.encode(learned), type=dict[str, list[Flow]]) == learned
    assert all(1 <= len(found) <= MOST_FLOWS for found in learned.values())


def test_only_the_busiest_sources_are_kept(monkeypatch):
    monkeypatch.setattr(flows, "MOST_SOURCES", 3)
    rows = [{"ts": MONDAY, "id.orig_h": f"h{i}", "id.resp_h": "b"} for i in range(9) for _ in range(i + 1)]
    assert set(UsualFlows.learn([records("conn", rows)]).of) == {"h6", "h7", "h8"}


@pytest.mark.parametrize(
    ("port", "amounts", "host"),
    [
        (53, (None, 5e6, None), "dns"),
        (443, (1e6, 900.0, 1e4), "web"),
        (443, (1e6, 5e7, 100.0), "backup"),
        (4444, (None, 4e7, None), "backup"),
        (4444, (None, 50.0, 100.0), "dns"),
    ],
)
def test_the_nearest_is_so_by_port_and_then_by_amounts(port, amounts, host):
    usual = UsualFlows(
        {
            "a": [
                Flow("dns", 53, "udp", 90, 1e4, 50.0, 100.0),
                Flow("web", 443, "tcp", 50, 1e6, 1000.0, 1e4),
                Flow("backup", 443, "tcp", 5, 1e8, 1e8, 100.0),
            ]
        }
    )
    proto = "udp" if port == 53 else "tcp"
    assert usual.nearest("a", "new", proto, port, amounts).host == host
    assert usual.nearest("b", "new", proto, port, amounts) is None


def test_of_other_ports_those_are_nearer_that_go_where_the_record_goes():
    inside, outside = Flow("10.0.0.2", 53, "udp", 90, None, 50.0, 90.0), Flow("8.8.8.8", 443, "tcp", 5, None, 9e5, 9e5)
    usual = UsualFlows({"a": [inside, outside]})
    assert usual.nearest("a", "93.184.216.34", "tcp", 4444, (None, 50.0, 90.0)) == outside
    assert usual.nearest("a", "192.168.0.9", "tcp", 4444, (None, 9e5, 9e5)) == inside


def test_a_source_that_is_unset_has_no_habits():
    log = records("conn", [{"ts": MONDAY + DAY, "id.resp_h": "b"}] * 3)
    assert UsualFlows.learn([log]).of == {}
