"""Memory that is asked for before it is needed, so that several answers are on their way at once."""

from __future__ import annotations

from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

__all__ = ["AHEAD", "prefetch"]

AHEAD = 16
"""Rows ahead of the one in hand that memory is asked for: about as many as are done until the answer comes."""


def _nothing(rows, row):
    """Without the compiler there is nothing to wait for."""


def _prefetch(typing, rows, row):  # noqa: ARG001
    def generate(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        byte = ir.IntType(8).as_pointer()
        offset = builder.mul(arguments[1], builder.extract_value(array.strides, 0))
        place = builder.gep(builder.bitcast(array.data, byte), [offset])
        number = ir.IntType(32)
        of = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        # To read, to stay in all caches, data.
        builder.call(builder.module.declare_intrinsic("llvm.prefetch", [byte], of), [place, *map(number, (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(rows, types.int64), generate


prefetch = _nothing if config.DISABLE_JIT else intrinsic(_prefetch)
"""Have the processor fetch the beginning of a row of an array while it does something else."""
