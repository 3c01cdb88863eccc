"""What is written is what is read, and one baseline gives one file."""

from __future__ import annotations

import zipfile

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oddlog_core.features.tables import read_tables, write_tables

ARRAYS = hnp.arrays(
    st.sampled_from([np.int64, np.float32, np.float64, np.bool_]), hnp.array_shapes(min_dims=1, max_dims=3, min_side=0)
)
NAMES = st.text("abc-1", min_size=1, max_size=6)
PARTS = st.dictionaries(NAMES, st.dictionaries(NAMES, ARRAYS, min_size=1, max_size=3), max_size=3)


@given(PARTS)
def test_arrays_are_read_as_they_were_written(tmp_path_factory, parts):
    path = tmp_path_factory.mktemp("tables") / "learned.npz"
    write_tables(path, parts)
    found = read_tables(path)
    assert {part: {*arrays} for part, arrays in found.items()} == {part: {*arrays} for part, arrays in parts.items()}
    for part, arrays in parts.items():
        for name, array in arrays.items():
            npt.assert_array_equal(found[part][name], array)
            assert found[part][name].dtype == array.dtype


def test_numpy_opens_it_and_what_is_equal_has_equal_bytes(tmp_path):
    parts = {"b": {"rows": np.arange(6).reshape(2, 3)}, "a": {"rows": np.zeros(2)}}
    write_tables(tmp_path / "one.npz", parts)
    write_tables(tmp_path / "other.npz", dict(reversed(parts.items())))
    with np.load(tmp_path / "one.npz") as archive:
        assert archive.files == ["a/rows", "b/rows"]
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()


def test_pickled_objects_are_neither_written_nor_read(tmp_path):
    objects = np.array([{}], object)
    with pytest.raises(ValueError, match="pickle"):
        write_tables(tmp_path / "objects.npz", {"part": {"rows": objects}})
    with zipfile.ZipFile(tmp_path / "forged.npz", "w") as archive, archive.open("part/rows.npy", "w") as file:
        np.lib.format.write_array(file, objects, allow_pickle=True)
    with pytest.raises(ValueError, match="pickle"):
        read_tables(tmp_path / "forged.npz")
