"""The hours that attacks are put into."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from oddlog.drill import hours as drill_hours
from oddlog.drill.hours import PLAIN, latest_hours
from oddlog.logs import LOGS, open_logs
from oddlog_core.span import DAY


def uids(batch):
    return batch.table["uid"].to_pylist()


def rows(batch):
    return pa.Table.from_batches([batch.table]).cast(PLAIN[batch.log]).to_pylist()


def test_of_several_days_the_latest_is_taken(small_office):
    logs = open_logs([small_office.quiet, small_office.attacked])
    hours = latest_hours(logs, ["ntlm"])
    clock = np.concatenate([batch.moments() for batch in logs.batches("ntlm")])
    everything = [uid for batch in logs.batches("ntlm") for uid in uids(batch)]
    n = int((clock >= clock[-1] - DAY).sum())
    assert 0 < n < len(everything)
    assert uids(hours.batches["ntlm"]) == everything[-n:]
    assert (hours.begin, hours.end) == (clock[-n], clock[-1])


@pytest.mark.parametrize("most", [1, 7, 300])
def test_a_busy_log_is_cut_to_its_last_records_and_the_others_with_it(small_office, monkeypatch, most):
    monkeypatch.setattr(drill_hours, "MOST", most)
    logs = open_logs([small_office.quiet])
    hours = latest_hours(logs, LOGS)
    for log, batch in hours.batches.items():
        everything = [uid for piece in logs.batches(log) for uid in uids(piece)]
        assert 0 < len(batch) <= most
        assert uids(batch) == everything[-len(batch) :]
        assert hours.clocks[log][0] >= hours.begin


def test_records_are_mixed_in_by_the_clock(hours):
    batch = hours.batches["ntlm"]
    added = [row | {"uid": f"added {i}"} for i, row in enumerate(rows(batch)[10:400:13])]
    mixed = hours.mixed("ntlm", added)
    assert len(mixed) == len(batch) + len(added)
    assert np.all(np.diff(mixed.moments()) >= 0)
    kept = [uid for uid in uids(mixed) if not uid.startswith("added")]
    assert kept == uids(batch)
    by_uid = {row["uid"]: row for row in rows(mixed)}
    assert [by_uid[row["uid"]] for row in added] == added


def test_logs_without_records_make_no_hours(tmp_path):
    log = tmp_path / "ntlm.log"
    log.write_text("#separator \\x09\n#path\tntlm\n#fields\tts\tuid\n#types\ttime\tstring\n")
    hours = latest_hours(open_logs([log]), ["ntlm"])
    assert (len(hours), hours.batches) == (0, {})
