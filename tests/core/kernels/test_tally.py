"""Per-host tallies against dicts of counters."""

from __future__ import annotations

import naive
import numpy as np
import numpy.testing as npt
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from inventions import CUTS, pieces
from oddlog_core.kernels.tally import Description, Tally, running_counts

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
def test_records_distinct_values_and_highest_frequencies_so_far_are_those_of_counters(log):
    hosts, values = log
    expected = naive.running_counts(hosts.tolist(), values.tolist())
    npt.assert_array_equal(tallied(*log), np.array(expected, np.int64).reshape(-1, 7))


@given(touches(), CUTS, st.integers(0, 6))
def test_values_that_come_when_all_places_are_taken_count_as_records_only(log, cuts, most):
    hosts, values = log
    triples = [(host, f, value) for host, row in zip(*log, strict=True) for f, value in enumerate(row)]
    kept = {*list(dict.fromkeys(triples))[:most]}
    tally = Tally(values.shape[1], most)
    found = [tally.update(hosts[piece], values[piece]) for piece in pieces(len(hosts), cuts)]
    expected = naive.running_counts(hosts.tolist(), values.tolist(), kept)
    npt.assert_array_equal(np.concatenate(found), np.array(expected, np.int64).reshape(-1, 7))
    assert tally.evicted == sum(triple not in kept for triple in triples)
    assert len(tally.keys()[0]) == len(kept)


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
    counts = np.zeros((host + 1, 17), np.int64)
    hosts = np.array([host, host - 1, host, host])
    values = np.array([[value] * 8, [value] * 8, [0] * 8, [value - 1] * 8])
    out = running_counts(
        hosts, values, 64, np.zeros(2, np.int64), np.full(64, -1, np.int64), np.zeros(64, np.int64), counts
    )
    npt.assert_array_equal(out, naive.running_counts(hosts.tolist(), values.tolist()))


def test_a_full_chain_of_slots_wraps_around():
    # Eight slots and seven keys: some key finds its slot taken and goes past the end.
    values = np.arange(7)[:, None]
    state = np.zeros(2, np.int64), np.full(8, -1, np.int64), np.zeros(8, np.int64), np.zeros((1, 3), np.int64)
    out = running_counts(np.zeros(7, np.int64), values, 8, *state)
    npt.assert_array_equal(out[:, 1], np.arange(1, 8))


def described(hosts, values, cuts=()):
    description = Description(values.shape[1])
    for piece in pieces(len(hosts), list(cuts)):
        description.update(hosts[piece], values[piece])
    return description.summary


def as_table(summary, n_hosts, n_fields):
    return np.array(
        [[summary.get((host, field), (0, 0, 0, 0)) for field in range(n_fields)] for host in range(n_hosts)]
    )


@given(touches(n_hosts=200), CUTS)
def test_count_distinct_top_and_frequency_are_those_of_counters_however_a_log_is_cut(log, cuts):
    hosts, values = log
    values = np.where(values == 4, -1, values)
    expected = naive.describe(hosts.tolist(), values.tolist())
    found = described(hosts, values, cuts)
    npt.assert_array_equal(found, as_table(expected, len(found), 3))


def test_growth_loses_no_frequency():
    rng = np.random.default_rng(2)
    hosts, values = rng.integers(0, 300, 4000), rng.integers(-1, 40, (4000, 2))
    found = described(hosts, values, np.linspace(0, 1, 37))
    expected = naive.describe(hosts.tolist(), values.tolist())
    npt.assert_array_equal(found, as_table(expected, len(found), 2))


def test_a_description_is_that_of_pandas():
    rng = np.random.default_rng(3)
    hosts, values = rng.integers(0, 30, 3000), rng.integers(-1, 9, (3000, 2))
    frame = pd.DataFrame(values, columns=["endpoint", "operation"]).astype("Int64").mask(values < 0).astype(object)
    expected = frame.groupby(hosts).describe()
    found = described(hosts, values)[:30]
    for f, name in enumerate(frame):
        of_host = expected[name]
        npt.assert_array_equal(found[:, f, [0, 1, 3]], of_host[["count", "unique", "freq"]].to_numpy(np.int64))
        # Of several that are as frequent pandas names any.
        tops = [(hosts == host) & (values[:, f] == found[host, f, 2]) for host in range(30)]
        assert [int(top.sum()) for top in tops] == of_host["freq"].tolist()


def test_of_values_as_frequent_the_one_that_was_so_often_first_is_the_top():
    summary = described(np.zeros(6, np.int64), np.array([[7], [3], [3], [7], [7], [3]]))
    assert summary[0, 0].tolist() == [6, 2, 7, 3]
