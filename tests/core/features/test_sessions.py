"""Features of sessions against featuretools, and what they may not see."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.testing as npt
import pytest
from baselines import office
from oddlog_core.features.sessions import AFTER, LABEL, LEAD, SCHEMAS, WINDOW, Outcomes, Schema, Sessions, vocabularies
from oddlog_core.records import MISSING_CODE
from oddlog_core.span import DAY, cut

PEER = Path(
    os.environ.get("FEATURETOOLS_PYTHON", Path(__file__).parents[3] / "build" / "featuretools" / "bin" / "python")
)


def told(records, room=10**8, period=DAY):
    schema = SCHEMAS[records.log]
    return Sessions(schema, vocabularies(schema, [records]), room, period).update(records)


def texts(records, name):
    column = records.categories[name]
    return np.array(["" if code == MISSING_CODE else column.values[code].lower() for code in column.codes])


def joined(columns):
    return np.array(["/".join(row) for row in zip(*columns, strict=True)])


def as_featuretools_reads(records, rows):
    """Columns for the peer, and what it calls each of our features."""
    schema = SCHEMAS[records.log]
    one, other = (texts(records, name) for name in schema.ends)
    own = [f"v{k}" for k in range(len(schema.counted))], [f"m{k}" for k in range(len(schema.kinds))]
    names = Schema(("ones", "others"), "thirds", (), *map(tuple, own)).names
    columns = {"ts": records.clock, "one": one, "other": other, "third": texts(records, schema.third)}
    columns["session"], columns["pair"] = joined([one, other]), joined([texts(records, name) for name in schema.pair])
    columns["success"] = np.char.upper(texts(records, "success"))
    columns |= {to: texts(records, name) for to, name in zip(own[0], schema.counted, strict=True)}
    columns |= {to: texts(records, name) for to, name in zip(own[1], schema.kinds, strict=True)}
    return columns | {"rows": rows, "features": np.array(names)}, names


@pytest.mark.parametrize("log", sorted(SCHEMAS))
def test_what_featuretools_also_makes_is_equal(log, tmp_path):
    if not PEER.exists():
        pytest.skip(f"featuretools has no environment of its own at {PEER}: `make featuretools` makes one")
    schema, records = SCHEMAS[log], office(f"{log}-sessions", 900, seed=8, days=0.9)
    rows, ours = told(records)
    rows, ours = rows[-20:], ours[-20:]
    columns, names = as_featuretools_reads(records, rows)
    np.savez(tmp_path / "log.npz", **columns)
    script = Path(__file__).with_name("featuretools_peer.py")
    subprocess.run([PEER, script, tmp_path / "log.npz", tmp_path / "found.npz"], check=True, capture_output=True)
    found, vocabulary = np.load(tmp_path / "found.npz"), vocabularies(schema, [records])
    shared = [name for name in names if name in found.files]
    assert shared == names
    for name in shared:
        mine, theirs = ours[:, names.index(name)], found[name]
        if "MODE(" in name:
            field = schema.kinds[int(name.partition("log.m")[2].rstrip(")"))]
            said = ["nan" if np.isnan(code) else vocabulary[field][int(code)] for code in mine]
            assert said == theirs.tolist(), name
        else:
            npt.assert_allclose(mine, theirs.astype(float), rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("log", sorted(SCHEMAS))
def test_no_feature_sees_the_label(log):
    records = office(f"{log}-sessions", 500, seed=4)
    flipped = replace(records, integers={**records.integers, LABEL: 1 - records.integers[LABEL]})
    for one, other in zip(told(records), told(flipped), strict=True):
        npt.assert_array_equal(one, other)
    assert not any(LABEL in name for name in SCHEMAS[log].names)


def test_no_feature_sees_the_moment_of_the_cutoff_or_what_comes_after_it():
    records = office("auth-sessions", 500, seed=4)
    rows, ours = told(records)
    for row, mine in zip(rows[::7].tolist(), ours[::7], strict=True):
        now = records.clock >= records.clock[row]
        outcome = records.categories["success"]
        other = replace(outcome, codes=np.where(now, MISSING_CODE, outcome.codes).astype(np.int32))
        changed = replace(records, categories={**records.categories, "success": other})
        at, theirs = told(changed)
        npt.assert_array_equal(theirs[at.tolist().index(row)], mine)


def test_a_session_goes_the_way_of_the_window_that_is_predicted():
    records = office("auth-sessions", 800, seed=3)
    outcomes = Outcomes.of(SCHEMAS["auth"], [records])
    ends = joined([texts(records, "id.orig_h"), texts(records, "id.resp_h"), (records.clock // DAY).astype(str)])
    expected = {}
    for session in np.unique(ends):
        (own,) = np.nonzero(ends == session)
        if len(own) > AFTER + LEAD + 1:
            window = own[AFTER + LEAD : AFTER + LEAD + WINDOW]
            expected[int(own[AFTER])] = (bool(records.integers[LABEL][window].any()), int(window[-1]))
    found = zip(outcomes.malicious.tolist(), outcomes.decided.tolist(), strict=True)
    assert dict(zip(outcomes.rows.tolist(), found, strict=True)) == expected
    assert 0 < outcomes.malicious.sum() < len(outcomes.rows)


def test_a_small_room_loses_sessions_and_says_how_often():
    records = office("auth-sessions", 3000, seed=2)
    small = Sessions(SCHEMAS["auth"], {name: [] for name in SCHEMAS["auth"].kinds}, room=1)
    rows, _ = small.update(records)
    assert small.lost > 0
    assert 0 < len(rows) < len(told(records)[0])


def test_nothing_is_remembered_over_midnight():
    records = office("auth-sessions", 600, seed=2, days=2)
    sessions = Sessions(SCHEMAS["auth"], {name: [] for name in SCHEMAS["auth"].kinds}, 10**8)
    sessions.update(records)
    (today,) = np.nonzero(records.clock // DAY == records.clock[-1] // DAY)
    export = sessions.export()
    again = Sessions(SCHEMAS["auth"], {name: [] for name in SCHEMAS["auth"].kinds}, 10**8)
    again.update(cut(records, int(today[0]), len(records)))
    npt.assert_equal(again.export(), export)
