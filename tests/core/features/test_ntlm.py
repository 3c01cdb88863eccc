"""The fields of a logon."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from baselines import DAY, HOUR, MONDAY, anew, encoded, inventions, office, records
from hypothesis import given
from inventions import CUTS, pieces
from oddlog_core.features.ntlm import CLASSIC, FULL, JUDGED, LogonFields, learn_fields

WEEK = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
# Each from its hour to the hour of the next; the last goes past midnight.
BINS = {2: "early_morning", 6: "morning", 10: "afternoon", 14: "evening", 18: "night", 22: "late_night"}


def told(logon, *, whole_weeks=True, networks=None, time_zone="UTC"):
    """The nine fields of one logon, by name."""
    return spoken_of(records("ntlm", [{"ts": MONDAY, **logon}]), whole_weeks, networks, time_zone)


def spoken_of(log, whole_weeks=True, networks=None, time_zone="UTC", names=CLASSIC):
    """The fields of a log's first record that it tells by itself, by name."""
    columns = fields_of(names, whole_weeks, networks, time_zone).categorise(log, {})
    return dict(zip(names, [None if c.codes[0] < 0 else c.values[c.codes[0]] for c in columns], strict=True))


def fields_of(names=CLASSIC, whole_weeks=True, networks=None, time_zone="UTC"):
    return LogonFields([*names], [], [], whole_weeks, networks or {}, time_zone)


def learned(baseline, time_zone="UTC", names=CLASSIC, judged=None):
    return learn_fields([baseline], names, [judged or {}], {}, time_zone)


def test_a_logon_has_nine_fields():
    logon = {
        "id.orig_h": "10.20.30.40",
        "id.resp_h": "192.168.1.2",
        "id.resp_p": 445,
        "domainname": "OFFICE",
        "success": "T",
        "ts": MONDAY + 9 * HOUR,
    }
    assert told(logon) == {
        "domainname": "office",
        "success": "T",
        "id.resp_p": "445",
        "id.orig_h first part": "10",
        "id.orig_h middle part": "20.30",
        "id.resp_h first part": "192",
        "id.resp_h middle part": "168.1",
        "day_of_week": "Monday",
        "time_of_day_bin": "morning",
    }


def test_unset_fields_are_missing_and_neither_0_nor_empty():
    missing = {name for name, value in told({}).items() if value is None}
    assert missing == set(CLASSIC) - {"day_of_week", "time_of_day_bin"}
    assert told({"id.resp_p": 0, "domainname": ""})["id.resp_p"] == "0"
    assert told({"id.resp_p": 0, "domainname": ""})["domainname"] == ""


@pytest.mark.parametrize("day", range(14))
@pytest.mark.parametrize("whole_weeks", [True, False])
def test_days_are_named_or_told_apart_as_workdays_and_weekend(day, whole_weeks):
    name = WEEK[day % 7]
    if not whole_weeks:
        name = "weekend" if name in {"Saturday", "Sunday"} else "workday"
    for moment in (0, DAY - 1):
        assert told({"ts": MONDAY + day * DAY + moment}, whole_weeks=whole_weeks)["day_of_week"] == name


@pytest.mark.parametrize("hour", range(24))
def test_every_hour_has_its_bin(hour):
    begun = [start for start in BINS if start <= hour]
    expected = BINS[max(begun)] if begun else "late_night"
    for moment in (0, HOUR - 1):
        assert told({"ts": MONDAY + hour * HOUR + moment})["time_of_day_bin"] == expected


def test_day_and_hour_are_those_of_the_time_zone():
    late_sunday_in_new_york = told({"ts": MONDAY + 3 * HOUR}, time_zone="America/New_York")
    assert late_sunday_in_new_york["day_of_week"] == "Sunday"
    assert late_sunday_in_new_york["time_of_day_bin"] == "late_night"


def test_a_named_network_stands_for_both_parts_and_IPv6_has_parts_too():  # noqa: N802
    fields = told({"id.orig_h": "10.1.2.3", "id.resp_h": "2001:db8:1:2::9"}, networks={"10.1.0.0/16": "branch"})
    assert (fields["id.orig_h first part"], fields["id.orig_h middle part"]) == ("branch", "branch")
    assert (fields["id.resp_h first part"], fields["id.resp_h middle part"]) == ("2001:0db8", "0001:0002")


@pytest.mark.parametrize(
    ("logon", "expected"),
    [
        ({"success": "F"}, "F"),
        ({"status": "SUCCESS"}, "SUCCESS"),
        ({"success": "T", "status": "NT_STATUS_LOGON_FAILURE"}, "T"),
        ({}, None),
    ],
)
def test_the_older_status_counts_where_success_is_unset(logon, expected):
    assert told(logon)["success"] == expected


def test_a_log_without_a_status_column_is_read_by_its_success():
    log = records("ntlm", [{"ts": MONDAY, "success": "T"}, {"ts": MONDAY}])
    without = replace(log, categories={name: c for name, c in log.categories.items() if name != "status"})
    column = fields_of().categorise(without, {})[1]
    assert [None if code < 0 else column.values[code] for code in column.codes] == ["T", None]


def test_status_and_success_mix_within_a_batch():
    log = records("ntlm", [{}, {}, {}, {}])
    mixed = {"success": encoded(["T", None, "F", None]), "status": encoded(["x", "y", None, None])}
    column = fields_of().categorise(replace(log, categories={**log.categories, **mixed}), {})[1]
    assert [None if code < 0 else column.values[code] for code in column.codes] == ["T", "y", "F", None]


@pytest.mark.parametrize(("days", "whole_weeks"), [(13.9, False), (14.1, True)])
def test_weekdays_are_known_from_fourteen_days_on(days, whole_weeks):
    assert learned(office("ntlm", 2000, seed=1, days=days)).whole_weeks == whole_weeks


@given(inventions("ntlm"), inventions("ntlm"))
def test_codes_are_those_of_the_baselines_values_and_unseen_otherwise(baseline, later):
    fields = learned(baseline)

    def spoken(log):
        columns = fields.categorise(log, {})
        return [[None if c.codes[i] < 0 else c.values[c.codes[i]] for c in columns] for i in range(len(log))]

    for f, values in enumerate(fields.values):
        assert values == sorted({row[f] for row in spoken(baseline)} - {None})
    for log in (baseline, later):
        expected = [
            [
                0 if v is None else fields.values[f].index(v) + 1 if v in fields.values[f] else -1
                for f, v in enumerate(row)
            ]
            for row in spoken(log)
        ]
        assert fields.encode(log, {}).tolist() == expected


@given(inventions("ntlm"), CUTS)
def test_codes_do_not_depend_on_a_batchs_dictionary(log, cuts):
    fields = learn_fields([office("ntlm", 100, seed=1), log], CLASSIC, [{}, {}], {}, "Europe/Berlin")
    parts = [fields.encode(anew(log, piece), {}) for piece in pieces(len(log), cuts)]
    np.testing.assert_array_equal(np.concatenate(parts), fields.encode(log, {}))


def test_rare_names_are_one_of_various_and_unseen_ones_are_none():
    names = ("username",)
    users = ["svc"] * 150 + [f"person{i}" for i in range(150)]
    fields = learned(records("ntlm", [{"ts": MONDAY, "username": user} for user in users]), names=names)
    assert (fields.values, len(fields.rare[0])) == ([["svc"]], 150)
    asked = records("ntlm", [{"username": user} for user in ("SVC", "person3", "Person140", "mallory")] + [{}])
    assert fields.encode(asked, {}).ravel().tolist() == [1, 2, 2, -1, 0]
    assert [fields.name(0, code) for code in (0, 1, 2)] == [None, "svc", "various"]
    assert fields.sizes() == [3]


@pytest.mark.parametrize(
    ("logon", "machine", "null"),
    [
        ({"username": "WS1$", "success": "T"}, "yes", "no"),
        ({"username": "ada", "success": "T"}, "no", "no"),
        ({"username": "", "success": "T"}, "no", "yes"),
        ({"success": "T"}, None, "yes"),
        ({"success": "F"}, None, "no"),
        ({"status": "SUCCESS"}, None, "yes"),
        ({}, None, "no"),
    ],
)
def test_machines_and_null_sessions_are_told(logon, machine, null):
    names = [name for name in FULL if name not in JUDGED]
    found = spoken_of(records("ntlm", [{"ts": MONDAY, **logon}]), names=names)
    assert (found["machine account"], found["null session"]) == (machine, null)


def test_what_the_baseline_knows_is_taken_as_it_is_given():
    fields = learned(
        records("ntlm", [{}, {}]), names=("user on this host",), judged={"user on this host": encoded(["known", "new"])}
    )
    codes = fields.encode(records("ntlm", [{}, {}]), {"user on this host": encoded(["new", None])})
    assert codes.ravel().tolist() == [2, 0]
