"""The simulator's files are such as Zeek writes, and its labels say what is in them."""

from __future__ import annotations

import gzip
from datetime import date

import numpy as np
import pandas as pd
import pytest
from oddlog.errors import UsageError
from oddlog.simulate import simulate
from oddlog.simulate.writer import FIELDS

from .conftest import numbers, read_json, read_labels, read_tsv

LOGS = ("conn", "ntlm", "dce_rpc")
CONN_FIELDS = """
    ts time, uid string, id.orig_h addr, id.orig_p port, id.resp_h addr, id.resp_p port, proto enum, service string,
    duration interval, orig_bytes count, resp_bytes count, conn_state string, local_orig bool, local_resp bool,
    missed_bytes count, history string, orig_pkts count, orig_ip_bytes count, resp_pkts count, resp_ip_bytes count,
    tunnel_parents set[string], ip_proto count
"""


def bytes_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        simulate(tmp_path / name, hosts=40, seed=9, attacks=True, gzip=True)
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


def test_another_seed_gives_another_office(tmp_path):
    for seed in (1, 2):
        simulate(tmp_path / str(seed), hosts=40, seed=seed)
    first, second = (read_tsv(tmp_path / seed / "2024-01-29" / "ntlm.log") for seed in "12")
    assert len(set(first.uid) & set(second.uid)) == 0
    assert len(first) != len(second)


def test_a_longer_run_begins_with_the_shorter_ones_days(tmp_path):
    simulate(tmp_path / "short", hosts=40, days=2, seed=3)
    simulate(tmp_path / "long", hosts=40, days=3, seed=3)
    short, long = bytes_of(tmp_path / "short"), bytes_of(tmp_path / "long")
    days = [name for name in short if name != "labels.tsv"]
    assert len(days) == 6
    assert all(short[name] == long[name] for name in days)
    assert long["labels.tsv"].startswith(short["labels.tsv"])


def test_start_moves_the_days_and_a_weekend_is_quiet(tmp_path):
    done = simulate(tmp_path / "out", hosts=60, days=2, seed=1, start=date(2024, 5, 3))
    assert [folder.name for folder in done.folders] == ["2024-05-03", "2024-05-04"]
    friday, saturday = (len(read_tsv(folder / "conn.log")) for folder in done.folders)
    assert saturday < 0.8 * friday


def test_headers_are_as_zeek_8_writes_them(office):
    text = (office / "2024-01-29" / "conn.log").read_text()
    names, types = zip(*(field.split() for field in CONN_FIELDS.split(",")), strict=True)
    assert text.split("\n")[:8] == [
        "#separator \\x09",
        "#set_separator\t,",
        "#empty_field\t(empty)",
        "#unset_field\t-",
        "#path\tconn",
        "#open\t2024-01-29-00-00-00",
        "\t".join(["#fields", *names]),
        "\t".join(["#types", *types]),
    ]
    assert text.endswith("\n#close\t2024-01-30-00-00-00\n")


@pytest.mark.parametrize("log", LOGS)
def test_fields_and_types_are_those_of_real_logs(real_logs, log):
    real = min((real_logs / "otrf-attacks").glob(f"*/{log}.log")).read_text().splitlines()
    names, types = (
        next(line for line in real if line.startswith(key)).split("\t")[1:] for key in ("#fields", "#types")
    )
    assert list(FIELDS[log]) == list(zip(names, types, strict=True))


def test_connections_stand_in_the_order_they_ended(office_days):
    latest = 0.0
    for day in office_days:
        conn = day["conn"]
        micros = pd.Series(np.round(numbers(conn.ts) * 1e6 + numbers(conn.duration) * 1e6).astype(np.int64))
        assert (micros.diff().dropna() >= -1).all()
        assert micros.iloc[0] >= latest
        latest = micros.iloc[-1]


@pytest.mark.parametrize("log", ["ntlm", "dce_rpc"])
def test_logons_and_calls_stand_in_order_of_time(office_days, log):
    for day in office_days:
        assert numbers(day[log].ts).is_monotonic_increasing


def test_every_record_falls_on_its_day(office_days):
    for index, day in enumerate(office_days):
        midnight = 1706486400 + 86_400 * index
        ends = numbers(day["conn"].ts) + numbers(day["conn"].duration)
        assert ends.between(midnight, midnight + 86_400).all()
        for log in ("ntlm", "dce_rpc"):
            assert numbers(day[log].ts).between(midnight, midnight + 86_400).all()


def test_connections_open_at_midnight_are_in_the_next_days_log(office_days):
    assert (numbers(office_days[1]["conn"].ts) < 1706486400 + 86_400).any()


def test_uids_are_zeeks_and_unique(office_days):
    uids = pd.concat(day["conn"].uid for day in office_days)
    assert uids.is_unique
    assert uids.str.fullmatch("C[0-9A-Za-z]{15,17}").all()


@pytest.mark.parametrize("log", ["ntlm", "dce_rpc"])
def test_logons_and_calls_belong_to_a_connection_that_was_open_then(office_days, log):
    ids = ["id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"]
    for day in office_days:
        both = day[log].merge(day["conn"], on="uid", how="left", suffixes=("", "_conn"))
        assert both.ts_conn.notna().all()
        for name in ids:
            assert (both[name] == both[f"{name}_conn"]).all()
        since = numbers(both.ts) - numbers(both.ts_conn)
        assert (since >= 0).all()
        assert (since <= numbers(both.duration) + 1e-3).all()
        assert both.service.str.contains(rf"\b{log}\b").all()


def test_every_record_has_its_label_in_the_logs_order(office, office_days):
    labels = read_labels(office)
    assert list(labels.columns) == ["log", "uid", "ts", "label", "attack"]
    for log in LOGS:
        mine, written = labels[labels.log == log], pd.concat(day[log] for day in office_days)
        assert mine.uid.tolist() == written.uid.tolist()
        assert mine.ts.tolist() == written.ts.tolist()
    assert ((labels.label == "1") == (labels.attack != "-")).all()


def test_tsv_and_json_carry_the_same_values(tmp_path):
    for how in ("tsv", "json"):
        simulate(tmp_path / how, hosts=40, seed=4, attacks=True, how=how)
    for log in LOGS:
        lines = read_json(tmp_path / "json" / "2024-01-29" / f"{log}.log")
        table = read_tsv(tmp_path / "tsv" / "2024-01-29" / f"{log}.log")
        assert len(lines) == len(table)
        for name, kind in FIELDS[log]:
            of_json = [line.get(name) for line in lines[::5]]
            of_tsv = [parsed(value, kind) for value in table[name][::5]]
            assert of_json == of_tsv, (log, name)


def parsed(value, kind):
    if value == "-":
        return None
    if kind in ("time", "interval"):
        return float(value)
    if kind in ("count", "port"):
        return int(value)
    return value == "T" if kind == "bool" else value.replace("\\\\", "\\")


def test_gzip_changes_the_file_only(tmp_path):
    plain = simulate(tmp_path / "plain", hosts=40, seed=6)
    zipped = simulate(tmp_path / "zipped", hosts=40, seed=6, gzip=True)
    for log in LOGS:
        text = gzip.decompress((zipped.folders[0] / f"{log}.log.gz").read_bytes())
        assert text == (plain.folders[0] / f"{log}.log").read_bytes()


@pytest.mark.parametrize("wrong", [{"hosts": 39}, {"days": 0}, {"seed": -1}])
def test_an_argument_that_makes_no_sense_is_refused_by_name(tmp_path, wrong):
    with pytest.raises(UsageError, match=f"{next(iter(wrong)).rstrip('s')}"):
        simulate(tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "conn.log").write_text("mine")
    with pytest.raises(UsageError, match="holds something already"):
        simulate(tmp_path, hosts=40)
    assert bytes_of(tmp_path) == {"conn.log": b"mine"}
