"""The simulated traffic is plausible, and its attacks are not given away by what no honest host does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from oddlog.simulate import ATTACKS, simulate
from oddlog.simulate.site import Site, leases

from .conftest import numbers, read_labels, read_tsv


@pytest.mark.parametrize(
    ("measure", "published", "tolerance"),
    [
        ("tcp", 0.78, 0.04),
        ("udp", 0.22, 0.04),
        ("ten ports", 0.50, 0.10),
        ("under 2 s", 0.80, 0.05),
        ("at most ten packets a side", 0.92, 0.03),
        ("eight devices", 0.50, 0.08),
    ],
)
def test_marginals_are_near_those_published_of_lanls_2017_netflow(working_day, measure, published, tolerance):
    conn = working_day
    share = {
        "tcp": (conn.proto == "tcp").mean(),
        "udp": (conn.proto == "udp").mean(),
        "ten ports": conn["id.resp_p"].value_counts(normalize=True).head(10).sum(),
        "under 2 s": (numbers(conn.duration) < 2).mean(),
        "at most ten packets a side": ((numbers(conn.orig_pkts) <= 10) & (numbers(conn.resp_pkts) <= 10)).mean(),
        "eight devices": conn["id.orig_h"].value_counts(normalize=True).head(8).sum(),
    }[measure]
    assert share == pytest.approx(published, abs=tolerance)


def test_a_working_day_of_200_hosts_has_a_plausible_number_of_connections(working_day):
    assert 150_000 < len(working_day) < 400_000


def test_most_busy_ports_are_the_published_ones(working_day):
    busy = set(working_day["id.resp_p"].value_counts().head(16).index)
    assert {"53", "443", "80", "514", "389", "88", "427", "445"} <= busy


def test_people_work_by_day(working_day):
    hour = (numbers(working_day.ts) % 86_400 // 3600).astype(int)
    local = working_day["id.orig_h"].str.match(r"10\.20\.([4-9]|\d\d)\.") & (working_day["id.resp_p"] == "8080")
    by_day = hour[local].between(8, 17).mean()
    assert by_day > 0.85


def test_sizes_have_a_heavy_tail(working_day):
    size = np.sort(numbers(working_day.orig_bytes) + numbers(working_day.resp_bytes))[::-1]
    assert size[: len(size) // 100].sum() > 0.8 * size.sum()


def test_bytes_packets_and_history_agree(working_day):
    conn = working_day
    for side, header, letter in (("orig", 40, "D"), ("resp", 40, "d")):
        payload, pkts, ip = (numbers(conn[f"{side}_{what}"]) for what in ("bytes", "pkts", "ip_bytes"))
        tcp = conn.proto == "tcp"
        assert (ip[tcp] >= payload[tcp] + header * pkts[tcp]).all()
        assert (ip[~tcp & (payload > 0)] >= (payload + 28 * pkts)[~tcp & (payload > 0)]).all()
        assert (conn.history.str.contains(letter)[tcp] == (payload[tcp] > 0)).all()
        assert (pkts[payload > 0] > 0).all()


def test_a_lone_packet_has_neither_duration_nor_bytes(working_day):
    lone = (working_day.orig_pkts == "1") & (working_day.resp_pkts == "0")
    assert lone.any()
    assert (working_day.duration[lone] == "-").all()
    assert (working_day.orig_bytes[lone] == "-").all()
    assert (working_day.duration[~lone] != "-").all()


def test_states_agree_with_histories(working_day):
    history = working_day.history
    for state, pattern in (
        ("S0", "S|D"),
        ("REJ", "Sr"),
        ("SF", r"ShA.*[Ff].*[Ff].*|Dd"),
        ("RSTO", ".*R"),
        ("RSTR", ".*r"),
    ):
        assert history[working_day.conn_state == state].str.fullmatch(pattern).all(), state


def test_addresses_change_with_leases_but_not_often():
    site = Site(200, 3, leased=True)
    first, later = leases(site, 0)[:, 0], leases(site, 27)[:, 1]
    assert 0 < (first != later).mean() < 0.4
    assert len(set(later.tolist())) == len(later)


def test_addresses_stay_where_they_are_fixed(tmp_path):
    done = simulate(tmp_path / "out", hosts=40, days=2, seed=5, leased=False)
    owners = [read_tsv(folder / "ntlm.log") for folder in done.folders]
    owned = pd.concat(owners)[lambda ntlm: ntlm.hostname.str.startswith("WS-") & (ntlm.success == "T")]
    addresses = owned.groupby("hostname")["id.orig_h"].nunique()
    assert len(addresses) > 10
    assert (addresses == 1).all()


def test_seldom_calls_come_from_those_entitled(office_days):
    calls = pd.concat(day["dce_rpc"] for day in office_days)
    for operation, endpoint in (
        ("SamrConnect", "samr"),
        ("NetrServerPasswordSet2", "netlogon"),
        ("SimplePing", "IObjectExporter"),
        ("CommitShadowCopySet", "FileServerVssAgent"),
    ):
        assert ((calls.operation == operation) & (calls.endpoint == endpoint)).sum() >= 4, operation
    snapshots = calls[calls.endpoint == "FileServerVssAgent"]
    assert snapshots["id.orig_h"].nunique() == 1
    assert set(snapshots["id.resp_h"]) <= set(calls[calls.operation == "OpenSCManager2"]["id.resp_h"])


def test_ntlm_logons_succeed_fail_and_are_unknown(office_days):
    ntlm = pd.concat(day["ntlm"] for day in office_days)
    share = ntlm.success.value_counts(normalize=True)
    assert share["T"] > share["-"] > share["F"] > 0.01
    assert 0.25 < (ntlm.username == "-").mean() < 0.6
    assert ntlm.username.str.isupper().any()
    assert ntlm.username.str.islower().any()
    assert ntlm.username.str.endswith("$").any()


def test_attacks_are_in_the_last_day_only_and_touch_every_log(office, office_days):
    labels = read_labels(office)
    attacks = labels[labels.label == "1"]
    assert set(attacks.attack) == set(ATTACKS)
    assert (numbers(attacks.ts) >= 1706486400 + 2 * 86_400).all()
    assert set(attacks.log) == {"conn", "ntlm", "dce_rpc"}


def test_every_attack_comes_from_several_hosts_within_and_outside_working_hours(office, office_days):
    labels = read_labels(office)
    conn = office_days[-1]["conn"].merge(labels[(labels.log == "conn") & (labels.label == "1")], on="uid")
    for name, records in conn.groupby("attack"):
        first = numbers(records.groupby("id.orig_h").ts_x.min()) % 86_400 / 3600
        assert len(first) >= 2, name
        assert first.between(9, 17).any(), name
        assert (~first.between(6, 19)).any(), name


def test_every_record_of_an_attacks_connection_is_labelled(office):
    labels = read_labels(office)
    of_conn = labels[labels.log == "conn"].set_index("uid").attack
    children = labels[labels.log != "conn"]
    assert (children.attack.to_numpy() == of_conn[children.uid].to_numpy()).all()


def test_every_port_endpoint_and_operation_of_an_attack_is_used_on_ordinary_days(office, office_days):
    labels = read_labels(office)
    attacked = set(labels.uid[labels.label == "1"])
    for log, columns in (("conn", ["id.resp_p"]), ("dce_rpc", ["endpoint", "operation"]), ("conn", ["service"])):
        ordinary = pd.concat(day[log] for day in office_days[:-1])[columns]
        of_attacks = office_days[-1][log][office_days[-1][log].uid.isin(attacked)][columns]
        known = set(ordinary.itertuples(index=False, name=None))
        assert set(of_attacks.itertuples(index=False, name=None)) <= known, columns


def test_an_attacks_accounts_and_histories_are_known_on_ordinary_days(office, office_days):
    labels = read_labels(office)
    attacked = set(labels.uid[labels.label == "1"])
    last = office_days[-1]
    for log, column in (("ntlm", "domainname"), ("ntlm", "success"), ("conn", "history"), ("conn", "conn_state")):
        known = set(pd.concat(day[log] for day in office_days[:-1])[column])
        assert set(last[log][column][last[log].uid.isin(attacked)]) <= known, column
