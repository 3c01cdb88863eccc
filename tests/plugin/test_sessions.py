"""Sessions from labelled logs to a bundle, to notices, and live."""

from __future__ import annotations

import importlib.util
import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from live import Script
from oddlog import archive
from oddlog.cli.train import train as command
from oddlog.config import Config
from oddlog.logs import open_logs
from oddlog.watch import watch
from oddlog_core.bundle import read_bundle

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import sessions_logs

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("skl2onnx") is None, reason="skl2onnx is not installed: it comes with the extra `train`"
)


def taught(logs, labels, folder, *options):
    arguments = [*map(str, logs), "--detector", "sessions", "--labels", str(labels), "--bundle", str(folder)]
    result = CliRunner().invoke(command, [*arguments, *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return read_bundle(folder), result.output


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """A simulated office with stolen accounts, the bundle that its labels taught, and the features that it saw."""
    folder = tmp_path_factory.mktemp("stolen")
    logs, labels = sessions_logs.office(folder / "office", seed=2, days=4, hosts=80)
    features = folder / "features.parquet"
    bundle, said = taught(logs, labels, folder / "bundle", "--save-features", str(features))
    return logs, bundle, said, pd.read_parquet(features)


def test_stolen_accounts_are_told_apart_from_later_sessions_by_more_than_chance(office):
    _, bundle, said, _ = office
    (judged,) = [line for line in bundle.trained["ntlm-sessions"].detector.describe() if line.startswith("held back")]
    assert judged in said
    assert float(judged.partition("ROC AUC ")[2].partition(",")[0]) > 0.75
    assert "precision of the riskiest" in judged


def test_the_features_that_are_written_out_are_those_of_each_session_at_its_cutoff(office):
    _, bundle, _, features = office
    schema = bundle.trained["ntlm-sessions"].detector._schema
    assert features.columns.tolist() == [*schema.ends, "cutoff", "label", *schema.names]
    assert 0 < features["label"].sum() < features["label"].notna().sum() < len(features)
    assert features["cutoff"].is_monotonic_increasing
    assert set(features["MODE(log.domainname)"].dropna()) > set()
    assert features["COUNT(log)"].max() <= 2


def test_scores_are_one_for_each_session_and_day_and_notices_say_why(office, tmp_path):
    logs, bundle, _, features = office
    archive.score(open_logs(logs), bundle, Config(notices_per_day=40), tmp_path / "found")
    scores = pd.read_parquet(tmp_path / "found" / "scores.parquet")
    assert len(scores) == len(features)
    assert scores["score"].between(0, 1).all()
    np.testing.assert_array_equal(scores["ts"], features["cutoff"].astype("int64") / 1e6)
    np.testing.assert_array_equal(scores["resp_h"].astype(str), features["id.resp_h"])
    notices = [json.loads(line) for line in (tmp_path / "found" / "notice.log").read_text().splitlines()]
    assert {notice["note"] for notice in notices} <= {"Oddlog::Risky_Session", "Oddlog::Incident"}
    risky = [notice for notice in notices if notice["note"] == "Oddlog::Risky_Session"]
    assert risky
    for notice in risky:
        assert "turns malicious with a probability of" in notice["msg"]
        # What is said again has been explained.
        assert notice["oddlog"]["reasons"] or " more like the one of " in notice["msg"]
        assert notice["uid"]


def test_live_equals_archive(office, tmp_path):
    logs, bundle, _, _ = office
    config = Config(notices_per_day=40)
    archive.score(open_logs(logs[-1:]), bundle, config, tmp_path / "found")
    lines = logs[-1].read_bytes().splitlines(keepends=True)
    head = [line for line in lines if line.startswith(b"#") and not line.startswith(b"#close")]
    rows = [line for line in lines if not line.startswith(b"#")]
    path = tmp_path / "live" / "ntlm.log"
    path.parent.mkdir()
    path.write_bytes(b"".join(head))

    def write(start):
        with path.open("ab") as file:
            file.write(b"".join(rows[start : start + 333]))

    script = Script([partial(write, start) for start in range(0, len(rows), 333)])
    script.settle()
    watch(path.parent, bundle, config, tmp_path / "out", tmp_path / "state", script, clock=script.clock)
    found, told = (sorted((tmp_path / out / "notice.log").read_bytes().splitlines()) for out in ("found", "out"))
    # The end of an archive says what has come again so far; a watch that is stopped leaves that to the next start.
    last = float(rows[-1].split(b"\t", 1)[0])
    found, told = ([line for line in lines if json.loads(line)["ts"] < last] for lines in (found, told))
    assert found
    # When repetitions of a notice are summed up depends on when one looks; what they say does not.
    assert told == found


def test_lanls_events_with_red_team_sessions_are_learned_from_its_list(tmp_path):
    if not sessions_logs.LANL.exists():
        pytest.skip(f"{sessions_logs.LANL} is not there")
    log, red_team = sessions_logs.with_red_team(tmp_path / "lanl", seed=3)
    bundle, said = taught([log], red_team, tmp_path / "bundle")
    assert [*bundle.trained] == ["auth-sessions"]
    assert float(said.partition("ROC AUC ")[2].partition(",")[0]) > 0.75
    count = len({*red_team.read_text().splitlines()})
    assert f"labels of malicious records that were there: {count:,} of {count:,}" in said


def test_sessions_without_labels_are_refused(office, tmp_path):
    logs, *_ = office
    arguments = [str(logs[0]), "--detector", "sessions", "--bundle", str(tmp_path / "bundle")]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code != 0
    assert "give --labels" in str(result.exception)


def test_a_detector_that_is_none_is_refused_and_those_there_are_are_named(office, tmp_path):
    logs, *_ = office
    result = CliRunner().invoke(command, [str(logs[0]), "--detector", "session", "--bundle", str(tmp_path / "bundle")])
    assert result.exit_code == 2
    assert "sessions" in result.output
