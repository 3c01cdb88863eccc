"""The notebook's table against pandas."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pandas as pd
from baselines import anew, office, records
from hypothesis import given, settings
from inventions import CUTS, pieces
from oddlog_core.features.host_table import DESCRIBED, HostTable, Row

LOG = office("dce_rpc", 600, seed=4)


def table(log, cuts=()):
    found = HostTable()
    for piece in pieces(len(log), list(cuts)):
        found.update(anew(log, piece))
    return found


def frame(log):
    columns = {name: log.categories[name] for name in ("id.orig_h", *DESCRIBED)}
    return pd.DataFrame(
        {
            name: [None if code < 0 else column.values[code] for code in column.codes]
            for name, column in columns.items()
        },
        dtype=object,
    )


@settings(max_examples=20)
@given(CUTS)
def test_every_host_is_described_as_pandas_describes_it_however_the_log_is_cut(cuts):
    found, log = table(LOG, cuts), frame(LOG)
    expected = log.groupby("id.orig_h").describe()
    assert sorted(found.hosts) == sorted(expected.index)
    for host, name in enumerate(found.hosts):
        for column in DESCRIBED:
            row, said = found.row(host, column), expected.loc[name, column]
            assert (row.count, row.distinct, row.frequency) == (said["count"], said["unique"], said["freq"])
            assert ((log["id.orig_h"] == name) & (log[column] == row.top)).sum() == row.frequency
        assert found.numbers[host].tolist() == [
            number
            for column in DESCRIBED
            for number in (
                found.row(host, column).count,
                found.row(host, column).distinct,
                found.row(host, column).frequency,
            )
        ]


def test_what_is_unset_is_counted_for_nobody():
    log = records("dce_rpc", [{"id.orig_h": "a"}, {"operation": "Op"}, {"id.orig_h": "a", "operation": "Op"}])
    found = table(log)
    assert found.hosts == ["a"]
    assert found.row(0, "id.resp_h") == Row(0, 0, None, 0)
    assert found.row(0, "operation") == Row(1, 1, "Op", 1)
    npt.assert_array_equal(found.numbers, np.array([[0, 0, 0, 1, 1, 1]]))
