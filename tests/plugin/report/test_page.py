"""The page of a bundle, as a browser gets it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import msgspec
import numpy as np
import pytest
from oddlog.notices import behaviour_name
from oddlog.report import page
from oddlog_core.bundle import read_bundle
from oddlog_core.detectors.autoencoder import Beside
from oddlog_core.detectors.behaviour import Behaviour, Behaviours, Map
from oddlog_core.features.flows import UsualFlows

VOID = {"meta", "br"}
DNS = Behaviour(0.6, [("dns", 1.0)], [("10.0.0.2", 1.0)], [("inside", 1.0)], 1.0, 0.0, 0.004, 44.0, 120.0)
HOSTILE = msgspec.structs.replace(DNS, controllers=0.0, services=[("<script>alert(1)</script>", 1.0)], duration=None)


class Reader(HTMLParser):
    """Elements, texts, and whether every element is closed in its turn."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def bundle():
    """The bundle that ships, with two kinds of behaviour: a ring of dots, and a cloud within it."""
    found = read_bundle(Path(str(files("oddlog") / "starter")))
    angle = np.linspace(0, 2 * np.pi, 60)
    points = [*zip(np.cos(angle).tolist(), np.sin(angle).tolist(), strict=True), *[(0.01 * i, 0.0) for i in range(9)]]
    drawn = Map(points, [0] * 60 + [1] * 9, (0.5, 0.25))
    behaviours = Behaviours([1.0], [[0.0], [1.0]], [0, 1], [DNS, HOSTILE], drawn)
    found.trained["conn-autoencoder"].detector.beside = Beside(UsualFlows({}), behaviours)
    return found


def test_it_says_in_words_what_the_bundle_holds(bundle):
    text = " ".join(Reader(page(bundle, 0.15, 20.0)).texts)
    assert bundle.digest in text
    assert "20 notices a day: a finding is what the detector's baseline shows about 7 times a day or less often" in text
    assert "up to 4 times as rare where its log lately told of much, down to 1/8 where of little." in text
    for name, one in bundle.trained.items():
        assert name in text
        assert f"{one.about.records:,}" in text
        assert f"{one.calibration.threshold(0.15):.4g}" in text
        assert all(line.strip() in text for line in one.detector.describe())
    for kind in (DNS, HOSTILE):
        assert behaviour_name(kind) in text
    assert "The picture keeps 75 %" in text


def test_it_needs_nothing_else_and_runs_nothing(bundle):
    read = Reader(page(bundle, 0.15, 20.0))
    assert not {"script", "link", "img", "iframe", "object"} & set(read.tags)
    assert not {"src", "href"} & {name for name, _ in read.attributes}
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert "url(" not in page(bundle, 0.15, 20.0)


def test_every_connection_is_a_dot_inside_the_picture(bundle):
    read = Reader(page(bundle, 0.15, 20.0))
    of = dict(read.attributes)
    _, _, width, height = map(int, of["viewbox"].split())
    drawn = [re.findall(r"M(\d+) (\d+)h0", value) for name, value in read.attributes if name == "d"]
    assert [len(dots) for dots in drawn] == [60, 9]
    assert all(0 < int(x) < width and 0 < int(y) < height for dots in drawn for x, y in dots)


def test_the_number_of_a_kind_stands_on_one_of_its_dots_and_covers_no_other_number(bundle):
    read = Reader(page(bundle, 0.15, 20.0))
    dots = [set(re.findall(r"M(\d+) (\d+)h0", value)) for name, value in read.attributes if name == "d"]
    xs, ys = ([value for name, value in read.attributes if name == key] for key in ("cx", "cy"))
    marks = [*zip(xs, ys, strict=True)]
    assert all(mark in own for mark, own in zip(marks, dots, strict=True))
    (x, y), (other_x, other_y) = marks
    assert np.hypot(int(x) - int(other_x), int(y) - int(other_y)) >= 20


def test_the_same_bundle_gives_the_same_page(bundle):
    assert page(bundle, 0.15, 20.0) == page(bundle, 0.15, 20.0)


def test_a_bundle_that_tells_no_kinds_apart_has_a_page_without_a_map(logon_bundle):
    read = Reader(page(logon_bundle, 0.15, 20.0))
    assert "svg" not in read.tags
    assert "ntlm-kmodes" in " ".join(read.texts)
