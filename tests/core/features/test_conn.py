"""The conn feature matrix."""

from __future__ import annotations

import math

import numpy as np
import numpy.testing as npt
import pytest
from baselines import DAY, HOUR, MONDAY, anew, inventions, office, records
from hypothesis import given, settings
from inventions import CUTS, SECOND, pieces
from naive import mean_std
from oddlog_core.features.conn import NUMBERS, ROLLED, ROLLING, ConnFeatures, FeatureSpec, learn_spec
from oddlog_core.features.relations import RELATIONS, UNLIKE, Relations
from oddlog_core.features.rhythm import learn_usual
from oddlog_core.kernels.rolling import LARGEST

SPEC = FeatureSpec(
    {"proto": ["tcp", "udp"], "service": ["dns", "gssapi,ntlm,smb"], "conn_state": ["SF"]},
    {"id.orig_p": [], "id.resp_p": [443, 53, 445]},
    time_of_day=True,
)


def named(log, spec=SPEC):
    """Columns of the matrix by name."""
    matrix = ConnFeatures(spec).transform(log)
    return dict(zip((*spec.numbers, *spec.coded), matrix.T, strict=True))


def meant(connection, column):
    """What the code of one connection's field stands for."""
    return SPEC.names_of(column)[int(named(records("conn", [connection]))[column][0])]


def test_amounts_are_as_zeek_gives_them_and_durations_seconds():
    columns = named(
        records(
            "conn", [{"duration": 1_500_000, "orig_bytes": 7, "resp_bytes": 10**12, "orig_pkts": 2, "resp_pkts": 3}]
        )
    )
    assert [columns[name][0] for name in NUMBERS] == [1.5, 7, 1e12, 2, 3]


def test_missing_is_NaN_and_0_is_0():  # noqa: N802
    columns = named(records("conn", [{}, dict.fromkeys(NUMBERS, 0)]))
    for name in NUMBERS:
        npt.assert_array_equal(columns[name], [math.nan, 0.0])
    assert not np.isnan([columns[name] for name in ROLLING]).any()
    for name in SPEC.coded:
        assert SPEC.names_of(name)[int(columns[name][0])] == "unset"


@pytest.mark.parametrize("service", ["gssapi,ntlm,smb", "ntlm,smb,gssapi", "smb,gssapi,ntlm"])
def test_a_comma_list_in_any_order_is_one_service(service):
    assert meant({"service": service}, "service") == "gssapi,ntlm,smb"


@pytest.mark.parametrize(
    ("column", "value", "meaning"),
    [
        ("proto", "udp", "udp"),
        ("proto", "icmp", "other"),
        ("service", "gssapi,ntlm", "other"),
        ("conn_state", "SF", "SF"),
        ("id.resp_p", 443, "443"),
        ("id.resp_p", 53, "53"),
        ("id.resp_p", 445, "445"),
        ("id.resp_p", 0, "system port"),
        ("id.resp_p", 1023, "system port"),
        ("id.resp_p", 1024, "user port"),
        ("id.resp_p", 49_151, "user port"),
        ("id.resp_p", 49_152, "dynamic port"),
        ("id.resp_p", 65_535, "dynamic port"),
        ("id.orig_p", 443, "system port"),
        ("id.orig_p", 50_000, "dynamic port"),
    ],
)
def test_a_code_means_the_value_or_what_it_falls_under(column, value, meaning):
    assert meant({column: value}, column) == meaning


@pytest.mark.parametrize("hour", [0, 6, 12, 18])
def test_the_time_of_day_goes_round(hour):
    columns = named(records("conn", [{"ts": MONDAY + hour * HOUR}, {"ts": MONDAY + hour * HOUR + 5 * DAY}]))
    angle = math.tau * hour / 24
    npt.assert_allclose(columns["time_of_day_sin"], math.sin(angle), atol=1e-12)
    npt.assert_allclose(columns["time_of_day_cos"], math.cos(angle), atol=1e-12)


@settings(max_examples=30)
@given(inventions("conn"))
def test_rolling_columns_are_those_of_the_windows_they_are_named_after(log):
    columns = named(log)
    amounts = np.stack([log.integers[name].clip(0, LARGEST) for name in ROLLED], axis=1)
    for window in (1, 10, 60):
        expected = mean_std(log.clock, amounts, [window * SECOND])[:, 0]
        for c, name in enumerate(ROLLED):
            npt.assert_allclose(columns[f"mean_{name}_{window}s"], expected[:, c, 0], rtol=1e-9)
            npt.assert_allclose(columns[f"std_{name}_{window}s"], expected[:, c, 1], rtol=1e-9)


@settings(max_examples=30)
@given(inventions("conn"), CUTS)
def test_cutting_a_log_into_other_batches_changes_no_bit(log, cuts):
    whole, cut = ConnFeatures(SPEC), ConnFeatures(SPEC)
    parts = [cut.transform(anew(log, piece)) for piece in pieces(len(log), cuts)]
    npt.assert_array_equal(np.concatenate(parts), whole.transform(log))


@settings(max_examples=30)
@given(inventions("conn"), inventions("conn"))
def test_every_code_of_any_record_has_a_meaning(baseline, later):
    spec = learn_spec([baseline])
    columns = named(later, spec)
    for name in spec.coded:
        codes = columns[name]
        assert ((codes >= 0) & (codes < len(spec.names_of(name)))).all()
        assert (codes == np.floor(codes)).all()


def hourly(days, hours_of_day):
    """A connection in each of the given hours of each day."""
    return records(
        "conn", [{"ts": MONDAY + day * DAY + hour * HOUR} for day in range(days) for hour in range(hours_of_day)]
    )


@pytest.mark.parametrize(
    ("days", "hours_of_day", "known"), [(2, 24, False), (3, 24, True), (3, 20, True), (3, 19, False), (30, 12, False)]
)
def test_the_time_of_day_is_used_from_three_whole_days_on(days, hours_of_day, known):
    log = hourly(days, hours_of_day)
    assert learn_spec([log]).time_of_day == known
    assert learn_spec([anew(log, piece) for piece in pieces(len(log), [0.3, 0.31, 0.9])]).time_of_day == known
    assert ("time_of_day_sin" in learn_spec([log]).numbers) == known


def test_values_of_one_record_are_not_learned_and_usual_ones_are():
    log = office("conn", 500, seed=1)
    log.integers["id.resp_p"][0] = 31_337
    spec = learn_spec([log])
    assert set(spec.categories["service"]) == {"dns", "ssl", "gssapi,ntlm,smb"}
    assert sorted(spec.ports["id.resp_p"]) == [53, 443, 445]


def test_at_most_48_values_are_learned_the_most_frequent_first_and_ties_by_name():
    rows = [
        {"service": f"s{i:03d}", "id.resp_p": 1000 + i} for i in reversed(range(60)) for _ in range(3 if i == 59 else 2)
    ]
    spec = learn_spec([records("conn", rows)])
    assert spec.categories["service"] == ["s059", *(f"s{i:03d}" for i in range(47))]
    assert spec.ports["id.resp_p"] == [1059, *range(1000, 1047)]


def test_what_is_learned_does_not_depend_on_how_the_baseline_was_cut():
    log = office("conn", 300, seed=1)
    assert learn_spec([anew(log, piece) for piece in pieces(300, [0.1, 0.5, 0.5])]) == learn_spec([log])


def test_the_base_features_leave_out_what_happened_around():
    base = learn_spec([office("conn", 300, seed=5)], "base")
    rolling = learn_spec([office("conn", 300, seed=5)], "rolling")
    assert (base.rolling, rolling.rolling) == ((), ROLLING)
    log = office("conn", 40, seed=6)
    of_base, of_rolling = named(log, base), named(log, rolling)
    assert set(of_rolling) - set(of_base) == set(ROLLING)
    for name, column in of_base.items():
        npt.assert_array_equal(column, of_rolling[name])


def test_devices_are_told_apart_by_kind_where_a_log_names_them():
    hosts = ["Comp000001", "IP000002", "ActiveDirectory", "10.0.0.9"]
    log = records("conn", [{"id.orig_h": host, "id.resp_h": "Mail"} for host in hosts] * 2)
    spec = learn_spec([log], "base")
    columns = named(log, spec)
    kinds = [spec.names_of("orig_device")[int(code)] for code in columns["orig_device"][:4]]
    assert kinds == ["Comp", "IP", "ActiveDirectory", "an address"]
    assert spec.names_of("resp_device") == ["unset", "Mail", "other"]


@pytest.mark.parametrize("host", ["10.0.0.1", "fe80::1", "::", "2001:db8::dead:beef"])
def test_addresses_are_no_devices(host):
    spec = learn_spec([records("conn", [{"id.orig_h": host, "id.resp_h": host}] * 2)])
    assert "orig_device" not in spec.columns


def test_evidence_is_what_the_baseline_says_less_what_the_last_hour_has_made_usual():
    whole = office("conn", 600, seed=5)
    spec, (relations, _) = learn_spec([whole], "full"), Relations.learn([whole])
    asked = {"id.orig_h": "10.0.0.3", "id.resp_p": 53, "proto": "udp", "conn_state": "SF", "orig_bytes": 40}
    log = records(
        "conn",
        [
            {"ts": MONDAY + i * SECOND, "id.resp_h": host, **asked}
            for i in range(40)
            for host in ("8.8.8.8", "10.0.9.9")
        ],
    )
    matrix = ConnFeatures(spec, learn_usual([whole]), relations).transform(log)
    columns = dict(zip(spec.columns, matrix.T, strict=True))
    said = dict(zip((*RELATIONS, *UNLIKE), relations.judge(log).T, strict=True))
    for name in UNLIKE:
        npt.assert_array_equal(columns[name], said[name])
    for name in RELATIONS:
        outside, inside = columns[name][::2], columns[name][1::2]
        npt.assert_array_equal(inside, said[name][1::2])
        assert outside[0] == said[name][0]
        assert (outside[1:] < said[name][2::2]).all()
    assert max(columns[name][0] for name in RELATIONS) > 2
    assert max(columns[name][-2] for name in RELATIONS) < 1
