"""The Zeek package: its scripts parse, are formatted, name the notices, and on a real Zeek raise them."""

from __future__ import annotations

import configparser
import io
import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import zeekscript

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "zeek_scripts"

NOTICE_TYPES = [
    "Odd_Connection",
    "Odd_NTLM_Logon",
    "Odd_Host_Event",
    "Odd_DCE_RPC_Host",
    "Odd_DCE_RPC_Operation",
    "Odd_Flow",
    "Risky_Session",
    "Incident",
    "Falling_Behind",
    "Baseline_Drift",
]


@pytest.fixture(params=sorted(SCRIPTS.glob("*.zeek")), ids=lambda path: path.name)
def script(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_every_script_parses(script):
    parsed = zeekscript.Script(script)
    assert parsed.parse(), parsed.get_error()


def test_every_script_is_formatted_as_zeek_format_would(script):
    parsed = zeekscript.Script(script)
    parsed.parse()
    formatted = io.BytesIO()
    parsed.format(formatted)
    assert formatted.getvalue().decode() == script.read_text()


def test_the_scripts_declare_every_notice_type_of_the_design_and_no_other():
    declared = re.search(r"redef enum Notice::Type \+= \{(.*?)\n\t\};", (SCRIPTS / "main.zeek").read_text(), re.DOTALL)
    assert re.findall(r"^\t\t(\w+),$", declared[1], re.MULTILINE) == NOTICE_TYPES


def test_every_notice_type_is_recognised_by_the_name_a_line_gives_it():
    table = re.search(r"const types: .*?\n\};", (SCRIPTS / "main.zeek").read_text(), re.DOTALL)
    expected = [(f"Oddlog::{name}", name) for name in NOTICE_TYPES]
    assert re.findall(r'\["(\S+)"\] = (\w+),', table[0]) == expected


def test_zkg_finds_the_scripts_where_zkg_meta_says():
    meta = configparser.ConfigParser(interpolation=None)
    meta.read_string((ROOT / "zkg.meta").read_text())
    package = meta["package"]
    assert (ROOT / package["script_dir"] / "__load__.zeek").is_file()
    assert package["description"]
    assert re.fullmatch(r"\s*zeek >=\d+\.\d+\.\d+", package["depends"])


def notice_line(number: int, **changes: object) -> str:
    notice = {
        "ts": 1617097929.601155,
        "uid": f"Codd{number}",
        "id.orig_h": "10.0.0.2",
        "id.orig_p": 48818,
        "id.resp_h": "10.0.0.9",
        "id.resp_p": 445,
        "proto": "tcp",
        "note": "Oddlog::Odd_Connection",
        "msg": f"message {number}",
        "sub": "once in 90 days",
        "src": "10.0.0.2",
        "dst": "10.0.0.9",
        "p": 445,
        "n": 3,
        "peer_descr": "oddlog",
        "actions": ["Notice::ACTION_LOG"],
        "suppress_for": 3600.0,
        "oddlog": {"id": f"id{number}", "detector": "conn", "score": 1.5, "rarity": 90.0, "reasons": [{"field": "x"}]},
    }
    return json.dumps({key: value for key, value in {**notice, **changes}.items() if value is not None}) + "\n"


def append(path: Path, text: str) -> None:
    with path.open("a") as log:
        log.write(text)


def logged(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_until(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "Zeek raised nothing in time"
        time.sleep(0.2)


@pytest.fixture
def zeek(tmp_path):
    """A running Zeek that follows `odd/notice.log`; yields the two notice.logs, oddlog's and Zeek's."""
    binary = shutil.which("zeek")
    if binary is None:
        pytest.skip("no zeek on PATH: the scripts are parsed but not run")
    ours, run = tmp_path / "it's $odd" / "notice.log", tmp_path / "run"
    ours.parent.mkdir()
    run.mkdir()
    options = ["exit_only_after_terminate=T", "LogAscii::use_json=T", f"Oddlog::notice_log={ours}"]
    with (run / "output").open("wb") as output:
        process = subprocess.Popen([binary, SCRIPTS, *options], cwd=run, stdout=output, stderr=subprocess.STDOUT)
    theirs = run / "notice.log"
    try:

        def awake() -> bool:
            append(ours, notice_line(0, note="Oddlog::Baseline_Drift"))
            return theirs.exists()

        wait_until(awake)
        yield ours, theirs
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def messages(path: Path) -> list[object]:
    return [notice["msg"] for notice in logged(path) if notice["msg"] != "message 0"]


def test_zeek_raises_a_line_as_a_notice_with_its_connection(zeek):
    ours, theirs = zeek
    append(ours, notice_line(1))
    wait_until(lambda: messages(theirs) == ["message 1"])
    raised = logged(theirs)[-1]
    expected = json.loads(notice_line(1))
    for key in set(expected) - {"ts", "oddlog"}:
        assert raised[key] == expected[key]


def test_zeek_raises_a_line_said_twice_once(zeek):
    ours, theirs = zeek
    append(ours, notice_line(1) + notice_line(1) + notice_line(2))
    wait_until(lambda: "message 2" in messages(theirs))
    assert messages(theirs) == ["message 1", "message 2"]


def test_zeek_skips_what_it_cannot_raise_and_says_so(zeek):
    ours, theirs = zeek
    unknown = notice_line(1, note="Oddlog::Unheard_Of")
    bare = {key: None for key in json.loads(notice_line(2)) if key not in {"note", "msg"}}
    append(ours, "no json\n" + unknown + notice_line(2, **bare) + notice_line(3, src="workstation"))
    wait_until(lambda: messages(theirs) == ["message 2", "message 3"])
    assert "not raised" in (theirs.parent / "reporter.log").read_text()


def test_zeek_loses_no_line_to_rotation_or_a_half_written_line(zeek):
    ours, theirs = zeek
    line = notice_line(1)
    append(ours, line[:50])
    time.sleep(1.5)
    append(ours, line[50:])
    wait_until(lambda: messages(theirs) == ["message 1"])
    append(ours, notice_line(2))
    ours.rename(ours.with_name("notice.log.2026-01-31"))
    append(ours, notice_line(3))
    wait_until(lambda: messages(theirs) == ["message 1", "message 2", "message 3"])
