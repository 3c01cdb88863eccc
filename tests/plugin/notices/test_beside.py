"""What a connection is set beside, in words and as a notice's keys."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oddlog.notices import MOST_BYTES, behaviour_name, beside_words, json_line, tsv_line, typical_words
from oddlog.notices.beside import flow_words
from oddlog_core.detectors.behaviour import Behaviour
from oddlog_core.detectors.contract import Context
from oddlog_core.features.flows import Flow
from oddlog_core.features.units import Beat

DNS = Behaviour(
    0.131, [("dns", 0.98)], [("10.0.0.1", 0.5), ("10.0.0.2", 0.4)], [("inside", 1.0)], 0.95, 0.02, 0.0042, 44.0, 120.0
)
FLOW = Flow("10.0.0.2", 53, "udp", 1203, 4100.0, 44.6, 126.0)


def kind(**changed):
    return msgspec.structs.replace(DNS, **changed)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({}, "DNS lookups to the domain controllers"),
        ({"controllers": 0.6}, "DNS lookups mostly to the domain controllers"),
        ({"controllers": 0.1}, "DNS lookups mostly to 10.0.0.1"),
        ({"controllers": 0.1, "destinations": [("10.0.0.1", 0.45), ("10.0.0.2", 0.4)]},
         "DNS lookups to 10.0.0.1 and 10.0.0.2"),
        ({"controllers": 0.0, "destinations": [("8.8.8.8", 0.2)], "places": [("internet", 0.9)]},
         "DNS lookups to the internet"),
        ({"controllers": 0.0, "destinations": [], "places": [("inside", 0.6), ("internet", 0.4)]},
         "DNS lookups inside and to the internet"),
        ({"services": [("ssl", 0.6), ("dce_rpc,gssapi", 0.1), ("dce_rpc", 0.1)]},
         "TLS (some DCE-RPC) to the domain controllers"),
        ({"services": [("gssapi,krb,smb", 0.3), ("445/tcp", 0.3), ("http,ssl", 0.2)]},
         "SMB (some HTTP) to the domain controllers"),
        ({"services": [("krb", 0.3), ("389/tcp", 0.25)]}, "Kerberos and LDAP to the domain controllers"),
        ({"services": [("ssl", 0.2), ("0/icmp", 0.2)], "orig_bytes": 6e5, "duration": 75.0},
         "long, large connections (TLS, ICMP and others) to the domain controllers"),
        ({"services": [("23/tcp", 0.02), ("22/tcp", 0.02)], "failed": 0.99, "orig_bytes": 0.0, "controllers": 0.0,
          "destinations": [("10.0.0.9", 0.05)]},
         "unanswered connections on many ports inside"),
        ({"services": [("syslog", 1.0)], "failed": 0.9}, "one-way syslog to the domain controllers"),
    ],
)  # fmt: skip
def test_a_kind_is_named_by_what_it_is_and_where_it_goes(changed, name):
    assert behaviour_name(kind(**changed)) == name


@given(
    services=st.lists(st.tuples(st.text(max_size=300), st.floats(0, 0.2)), min_size=1, max_size=5),
    hosts=st.lists(st.tuples(st.text(max_size=300), st.floats(0, 0.5)), max_size=5),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    amounts=st.tuples(*[st.none() | st.floats(0, 1e12)] * 3),
)
def test_every_kind_has_a_name_that_no_terminal_obeys(services, hosts, shares, amounts):
    made = Behaviour(0.1, services, hosts, [("unknown", 1.0)], *shares, *amounts)
    assert behaviour_name(made).isprintable()
    assert typical_words(*amounts).isprintable()


@pytest.mark.parametrize(
    ("flow", "words"),
    [
        (FLOW, "10.0.0.2:53 (udp), 1,203 times in the baseline: 45 bytes out, 130 bytes back, 4.1 ms"),
        (Flow("fe80::1", 443, None, 1, None, 0.0, None), "[fe80::1]:443, once in the baseline: nothing out"),
        (Flow(None, None, "icmp", 2, None, None, None), "an unknown host (icmp), 2 times in the baseline"),
    ],
)
def test_a_usual_flow_is_told_with_what_was_logged_of_it(flow, words):
    assert flow_words(flow) == words


def test_a_table_says_it_in_sentences():
    assert beside_words(Context(FLOW, DNS)) == [
        "It resembles DNS lookups to the domain controllers: 13 % of the baseline.",
        f"Nearest of what its source usually does: {flow_words(FLOW)}.",
    ]
    assert beside_words(Context(None, None)) == beside_words(None) == []


def test_a_notice_has_what_its_record_is_set_beside(make_finding):
    said = json.loads(json_line(make_finding(context=Context(FLOW, DNS, Beat(300.0, 2.0, 7200.0))), 0))["oddlog"]
    assert said["usual"] == {
        "host": "10.0.0.2",
        "port": 53,
        "proto": "udp",
        "often": 1203,
        "duration": 0.0041,
        "orig_bytes": 44.6,
        "resp_bytes": 126.0,
        "text": flow_words(FLOW),
    }
    assert said["behaviour"] == {"name": "DNS lookups to the domain controllers", "share": 0.131}
    assert said["beat"] == {"every": 300.0, "spread": 2.0, "lasting": 7200.0}


def test_what_is_not_known_is_left_out_and_changes_no_id(make_finding):
    plain, known = make_finding(), make_finding(context=Context(FLOW, DNS))
    said = json.loads(json_line(make_finding(context=Context(None, None)), 0))["oddlog"]
    assert not {"usual", "behaviour", "beat"} & set(said)
    assert plain.id == known.id


@given(text=st.text(max_size=40), n=st.integers(1, 30_000))
def test_a_line_stays_short_whatever_the_baseline_was_called(make_finding, text, n):
    flow = msgspec.structs.replace(FLOW, host=text * n, proto=text * n)
    behaviour = kind(services=[(text * n, 0.9)], destinations=[(text * n, 0.9)], controllers=0.0)
    finding = make_finding(context=Context(flow, behaviour))
    for line in (json_line(finding, 0), tsv_line(finding, 0)):
        assert len(line) <= MOST_BYTES
        assert line.count(b"\n") == 1
