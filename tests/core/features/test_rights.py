"""Roles and rights of an office in small: who may call what follows from who does."""

from __future__ import annotations

from math import log

import numpy as np
import numpy.testing as npt
import pytest
from baselines import anew, records
from hypothesis import given
from inventions import CUTS, pieces
from oddlog_core.features.calls import Calls, call_key
from oddlog_core.features.rights import Rights
from oddlog_core.features.roles import Roles

DCS, DESKS, ADMIN = ("10.0.0.1", "10.0.0.2"), [f"10.0.1.{i}" for i in range(1, 13)], "10.0.1.99"


def call(source, destination, endpoint, operation):
    return {"id.orig_h": source, "id.resp_h": destination, "endpoint": endpoint, "operation": operation}


ROWS = [
    *(call(desk, dc, "netlogon", "NetrServerAuthenticate3") for desk in DESKS for dc in DCS),
    *(call(desk, dc, "samr", "SamrConnect5") for desk in DESKS[:3] for dc in DCS),
    *(call(DCS[i], DCS[1 - i], "drsuapi", "DRSGetNCChanges") for i in (0, 1) for _ in range(20)),
    *(call(ADMIN, host, "svcctl", "CreateServiceW") for host in (*DESKS, *DCS)),
]
LOG = records("dce_rpc", ROWS)
ROLES = Roles.learn([LOG], 0)
RIGHTS = Rights.learn([Calls.of(LOG)], ROLES)


def role_of(*hosts):
    return ROLES.of(Calls.of(records("dce_rpc", [{"id.orig_h": host} for host in hosts])).source)


def strange(*rows):
    calls = Calls.of(records("dce_rpc", list(rows)))
    return RIGHTS.strangeness(calls, ROLES.of(calls.source))


def test_hosts_that_do_the_same_have_a_role_and_it_has_a_name():
    one, two = role_of(*DCS)
    assert one == two
    assert ROLES.roles[one].name == "domain controllers"
    assert (ROLES.roles[one].hosts, ROLES.example(one)) == (2, DCS[0])
    assert len({*role_of(*DESKS)} | {one}) < len(ROLES.roles)
    assert ROLES.roles[role_of(ADMIN)[0]].name == "managing hosts"
    assert "svcctl" in ROLES.roles[role_of(ADMIN)[0]].calls
    npt.assert_array_equal(role_of("10.9.9.9"), [-1])


def test_what_a_host_did_before_is_not_strange_and_what_none_of_its_role_did_is():
    own, desks, nobody, stranger = strange(
        call(DCS[0], DCS[1], "drsuapi", "DRSGetNCChanges"),
        call(DESKS[5], DCS[0], "samr", "SamrConnect5"),
        call(DESKS[5], DCS[0], "drsuapi", "DRSGetNCChanges"),
        call("10.9.9.9", DCS[0], "drsuapi", "DRSGetNCChanges"),
    )
    assert own == 0
    assert desks < nobody
    n_desks = np.count_nonzero(ROLES.role == role_of(DESKS[5])[0])
    anywhere = 2.5 / (len(ROLES.hosts) + 1)
    assert nobody == pytest.approx(-log(anywhere / (n_desks + 1)))
    assert stranger == pytest.approx(-log(anywhere))


def test_an_operation_without_a_name_is_as_strange_as_any_that_nobody_called():
    named, numbered, plain = strange(
        *(call(DESKS[0], DCS[0], "samr", operation) for operation in ("SamrDeleteUser", "unknown-77", "77"))
    )
    assert named == numbered == plain > 4


def test_those_entitled_are_counted():
    assert RIGHTS.entitled(call_key("drsuapi", "drsgetncchanges")) == (2, 40, (role_of(DCS[0])[0],))
    assert RIGHTS.entitled(call_key("samr", "samrdeleteuser")) == (0, 0, ())


@given(CUTS)
def test_the_same_is_learned_however_the_log_is_cut(cuts):
    batches = [anew(LOG, piece) for piece in pieces(len(LOG), cuts)]
    roles = Roles.learn(batches, 0)
    assert roles.encode() == ROLES.encode()
    npt.assert_equal(Rights.learn([*map(Calls.of, batches)], roles).arrays(), RIGHTS.arrays())


def test_what_was_kept_judges_alike():
    roles, rights = Roles.decode(ROLES.encode()), Rights.of_arrays(RIGHTS.arrays())
    assert roles.roles == ROLES.roles
    calls = Calls.of(LOG)
    npt.assert_array_equal(roles.of(calls.source), ROLES.of(calls.source))
    npt.assert_array_equal(
        rights.strangeness(calls, roles.of(calls.source)), RIGHTS.strangeness(calls, ROLES.of(calls.source))
    )


def test_hosts_without_any_interface_can_be_learned():
    bare = records("dce_rpc", [{"id.orig_h": "10.0.0.1"}, {"id.resp_h": "10.0.0.2"}, {}])
    roles = Roles.learn([bare], 0)
    assert [role.hosts for role in roles.roles] == [2]
    assert Rights.learn([Calls.of(bare)], roles).hosts.tolist() == [2]
