"""Lines on stderr: structured, one each, and not too many of a kind."""

from __future__ import annotations

import io
import json
import logging
import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oddlog.config import LogConfig
from oddlog.own_log import LimitedHandler

LINE = re.compile(r'time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=\w+ logger=\S+ msg=("(\\.|[^"\\])*"|[^\s"=]+)')


class Told:
    """A logger of its own with a handler on a clock that is set by hand."""

    def __init__(self, **config):
        self.now, self.stream = 0.0, io.StringIO()
        self.handler = LimitedHandler(LogConfig(**config), self.stream, lambda: self.now)
        self.log = logging.Logger("oddlog.watch")
        self.log.addHandler(self.handler)

    def lines(self):
        return self.stream.getvalue().splitlines()


def test_a_line_is_logfmt():
    told = Told()
    told.log.warning("%s cannot be written (%s)", "notice.log", "No space left on device")
    told.log.info("ready")
    first, second = told.lines()
    assert LINE.fullmatch(first)
    fields = dict(word.split("=", 1) for word in shlex.split(first))
    assert (fields["level"], fields["logger"]) == ("warning", "oddlog.watch")
    assert fields["msg"] == "notice.log cannot be written (No space left on device)"
    assert second.endswith(" msg=ready")


def test_a_line_is_json_where_that_is_wanted():
    told = Told(format="json")
    told.log.error('a "quoted" word\nand a second line')
    (line,) = told.lines()
    said = json.loads(line)
    assert set(said) == {"time", "level", "logger", "msg"}
    assert said["msg"] == 'a "quoted" word\nand a second line'


@pytest.mark.parametrize("form", ["logfmt", "json"])
@given(text=st.text() | st.text(st.characters(categories=["Cs", "Cc"])))
def test_whatever_is_said_is_one_line(form, text):
    told = Told(format=form)
    told.log.info("%s", text)
    written = told.stream.getvalue()
    assert written.count("\n") == 1
    assert written.endswith("\n")
    if form == "json":
        json.loads(written)
    else:
        assert LINE.fullmatch(written.rstrip("\n"))


def test_an_error_keeps_where_it_came_from_in_its_line():
    told = Told()
    try:
        {}["odd"]
    except KeyError:
        told.log.exception("failed")
    (line,) = told.lines()
    assert "KeyError: 'odd'" in line


def test_of_one_kind_some_are_said_and_then_one_that_stands_for_the_rest():
    told = Told(per_minute=3)
    for n in range(50):
        told.now += 1
        told.log.warning("%s:%d: bad line", "conn.log", n)
    assert [line.rpartition("conn.log:")[2][0] for line in told.lines()] == ["0", "1", "2"]
    told.now += 20
    told.handler.settle()
    assert len(told.lines()) == 4
    assert told.lines()[3].endswith('msg="conn.log:49: bad line" times=47')
    told.log.warning("%s:%d: bad line", "conn.log", 99)
    assert "conn.log:99" in told.lines()[4]


def test_what_is_settled_by_the_next_line_is_said_before_it():
    told = Told(per_minute=1)
    for word in ("first", "second", "third"):
        told.log.info("%s", word)
    told.now += 61
    told.log.info("%s", "fourth")
    assert [re.search(r"msg=(\w+)(?: times=(\d))?", line).groups() for line in told.lines()] == [
        ("first", None),
        ("third", "2"),
        ("fourth", None),
    ]


def test_one_kind_does_not_silence_another():
    told = Told(per_minute=1)
    for _ in range(5):
        told.log.info("one")
        told.log.info("another")
    assert [line.rpartition("=")[2] for line in told.lines()] == ["one", "another"]
