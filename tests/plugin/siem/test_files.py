"""What ships for systemd, shippers and SIEMs, held by their own programs where these are installed."""

from __future__ import annotations

import configparser
import dataclasses
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner
from oddlog.cli.siem import INSTALLED, TARGETS, siem
from oddlog.cli.watch import watch
from oddlog.notices import MOST_BYTES, TSV_HEADER, NoticeWriter

SIEM = Path(str(files("oddlog") / "siem"))
UNIT = SIEM / "systemd" / "oddlog.service"
NOTICE_LOG = "/var/log/oddlog/notice.log"


def program(name):
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    return found or pytest.skip(f"{name} is not installed")


def settings(section):
    """Keys of a part of the unit, each with all its values."""
    found, text = {}, UNIT.read_text().replace("\\\n", " ")
    for line in text.partition(f"[{section}]")[2].partition("\n[")[0].splitlines():
        if line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_every_target_is_described_and_printed_whole_or_by_file():
    assert sorted(path.name for path in SIEM.iterdir()) == sorted(TARGETS)
    listed = CliRunner().invoke(siem).output
    for target, what in TARGETS.items():
        names = sorted(path.name for path in (SIEM / target).iterdir())
        assert f"{target}: {what} ({', '.join(names)})\n" in listed
        texts = [CliRunner().invoke(siem, [target, name]).output for name in names]
        whole = CliRunner().invoke(siem, [target]).output
        parts = [f"==> {name} <==\n{text}" for name, text in zip(names, texts, strict=True)]
        assert whole == (texts[0] if len(texts) == 1 else "".join(parts))
    wrong = CliRunner().invoke(siem, ["splunk", "nothing.conf"])
    assert wrong.exit_code == 2
    assert "splunk has inputs.conf, props.conf, transforms.conf, not nothing.conf" in wrong.output


def test_all_of_them_speak_of_the_file_that_the_service_writes():
    (command,) = settings("Service")["ExecStart"]
    assert shlex.split(command)[shlex.split(command).index("--out") + 1] == str(Path(NOTICE_LOG).parent)
    for target in TARGETS.keys() - {"systemd"}:
        assert any(NOTICE_LOG in path.read_text() for path in (SIEM / target).iterdir())


def test_the_service_calls_this_installation_with_arguments_that_watch_takes(tmp_path, monkeypatch):
    (tmp_path / "oddlog").touch()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    printed = CliRunner().invoke(siem, ["systemd"]).output
    assert printed == UNIT.read_text().replace(INSTALLED, str(tmp_path / "oddlog"))
    (command,) = settings("Service")["ExecStart"]
    program, name, *arguments = shlex.split(command)
    assert (program, name) == (INSTALLED, "watch")
    known = {option for parameter in watch.params for option in parameter.opts}
    assert {argument for argument in arguments if argument.startswith("--")} <= known


def test_the_service_writes_only_to_its_own_folders_and_compiles_into_its_cache():
    service = settings("Service")
    assert service["User"] == ["oddlog"]
    assert service["ProtectSystem"] == ["strict"]
    assert "MemoryDenyWriteExecute" not in service
    (command,) = service["ExecStart"]
    arguments = shlex.split(command)
    assert arguments[arguments.index("--state") + 1] == f"/var/lib/{service['StateDirectory'][0]}"
    assert arguments[arguments.index("--out") + 1] == f"/var/log/{service['LogsDirectory'][0]}"
    (cache,) = service["Environment"]
    assert cache.startswith(f"NUMBA_CACHE_DIR=/var/cache/{service['CacheDirectory'][0]}")


def test_systemd_takes_the_unit_and_finds_it_hardly_exposed(tmp_path):
    analyze = program("systemd-analyze")
    unit = tmp_path / "oddlog.service"
    # It looks whether the programs are there.
    unit.write_text(UNIT.read_text().replace(INSTALLED, "/bin/true"))
    verified = subprocess.run([analyze, "verify", unit], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    judged = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", unit], capture_output=True, text=True, check=False
    )
    assert judged.returncode == 0, judged.stdout


def test_logrotate_renames_and_no_notice_is_lost_or_said_twice(real_notices, tmp_path):
    rotate, written = program("logrotate"), tmp_path / "notice.log"
    text = (SIEM / "logrotate" / "oddlog").read_text()
    assert not re.search(r"^\s*copytruncate", text, re.MULTILINE)
    owner = f"{os.getuid()}", f"{os.getgid()}"
    mine = (
        text.replace("su oddlog oddlog", "").replace("oddlog oddlog", " ".join(owner)).replace(NOTICE_LOG, str(written))
    )
    (tmp_path / "logrotate.conf").write_text(mine)
    (tmp_path / "logrotate.conf").chmod(0o644)
    with NoticeWriter(written) as notices:
        for finding in real_notices.findings[:2]:
            notices.write(finding)
        subprocess.run([rotate, "--force", "-s", tmp_path / "status", tmp_path / "logrotate.conf"], check=True)
        for finding in real_notices.findings[2:4]:
            notices.write(finding)
    (rotated,) = tmp_path.glob("notice.log.*")
    assert re.fullmatch(r"notice\.log\.\d{4}-\d\d-\d\d-\d+", rotated.name)
    ids = re.findall(r'"oddlog":\{"id":"(\w+)"', rotated.read_text() + written.read_text())
    assert ids == [finding.id for finding in real_notices.findings[:4]]
    assert written.stat().st_mode & 0o777 == 0o640


def rsyslog_config(folder, notice_log):
    """The shipped configuration in a folder of its own, writing what it would send to a file."""
    text = (SIEM / "rsyslog" / "oddlog.conf").read_text().replace(NOTICE_LOG, str(notice_log))
    assert text.count('type="omfwd"') == 1
    (folder / "rsyslog.conf").write_text(f'global(workDirectory="{folder}" maxMessageSize="128k")\n{text}')
    return folder / "rsyslog.conf"


def test_rsyslog_takes_its_file(tmp_path):
    config = rsyslog_config(tmp_path, tmp_path / "notice.log")
    checked = subprocess.run([program("rsyslogd"), "-N1", "-f", config], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "error" not in checked.stderr


def test_rsyslog_sends_each_notice_whole_through_a_rotation(real_notices, tmp_path):
    written = tmp_path / "notice.log"
    config = rsyslog_config(tmp_path, written)
    sent = tmp_path / "sent"
    forwards = re.compile(r'type="omfwd".*?template="oddlog".*?\)', re.DOTALL)
    config.write_text(forwards.sub(f'type="omfile" file="{sent}" template="oddlog")', config.read_text()))
    lines = real_notices.json.read_text().splitlines()[:6]
    written.write_text("".join(f"{line}\n" for line in lines[:3]))
    arguments = [program("rsyslogd"), "-n", "-f", config, "-i", tmp_path / "pid"]
    running = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        patient(lambda: sent.exists() and len(sent.read_text().splitlines()) == 3)
        written.rename(tmp_path / "notice.log.1")
        written.write_text("".join(f"{line}\n" for line in lines[3:]))
        patient(lambda: len(sent.read_text().splitlines()) == 6)
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(20)
    header = r"<173>1 \S+ \S+ oddlog - - - "
    assert [re.sub(header, "", line) for line in sent.read_text().splitlines()] == lines


def patient(holds, seconds=20.0):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def splunk(name):
    parsed = configparser.RawConfigParser(strict=True, delimiters="=")
    parsed.optionxform = str
    parsed.read(SIEM / "splunk" / name)
    return parsed


def test_splunk_reads_time_and_columns_as_they_are_written(real_notices):
    props, transforms = splunk("props.conf"), splunk("transforms.conf")
    lines = {"bro:notice:json": real_notices.json.read_text(), "zeek:notice": real_notices.tsv.read_text()}
    for kind, text in lines.items():
        how = props[kind]
        assert int(how["TRUNCATE"]) >= MOST_BYTES
        for line in text.splitlines():
            if line.startswith("#"):
                assert re.search(transforms["oddlog_header"]["REGEX"], line)
                continue
            stamp = line[re.search(how["TIME_PREFIX"], line).end() :][: int(how["MAX_TIMESTAMP_LOOKAHEAD"])]
            # %s.%6N
            moment = re.match(r"\d+\.\d{6}(?!\d)", stamp)
            assert datetime.fromtimestamp(float(moment[0]), UTC).year == 2024
    columns = TSV_HEADER.splitlines()[-2].decode().split("\t")[1:]
    fields = re.findall(r'"(\w+)"', transforms["oddlog_fields"]["FIELDS"])
    assert fields == [column.replace(".", "_") for column in columns]


def splunk_case(expression, event):
    """What Splunk's eval makes of a `case` over an event's fields."""
    name = r"'([\w.]+)'|\b(oddlog_\w+|note|sub)\b"
    python = re.sub(name, lambda found: f'event.get("{found[1] or found[2]}")', expression).replace(" OR ", " or ")

    def case(*arguments):
        return next(value for holds, value in zip(arguments[::2], arguments[1::2], strict=True) if holds)

    def like(text, pattern):
        return re.fullmatch(re.escape(pattern).replace("%", ".*"), text) is not None

    return eval(python, {"event": event, "case": case, "like": like, "true": lambda: True})  # noqa: S307 - what ships


@pytest.mark.parametrize(
    ("kind", "rarity", "said"),
    [
        ("Odd_NTLM_Logon", {"rarity": 6.9}, "low"),
        ("Odd_NTLM_Logon", {"rarity": 7.0}, "medium"),
        ("Odd_NTLM_Logon", {"rarity": 28.0}, "high"),
        ("Odd_NTLM_Logon", {"rarity": 14.0, "at_least": True}, "high"),
        ("Incident", {"rarity": 0.5}, "medium"),
        ("Incident", {"rarity": 14.0, "at_least": True}, "high"),
    ],
)
def test_splunks_severity_is_one_that_a_baseline_of_weeks_can_reach(real_notices, tmp_path, kind, rarity, said):
    finding = dataclasses.replace(real_notices.findings[0], note=kind, **{"at_least": False, **rarity})
    for form in ("json", "tsv"):
        with NoticeWriter(tmp_path / form, form) as notices:
            notices.write(finding)
    props = splunk("props.conf")
    event = json.loads((tmp_path / "json").read_text())
    event |= {f"oddlog.{name}": value for name, value in event["oddlog"].items()}
    assert splunk_case(props["bro:notice:json"]["EVAL-severity"], event) == said
    columns = re.findall(r'"(\w+)"', splunk("transforms.conf")["oddlog_fields"]["FIELDS"])
    line = next(one for one in (tmp_path / "tsv").read_text().splitlines() if not one.startswith("#"))
    event = dict(zip(columns, line.split("\t"), strict=True))
    event["oddlog_rarity"] = float(event["oddlog_rarity"])
    assert splunk_case(props["zeek:notice"]["EVAL-severity"], event) == said


def test_splunk_names_only_stanzas_and_source_types_that_are_there():
    inputs, props, transforms = (splunk(f"{name}.conf") for name in ("inputs", "props", "transforms"))
    assert inputs[f"monitor://{NOTICE_LOG}*"]["sourcetype"] in props
    for how in props.values():
        for key, value in how.items():
            if key.startswith(("TRANSFORMS-", "REPORT-")):
                assert value in transforms


def test_vector_reads_whole_notices_and_its_parts_fit():
    yaml = pytest.importorskip("yaml")
    config = yaml.safe_load((SIEM / "vector" / "oddlog.yaml").read_text())
    (source,) = config["sources"].items()
    (transform,) = config["transforms"].items()
    (sink,) = config["sinks"].items()
    assert NOTICE_LOG in source[1]["include"]
    assert source[1]["max_line_bytes"] >= MOST_BYTES
    assert transform[1]["inputs"] == [source[0]]
    assert sink[1]["inputs"] == [transform[0]]
