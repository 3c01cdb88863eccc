"""Units of damped statistics."""

from __future__ import annotations

import math

import numpy as np
import pytest
from baselines import MONDAY, records
from hypothesis import given
from hypothesis import strategies as st
from inventions import SECOND
from oddlog_core.features.conn import NUMBERS, ROLLING
from oddlog_core.features.rhythm import COUNTS, STATISTICS, Rhythm, Usual
from oddlog_core.features.units import beat, in_units, own

VALUES = ("failed", "sent", "got", "interval")


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("stream_interval_mean_10m", math.log1p(275), 275),
        ("stream_interval_std_1h", math.log(1.12), 0.12),
        ("source_sent_mean_10s", math.log1p(4000), 4000),
        ("stream_got_std_10m", math.log(3), 2),
        ("source_failed_mean_1m", 0.4, 0.4),
        ("service_failed_mean_10m", -0.2, 0),
        ("pair_magnitude_1h", math.hypot(math.log1p(500), math.log1p(500)), 500),
        ("pair_radius_1h", math.hypot(math.log(1.5) ** 2, math.log(1.5) ** 2), 0.5),
    ],
)
def test_a_statistic_is_said_in_what_it_measures(column, value, expected):
    assert column in STATISTICS
    assert in_units(column, value) == pytest.approx(expected)


@given(st.sampled_from([*NUMBERS, *ROLLING, *COUNTS, "time_of_day_sin", "duration_unset"]), st.floats(-1e9, 1e9))
def test_all_other_columns_are_as_they_are(column, value):
    assert in_units(column, value) == value


@given(st.sampled_from(STATISTICS), st.floats(-1e9, 1e9))
def test_whatever_a_model_expects_has_a_finite_unit(column, value):
    assert math.isfinite(in_units(column, value))


def calls(every, n, jitter=0.0, seed=0):
    """Features of the last of some calls of one host to one service."""
    gaps = every * np.random.default_rng(seed).uniform(1 - jitter, 1 + jitter, n)
    flow = {"id.orig_h": "a", "id.resp_h": "b", "id.resp_p": 443, "proto": "tcp"}
    times = MONDAY + (np.cumsum(gaps) * SECOND).astype(np.int64)
    usual = Usual(dict.fromkeys(VALUES, 4.0), dict.fromkeys(VALUES, 2.5))
    counts, statistics = Rhythm(usual).transform(records("conn", [{"ts": int(time), **flow} for time in times]))
    row = dict(zip(COUNTS + STATISTICS, np.concatenate([counts, statistics], axis=1)[-1], strict=True))
    names = ("stream_interval_mean_1h", "stream_interval_std_1h", "stream_connections_1h")
    mean, std, weight = (float(row[name]) for name in names)
    return (*own(mean, std, weight, 4.0, 2.5), weight) if weight else (mean, std, weight)


@pytest.mark.parametrize("every", [60.0, 300.0, 900.0])
@pytest.mark.parametrize("hours", [2, 4])
def test_a_machines_calls_are_known_by_their_interval_and_how_long_they_went_on(every, hours):
    found = beat(*calls(every, int(hours * 3600 / every)), 3600.0)
    assert found.every == pytest.approx(every, rel=1e-6)
    assert found.spread == pytest.approx(0, abs=1e-3)
    assert found.lasting == pytest.approx((int(hours * 3600 / every) - 1) * every, rel=1e-6)


def test_jitter_is_told_and_what_lasts_long_is_told_as_at_least_five_half_lives():
    found = beat(*calls(300.0, 200, jitter=0.2), 3600.0)
    assert found.every == pytest.approx(300, rel=0.1)
    assert 20 < found.spread < 50
    assert found.lasting == 5 * 3600


@pytest.mark.parametrize(("every", "n", "jitter"), [(300.0, 4, 0.0), (300.0, 40, 0.9), (0.2, 400, 0.0), (300.0, 1, 0)])
def test_few_or_uneven_or_very_fast_calls_are_no_beat(every, n, jitter):
    assert beat(*calls(every, n, jitter), 3600.0) is None
