"""What an analyst reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oddlog.notices import message, rarity_words, reason_words
from oddlog.notices.amounts import budget_words, byte_words, count_words, duration_words, roughly
from oddlog_core.detectors.contract import Reason


def sent(seen, expected, share=0.5, side="orig", what="bytes"):
    return Reason(f"{side}_{what}", seen, expected, share)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 s"),
        (1e-5, "under 1 ms"),
        (0.0431, "43 ms"),
        (0.9514, "951 ms"),
        (9.96, "10 s"),
        (0.9999, "1 s"),
        (59.0, "59 s"),
        (2280.0, "38 min"),
        (90.0, "90 s"),
        (131.0, "2.2 min"),
        (5400.0, "90 min"),
        (86_400.0, "24 h"),
        (172_800.0, "2 days"),
        (1e9, "11,574 days"),
    ],
)
def test_a_duration_is_told_in_the_unit_that_makes_it_short(seconds, words):
    assert duration_words(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0.0, "0 bytes"),
        (1.0, "1 byte"),
        (0.2, "under 1 byte"),
        (999.0, "999 bytes"),
        (999.9, "1 kB"),
        (40_000.0, "40 kB"),
        (999_960.0, "1 MB"),
        (1.2e9, "1.2 GB"),
        (2**44, "17.6 TB"),
        (1e18, "1,000,000 TB"),
    ],
)
def test_bytes_are_told_in_the_unit_that_makes_them_short(count, words):
    assert byte_words(count) == words


@given(st.floats(0, 1e18))
def test_no_amount_is_told_with_an_exponent_or_a_sign(value):
    for words in (byte_words(value), duration_words(value), count_words(value, "packet"), byte_words(roughly(value))):
        assert "e+" not in words
        assert "e-" not in words
        assert "-" not in words


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (1e-3, "about 1,000 times a day"),
        (0.25, "about 4 times a day"),
        (0.5, "about twice a day"),
        (0.9, "about once a day"),
        (1.4, "about once a day"),
        (90.0, "once in 90 days"),
        (3649.0, "once in 3,649 days"),
        (1e300, "once in over 10 years"),
    ],
)
def test_rarity_is_told_in_days(days, words):
    assert rarity_words(days) == words


@pytest.mark.parametrize(
    ("rarity", "often"),
    [
        (1 / 16, "An ordinary day has about 16 as odd as this."),
        (0.5, "An ordinary day has about two as odd as this."),
        (0.9, "An ordinary day has about one as odd as this."),
        (1.0, "About once a day."),
    ],
)
def test_what_is_not_rare_is_told_by_how_many_are_as_odd(make_finding, rarity, often):
    assert message(make_finding(reasons=(sent(1.2e9, 40_000.0),), rarity=rarity)).endswith(f"about 40 kB. {often}")


@pytest.mark.parametrize(
    ("a_day", "words"), [(20.0, "20 notices"), (1.0, "1 notice"), (0.1, "0.1 notices"), (1e6, "1,000,000 notices")]
)
def test_a_budget_is_told_as_a_person_would(a_day, words):
    assert budget_words(a_day, 1.0).startswith(f"{words} a day: ")


def test_the_message_reads_as_the_design_promises(make_finding):
    finding = make_finding(reasons=(sent(1.2e9, 40_000.0),))
    assert message(finding) == (
        "10.2.4.17 sent 1.2 GB to 203.0.113.9:443 (tcp/ssl) in 38 min; such connections usually send about 40 kB. "
        "Once in 90 days."
    )


def test_bytes_and_packets_of_one_side_are_one_clause(make_finding):
    reasons = (
        sent(3397.0, 443.7, 0.4, what="pkts"),
        sent(2258.0, 40_934_938.9, 0.3, side="resp"),
        sent(4_954_085.0, 47_968.6, 0.2),
    )
    assert message(make_finding(reasons=reasons, record={"duration": 400_000})) == (
        "10.2.4.17 sent 4.95 MB in 3,397 packets to 203.0.113.9:443 (tcp/ssl) and got back 2.26 kB; such connections "
        "usually send about 48 kB in 440 packets and get about 41 MB back. Once in 90 days."
    )


def test_a_reason_that_carries_next_to_nothing_stays_out_of_the_message_but_not_the_main_one(make_finding):
    lone = make_finding(reasons=(sent(5.0, 9.0, 0.04), Reason("duration", 2.0, 1.0, 0.03)))
    assert "sent 5 bytes" in message(lone)
    assert "usually about 1 s" not in message(lone)


def test_bytes_are_told_before_packets_that_weigh_more(make_finding):
    reasons = (sent(471_091.0, 1_927.0, 0.4, side="resp", what="pkts"), sent(1.38e9, 44_200.0, 0.2))
    assert message(make_finding(reasons=reasons)) == (
        "10.2.4.17 sent 1.38 GB to 203.0.113.9:443 (tcp/ssl) in 38 min and got back 471,091 packets; such connections "
        "usually send about 44 kB and get about 1,900 packets back. Once in 90 days."
    )


def test_a_port_that_was_picked_at_random_is_not_the_headline(make_finding):
    reasons = (Reason("id.orig_p", "dynamic port", "user port", 0.6), sent(5e6, 100.0, 0.3))
    assert message(make_finding(reasons=reasons)).startswith("10.2.4.17 sent 5 MB to ")
    assert "came from port 48818 (usually a port from 1024 to 49151)" in message(make_finding(reasons=reasons))


def test_the_length_is_not_told_twice(make_finding):
    finding = make_finding(reasons=(sent(1.2e9, 40_000.0), Reason("duration", 2280.0, 12.0, 0.3)))
    assert message(finding).count("38 min") == 1
    assert "in 38 min; such connections usually send about 40 kB and take about 12 s." in message(finding)


def test_windows_that_overlap_are_told_once(make_finding):
    reasons = (
        Reason("mean_orig_bytes_10s", 1.2e6, 2e4, 0.4),
        Reason("std_orig_bytes_10s", 9e6, 1e4, 0.3),
        Reason("mean_orig_pkts_60s", 100.0, 10.0, 0.3),
    )
    assert message(make_finding(reasons=reasons)) == (
        "10.2.4.17 connected to 203.0.113.9:443 (tcp/ssl) when connections over the last 10 s sent 1.2 MB each; "
        "about 20 kB is usual for such a connection. Once in 90 days."
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason("duration", 3129.9, 47.5, 1.0), "lasted 52 min (usually about 48 s)"),
        (Reason("duration", None, 47.5, 1.0), "has no duration (usually about 48 s)"),
        (sent(None, 200.0), "sent an unlogged number of bytes (usually about 200 bytes)"),
        (sent(0.0, 1.0, side="resp", what="pkts"), "got back no packets (usually about 1 packet)"),
        (Reason("conn_state", "REJ", "SF", 1.0), "was rejected (REJ; usually a normal end)"),
        (Reason("conn_state", "other", "S0", 1.0), "ended (a rarer one; usually no answer)"),
        (Reason("service", "other", "unset", 1.0), "used ssl (usually none)"),
        (Reason("proto", "tcp", "udp", 1.0), "used tcp (usually udp)"),
        (Reason("id.resp_p", "system port", "53", 1.0), "went to port 443 (usually port 53)"),
        (Reason("id.orig_p", "53", "dynamic port", 1.0), "came from port 48818 (usually a port from 49152 on)"),
        (Reason("std_resp_bytes_60s", 9e6, 1e4, 1.0),
         "what connections over the last 60 s got back varied by 9 MB (usually about 10 kB)"),
        (Reason("time_of_day_sin", 0.1, 0.9, 1.0), "at 09:52 UTC, an unusual time"),
        (Reason("a new number", 7.0, 3.0, 1.0), "had a new number 7 (usually about 3)"),
        (Reason("a new category", "x", "y", 1.0), "had a new category x (usually y)"),
    ],
)  # fmt: skip
def test_every_kind_of_reason_about_a_connection_has_words(make_finding, reason, words):
    assert reason_words(reason, make_finding()) == words


def test_a_state_too_rare_for_the_model_is_told_by_its_own_name(make_finding):
    words = reason_words(Reason("conn_state", "other", "SF", 1.0), make_finding(record={"conn_state": "RSTOS0"}))
    assert words == "was reset before an answer (RSTOS0; usually a normal end)"


def test_a_connection_without_a_service_says_so(make_finding):
    words = reason_words(Reason("service", "unset", "dns", 1.0), make_finding(record={"service": None}))
    assert words == "had no recognised service (usually dns)"


@pytest.mark.parametrize(
    ("success", "verb"), [(True, "logged on"), (False, "failed to log on"), (None, "tried to log on")]
)
def test_a_failed_logon_is_not_called_a_logon(make_finding, success, verb):
    finding = make_finding("ntlm", record={"username": "ada", "success": success})
    assert message(finding).startswith(f"ada {verb} from 10.2.4.17 to 203.0.113.9:443 by NTLM.")


def test_a_logon_without_a_name_still_has_a_subject(make_finding):
    assert message(make_finding("ntlm")).startswith("An unnamed user tried to log on from ")


def test_both_parts_of_an_address_are_one_network(make_finding):
    reasons = (
        Reason("success", "F", None, 0.2),
        Reason("id.orig_h first part", "10", "192", 0.2),
        Reason("id.orig_h middle part", "2.4", "168.7", 0.2),
        Reason("id.resp_h middle part", "0.113", "0.2", 0.2),
        Reason("time_of_day_bin", "late_night", "morning", 0.2),
    )
    assert "Unusual: failure (usually outcome not logged), from 10.2.4.x (usually 192.168.7.x), to 203.0.113.x " in (
        message(make_finding("ntlm", reasons))
    )


@pytest.mark.parametrize(
    ("first", "middle", "words"),
    [
        (("servers", "clients"), ("servers", "clients"), "from servers (usually clients)"),
        (("2001:0db8", "fe80:0000"), ("00aa:0000", "0000:0000"),
         "from 2001:0db8:00aa:0000:: (usually fe80:0000:0000:0000::)"),
        (("10", "servers"), ("2.4", "servers"), "from 10.2.4.x (usually servers)"),
    ],
)  # fmt: skip
def test_named_networks_and_ipv6_are_networks_too(make_finding, first, middle, words):
    reasons = (Reason("id.orig_h first part", *first, 0.5), Reason("id.orig_h middle part", *middle, 0.5))
    assert words in message(make_finding("ntlm", reasons))


def habit(field, seen, share=0.3, of=431.0):
    return Reason(field, seen, None, share, of)


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        ((habit("source_of_user", 0.0), habit("user_at_source", 0.0), habit("failures in 10 min", 12.0, of=14.0)),
         "alice never logged on from 10.2.4.17 before; 12 of the last 14 logons from it in 10 min failed."),
        ((habit("source_of_user", 0.0), habit("host_of_user", 0.0), habit("together", 0.0)),
         "alice never logged on from 10.2.4.17, nor to 203.0.113.9, before."),
        ((habit("host_of_both", 0.0), habit("host_of_user", 0.0)), "alice never logged on to 203.0.113.9 before."),
        ((habit("host_of_source", 0.0), habit("host_of_both", 0.0)),
         "10.2.4.17 never logged on to 203.0.113.9 before."),
        ((habit("together", 0.0), habit("host_of_user", 3.0, 0.2)),
         "alice never logged on to 203.0.113.9 from 10.2.4.17 before."),
        ((habit("source_of_user", 3.0),), "alice logged on from 10.2.4.17 only 3 of 431 times before."),
        ((Reason("user from this source", "new", "known", 0.4),), "alice never logged on from 10.2.4.17 before."),
        ((habit("together", 2.0),),
         "alice logged on to 203.0.113.9 from 10.2.4.17 in only 2 of all 431 logons before."),
        ((habit("failures in 10 min", 1.0, of=1.0),), "1 of the last 1 logon from it in 10 min failed."),
        ((habit("no success in 60 min", 5.0, of=7.0),), "5 of the last 7 logons from it in 60 min had no success."),
        ((Reason("failure share in 10 min", "most", "none", 0.4),),
         "most of the logons from it in 10 min had no success."),
        ((habit("new in 60 min", 9.0), habit("new in 10 min", 2.0, 0.1)),
         "9 pairs of user and host from it in 60 min were new."),
        ((Reason("user on this host", "known", "new", 0.4),), "Unusual: user on this host known (usually new)."),
        ((Reason("user from this source", None, "known", 0.4),), "Unusual: no user from this source (usually known)."),
        ((habit("new in 10 min", 1.0),), "1 pair of user and host from it in 10 min was new."),
        ((habit("workstation", 0.0),), "10.2.4.17 never called itself KALI before."),
        ((habit("server", 1.0, of=9.0),), "203.0.113.9 called itself FILE only 1 of 9 times before."),
        ((habit("domain", 0.0),), "alice never named the domain WORKGROUP before."),
        ((habit("outcome", 2.0),), "alice failed only 2 of 431 times before."),
        ((habit("source_of_user", 0.0), Reason("id.resp_p", "135", "445", 0.3)),
         "alice never logged on from 10.2.4.17 before. Unusual: port 135 (usually 445)."),
    ],
)  # fmt: skip
def test_habits_of_logons_are_told_in_a_sentence_each(make_finding, reasons, said):
    named = {"hostname": "KALI", "domainname": "WORKGROUP", "server_nb_computer_name": "FILE"}
    finding = make_finding("ntlm", reasons, record={"username": "alice", "success": False, **named})
    start = "alice failed to log on from 10.2.4.17 to 203.0.113.9:443 by NTLM. "
    assert message(finding) == f"{start}{said} Once in 90 days."
    assert all(reason_words(reason, finding) for reason in reasons)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ({"success": True}, "succeeded"),
        ({}, "had no known outcome"),
        ({"status": "WRONG_PASSWORD"}, "had the outcome WRONG_PASSWORD"),
    ],
)
def test_an_outcome_is_told_as_a_verb_or_as_an_old_log_has_it(make_finding, outcome, words):
    finding = make_finding("ntlm", (habit("outcome", 0.0),), record={"username": "alice", **outcome})
    assert f"alice never {words} before." in message(finding)


def test_an_event_of_a_host_is_told_by_its_number(make_finding):
    record = {"username": "User7", "event_id": "4624", "id.orig_h": "Comp1", "id.resp_h": "Comp2", "id.resp_p": None}
    finding = make_finding("wls", (habit("source_of_user", 0.0),), record=record)
    assert message(finding).startswith("User7 caused event 4624 on Comp2 from Comp1. User7 never logged on from Comp1 ")
    local = make_finding("wls", record={**record, "id.orig_h": "Comp2"})
    assert message(local).startswith("User7 caused event 4624 on Comp2. Unusual: nothing by itself.")


def test_a_host_of_many_calls_is_compared_with_hosts_like_it(make_finding):
    reasons = (
        Reason("distinct responders", 13.0, 3.4, 0.6),
        Reason("operations", 72.0, 25.5, 0.3),
        Reason("distinct operations", 11.0, 14.2, 0.02),
    )
    assert message(make_finding("dce_rpc", reasons)) == (
        "10.2.4.17 called 13 hosts by DCE-RPC from 09:00 to 09:52 UTC; about 3 is usual for hosts like it. "
        "Also: made 72 calls (usually about 26). Once in 90 days."
    )


def test_a_count_below_the_usual_is_told_as_such(make_finding):
    words = reason_words(Reason("calls of one operation", 5.0, 22.0, 1.0), make_finding("dce_rpc"))
    assert words == "called one operation only 5 times (usually about 22)"


def test_a_usual_count_that_rounds_to_what_was_seen_keeps_a_decimal(make_finding):
    words = reason_words(Reason("distinct responders", 2.0, 1.7, 1.0), make_finding("dce_rpc"))
    assert words == "called 2 hosts (usually about 1.7)"


def test_a_window_over_midnight_tells_the_days(make_finding):
    start = 1_617_062_400_000_000
    finding = make_finding("dce_rpc", ts=start, clock=start + 2 * 86_400_000_000, window=86_400_000_000)
    assert "from 2021-03-30 00:00 to 2021-03-31 00:00 UTC" in message(finding)


@pytest.mark.parametrize("log", ["conn", "ntlm", "dce_rpc"])
def test_a_finding_without_a_reason_still_has_a_sentence(make_finding, log):
    assert message(make_finding(log)).endswith(". Once in 90 days.")


@given(text=st.text(max_size=300), log=st.sampled_from(["conn", "ntlm"]))
def test_a_message_is_one_line_that_no_terminal_obeys(make_finding, text, log):
    reasons = (Reason("domainname", text, None, 0.5), Reason("service", "other", text, 0.5))
    said = message(make_finding(log, reasons, record={"username": text, "service": text}))
    assert said.isprintable()
    assert len(said) < 4000
