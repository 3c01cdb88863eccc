"""State trees to bytes and back: dicts, lists, numbers, strings and numpy arrays, without pickle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["pack", "unpack"]

_ARRAY = 1
"""Type of the msgpack extension that an array becomes: a map could be mistaken for one."""


def _encode(value: object) -> msgspec.msgpack.Ext:
    # Objects would be packed as addresses, and a structured array forgets its fields.
    if isinstance(value, np.ndarray) and value.dtype.kind not in "OV":
        packed = msgspec.msgpack.encode((value.dtype.str, value.shape, value.tobytes()))
        return msgspec.msgpack.Ext(_ARRAY, packed)
    raise TypeError(f"a state holds {type(value).__name__}, which a checkpoint cannot")


def _decode(code: int, packed: memoryview) -> NDArray[Any]:
    if code != _ARRAY:
        raise msgspec.DecodeError(f"a checkpoint holds an extension of type {code}, which is no array")
    dtype, shape, data = msgspec.msgpack.decode(packed, type=tuple[str, tuple[int, ...], bytes])
    return np.frombuffer(data, np.dtype(dtype)).reshape(shape).copy()


def pack(tree: object) -> bytes:
    """State as msgpack."""
    return msgspec.msgpack.encode(tree, enc_hook=_encode)


def unpack(data: bytes) -> Any:
    """What `pack` packed; arrays are writable.

    Raises
    ------
    msgspec.DecodeError
    """
    return msgspec.msgpack.decode(data, ext_hook=_decode)
