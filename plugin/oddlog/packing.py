"""State trees to bytes and back: dicts, lists, numbers, strings and numpy arrays, without pickle."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

__all__ = ["pack", "unpack"]

_ARRAY = "\0array"


def _encode(value: object) -> object:
    # Objects would be packed as addresses, and a structured array forgets its fields.
    if isinstance(value, np.ndarray) and value.dtype.kind not in "OV":
        return {_ARRAY: value.dtype.str, "shape": value.shape, "data": value.tobytes()}
    raise TypeError(f"a state holds {type(value).__name__}, which a checkpoint cannot")


def pack(tree: object) -> bytes:
    """State as msgpack."""
    return msgspec.msgpack.encode(tree, enc_hook=_encode)


def unpack(data: bytes) -> Any:
    """What `pack` packed; arrays are writable.

    Raises
    ------
    msgspec.DecodeError
    """
    return _restore(msgspec.msgpack.decode(data))


def _restore(tree: Any) -> Any:
    if isinstance(tree, dict):
        if _ARRAY in tree:
            return np.frombuffer(tree["data"], np.dtype(tree[_ARRAY])).reshape(tree["shape"]).copy()
        return {key: _restore(value) for key, value in tree.items()}
    return [_restore(value) for value in tree] if isinstance(tree, list) else tree
