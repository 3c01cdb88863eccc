"""Where the cells of separated text begin, 64 bytes at a time."""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from oddlog_core.kernels._jit import kernel

__all__ = ["DATA", "cut"]

DATA = "Array(uint8, 1, 'C', readonly=True)"
"""Signature of the bytes of a log, which nobody may write to."""

_NEWLINE = ord("\n")
_BYTE, _LANE, _WORD = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_WIDTH = 64
_WIDE = ir.VectorType(_BYTE, _WIDTH)


@intrinsic
def _equal(typing, data, at, byte):  # noqa: ARG001
    """Which of 64 bytes from some place on are `byte`, a bit for each, the first the lowest."""

    def generate(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.bitcast(builder.gep(array.data, [arguments[1]]), _WIDE.as_pointer())
        nothing = ir.Constant(_WIDE, ir.Undefined)
        one = builder.insert_element(nothing, arguments[2], ir.Constant(_LANE, 0))
        everywhere = builder.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(_LANE, _WIDTH), [0] * _WIDTH))
        return builder.bitcast(builder.icmp_unsigned("==", builder.load(place, align=1), everywhere), _WORD)

    return types.uint64(data, types.int64, types.uint8), generate


@intrinsic
def _lowest(typing, bits):  # noqa: ARG001
    """Position of the lowest bit that is set; one must be."""

    def generate(context, builder, signature, arguments):  # noqa: ARG001
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic
def _count(typing, bits):  # noqa: ARG001
    """How many bits are set."""

    def generate(context, builder, signature, arguments):  # noqa: ARG001
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


@kernel(f"Tuple((int32[::1], int64))({DATA}, uint8)")
def cut(data, separator):
    """Where cells begin.

    Tried and rejected: byte by byte, each place stored and kept only after a separator (2.7 times as long); twelve
    places stored for every 64 bytes, however many there are (as long where cells are short, longer where not).

    Parameters
    ----------
    data : (n_bytes,) uint8
        Less than 2**31 bytes.
    separator : uint8

    Returns
    -------
    cuts : (1 + n_cells,) int32
        0, then the place after every separator and newline.
    n_lines : int
        Newlines.
    """
    n = data.shape[0]
    cuts = np.empty(n + 1, np.int32)
    cuts[0] = 0
    n_cuts, n_lines, at = 1, 0, 0
    while at + _WIDTH <= n:
        newlines = _equal(data, at, _NEWLINE)
        ends = newlines | _equal(data, at, separator)
        n_lines += _count(newlines)
        while ends:
            cuts[n_cuts] = at + 1 + _lowest(ends)
            n_cuts += 1
            ends &= ends - np.uint64(1)
        at += _WIDTH
    while at < n:
        if data[at] == _NEWLINE or data[at] == separator:
            cuts[n_cuts] = at + 1
            n_cuts += 1
            n_lines += data[at] == _NEWLINE
        at += 1
    return cuts[:n_cuts], n_lines
