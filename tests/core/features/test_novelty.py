"""Measurements as columns, what a column says, and bounds on what is far away."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
from baselines import SECOND, inventions, office, records
from hypothesis import given
from oddlog_core.features.novelty import UNSET, Measurements, Scaling
from oddlog_core.features.vocabulary import MISSING_NAME, UNSEEN_NAME
from oddlog_core.records import MISSING

BASELINE = office("conn", 300, seed=5)
MEASURED = Measurements.learn([BASELINE], "conn")


def test_a_number_is_the_logarithm_of_its_size_and_unset_ones_are_counted():
    rows = [{"duration": SECOND, "orig_bytes": 0}, {"orig_bytes": 99, "resp_bytes": 5}]
    columns = MEASURED.columns(records("conn", rows))
    found = dict(zip(MEASURED.fields, columns.T, strict=False))
    npt.assert_allclose(found["orig_bytes"], [0, np.log(100)])
    npt.assert_allclose(found["duration"], [np.log1p(SECOND), np.nan])
    # Six of the eight, those the log does not have among them.
    assert columns[:, MEASURED.fields.index(UNSET)].tolist() == [6, 6]


def test_a_code_has_a_column_for_unset_for_what_is_known_and_for_all_else():
    services = [None, "dns", "gssapi,ntlm,smb", "smb,gssapi,ntlm", "ftp"]
    columns = MEASURED.columns(records("conn", [{"service": service} for service in services]))
    said = [MEASURED.said("service", row) for row in columns]
    assert said == [MISSING_NAME, "dns", "gssapi,ntlm,smb", "gssapi,ntlm,smb", UNSEEN_NAME]
    mine = [i for i, field in enumerate(MEASURED.fields) if field == "service"]
    npt.assert_array_equal(columns[:, mine].sum(axis=1), 1)


@given(inventions("conn"))
def test_what_a_column_says_is_what_the_record_held(log):
    columns = MEASURED.columns(log)
    for name, unit in (("duration", SECOND), ("orig_bytes", 1)):
        for value, row in zip(log.integers[name], columns, strict=True):
            said = MEASURED.said(name, row)
            if value == MISSING:
                assert said is None
            else:
                npt.assert_allclose(said, value / unit, rtol=1e-9, atol=1e-9)


@given(inventions("conn"))
def test_all_that_is_scaled_is_finite_and_bounded(log):
    scaled = Scaling.learn(MEASURED.columns(BASELINE)).scaled(MEASURED.columns(log))
    assert np.isfinite(scaled).all()
    assert np.abs(scaled).max() <= 10


def test_a_baseline_has_mean_0_and_deviation_1_but_where_it_never_varies():
    columns = MEASURED.columns(BASELINE)
    scaled = Scaling.learn(columns).scaled(columns).astype(float)
    varies = np.nan_to_num(columns).std(axis=0) > 0
    npt.assert_allclose(scaled[:, varies].std(axis=0), 1, rtol=0.05)
    npt.assert_array_equal(scaled[:, ~varies], 0)
