"""Compilation where no cache can be written."""

from __future__ import annotations

import numpy as np
from oddlog_core.kernels._jit import kernel


def test_a_function_that_cannot_be_cached_is_compiled_without_a_cache():
    # numba finds no folder to cache code in that came from no file, as with a read-only installation.
    names: dict[str, object] = {}
    exec(compile("def double(values):\n    return values * 2", "<nowhere>", "exec"), names)  # noqa: S102
    double = kernel("int64[:](int64[:])")(names["double"])
    assert double(np.array([3])).tolist() == [6]
