"""Evaluation says what plain counting would say."""

from __future__ import annotations

import json
import math
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from oddlog.cli.evaluate import evaluate as command
from oddlog.errors import OddlogError
from oddlog.evaluate import evaluate, read_labels, read_scores
from oddlog.evaluate.matching import match
from oddlog.evaluate.measures import Queue

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400.0
HEADER = "log\tuid\tts\tlabel\tattack\n"


def record(uid="C1", ts=100.0, *, log="conn", host="10.0.0.1", detector=None, score=1.0, window=None):
    return {
        "log": log,
        "uid": uid,
        "ts": ts,
        "orig_h": host,
        "resp_h": "10.0.0.9",
        "detector": detector or log,
        "score": score,
        "p_value": 0.5,
        "rarity": score,
        "window_s": window,
    }


def host_window(ts, *, host="10.0.0.1", log="dce_rpc", window=10.0, **more):
    return record(None, ts, log=log, host=host, window=window, **more)


def scored(*rows):
    frame = pd.DataFrame(list(rows), columns=list(record()))
    return frame.astype({"ts": "float64", "score": "float64", "rarity": "float64", "window_s": "float64"})


def label(uid="C1", ts=math.nan, *, log="conn", is_attack=True, attack="scan", host=None):
    return {"log": log, "uid": uid, "ts": ts, "label": is_attack, "attack": attack, "orig_h": host}


def labelled(*rows):
    return pd.DataFrame(list(rows), columns=list(label())).astype({"ts": "float64", "label": "bool"})


queues = st.lists(
    st.tuples(st.sampled_from([math.nan, -math.inf, 0.0, 1.0, 2.5, 1e300, math.inf]), st.booleans()),
    min_size=1,
    max_size=12,
).map(lambda rows: (np.array([s for s, _ in rows]), np.array([p for _, p in rows])))


def comparable(score):
    return [-math.inf if math.isnan(s) else s for s in score]


@given(queues)
def test_roc_auc_is_the_chance_that_a_positive_stands_before_a_negative(queue):
    score, positive = queue
    auc = Queue(*queue).measures(20).roc_auc
    pairs = [
        (p > n) + (p == n) / 2
        for p, is_positive in zip(comparable(score), positive, strict=True)
        if is_positive
        for n, also in zip(comparable(score), positive, strict=True)
        if not also
    ]
    if pairs:
        assert auc == pytest.approx(sum(pairs) / len(pairs))
    else:
        assert auc is None


@given(queues)
def test_average_precision_weighs_each_thresholds_precision_with_the_recall_it_adds(queue):
    score, positive = queue
    ranked = np.array(comparable(score))
    expected, recall = 0.0, 0.0
    for threshold in sorted(set(ranked), reverse=True):
        past = ranked >= threshold
        reached = (past & positive).sum() / max(positive.sum(), 1)
        expected += (reached - recall) * (past & positive).sum() / past.sum()
        recall = reached
    found = Queue(*queue).measures(20).average_precision
    if 0 < positive.sum() < len(positive):
        assert found == pytest.approx(expected)
    else:
        assert found is None


@given(queues, st.integers(0, 12))
def test_recall_never_costs_more_false_alarms_than_allowed_and_never_splits_a_tie(queue, allowed):
    score, positive = queue
    ranked = np.array(comparable(score))
    best = np.zeros(len(ranked), dtype=bool)
    for threshold in ranked:
        past = ranked >= threshold
        if (past & ~positive).sum() <= allowed and past.sum() > best.sum():
            best = past
    judged = Queue(score, positive)
    np.testing.assert_array_equal(judged.caught(allowed), best)
    if positive.any():
        assert judged.recall(allowed) == pytest.approx((best & positive).sum() / positive.sum())


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.booleans()), min_size=1, max_size=5),
    st.integers(1, 7),
)
def test_precision_in_the_top_is_the_mean_over_all_orders_of_equal_rows(rows, top):
    orders = [sorted(order, key=lambda row: -row[0])[:top] for order in permutations(rows)]
    expected = np.mean([np.mean([positive for _, positive in order]) for order in orders])
    queue = Queue(np.array([s for s, _ in rows]), np.array([p for _, p in rows]))
    assert queue.precision(top) == pytest.approx(expected)


uids = st.sampled_from(["C1", "C2", None])
times = st.sampled_from([10.0, 10.000001, 19.999999, 20.0, 30.5])
hosts = st.sampled_from(["10.0.0.1", "10.0.0.2", None])
logs = st.sampled_from(["conn", "dce_rpc"])
rows_of_scores = st.lists(
    st.one_of(
        st.builds(lambda uid, ts, log, host: record(uid, ts, log=log, host=host), uids, times, logs, hosts),
        st.builds(lambda ts, log, host: host_window(ts, log=log, host=host), times, logs, hosts),
    ),
    max_size=7,
)
rows_of_labels = st.lists(
    st.builds(
        lambda uid, ts, log, host, is_attack, attack: label(
            uid, ts, log=log, host=host, is_attack=is_attack, attack=attack
        ),
        uids,
        st.one_of(times, st.just(math.nan)),
        logs,
        hosts,
        st.booleans(),
        st.sampled_from(["scan", "beacon"]),
    ),
    max_size=6,
)


def labels_of_record(row, rows, labels):
    of_uid = [i for i, said in enumerate(labels) if row["uid"] and (said["log"], said["uid"]) == key_of(row)]
    exact = [i for i in of_uid if labels[i]["ts"] == row["ts"]]
    if exact:
        return exact
    times = {other["ts"] for other in rows if other["window_s"] is None and key_of(other) == key_of(row)}
    alone = len(of_uid) == 1 and len(times) == 1
    return [i for i in of_uid if math.isnan(labels[i]["ts"]) or alone]


def key_of(row):
    return row["log"], row["uid"]


def labels_of_window(row, rows, labels):
    answered = []
    for i, said in enumerate(labels):
        kin = [other for other in rows if other["uid"] and other["uid"] == said["uid"] and other["orig_h"]]
        host = said["orig_h"] or (kin[0]["orig_h"] if kin else None)
        ts = kin[0]["ts"] if math.isnan(said["ts"]) and kin else said["ts"]
        if said["label"] and said["log"] == row["log"] and host and host == row["orig_h"]:
            start = round(row["ts"] * 1e6)
            if not math.isnan(ts) and start <= round(ts * 1e6) < start + round(row["window_s"] * 1e6):
                answered.append(i)
    return answered


@given(rows_of_scores, rows_of_labels)
def test_labels_meet_scored_rows_as_the_documentation_says(rows, labels):
    said = [(labels_of_record if row["window_s"] is None else labels_of_window)(row, rows, labels) for row in rows]
    matched = match(scored(*rows), labelled(*labels))
    pairs = {(row, labels[i]["attack"]) for row, found in enumerate(said) for i in found if labels[i]["label"]}
    assert sorted(zip(matched.row.tolist(), matched.attack.tolist(), strict=True)) == sorted(pairs)
    assert np.flatnonzero(matched.positive).tolist() == sorted({row for row, _ in pairs})
    assert matched.rows_without_label == sum(
        row["window_s"] is None and not found for row, found in zip(rows, said, strict=True)
    )
    answered = {i for found in said for i in found if labels[i]["label"]}
    assert matched.labels_without_row == sum(said["label"] for said in labels) - len(answered)


def test_a_label_marks_one_of_many_records_that_share_a_uid():
    rows = [record("C1", 100.0 + i / 1e6, log="dce_rpc") for i in range(102)]
    benign = [label("C1", row["ts"], log="dce_rpc", is_attack=False) for row in rows]
    benign[7] = label("C1", rows[7]["ts"], log="dce_rpc", attack="dcsync")
    assert np.flatnonzero(match(scored(*rows), labelled(*benign)).positive).tolist() == [7]


def test_a_host_window_takes_its_host_from_the_connection_of_the_labelled_record():
    scores = scored(
        record("C1", 99.0, host="10.0.0.1"),
        host_window(100.0, host="10.0.0.1"),
        host_window(110.0, host="10.0.0.1"),
        host_window(100.0, host="10.0.0.2"),
    )
    matched = match(scores, labelled(label("C1", 109.999999, log="dce_rpc"), label("C1", 99.0, is_attack=False)))
    assert matched.positive.tolist() == [False, True, False, False]
    assert (matched.rows_without_label, matched.labels_without_row) == (0, 0)


def office():
    """Two days; conn finds the scan before 40 false alarms, dce_rpc finds one of two windows of the dcsync."""
    conn = [record(f"C{i}", 2 * DAY * i / 1000, score=float(i)) for i in range(1001)]
    windows = [host_window(3600.0 * i, host="10.0.0.1", window=3600.0, score=float(i % 47)) for i in range(48)]
    scan = [label(f"C{i}", ts=2 * DAY * i / 1000) for i in (1000, 999, 500, 0)]
    dcsync = [label("X", 3600.0 * i + 5, log="dce_rpc", attack="dcsync", host="10.0.0.1") for i in (46, 1)]
    lost = label("Y", 5.0, log="ntlm", attack="spray")
    return scored(*conn, *windows), labelled(*scan, *dcsync, lost)


def test_a_small_office_is_judged_as_counted_by_hand():
    evaluation = evaluate(*office())
    assert evaluation.days == 2.0
    assert evaluation.false_alarms_allowed == 40
    assert evaluation.rows_without_label == 1001 - 4
    assert evaluation.labels_without_row == 1
    conn = evaluation.detectors["conn"]
    assert (conn.rows, conn.positives) == (1001, 4)
    assert conn.roc_auc == pytest.approx((997 + 997 + 499 + 0) / (4 * 997))
    assert conn.recall_at_1_percent_false_alarms == 0.5
    assert conn.recall_at_0_1_percent_false_alarms == 0.5
    assert conn.recall_at_20_false_alarms_a_day == 0.5
    assert conn.precision_in_top_20 == pytest.approx(2 / 20)
    assert conn.precision_in_top_100 == pytest.approx(2 / 100)
    assert (evaluation.overall.rows, evaluation.overall.positives) == (1001 + 48, 6)
    assert evaluation.overall.recall_at_20_false_alarms_a_day == pytest.approx(2 / 6)
    scan, dcsync = evaluation.attacks["scan"], evaluation.attacks["dcsync"]
    assert (scan.rows, scan.recall, scan.best_detector, scan.best_recall) == (4, 0.5, "conn", 0.5)
    assert (dcsync.rows, dcsync.recall, dcsync.best_detector, dcsync.best_recall) == (2, 0.0, "dce_rpc", 0.5)


@pytest.mark.parametrize("is_attack", [True, False])
def test_one_class_alone_is_not_judged(is_attack):
    evaluation = evaluate(
        scored(record("C1"), record("C2")), labelled(*(label(u, is_attack=is_attack) for u in ["C1", "C2"]))
    )
    assert evaluation.overall.roc_auc is None
    assert evaluation.overall.recall_at_20_false_alarms_a_day is None
    assert evaluation.overall.precision_in_top_20 is None


def test_no_rows_and_no_labels_are_judged_without_a_word():
    evaluation = evaluate(scored(), labelled())
    assert (evaluation.overall.rows, evaluation.days, evaluation.attacks) == (0, 1.0, {})


@pytest.fixture
def files(tmp_path) -> tuple[Path, Path]:
    scores, labels = office()
    scores.to_parquet(tmp_path / "scores.parquet")
    lines = [
        f"{row.log}\t{row.uid}\t{row.ts:.6f}\t{int(row.label)}\t{row.attack}\t{row.orig_h or '-'}"
        for row in labels.itertuples()
    ]
    (tmp_path / "labels.tsv").write_text(HEADER.rstrip() + "\torig_h\n" + "\n".join(lines) + "\n")
    return tmp_path / "scores.parquet", tmp_path / "labels.tsv"


def run(scores, labels, *options):
    result = CliRunner().invoke(command, [str(scores), "--labels", str(labels), *options], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_json_holds_what_the_library_found(files):
    printed = json.loads(run(*files, "--json"))
    evaluation = evaluate(*office())
    assert set(printed) == {
        "days",
        "false_alarms_allowed",
        "rows_without_label",
        "labels_without_row",
        "overall",
        "detectors",
        "attacks",
    }
    assert printed["overall"]["roc_auc"] == pytest.approx(evaluation.overall.roc_auc)
    scan = printed["attacks"]["scan"]
    told = {"rows": 4, "recall": 0.5, "best_detector": "conn", "best_recall": 0.5}
    assert {name: scan[name] for name in told} == told
    assert 0.5 < scan["roc_auc"] < 1


def test_the_table_is_whole_and_plain_when_piped(files):
    printed = run(*files)
    assert "\x1b" not in printed
    assert "…" not in printed
    for word in ["conn", "dce_rpc", "over all", "scan", "dcsync", "1,001", "997", "40 false alarms"]:
        assert word in printed


def test_a_folder_of_parts_is_judged_as_one_file(files, tmp_path):
    scores, labels = files
    parts = tmp_path / "parts"
    parts.mkdir()
    whole = pd.read_parquet(scores)
    whole.iloc[:300].to_parquet(parts / "part-0.parquet")
    whole.iloc[300:].to_parquet(parts / "part-1.parquet")
    assert run(parts, labels, "--json") == run(scores, labels, "--json")


def test_scores_without_host_windows_need_no_window_column(files):
    scores, labels = files
    pd.read_parquet(scores).iloc[:1001].drop(columns="window_s").to_parquet(scores)
    assert json.loads(run(scores, labels, "--json"))["overall"]["rows"] == 1001


def test_repeated_names_stored_as_dictionaries_read_like_plain_ones(files):
    scores, labels = files
    plain = run(scores, labels, "--json")
    pd.read_parquet(scores).astype({"log": "category", "detector": "category", "uid": "category"}).to_parquet(scores)
    assert run(scores, labels, "--json") == plain


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", ":1: the header should be tab-separated and name log, found ''"),
        ("conn\tC1\t1.0\t1\tscan\n", ":1: the header should be tab-separated and name log, found 'conn"),
        (HEADER.replace("\tattack", ""), "name attack"),
        (HEADER + "conn\tC1\t1.0\t0\t-\n\nconn\tC2\t1.0\tyes\tscan\n", ":4: label should be 0 or 1, found 'yes'"),
        (HEADER + "conn\tC1\tnoon\t0\t-\n", ":2: ts should be epoch seconds, found 'noon'"),
        (HEADER + "conn\tC1\t1.0\t0\t-\nconn\tC1\n", "Row #3: Expected 5 columns, got 2"),
    ],
)
def test_labels_that_are_none_are_refused_with_their_line_and_field(tmp_path, text, complaint):
    path = tmp_path / "labels.tsv"
    path.write_text(text)
    with pytest.raises(OddlogError) as refused:
        read_labels(path)
    assert str(refused.value).startswith(str(path))
    assert complaint in str(refused.value)


def test_a_label_without_ts_or_host_is_read_as_such(tmp_path):
    path = tmp_path / "labels.tsv"
    path.write_text(HEADER.rstrip() + '\tnote\nconn\tC1\t-\t1\tscan\tx\nconn\t"C2\tNaN\t0\t-\ty\n')
    labels = read_labels(path)
    assert labels["ts"].isna().all()
    assert labels["uid"].tolist() == ["C1", '"C2']
    assert labels["label"].tolist() == [True, False]
    assert labels["orig_h"].isna().all()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda frame: frame.drop(columns="rarity"), "the column rarity is missing"),
        (lambda frame: frame.assign(score="high"), "the column score should be double, it is"),
        (lambda frame: frame.assign(ts=[1.0, None]), "row 2 has no ts"),
    ],
)
def test_scores_that_cannot_be_judged_are_refused_by_column(tmp_path, change, complaint):
    path = tmp_path / "scores.parquet"
    change(scored(record("C1"), record("C2"))).to_parquet(path)
    with pytest.raises(OddlogError, match=complaint):
        read_scores(path)


def test_a_file_that_is_no_parquet_gets_one_sentence(tmp_path):
    path = tmp_path / "scores.parquet"
    path.write_text("#separator \\x09\n")
    with pytest.raises(OddlogError, match=r"scores\.parquet: not a Parquet file") as refused:
        read_scores(path)
    assert "\n" not in str(refused.value)
