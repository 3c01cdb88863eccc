"""Intervals over hosts, several files side by side, and the picture."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from oddlog.cli.evaluate import evaluate as command
from oddlog.evaluate import in_queues, intervals
from oddlog.evaluate.judging import alone
from oddlog.evaluate.measures import Queue

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "log\tuid\tts\tlabel\tattack\n"


def office(n_hosts, records_a_host, seed=0, noise=1.0):
    """Hosts of equal records, the last fifth of them attackers whose every record is one of an attack."""
    rng = np.random.default_rng(seed)
    host = np.repeat(np.arange(n_hosts), records_a_host)
    bad = host >= n_hosts * 4 // 5
    # What is shared by all records of a host is what makes them dependent.
    score = 5 + bad + noise * rng.normal(size=n_hosts)[host]
    n = len(host)
    scores = pd.DataFrame(
        {
            "log": "ntlm",
            "uid": [f"C{i}" for i in range(n)],
            "ts": np.linspace(0, 86_400, n),
            "orig_h": [f"10.0.0.{h}" for h in host],
            "detector": "ntlm-kmodes",
            "score": score,
            "rarity": score,
            "window_s": np.nan,
        }
    )
    labels = pd.DataFrame({"log": "ntlm", "uid": scores["uid"], "ts": np.nan, "label": bad, "orig_h": None}).assign(
        attack=np.where(bad, np.where(host % 2, "spray", "dcsync"), "-")
    )
    return scores, labels


def test_reweighing_is_repeating():
    rng = np.random.default_rng(1)
    score, positive, times = rng.integers(0, 6, 80).astype(float), rng.random(80) < 0.3, rng.integers(0, 4, 80)
    repeated = Queue(np.repeat(score, times), np.repeat(positive, times))
    reweighed = Queue(score, positive).reweighed(times.astype(float))
    assert reweighed.roc_auc == pytest.approx(repeated.roc_auc)
    assert reweighed.average_precision == pytest.approx(repeated.average_precision)
    for allowed in (0, 3, 30):
        assert reweighed.recall(allowed) == pytest.approx(repeated.recall(allowed))


def test_intervals_hold_the_measure_and_are_as_wide_as_hosts_are_few_not_as_records_are_many():
    widths = {}
    for n_hosts, each in ((20, 100), (500, 4)):
        queues = in_queues(*office(n_hosts, each))
        low, high = intervals(queues, 100)["over all"]["roc_auc"]
        assert low <= queues.common.roc_auc <= high
        widths[n_hosts] = high - low
    assert widths[20] > 2 * widths[500]


def test_the_same_draws_give_the_same_intervals_and_every_attack_has_its_own():
    queues = in_queues(*office(60, 5))
    found = intervals(queues, 30, seed=4)
    assert found == intervals(queues, 30, seed=4)
    assert found != intervals(queues, 30, seed=5)
    assert set(found) == {"over all", "ntlm-kmodes", "spray", "dcsync"}
    for measures in found.values():
        assert set(measures) == {"roc_auc", "average_precision", "recall_at_20_false_alarms_a_day"}
        assert all(0 <= low <= high <= 1 for low, high in measures.values())


def test_an_attack_by_itself_is_judged_without_the_others():
    queues = in_queues(*office(20, 5))
    rows = queues.rows_of("spray")
    kept = ~queues.common.positive
    kept[rows] = True
    expected = Queue(queues.common.rank[kept].astype(float), queues.common.positive[kept])
    assert queues.common.reweighed(alone(queues.common, rows)).roc_auc == pytest.approx(expected.roc_auc)


def test_nothing_to_judge_has_no_intervals():
    scores, labels = office(5, 2)
    assert intervals(in_queues(scores.iloc[:0], labels.iloc[:0]), 10) == {}
    assert intervals(in_queues(scores, labels.assign(label=False)), 10) == {}


@pytest.fixture
def files(tmp_path) -> tuple[Path, Path, Path]:
    for name, noise in (("sharp", 0.3), ("dull", 3.0)):
        scores, labels = office(40, 5, noise=noise)
        scores.to_parquet(tmp_path / f"{name}.parquet")
    lines = [f"{row.log}\t{row.uid}\t-\t{int(row.label)}\t{row.attack}\n" for row in labels.itertuples()]
    (tmp_path / "labels.tsv").write_text(HEADER + "".join(lines))
    return tmp_path / "sharp.parquet", tmp_path / "dull.parquet", tmp_path / "labels.tsv"


def run(*arguments):
    return CliRunner().invoke(command, [*map(str, arguments)], catch_exceptions=False)


def test_several_files_stand_side_by_side(files):
    sharp, dull, labels = files
    said = run(sharp, dull, "--labels", labels, "--bootstrap", 20).output
    for name in ("ntlm-kmodes", "over all", "spray"):
        for file in ("sharp.parquet", "dull.parquet"):
            assert any(name in line and file in line for line in said.splitlines())
    printed = json.loads(run(sharp, dull, "--labels", labels, "--json", "--bootstrap", 20).output)
    assert set(printed) == {str(sharp), str(dull)}
    assert printed[str(sharp)]["overall"]["roc_auc"] > printed[str(dull)]["overall"]["roc_auc"]
    assert printed[str(sharp)] == json.loads(run(sharp, "--labels", labels, "--json", "--bootstrap", 20).output)


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="matplotlib comes with the extra report")
@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_picture_has_a_line_for_each_queue_and_attack_and_is_the_same_each_time(files, tmp_path, suffix):
    sharp, dull, labels = files
    drawn = []
    for number in range(2):
        path = tmp_path / f"curves{number}.{suffix}"
        assert run(sharp, dull, "--labels", labels, "--plot", path).output.endswith(f"{path} written\n")
        drawn.append(path.read_bytes())
    assert drawn[0] == drawn[1]
    if suffix == "svg":
        text = drawn[0].decode()
        for name in ("ntlm-kmodes", "over all", "spray", "dcsync"):
            for file in (sharp, dull):
                assert f"{file.name}: {name}" in text


def test_a_picture_of_another_kind_is_refused(files, tmp_path):
    sharp, _, labels = files
    result = CliRunner().invoke(command, [str(sharp), "--labels", str(labels), "--plot", str(tmp_path / "curves.bmp")])
    assert result.exit_code != 0
    assert "svg" in str(result.exception)
