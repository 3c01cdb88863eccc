"""`baseline.train`: what it learns, what it leaves out, and what it leaves alone."""

from __future__ import annotations

import pytest
from oddlog import __version__, baseline
from oddlog.config import Config, DceRpcConfig, TrainConfig
from oddlog.errors import OddlogError
from oddlog.logs import open_logs
from oddlog_core.bundle import read_bundle
from oddlog_core.errors import BundleError


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def logon_logs(small_office):
    return open_logs([small_office.quiet / "ntlm.log", small_office.quiet / "dce_rpc.log"])


def test_a_bundle_knows_the_logs_that_were_given(logon_logs, tmp_path):
    learned = baseline.train(logon_logs, Config(), tmp_path / "bundle", comment="for a test")
    bundle = read_bundle(tmp_path / "bundle")
    assert set(bundle.trained) == set(learned.trained) == {"ntlm-kmodes", "dce_rpc-hosts", "dce_rpc-operations"}
    assert learned.left_out == {"conn": "no such log was given"}
    assert (bundle.oddlog, bundle.comment) == (__version__, "for a test")
    by_log = {log: sum(len(batch) for batch in logon_logs.batches(log)) for log in logon_logs.names}
    for name, one in bundle.trained.items():
        assert one.about == learned.trained[name]
        assert one.about.records == by_log[one.detector.log]
        assert one.about.first < one.about.last


def test_conn_is_learned_where_torch_is(small_office, tmp_path):
    pytest.importorskip("torch")
    logs = open_logs([small_office.quiet / "conn.log"])
    told = []
    learned = baseline.train(
        logs,
        Config(train=TrainConfig(epochs=2)),
        tmp_path / "bundle",
        on_progress=lambda stage, share: told.append((stage, share)),
    )
    assert set(learned.trained) == {"conn-autoencoder"}
    shares = [share for stage, share in told if stage == "conn-autoencoder"]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert read_bundle(tmp_path / "bundle").trained["conn-autoencoder"].about.records == 4000


def test_the_same_logs_and_seed_teach_the_same(small_office, logon_bundle_folder, tmp_path):
    logs = open_logs([small_office.quiet / "dce_rpc.log", small_office.quiet / "ntlm.log"], block_bytes=50_000)
    baseline.train(logs, Config(), tmp_path / "again")
    again, before = files(tmp_path / "again"), files(logon_bundle_folder)
    again.pop("bundle.json")
    before.pop("bundle.json")
    assert again == before
    one, other = (read_bundle(folder).trained for folder in (tmp_path / "again", logon_bundle_folder))
    assert [one[name].calibration for name in other] == [other[name].calibration for name in other]


def test_the_configuration_reaches_the_detectors(logon_logs, tmp_path):
    config = Config(
        networks={"10.20.0.0/24": "the servers"},
        dce_rpc=DceRpcConfig(window_minutes=15),
        train=TrainConfig(held_back=0.5),
    )
    baseline.train(logon_logs, config, tmp_path / "bundle")
    trained = read_bundle(tmp_path / "bundle").trained
    assert trained["dce_rpc-hosts"].detector.window == 15 * 60 * 1_000_000
    assert any("the servers" in line for line in trained["ntlm-kmodes"].detector.describe())
    about = trained["ntlm-kmodes"].about
    assert about.held_back == 2 * (about.records // 2)


def test_the_time_zone_says_whose_evening_it_is(logons, tmp_path):
    # 13:00 UTC every day; in Tokyo it is 22:00.
    log = tmp_path / "ntlm.log"
    log.write_bytes(logons(*({"ts": 1_700_053_200 + 86_400 * day} for day in range(120))))
    told = {}
    for zone in ("UTC", "Asia/Tokyo"):
        baseline.train(open_logs([log]), Config(time_zone=zone), tmp_path / "bundle")
        told[zone] = " ".join(read_bundle(tmp_path / "bundle").trained["ntlm-kmodes"].detector.describe())
    assert "time_of_day_bin=afternoon" in told["UTC"]
    assert "time_of_day_bin=late_night" in told["Asia/Tokyo"]


def test_a_log_too_small_to_learn_from_is_left_out_and_the_reason_told(small_office, logons, tmp_path):
    log = tmp_path / "ntlm.log"
    log.write_bytes(logons({"ts": 1_700_000_000}))
    learned = baseline.train(open_logs([log, small_office.quiet / "dce_rpc.log"]), Config(), tmp_path / "bundle")
    assert set(learned.trained) == {"dce_rpc-hosts", "dce_rpc-operations"}
    assert learned.left_out["ntlm"] == "1 records are too few to learn from"


def test_a_baseline_too_short_to_say_what_is_rare_is_refused_with_how_much_is_needed(logons, tmp_path):
    log = tmp_path / "ntlm.log"
    log.write_bytes(logons(*({"ts": 1_700_000_000 + 60 * i} for i in range(22))))
    wanted = r"ntlm: 12 scores can be held back, too few to say what is rare; 25 are needed: give 3 times as much log"
    with pytest.raises(OddlogError, match=wanted):
        baseline.train(open_logs([log]), Config(), tmp_path / "bundle")
    log.write_bytes(logons(*({"ts": 1_700_000_000 + 60 * i} for i in range(3 * 22))))
    assert set(baseline.train(open_logs([log]), Config(), tmp_path / "bundle").trained) == {"ntlm-kmodes"}


def test_what_several_detectors_say_of_a_record_is_calibrated_together(small_office, tmp_path):
    pytest.importorskip("torch")
    logs = open_logs([small_office.quiet / "conn.log"])
    config = Config(train=TrainConfig(epochs=1, model="forest"))
    baseline.train(logs, config, tmp_path / "bundle", detectors=("conn", "novelty"))
    bundle = read_bundle(tmp_path / "bundle")
    joint, alone = bundle.joint["conn"], bundle.trained["conn-novelty"].calibration
    assert (joint.n, joint.per_day) == (alone.n, alone.per_day)


def test_logs_that_teach_nothing_are_an_error_and_an_earlier_bundle_stays(logons, logon_logs, tmp_path):
    baseline.train(logon_logs, Config(), tmp_path / "bundle")
    before = files(tmp_path / "bundle")
    log = tmp_path / "ntlm.log"
    log.write_bytes(logons({"ts": 1_700_000_000}))
    with pytest.raises(OddlogError, match=r"nothing could be learned: .*ntlm: 1 records are too few"):
        baseline.train(open_logs([log]), Config(), tmp_path / "bundle")
    assert files(tmp_path / "bundle") == before


def test_a_bundle_is_replaced_and_no_draft_stays(logon_logs, tmp_path):
    for comment in ("the first", "the second"):
        baseline.train(logon_logs, Config(), tmp_path / "bundle", comment=comment)
    assert read_bundle(tmp_path / "bundle").comment == "the second"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_folder_with_other_files_is_not_overwritten(logon_logs, tmp_path):
    (tmp_path / "thesis.txt").write_text("five years of work")
    with pytest.raises(BundleError, match="no bundle; give a new folder"):
        baseline.train(logon_logs, Config(), tmp_path)
    assert files(tmp_path) == {"thesis.txt": b"five years of work"}
