"""notice.log as a shipper follows it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from oddlog.notices import TSV_HEADER, NoticeWriter, json_line, notice_ids, tsv_line


def test_what_is_there_stays_and_each_notice_is_a_line_more(make_finding, tmp_path):
    path = tmp_path / "notice.log"
    path.write_bytes(b'{"an":"earlier notice"}\n')
    with NoticeWriter(path, suppress_for=60.0) as notices:
        notices.write(make_finding())
        notices.write(make_finding("ntlm"))
    assert path.read_bytes() == (
        b'{"an":"earlier notice"}\n' + json_line(make_finding(), 60.0) + json_line(make_finding("ntlm"), 60.0)
    )


def test_a_file_that_was_rotated_away_is_created_anew(make_finding, tmp_path):
    path, rotated = tmp_path / "notice.log", tmp_path / "notice.log.2024-01-31"
    with NoticeWriter(path) as notices:
        notices.write(make_finding())
        path.rename(rotated)
        notices.write(make_finding("ntlm"))
        path.unlink()
        notices.write(make_finding("dce_rpc"))
    assert rotated.read_bytes() == json_line(make_finding(), 3600.0)
    assert path.read_bytes() == json_line(make_finding("dce_rpc"), 3600.0)


def test_tsv_has_its_header_once_a_file(make_finding, tmp_path):
    path = tmp_path / "notice.log"
    for _ in range(2):
        with NoticeWriter(path, "tsv") as notices:
            notices.write(make_finding())
    line = tsv_line(make_finding(), 3600.0)
    assert path.read_bytes() == TSV_HEADER + line + line


def test_a_notice_is_one_write(make_finding, tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(os, "write", lambda _, data: written.append(bytes(data)) or len(data))
    with NoticeWriter(tmp_path / "notice.log") as notices:
        notices.write(make_finding())
    assert written == [json_line(make_finding(), 3600.0)]


@pytest.mark.parametrize("how", ["json", "tsv"])
@pytest.mark.parametrize("length", [20, 100, -1])
def test_half_a_line_that_a_crash_left_is_completed_by_the_notice_that_begins_so(make_finding, tmp_path, how, length):
    path = tmp_path / "notice.log"
    with NoticeWriter(path, how) as notices:
        header = path.read_bytes()
        notices.write(make_finding("ntlm"))
    line = path.read_bytes().removeprefix(header)
    path.write_bytes(header + line[:length])
    with NoticeWriter(path, how) as notices:
        notices.write(make_finding(clock=1))
        notices.write(make_finding("ntlm"))
        notices.write(make_finding("dce_rpc"))
        notices.mark()
    whole, *others = path.read_bytes().removeprefix(header).splitlines(keepends=True)
    assert whole == line
    assert len(others) == 2


def test_half_a_line_that_no_notice_completes_spoils_no_other(make_finding, tmp_path):
    path = tmp_path / "notice.log"
    path.write_bytes(b'{"ts":16171')
    with NoticeWriter(path) as notices:
        notices.write(make_finding())
        assert path.read_bytes() == b'{"ts":16171'
        notices.mark()
    assert path.read_bytes() == b'{"ts":16171\n' + json_line(make_finding(), 3600.0)


def test_a_write_that_the_system_cut_short_is_finished(make_finding, tmp_path, monkeypatch):
    path = tmp_path / "notice.log"
    write = os.write
    with NoticeWriter(path) as notices:
        monkeypatch.setattr(os, "write", lambda file, data: write(file, bytes(data)[:100]))
        notices.write(make_finding())
        monkeypatch.setattr(os, "write", write)
    assert path.read_bytes() == json_line(make_finding(), 3600.0)


def test_a_full_disk_is_an_error(make_finding):
    with NoticeWriter(full_device()) as notices, pytest.raises(OSError, match="No space left") as raised:
        notices.write(make_finding())
    assert raised.value.errno == errno.ENOSPC


def full_device():
    device = Path("/dev/full")
    if not device.is_char_device():
        pytest.skip("this system has no /dev/full")
    return device


@pytest.mark.parametrize("how", ["json", "tsv"])
def test_ids_are_read_back_from_where_the_file_was_synced(make_finding, tmp_path, how):
    path = tmp_path / "notice.log"
    with NoticeWriter(path, how) as notices:
        notices.write(make_finding())
        since = notices.mark()
        notices.write(make_finding("ntlm"))
        notices.write(make_finding("dce_rpc"))
    assert set(notice_ids(path, since)) == {make_finding("ntlm").id, make_finding("dce_rpc").id}


def test_ids_of_a_file_that_took_its_place_are_all_read(make_finding, tmp_path):
    path = tmp_path / "notice.log"
    with NoticeWriter(path) as notices:
        since = notices.mark()
        path.rename(tmp_path / "notice.log.1")
        notices.write(make_finding())
    assert set(notice_ids(path, since)) == {make_finding().id}
    path.unlink()
    assert set(notice_ids(path, since)) == set()


def test_no_user_can_name_himself_like_an_id(make_finding, tmp_path):
    name = f'","oddlog":{{"id":"{"0" * 20}"\t{"1" * 20}\t'
    for how in ("json", "tsv"):
        path = tmp_path / how
        with NoticeWriter(path, how) as notices:
            since = notices.mark()
            notices.write(make_finding("ntlm", record={"username": name, "uid": name}))
        assert set(notice_ids(path, since)) == {make_finding("ntlm", record={"username": name, "uid": name}).id}


def test_files_it_was_renamed_to_since_then_are_read_too(make_finding, tmp_path):
    path = tmp_path / "notice.log"
    with NoticeWriter(path) as notices:
        notices.write(make_finding())
        since = notices.mark()
        notices.write(make_finding("ntlm"))
        path.rename(tmp_path / "notice.log.2")
        notices.write(make_finding("dce_rpc"))
        path.rename(tmp_path / "notice.log.1")
        notices.write(make_finding("ntlm"))
    assert notice_ids(path, since) == {make_finding("ntlm").id: 2, make_finding("dce_rpc").id: 1}


def test_ids_of_a_file_that_was_emptied_since_then_are_all_read(make_finding, tmp_path):
    path = tmp_path / "notice.log"
    with NoticeWriter(path) as notices:
        for _ in range(3):
            notices.write(make_finding())
        since = notices.mark()
        os.truncate(path, 0)
        notices.write(make_finding("ntlm"))
    assert notice_ids(path, since) == {make_finding("ntlm").id: 1}


@pytest.mark.parametrize(("how", "lost"), [("json", 3), ("tsv", 12)])
def test_half_a_notice_was_not_said(make_finding, tmp_path, how, lost):
    path = tmp_path / "notice.log"
    with NoticeWriter(path, how) as notices:
        notices.write(make_finding())
        notices.write(make_finding("ntlm"))
    os.truncate(path, path.stat().st_size - lost)
    assert notice_ids(path) == {make_finding().id: 1}
    with NoticeWriter(path, how) as notices:
        notices.settle()
    assert notice_ids(path) == {make_finding().id: 1}


def test_a_rest_that_a_full_disk_kept_back_follows_its_half_and_not_another_file(make_finding, tmp_path, monkeypatch):
    path, rotated, write = tmp_path / "notice.log", tmp_path / "notice.log.1", os.write

    def full(file, data):
        if not data.startswith(b'{"ts"'):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data[:100])

    with NoticeWriter(path) as notices:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            notices.write(make_finding())
        monkeypatch.setattr(os, "write", write)
        path.rename(rotated)
        notices.flush()
        notices.write(make_finding("ntlm"))
    assert rotated.read_bytes() == json_line(make_finding(), 3600.0)
    assert path.read_bytes() == json_line(make_finding("ntlm"), 3600.0)
