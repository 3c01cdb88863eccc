"""Rows by key against a dict."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from oddlog_core.kernels.keyindex import KeyIndex

# An empty slot holds 0; keys a power of two apart meet in few slots.
KEYS = st.sampled_from([0, -1, 2**63 - 1, -(2**63)]) | st.integers(-5, 40) | st.integers(0, 40).map(lambda n: n << 56)


@given(st.lists(KEYS, unique=True, max_size=60), st.lists(KEYS, max_size=60))
def test_a_key_has_its_row_and_one_that_is_not_there_has_none(keys, asked):
    rows = {key: row for row, key in enumerate(keys)}
    found = KeyIndex(np.array(keys, np.int64)).find(np.array(asked, np.int64))
    assert found.tolist() == [rows.get(key, -1) for key in asked]


def test_many_keys_are_all_found():
    keys = np.random.default_rng(1).choice(2**62, 100_000, replace=False)
    index = KeyIndex(keys)
    assert np.array_equal(index.find(keys), np.arange(len(keys)))
    assert (index.find(~keys) == -1).all()


def test_what_was_indexed_may_be_read_only_or_strided():
    table = np.arange(20, dtype=np.int64).reshape(10, 2)
    table.flags.writeable = False
    assert KeyIndex(table[:, 0]).find(np.array([18, 3], np.int64)).tolist() == [9, -1]
