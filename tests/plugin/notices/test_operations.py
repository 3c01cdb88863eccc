"""What an analyst reads of an odd operation."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from oddlog.notices import message, reason_words
from oddlog.notices.notice import json_line, tsv_line
from oddlog_core.detectors.contract import Reason

DCSYNC = Reason("operation", "drsuapi DRSGetNCChanges", "domain controllers (2 hosts, 41 times)", 0.6)


@pytest.fixture
def odd_operation(make_finding):
    def made(*reasons):
        record = {"id.orig_h": "10.20.5.31", "id.resp_h": "10.20.0.10", "id.resp_p": 49674, "uid": "C1"}
        finding = make_finding("conn", reasons, record={**record, "proto": "tcp"}, window=3_600_000_000)
        return replace(finding, log="dce_rpc", detector="dce_rpc-operations", note="Odd_DCE_RPC_Operation")

    return made


def test_a_sensitive_operation_is_told_with_who_may_and_what_it_is_known_for(odd_operation):
    order = Reason("order after drsuapi DRSBind", "drsuapi DRSGetNCChanges", 0.0, 0.3, 12.0)
    also = Reason("order", "drsuapi DRSBind", 0.0, 0.1, 40.0)
    assert message(odd_operation(DCSYNC, order, also)) == (
        "10.20.5.31 called drsuapi DRSGetNCChanges on 10.20.0.10:49674: only domain controllers (2 hosts, 41 times) do "
        "that here. Known from attacks: DCSync (T1003.006). Also: called drsuapi DRSBind: it never began so before. "
        "Once in 90 days."
    )


def test_a_reason_that_several_calls_have_is_told_once_and_which_of_them_is_known_from_attacks(odd_operation):
    calls = ("IObjectExporter ServerAlive2", "IObjectExporter SimplePing", "IRemUnknown2 RemQueryInterface")
    began = [Reason("order", call, 0.0, 0.3, 40.0) for call in calls]
    known = Reason("id.orig_h", "IDispatch GetIDsOfNames", 82.0, 0.01, 580.0)
    assert message(odd_operation(*began, known)).startswith(
        "10.20.5.31 called IObjectExporter ServerAlive2, IObjectExporter SimplePing and IRemUnknown2 RemQueryInterface "
        "on 10.20.0.10:49674: it never began so before. Known from attacks: activating a DCOM object (T1021.003), by "
        "IDispatch GetIDsOfNames. Once"
    )
    counted = [Reason("order", call, 4.0, 0.5, 40.0) for call in calls[:2]]
    assert message(odd_operation(*counted)).startswith(
        "10.20.5.31 called IObjectExporter ServerAlive2 on 10.20.0.10:49674: it began so only 4 of 40 times before. "
        "Also: called IObjectExporter SimplePing: it began so only 4 of 40 times before. Once"
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (DCSYNC, "called drsuapi DRSGetNCChanges: only domain controllers (2 hosts, 41 times) do that here"),
        (Reason("operation", "samr SamrX", None, 1.0), "called samr SamrX: no host did that here before"),
        (
            Reason("id.orig_h", "samr SamrX", 0.0, 1.0, 812.0),
            "called samr SamrX: none of 812 such calls there were its own",
        ),
        (
            Reason("id.orig_h", "samr SamrX", 3.0, 1.0, 812.0),
            "called samr SamrX: 3 of 812 such calls there were its own",
        ),
        (Reason("id.orig_h", "samr SamrX", 0.0, 1.0, 0.0), "called samr SamrX: never before on this host"),
        (Reason("order after samr B", "samr A", 0.0, 1.0), "called samr A: after samr B it never did so before"),
        (
            Reason("order after samr B", "samr A", 5.0, 1.0, 1100.0),
            "called samr A: after samr B it did so only 5 of 1,100 times before",
        ),
        (Reason("order", "samr A", 1.0, 1.0, 812.0), "called samr A: it began so only 1 of 812 times before"),
        (Reason("calls of samr A", 256.0, 2.9, 1.0), "called samr A 256 times or more (usually about 3)"),
        (Reason("targets", 64.0, 2.0, 1.0), "called 64 hosts or more (usually about 2)"),
    ],
)
def test_each_reason_has_words_of_its_own(odd_operation, reason, words):
    assert reason_words(reason, odd_operation(reason)) == words


def test_numbers_are_told_with_what_is_usual(odd_operation):
    flood = Reason("calls of netlogon NetrServerAuthenticate3", 256.0, 2.9, 0.8)
    assert message(odd_operation(flood)).startswith(
        "10.20.5.31 called netlogon NetrServerAuthenticate3 256 times or more on 10.20.0.10:49674; about 3 is usual. "
        "Known from attacks: Zerologon, if many (T1210)."
    )
    assert message(odd_operation(Reason("targets", 64.0, 2.0, 0.8))).startswith(
        "10.20.5.31 called 64 hosts or more; about 2 is usual. Once"
    )


def test_the_technique_stands_in_sub_and_by_itself_as_an_explanation_only(odd_operation):
    service = Reason("order after svcctl OpenSCManagerW", "svcctl CreateServiceW", 0.0, 0.9)
    said = json.loads(json_line(odd_operation(service), 0))
    assert (
        said["sub"]
        == "once in 90 days, by dce_rpc-operations on dce_rpc.log; creating a service (T1543.003, T1569.002)"
    )
    assert said["oddlog"]["technique"] == ["T1543.003", "T1569.002"]
    assert (said["uid"], said["dst"], said["proto"]) == ("C1", "10.20.0.10", "tcp")
    assert b"creating a service" in tsv_line(odd_operation(service), 0)
    plain = json.loads(json_line(odd_operation(Reason("order", "samr SamrCloseHandle", None, 0.9)), 0))
    assert "technique" not in plain["oddlog"]
    assert plain["sub"].endswith("on dce_rpc.log")


def test_names_that_a_terminal_would_obey_are_shown_harmless(odd_operation):
    assert "\x1b" not in message(odd_operation(Reason("operation", "\x1b[2J evil", None, 1.0)))
