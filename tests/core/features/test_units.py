"""Units of damped statistics."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oddlog_core.features.conn import NUMBERS, ROLLING
from oddlog_core.features.rhythm import COUNTS, STATISTICS
from oddlog_core.features.units import in_units


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
