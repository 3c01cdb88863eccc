"""The ingest pipeline, run by an interpreter of the few processors that it uses, beside what Elastic's own makes."""

from __future__ import annotations

import copy
import ipaddress
import json
import re
from datetime import UTC, datetime
from importlib.resources import files

import pytest

PIPELINE = json.loads((files("oddlog") / "siem" / "elastic" / "ingest-pipeline.json").read_text())
MISSING = object()


def get(document, path):
    for name in path.split("."):
        if not isinstance(document, dict) or name not in document:
            return MISSING
        document = document[name]
    return document


def put(document, path, value):
    *tables, last = path.split(".")
    for name in tables:
        document = document.setdefault(name, {})
    document[last] = value


def take(document, path):
    value = get(document, path)
    if value is not MISSING:
        *tables, last = path.split(".")
        del (get(document, ".".join(tables)) if tables else document)[last]
    return value


def parse(document, field, target_field):
    put(document, target_field, json.loads(get(document, field)))


def date(document, field, formats):
    assert formats == ["UNIX"]
    moment = datetime.fromtimestamp(int(get(document, field) * 1000) / 1000, UTC)
    put(document, "@timestamp", moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"))


def expand(document, path, field, ignore_failure):
    table = get(document, path)
    if field in table:
        put(table, field, table.pop(field))
    else:
        assert ignore_failure


def rename(document, field, target_field, ignore_missing):
    if get(document, field) is MISSING:
        assert ignore_missing
        return
    assert get(document, target_field) is MISSING, "Elasticsearch refuses to rename onto a field"
    put(document, target_field, take(document, field))


def fill(document, field, value=None, copy_from=None, override=True, ignore_empty_value=False):
    new = value if copy_from is None else get(document, copy_from)
    if new is MISSING:
        assert ignore_empty_value
    elif override or get(document, field) is MISSING:
        put(document, field, copy.deepcopy(new))


def remove(document, field, ignore_missing):
    for one in field:
        assert take(document, one) is not MISSING or ignore_missing


def convert(document, field, type, ignore_missing, target_field=None, ignore_failure=False):  # noqa: A002
    value = get(document, field)
    if value is MISSING:
        assert ignore_missing
    elif type == "ip":
        put(document, target_field, str(ipaddress.ip_address(value)))
    else:
        assert type == "string"
        put(document, field, value if isinstance(value, str) else json.dumps(value))


def append(document, field, value, allow_duplicates):
    old = [] if get(document, field) is MISSING else get(document, field)
    filled = re.sub(r"\{\{\{(.+?)\}\}\}", lambda found: str(get(document, found[1])), json.dumps(value))
    new = json.loads(filled) if isinstance(value, list) else [json.loads(filled)]
    put(document, field, old + [one for one in new if allow_duplicates or one not in old])


def each(document, field, processor, ignore_missing):
    reasons = get(document, field)
    assert reasons is not MISSING or ignore_missing
    for one in [] if reasons is MISSING else reasons:
        passes(one, json.loads(json.dumps(processor).replace("_ingest._value.", "")))


def community_id(document, ignore_failure):
    pass


PROCESSORS = {
    "append": append,
    "community_id": community_id,
    "convert": convert,
    "date": date,
    "dot_expander": expand,
    "foreach": each,
    "json": parse,
    "remove": remove,
    "rename": rename,
    "set": fill,
}


def passes(document, how):
    """What Elasticsearch does to a document by one processor."""
    [(name, options)] = how.items()
    options = {key: value for key, value in options.items() if key not in ("if", "description")}
    if "if" in how[name]:
        condition = re.fullmatch(r"ctx\.(\w+)\?\.(\w+) != null", how[name]["if"])
        if get(document, f"{condition[1]}.{condition[2]}") is MISSING:
            return
    PROCESSORS[name](document, **options)


def ingested(line):
    document = {"message": line}
    for how in PIPELINE["processors"]:
        passes(document, how)
    return document


def test_zeeks_own_notices_become_what_elastics_integration_makes_of_them(real_logs):
    folder = real_logs / "elastic-ecs"
    lines = (folder / "notice.input.jsonl").read_text().splitlines()
    expected = json.loads((folder / "notice.expected-first2.json").read_text())["expected"]
    for line, wanted in zip(lines, expected, strict=True):
        # Zeek's word on whether it dropped the packets, which oddlog never does.
        wanted["event"]["type"].remove("allowed")
        made = ingested(line)
        for field in ("@timestamp", "event", "source", "destination", "related", "rule"):
            assert made.get(field) == wanted.get(field)


def test_an_oddlog_notice_becomes_an_alert_with_ends_rule_and_all_that_only_oddlog_says(real_notices):
    lines = real_notices.json.read_text().splitlines()
    notes = set()
    for line in lines:
        said, made = json.loads(line), ingested(line)
        notes.add(said["note"])
        assert made["_id"] == made["event"]["id"] == said["oddlog"]["id"]
        assert made["rule"] == {"name": said["note"], "description": said["msg"]}
        assert made["event"]["kind"] == "alert"
        source = made.get("source", {})
        assert source.get("address") == source.get("ip") == said.get("src")
        assert made.get("destination", {}).get("address") == said.get("dst")
        assert made.get("destination", {}).get("port") == said.get("p")
        assert made.get("related", {}).get("ip", []) == list(
            dict.fromkeys(filter(None, (said.get("src"), said.get("dst"))))
        )
        assert made.get("zeek", {}).get("session_id") == said.get("uid")
        assert made["oddlog"]["rarity"] == said["oddlog"]["rarity"]
        # One mapping for all: never a number here and a text there.
        values = [reason[key] for reason in made["oddlog"]["reasons"] for key in ("seen", "expected") if key in reason]
        assert all(isinstance(value, str) for value in values)
        assert not {"ts", "id", "uid", "src", "dst", "p", "oddlog", "proto"} & made["zeek"]["notice"].keys()
    assert notes >= {"Oddlog::Odd_NTLM_Logon", "Oddlog::Odd_DCE_RPC_Host"}


def test_filebeat_sends_the_notices_through_that_pipeline():
    yaml = pytest.importorskip("yaml")
    config = yaml.safe_load((files("oddlog") / "siem" / "elastic" / "filebeat.yml").read_text())
    (source,) = config["filebeat.inputs"]
    assert source["pipeline"] == "oddlog-notice"
    assert "/var/log/oddlog/notice.log" in source["paths"]
