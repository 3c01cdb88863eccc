"""LANL's authentication events as records."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from oddlog.errors import OddlogError
from oddlog.labels import read_record_labels
from oddlog.logs import open_logs

LANL = Path(__file__).parents[4] / "shared" / "data" / "lanl2015"
LINES = (
    "1,U1@DOM1,C5$@DOM1,C5,C5,?,?,AuthMap,Success\n"
    "2,ANONYMOUS LOGON@C5,ANONYMOUS LOGON@C5,C5,C9,NTLM,Network,LogOn,Fail\n"
    "2,U1@DOM1,U1@DOM1,C5,C9,Kerberos,Network,LogOn,Perhaps\n"
    "3,U1@DOM1,U1@DOM1,C5,C9,Kerberos,Network,LogOn\n"
    "4,U1@DOM1,U1@DOM1,?,C9,Kerberos,Network,LogOn,Success\n"
)


def read(path):
    logs = open_logs([path])
    assert logs.names == ("auth",)
    return logs, [batch for batch in logs.batches("auth") if len(batch)]


@pytest.fixture
def events(tmp_path):
    path = tmp_path / "events.txt"
    path.write_text(LINES)
    return path


def test_events_are_known_by_their_shape_and_bad_lines_are_told_of(events):
    logs, (batch,) = read(events)
    table = batch.table
    assert batch.moments().tolist() == [1_000_000, 2_000_000]
    assert table["username"].to_pylist() == ["U1@DOM1", "ANONYMOUS LOGON@C5"]
    assert table["authentication_type"].to_pylist() == [None, "NTLM"]
    assert table["success"].to_pylist() == [True, False]
    assert (table["id.orig_h"].to_pylist(), table["id.resp_h"].to_pylist()) == (["C5", "C5"], ["C5", "C9"])
    assert logs.count.bad == 3
    said = [str(error) for error in logs.count.samples]
    assert "success should be Success or Fail, found 'Perhaps'" in said[0]
    assert ":4:" in said[1]
    assert "id.orig_h should be a computer" in said[2]


def test_the_red_team_list_labels_events_by_time_user_and_both_computers(events, tmp_path):
    path = tmp_path / "redteam.txt"
    path.write_text("2,ANONYMOUS LOGON@C5,C5,C9\n1,U1@DOM1,C5,C9\n")
    labels = read_record_labels(path)
    (batch,) = read(events)[1]
    assert labels.of(batch).tolist() == [0, 1]
    assert (len(labels.found), len(labels.events)) == (1, 2)


def test_tab_separated_labels_are_those_of_evaluate(tmp_path):
    log = tmp_path / "ntlm.log"
    log.write_text(
        "#separator \\x09\n#path\tntlm\n#fields\tts\tuid\tid.orig_h\tid.resp_h\tusername\tdomainname\n"
        "#types\ttime\tstring\taddr\taddr\tstring\tstring\n"
        "1.500000\tC1\t10.0.0.1\t10.0.0.2\tada\tO\n2.000000\tC1\t10.0.0.1\t10.0.0.2\tada\tO\n"
        "3.000000\tC2\t10.0.0.1\t10.0.0.2\tada\tO\n"
    )
    path = tmp_path / "labels.tsv"
    path.write_text(
        "log\tuid\tts\tlabel\tattack\nntlm\tC1\t1.5\t1\tx\nntlm\tC2\t-\t1\tx\nconn\tC1\t2.0\t1\tx\nntlm\tC1\t2\t0\t-\n"
    )
    (batch,) = open_logs([log]).batches("ntlm")
    assert read_record_labels(path).of(batch).tolist() == [1, 0, 1]


def test_labels_that_are_neither_are_refused_with_their_line(tmp_path):
    path = tmp_path / "redteam.txt"
    path.write_text("2,U1@DOM1,C5,C9\nnoon,U1@DOM1,C5,C9\n")
    with pytest.raises(OddlogError, match="2: line should be time,user,source,destination"):
        read_record_labels(path)


def test_the_real_sample_is_read_whole():
    path = LANL / "auth_sample.txt.gz"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    logs, batches = read(path)
    assert sum(map(len, batches)) == len(gzip.decompress(path.read_bytes()).splitlines()) == 15_000
    assert logs.count.bad == 0
    assert len(read_record_labels(LANL / "redteam.txt").events) > 700
