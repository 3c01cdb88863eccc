"""A state comes back from a checkpoint as it went in, or is refused when it is packed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oddlog.packing import pack, unpack

DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?", sizes=(32, 64)),
    hnp.unicode_string_dtypes(min_len=1, max_len=3),
    hnp.datetime64_dtypes(),
)
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text()
TREES = st.recursive(
    SCALARS | ARRAYS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


def alike(one, other):
    if isinstance(one, np.ndarray):
        same = one.dtype == other.dtype and one.shape == other.shape
        return same and one.tobytes() == other.tobytes() and other.flags.writeable
    if isinstance(one, dict):
        return list(one) == list(other) and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return type(one) is type(other) and one == other


@given(TREES)
def test_every_tree_comes_back_alike(tree):
    assert alike(tree, unpack(pack(tree)))


@given(TREES)
def test_the_same_state_gives_the_same_bytes(tree):
    assert pack(tree) == pack(unpack(pack(tree)))


@given(ARRAYS)
def test_an_array_comes_back_whatever_its_layout_in_memory(array):
    for view in (array.T, np.asfortranarray(array), array[::-1] if array.ndim else array):
        found = unpack(pack({"deep": [view]}))["deep"][0]
        assert alike(np.ascontiguousarray(view).reshape(view.shape), found)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (np.array([{}, None], object), "ndarray"),
        (np.zeros(2, [("a", "i8"), ("b", "f8")]), "ndarray"),
        (1j, "complex"),
        (range(3), "range"),
    ],
)
def test_what_would_not_come_back_is_refused_when_it_is_packed(value, name):
    with pytest.raises(TypeError, match=f"a state holds {name}, which a checkpoint cannot"):
        pack({"state": [value]})
