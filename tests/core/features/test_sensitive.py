"""What operations are known for."""

from __future__ import annotations

import re

import pytest
from oddlog_core.features.calls import interface_name, operation_name
from oddlog_core.features.sensitive import SENSITIVE, technique


@pytest.mark.parametrize(
    ("call", "id_"),
    [
        ("drsuapi DRSGetNCChanges", "T1003.006"),
        ("DRSUAPI drsgetncchanges", "T1003.006"),
        ("svcctl CreateServiceA", "T1543.003, T1569.002"),
        ("ITaskSchedulerService SchRpcRegisterTask", "T1053.005"),
        ("atsvc NetrJobAdd", "T1053.002"),
        ("lsarpc LsarRetrievePrivateData", "T1003.004"),
        ("BackupKey bkrp_BackupKey", "T1552.004"),
        ("srvsvc NetrSessionEnum", "T1049"),
        ("samr SamrEnumerateUsersInDomain", "T1087.002"),
        ("spoolss RpcAddPrinterDriverEx", "T1547.012"),
        ("netlogon NetrServerAuthenticate3", "T1210"),
        ("unknown-c681d488-d850-11d0-8c52-00c04fd90f7e unknown-0", "T1187"),
        ("c681d488-d850-11d0-8c52-00c04fd90f7e 0", "T1187"),
    ],
)
def test_a_sensitive_operation_has_its_technique_in_any_spelling(call, id_):
    assert technique(call).id == id_


@pytest.mark.parametrize("call", ["samr SamrCloseHandle", "drsuapi", "", "unset unset", "svcctl unknown-99"])
def test_what_is_not_known_has_none(call):
    assert technique(call) is None


def test_every_entry_is_reachable_and_names_a_technique():
    for (interface, operation), use in SENSITIVE.items():
        assert (interface, operation) == (interface_name(interface), operation_name(operation))
        assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", part) for part in use.id.split(", "))
        assert use.name
