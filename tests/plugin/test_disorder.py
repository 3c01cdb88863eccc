"""What is said of logs whose records are not in the order of their time, by `score` and by `watch`."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from click.testing import CliRunner
from oddlog.cli.score import score
from oddlog.config import Config
from oddlog.disorder import disorder
from oddlog.watch import Hooks, watch

NOON, MINUTE = 1_706_788_800, 60


LIE = "lie over an hour behind the log's clock"
WRONG = "what is counted over time is wrong there"


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        ({"records": 0}, None),
        # As where idle sessions end after an hour.
        ({"records": 20_000, "late": 199}, None),
        ({"records": 120, "late": 99}, None),
        ({"records": 20_000, "late": 200}, f"conn: 200 of 20,000 records {LIE}: {WRONG}"),
        (
            {"records": 1_000_000, "late": 100, "back": 1},
            f"conn: 100 of 1,000,000 records {LIE}, which was moved back once: {WRONG}",
        ),
        ({"records": 9, "late": 8, "back": 2}, f"conn: 8 of 9 records {LIE}, which was moved back 2 times: {WRONG}"),
    ],
)
def test_disorder_is_said_in_one_sentence_where_it_is_much(counted, said):
    assert disorder("conn", counted) == said


@pytest.fixture
def written(logons, tmp_path):
    """Write a day's logons, one each minute, in some order."""

    def write(order):
        folder = tmp_path / "logs"
        folder.mkdir()
        (folder / "ntlm.log").write_bytes(logons(*({"ts": NOON + i * MINUTE} for i in order)))
        return folder

    return write


DAY = range(24 * 60)
ORDERS = {
    "reversed": (DAY[::-1], "of 1,440 records lie over an hour behind the log's clock, which was moved back"),
    "shuffled": (np.random.default_rng(0).permutation(DAY).tolist(), "of 1,440 records lie over an hour behind"),
    "as it was": (DAY, None),
    "with a silence": ([*DAY[:300], *DAY[900:]], None),
    "with one late": ([*DAY[:300], 230, *DAY[300:]], None),
    "with one far ahead": ([*DAY[:300], 2_000, *DAY[300:]], None),
}


@pytest.mark.parametrize(("order", "said"), ORDERS.values(), ids=ORDERS)
def test_score_and_watch_say_once_that_a_log_is_in_disorder(
    written, logon_bundle_folder, logon_bundle, tmp_path, caplog, order, said
):
    logs = written(order)
    arguments = [str(logs), "--bundle", str(logon_bundle_folder), "--out", str(tmp_path / "found")]
    lines = [line for line in CliRunner().invoke(score, arguments).output.splitlines() if "hour behind" in line]
    stop = threading.Event()
    turns = iter(range(3))
    hooks = Hooks(beat=lambda: next(turns, None) is None and stop.set())
    counters = watch(logs, logon_bundle, Config(), tmp_path / "out", tmp_path / "state", stop, hooks=hooks)
    warned = [record.message for record in caplog.records if "hour behind" in record.message]
    assert counters.records["ntlm"] == len(order)
    assert (counters.late["ntlm"] > 1) == (said is not None)
    assert len(lines) == len(warned) == (said is not None)
    if said is not None:
        assert said in lines[0]
        assert lines[0].endswith("; sort its lines by ts")
        assert said in warned[0]
        assert warned[0].endswith("; are the clocks right of what writes it?")
