"""Keys of calls: the same for every spelling that Zeek has of the same thing."""

from __future__ import annotations

import numpy.testing as npt
import pytest
from baselines import anew, inventions, records
from hypothesis import given
from hypothesis import strategies as st
from inventions import CUTS, pieces
from oddlog_core.features.calls import UNREAD, Calls, call_key, call_names, interface_name, operation_name

UUID = "9f6c78ef-fce5-42fa-abea-3e7df91921dc"


@pytest.mark.parametrize("value", [f"unknown-{UUID}", UUID, UUID.upper(), f"unknown-{UUID.upper()}"])
def test_an_interface_that_zeek_has_no_name_for_is_known_by_its_uuid(value):
    assert interface_name(value) == f"unknown-{UUID}"


@pytest.mark.parametrize(
    ("value", "name"), [("unknown-3", "unknown-3"), ("3", "unknown-3"), ("SamrConnect5", "samrconnect5"), ("", "")]
)
def test_an_operation_that_zeek_has_no_name_for_is_known_by_its_number(value, name):
    assert operation_name(value) == name


def test_spelling_does_not_change_a_key():
    calls = Calls.of(
        records(
            "dce_rpc",
            [
                {"endpoint": "samr", "operation": "SamrConnect5", "named_pipe": "\\PIPE\\samr"},
                {"endpoint": "SAMR", "operation": "samrconnect5", "named_pipe": "49674"},
                {"endpoint": "samr", "operation": "SamrConnect"},
                {"endpoint": "lsarpc", "operation": "SamrConnect5"},
            ],
        )
    )
    same, again, other, elsewhere = calls.operation.tolist()
    assert same == again == call_key("samr", "samrconnect5")
    assert len({same, other, elsewhere}) == 3


@pytest.mark.parametrize("row", [{}, {"endpoint": "samr"}, {"operation": "SamrConnect5", "named_pipe": "samr"}])
def test_a_call_without_interface_or_operation_was_not_read(row):
    assert Calls.of(records("dce_rpc", [row])).operation.tolist() == [UNREAD]


def test_a_call_is_named_as_the_log_has_it():
    log = records(
        "dce_rpc",
        [
            {"endpoint": "drsuapi", "operation": "DRSGetNCChanges", "named_pipe": "49674"},
            {"operation": "NetrSessionEnum", "named_pipe": "\\PIPE\\srvsvc"},
            {"endpoint": "IWbemFetchSmartEnum interface"},
            {},
        ],
    )
    name = call_names(log, 1, 4)
    assert [call_names(log, 0, 4)(0), *map(name, range(3))] == [
        "drsuapi DRSGetNCChanges",
        "unset NetrSessionEnum",
        "IWbemFetchSmartEnum interface unset",
        "unset unset",
    ]


@given(inventions("dce_rpc"), CUTS)
def test_keys_are_the_same_however_the_log_is_cut(log, cuts):
    whole = Calls.of(log)
    for piece in pieces(len(log), cuts):
        for found, expected in zip(Calls.of(anew(log, piece)), whole.slice(piece.start, piece.stop), strict=True):
            npt.assert_array_equal(found, expected)


@given(st.text(max_size=12))
def test_any_text_has_a_name(text):
    for name in (interface_name, operation_name):
        assert isinstance(name(text), str)
