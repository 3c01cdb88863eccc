"""Where cells begin, against a scan of every byte."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numba import config
from oddlog_core.kernels.cuts import cut

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="64 bytes at once are no Python")

TEXT = st.lists(st.binary(max_size=70) | st.sampled_from([b"\t", b"\n", b"\t\t\n"]), max_size=40).map(b"".join)


@given(TEXT, st.sampled_from(b"\t,\n\xff"))
@example(b"\t" * 64, ord("\t"))
@example(b"\n" * 129, ord("\t"))
@example(b"x" * 63 + b"\t" + b"x" * 63 + b"\n", ord("\t"))
def test_cells_begin_after_every_separator_and_newline(data, separator):
    cuts, n_lines = cut(np.frombuffer(data, np.uint8), separator)
    assert (cuts.tolist(), n_lines) == (naive.cut(data, separator), data.count(b"\n"))
