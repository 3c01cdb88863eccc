"""Per-host tallies against dicts of sets."""

from __future__ import annotations

import naive
import numpy as np
import numpy.testing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from inventions import CUTS, pieces
from oddlog_core.kernels.tally import Tally, running_counts

CODES = st.integers(0, 4) | st.sampled_from([63, 64, 65, 2**32 - 1])


@st.composite
def touches(draw, n_hosts=6, n_fields=3):
    n = draw(st.integers(0, 60))
    return (
        draw(hnp.arrays(np.int64, n, elements=st.integers(0, n_hosts - 1))),
        draw(hnp.arrays(np.int64, (n, n_fields), elements=CODES)),
    )


def tallied(hosts, values, cuts=()):
    tally = Tally(values.shape[1])
    return np.concatenate([tally.update(hosts[piece], values[piece]) for piece in pieces(len(hosts), list(cuts))])


@given(touches(n_hosts=200))
def test_records_and_distinct_values_so_far_are_those_of_dicts_of_sets(log):
    hosts, values = log
    expected = naive.running_counts(hosts.tolist(), values.tolist())
    npt.assert_array_equal(tallied(*log), np.array(expected, np.int64).reshape(-1, 4))


@given(touches(), CUTS)
def test_cutting_a_log_into_other_batches_changes_no_count(log, cuts):
    npt.assert_array_equal(tallied(*log, cuts), tallied(*log))


def test_growth_of_hosts_and_values_loses_no_count():
    rng = np.random.default_rng(1)
    hosts, values = rng.integers(0, 500, 4000), rng.integers(0, 50, (4000, 2))
    expected = naive.running_counts(hosts.tolist(), values.tolist())
    npt.assert_array_equal(tallied(hosts, values, np.linspace(0, 1, 37)), expected)


def test_eight_fields_and_the_largest_codes_do_not_collide():
    host, value = 2**10 - 1, 2**32 - 1
    counts = np.zeros((host + 1, 9), np.int64)
    hosts = np.array([host, host - 1, host, host])
    values = np.array([[value] * 8, [value] * 8, [0] * 8, [value - 1] * 8])
    out = running_counts(hosts, values, np.full(64, -1, np.int64), counts)
    npt.assert_array_equal(out, naive.running_counts(hosts.tolist(), values.tolist()))


def test_a_full_chain_of_slots_wraps_around():
    # Eight slots and seven keys: some key finds its slot taken and goes past the end.
    values = np.arange(7)[:, None]
    out = running_counts(np.zeros(7, np.int64), values, np.full(8, -1, np.int64), np.zeros((1, 2), np.int64))
    npt.assert_array_equal(out[:, 1], np.arange(1, 8))
