"""Novelty models on labelled flows, and flows down the whole road."""

from __future__ import annotations

import importlib.util
import json
from functools import partial

import numpy as np
import pyarrow.parquet as pq
import pytest
from flow_csv import flows_csv
from live import Script
from oddlog import archive, baseline, novelty
from oddlog.config import Config, TrainConfig
from oddlog.errors import OddlogError
from oddlog.logs import open_logs
from oddlog.watch import watch
from oddlog_core.bundle import read_bundle

TORCH = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch comes with the extra `train`")


@pytest.fixture
def flows(tmp_path):
    (tmp_path / "flows.csv").write_bytes(flows_csv(300, 60))
    return novelty.read_flows(open_logs([tmp_path / "flows.csv"]), "BENIGN")


@TORCH
@pytest.mark.parametrize("model", ["svm", "svm-linear", "lstm", "notebook-forest"])
def test_a_model_learns_from_two_thirds_of_benign_flows_and_is_tested_on_all_others(flows, model):
    one = novelty.judge(flows, model, seed=4, steps=60)
    assert [part[1] for part in (one.training, one.benign, one.malicious)] == [198, 102, 60]
    assert one.missed == one.by_class["Flood"]
    assert one.missed[0.05] <= one.missed[0.01]
    assert one.roc_auc > 0.9
    assert one.seconds > 0


@TORCH
def test_the_same_seed_gives_the_same_split_and_answer(flows):
    one, same = (novelty.judge(flows, "svm", 4) for _ in range(2))
    assert (one.benign, one.roc_auc, one.missed) == (same.benign, same.roc_auc, same.missed)
    assert len({novelty.judge(flows, "notebook-svm", seed).benign for seed in range(8)}) > 1


@TORCH
def test_a_boundary_of_its_own_lets_a_twentieth_of_the_training_flows_outside(flows):
    training, of = novelty.judge(flows, "svm", 0).training
    assert training == round(0.05 * of)


def test_neither_port_protocol_time_nor_label_is_a_feature(tmp_path, flows):
    data = flows_csv(300, 60).replace(b",443,6,", b",53,17,").replace(b"/02/2018", b"/03/2018")
    (tmp_path / "flows.csv").write_bytes(data.replace(b"Flood", b"Rain"))
    changed = novelty.read_flows(open_logs([tmp_path / "flows.csv"]), "BENIGN")
    np.testing.assert_array_equal(changed.columns, flows.columns)
    np.testing.assert_array_equal(changed.raw, flows.raw)


def test_flows_without_benign_ones_are_refused(tmp_path):
    (tmp_path / "flows.csv").write_bytes(flows_csv(10, 60))
    with pytest.raises(OddlogError, match="10 of 70 flows are labelled 'benign'"):
        novelty.read_flows(open_logs([tmp_path / "flows.csv"]), "benign")


@TORCH
def test_flows_are_learned_scored_and_told_of(tmp_path):
    (tmp_path / "quiet.csv").write_bytes(flows_csv(600, 0))
    (tmp_path / "attacked.csv").write_bytes(flows_csv(200, 3, seed=2))
    config = Config(train=TrainConfig(model="svm"), notices_per_day=5)
    learned = baseline.train(open_logs([tmp_path / "quiet.csv"]), config, tmp_path / "bundle")
    assert list(learned.trained) == ["flow-novelty"]
    bundle = read_bundle(tmp_path / "bundle")
    archive.score(open_logs([tmp_path / "attacked.csv"]), bundle, config, tmp_path / "found")
    scores = pq.read_table(tmp_path / "found" / "scores.parquet").to_pandas()
    labels = [line.endswith(b"Flood") for line in flows_csv(200, 3, seed=2).splitlines()[1:]]
    assert set(np.argsort(-scores["score"].to_numpy())[:3]) == set(np.flatnonzero(labels))
    notices = [json.loads(line) for line in (tmp_path / "found" / "notice.log").read_text().splitlines()]
    floods = {f"F{i}" for i in np.flatnonzero(labels)}
    told = [notice for notice in notices if notice["uid"] in floods]
    assert len(told) == 3
    for notice in told:
        assert (notice["note"], notice["proto"]) == ("Oddlog::Odd_Flow", "tcp")
        assert "is unlike the baseline's. Unusual: " in notice["msg"]
        assert "Flood" not in json.dumps(notice)


@TORCH
def test_live_equals_archive_for_sequences_of_flows_across_a_restart(tmp_path):
    (tmp_path / "quiet.csv").write_bytes(flows_csv(400, 0))
    config = Config(train=TrainConfig(model="lstm", epochs=2), notices_per_day=100, suppress_for=0)
    baseline.train(open_logs([tmp_path / "quiet.csv"]), config, tmp_path / "bundle")
    bundle = read_bundle(tmp_path / "bundle")
    lines = flows_csv(150, 5, seed=2).splitlines(keepends=True)
    folder = tmp_path / "live"
    folder.mkdir()

    def write(start: int, stop: int) -> None:
        with (folder / "flows.log").open("ab") as file:
            file.write(b"".join(lines[start:stop]))

    for first in (0, 80):
        script = Script([partial(write, start, start + 13) for start in range(first, first + 80, 13)])
        script.actions[-1] = partial(write, first + 78, first + 80)
        script.settle()
        watch(folder, bundle, config, tmp_path / "out", tmp_path / "state", script, clock=script.clock)
    assert (folder / "flows.log").read_bytes() == b"".join(lines)
    archive.score(open_logs([folder / "flows.log"]), bundle, config, tmp_path / "found")
    told = (tmp_path / "out" / "notice.log").read_bytes()
    assert told.count(b"Odd_Flow") > 5
    assert told == (tmp_path / "found" / "notice.log").read_bytes()


@TORCH
def test_novelty_of_conn_is_learned_only_where_it_is_asked_for(small_office, tmp_path):
    logs = open_logs([small_office.quiet])
    config = Config(train=TrainConfig(model="svm-linear"))
    learned = baseline.train(logs, config, tmp_path / "bundle", detectors=["ntlm", "novelty"])
    assert set(learned.trained) == {"ntlm-kmodes", "conn-novelty"}
    assert "conn-novelty" not in {kind.name for kind in baseline.kinds([])}
