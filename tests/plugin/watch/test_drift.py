"""A network that has left its baseline behind is said to have, once a day."""

from __future__ import annotations

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from oddlog.judged import SCORES
from oddlog.packing import pack, unpack
from oddlog.watch.drift import FEWEST, OFTEN, RARE, Drift
from oddlog_core.span import DAY

MORNING = 20_000 * DAY + DAY // 3


def scores(n, n_rare, detector="ntlm-kmodes"):
    p_value = np.r_[np.full(n_rare, RARE), np.full(n - n_rare, 0.5)]
    columns = {"p_value": pa.array(p_value), "detector": pa.array([detector] * n).dictionary_encode()}
    arrays = [columns.get(name, pa.nulls(n, kind)) for name, kind in zip(SCORES.names, SCORES.types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=SCORES)


def day_after(*batches):
    drift = Drift("ntlm")
    for batch in batches:
        assert drift.add([batch], MORNING) is None
    return drift.add([], MORNING + DAY)


@pytest.mark.parametrize(
    ("n", "rare", "said"),
    [
        (FEWEST, int(OFTEN * RARE * FEWEST), True),
        (FEWEST, int(OFTEN * RARE * FEWEST) - 1, False),
        (FEWEST - 1, FEWEST - 1, False),
    ],
)
def test_a_day_with_many_that_should_be_rare_is_told_of(n, rare, said):
    remark = day_after(scores(n // 2, rare // 2), scores(n - n // 2, rare - rare // 2))
    assert (remark is not None) == said


def test_it_says_of_which_detector_which_day_and_how_much():
    remark = day_after(scores(2000, 10), scores(4000, 1000, "dce_rpc-hosts"))
    assert (remark.note, remark.log, remark.clock) == ("Baseline_Drift", "ntlm", 20_001 * DAY)
    assert remark.msg.startswith("1,000 of 4,000 scores of dce_rpc-hosts on 2024-10-04 were as odd as one in a hundred")
    assert remark.sub == "25.0% in place of 1%"


def test_a_new_day_begins_with_nothing():
    drift = Drift("ntlm")
    drift.add([scores(2000, 2000)], MORNING)
    assert drift.add([scores(2000, 0)], MORNING + DAY) is not None
    assert drift.add([], MORNING + 2 * DAY) is None


def test_a_clock_that_was_moved_back_ends_no_day():
    drift = Drift("ntlm")
    drift.add([scores(2000, 2000)], MORNING)
    assert drift.add([], MORNING - DAY) is None
    assert drift.add([], MORNING + DAY) is not None


def test_it_survives_a_checkpoint():
    drift = Drift("ntlm")
    drift.add([scores(2000, 2000)], MORNING)
    again = Drift.restore(unpack(pack(msgspec.to_builtins(drift))))
    assert again.add([], MORNING + DAY) == drift.add([], MORNING + DAY)
