"""What an analyst reads of a connection: its ends' relations, how much is usual there, and every column in words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oddlog.notices import json_line, message, reason_words
from oddlog_core.detectors.contract import Context, Reason
from oddlog_core.features.conn import (
    CATEGORIES,
    DEVICES,
    MORE_CATEGORIES,
    NUMBERS,
    PORTS,
    ROLLING,
    TIME_OF_DAY,
    UNSET,
)
from oddlog_core.features.relations import RELATIONS, UNLIKE
from oddlog_core.features.rhythm import COUNTS, STATISTICS
from oddlog_core.features.units import Beat

NUMERIC = (*NUMBERS, *ROLLING, *COUNTS, *STATISTICS, *UNSET, *TIME_OF_DAY, *UNLIKE)
CODED = (*CATEGORIES, *MORE_CATEGORIES, *DEVICES, *PORTS)
INSIDE = {"id.resp_h": "10.20.4.53", "id.resp_p": 8080, "service": None, "duration": None}


def relation(name, count, total, share=0.3):
    return Reason(name, float(count), None, share, of=float(total))


def unlike(amount, seen, expected, among="source", share=0.3):
    return Reason(f"unlike_{amount}", seen, expected, share, among=among)


@given(st.sampled_from(NUMERIC), *[st.floats(-1e9, 1e12)] * 2, st.none() | st.floats(0, 1e6), st.booleans())
def test_no_column_of_numbers_is_told_by_its_name_whatever_is_in_it(make_finding, column, seen, expected, of, known):
    found = seen if known or column not in NUMBERS + UNLIKE else None
    words = reason_words(Reason(column, found, expected, 1.0, of), make_finding())
    assert "_" not in words
    assert "nan" not in words


@pytest.mark.parametrize("column", CODED)
def test_no_column_of_codes_is_told_by_its_name(make_finding, column):
    words = reason_words(Reason(column, "other", "unset", 1.0), make_finding())
    assert "_" not in words
    assert "other" not in words


@given(st.sampled_from(RELATIONS), st.integers(0, 10**6), st.integers(0, 10**6))
def test_every_relation_says_how_often_it_was(make_finding, name, count, more):
    words = reason_words(relation(name, count, count + more), make_finding(record=INSIDE))
    assert "_" not in words
    assert ("never" in words or "no connections" in words) == (count == 0)
    assert count <= 2 or f"{count:,}" in words


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (relation("new_pair", 0, 8203), "never connected to 10.20.4.53"),
        (relation("new_pair", 0, 0), "never connected to a host inside"),
        (relation("new_pair", 12, 8203), "went to 10.20.4.53 in 12 of its 8,203 connections inside"),
        (relation("new_pair", 1, 1), "went to 10.20.4.53 in its one connection inside"),
        (relation("new_destination", 0, 0), "never used 8080/tcp inside"),
        (relation("new_destination", 0, 9), "never connected to 8080/tcp of 10.20.4.53"),
        (relation("new_destination", 2, 61), "went to 10.20.4.53 in 2 of its 61 connections to 8080/tcp inside"),
        (relation("new_service", 0, 9), "never used 8080/tcp inside"),
        (relation("new_service", 0, 0), "made no connections"),
        (relation("new_service", 2, 10302), "used 8080/tcp inside twice in 10,302 connections"),
        (relation("new_source", 0, 0), "never connected to 8080/tcp of 10.20.4.53; nobody used 8080/tcp there"),
        (relation("new_source", 0, 1), "never connected to 8080/tcp of 10.20.4.53; another used 8080/tcp there once"),
        (relation("new_source", 0, 5313),
         "never connected to 8080/tcp of 10.20.4.53; others used 8080/tcp there 5,313 times"),
        (relation("new_source", 3, 5313), "made 3 of the 5,313 connections to 8080/tcp of 10.20.4.53"),
    ],
)  # fmt: skip
def test_a_relation_is_told_in_counts_of_the_baseline(make_finding, reason, words):
    assert reason_words(reason, make_finding(record=INSIDE)) == words


def told(make_finding, *reasons, often=None, beat=None, **record):
    context = Context(None, None, beat, often or {})
    whole = message(make_finding(reasons=reasons, record={**INSIDE, **record}, context=context))
    return whole.removesuffix(" Once in 90 days.")


def test_relations_are_one_sentence_in_which_nothing_is_said_twice(make_finding):
    reasons = (relation("new_pair", 0, 90), relation("new_destination", 0, 0), relation("new_source", 0, 0))
    assert told(make_finding, *reasons) == (
        "10.2.4.17 connected to 10.20.4.53:8080 (tcp). In the baseline it never connected to 10.20.4.53 and never used "
        "8080/tcp inside; nobody used 8080/tcp there."
    )


def test_what_never_was_is_told_of_all_relations_where_one_is_a_reason(make_finding):
    often = {"new_pair": (7, 90), "new_destination": (0, 4), "new_source": (0, 5313), "new_service": (4, 200)}
    assert told(make_finding, relation("new_source", 0, 5313), often=often) == (
        "10.2.4.17 connected to 10.20.4.53:8080 (tcp). In the baseline it never connected to 8080/tcp of 10.20.4.53, "
        "though it did connect to that host 7 times; others used 8080/tcp there 5,313 times."
    )


def test_a_source_that_the_baseline_does_not_know_is_told_as_such_and_no_more(make_finding):
    often = dict.fromkeys(("new_pair", "new_destination", "new_service"), (0, 0)) | {"new_source": (0, 12)}
    assert told(make_finding, relation("new_source", 0, 12), often=often).endswith(
        "In the baseline it made no connections; others used 8080/tcp there 12 times."
    )


def test_a_relation_that_is_no_news_stays_out_of_the_message(make_finding):
    reasons = (relation("new_pair", 0, 90, 0.5), relation("new_service", 106, 6367, 0.06))
    assert "106" not in told(make_finding, *reasons)


@pytest.mark.parametrize(
    ("among", "words"),
    [
        ("source", "it usually sends about 40 kB there, gets nothing back and takes about 9.1 s."),
        ("destination", "its clients usually send about 40 kB there, get nothing back and take about 9.1 s."),
        ("port", "connections to this port usually send about 40 kB, get nothing back and take about 9.1 s."),
    ],
)
def test_whose_amounts_are_usual_is_said(make_finding, among, words):
    reasons = (
        unlike("orig_bytes", 1.2e9, 40_010.0, among),
        unlike("resp_bytes", 5000.0, 0.0, among),
        unlike("duration", 2280.0, 9.14, among),
    )
    assert told(make_finding, *reasons, duration=2_280_000_000) == (
        f"10.2.4.17 sent 1.2 GB to 10.20.4.53:8080 (tcp) in 38 min and got back 5 kB; {words}"
    )


@pytest.mark.parametrize(
    ("state", "words"),
    [("S0", "got no answer"), ("REJ", "was rejected"), ("SH", "gave up without an answer")],
)
def test_what_failed_is_told_as_an_attempt_with_what_is_usual(make_finding, state, words):
    reasons = (unlike("orig_bytes", 0.0, 2400.0), unlike("resp_bytes", 0.0, 5100.0))
    assert told(make_finding, *reasons, conn_state=state, orig_bytes=0, resp_bytes=0) == (
        f"10.2.4.17 tried to connect to 10.20.4.53:8080 (tcp) and {words}; it usually sends about 2.4 kB there and "
        "gets about 5.1 kB back."
    )


def test_a_connection_that_carried_nothing_says_so_once(make_finding):
    reasons = (unlike("orig_bytes", 0.0, 500.0), unlike("resp_bytes", 0.0, 940.0))
    record = {"conn_state": "SF", "orig_bytes": 0, "resp_bytes": 0, "duration": 17_000_000}
    assert "for 17 s and nothing was sent either way; it usually" in told(make_finding, *reasons, **record)


def test_what_nobody_answered_says_so(make_finding):
    words = told(make_finding, unlike("orig_bytes", 9e4, 300.0), conn_state="S0", orig_bytes=90_000)
    assert words.startswith("10.2.4.17 sent 90 kB to 10.20.4.53:8080 (tcp) and got no answer; it usually")


def test_a_beat_is_told_beside_whatever_is_odd_and_not_twice(make_finding):
    beat = Beat(300.4, 2.2, 21_600.0)
    words = told(make_finding, relation("new_pair", 0, 9), Reason("stream_interval_std_1h", 0.01, 2.0, 0.3, 300.4),
                 beat=beat)  # fmt: skip
    assert words.endswith("It has been calling there every 300 s (give or take 2 s) for at least 6 h.")
    steady = told(make_finding, relation("new_pair", 0, 9), beat=Beat(3600.0, 0.1, 18_000.0))
    assert steady.endswith("It has been calling there every 60 min for at least 5 h.")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason("source_connections_10m", 340.2, 3.9, 1.0),
         "made about 340 connections in the last 15 min (usually about 4 connections)"),
        (Reason("stream_connections_1h", 0.0, 2.4, 1.0),
         "came back to 203.0.113.9:443 not once in the last 90 min (usually about twice)"),
        (Reason("service_failed_mean_10m", 0.38, 0.001, 1.0),
         "went to 203.0.113.9:443, where 38 % of connections failed in the last 15 min (usually under 1 %)"),
        (Reason("stream_interval_std_1h", 0.007, 2.0, 1.0, 300.0),
         "called 203.0.113.9:443 about every 5 min, give or take 2.1 s (usually give or take 10 min)"),
        (Reason("stream_interval_std_1m", 0.5, 9.0, 1.0),
         "called 203.0.113.9:443 at intervals that varied by 50 % (usually about a factor of 10)"),
        (Reason("stream_got_mean_10m", 2e6, 4600.0, 1.0),
         "got back about 2 MB a connection from 203.0.113.9:443 in the last 15 min (usually about 4.6 kB)"),
        (Reason("pair_correlation_1h", 0.93, 0.1, 1.0),
         ("exchanged amounts with 203.0.113.9 whose two directions correlated by 0.93 in the last 90 min "
          "(usually about 0.1)")),
        (Reason("orig_bytes_unset", 1.0, 0.03, 1.0), "has no logged count of bytes sent (usually one)"),
        (Reason("history", "other", "ShADadFf", 1.0), "had the history Sr (usually ShADadFf)"),
        (Reason("local_orig", "F", "T", 1.0), "came from another network (usually the local network)"),
        (Reason("proto", "tcp", "tcp", 1.0), "used tcp"),
    ],
)  # fmt: skip
def test_statistics_are_told_in_what_they_count(make_finding, reason, words):
    assert reason_words(reason, make_finding(record={"history": "Sr", "local_orig": False})) == words


def test_a_reason_says_out_of_how_many_it_is(make_finding):
    said = json.loads(json_line(make_finding(reasons=(relation("new_pair", 0, 8203),)), 0))
    assert said["oddlog"]["reasons"] == [
        {"field": "new_pair", "seen": 0.0, "of": 8203.0, "share": 0.3, "text": "never connected to 203.0.113.9"}
    ]
