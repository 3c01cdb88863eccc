"""How every kernel is compiled: once, when imported, from its explicit signature, and cached on disk."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["kernel"]


def kernel(signature: str, **options: Any) -> Callable[..., Any]:
    """`numba.njit` with `nogil` and an on-disk cache; where no cache folder can be written, without the cache."""

    def compile_(function: Callable[..., Any]) -> Callable[..., Any]:
        compiled = partial(njit, signature, nogil=True, error_model="numpy", **options)
        try:
            decorated: Callable[..., Any] = compiled(cache=True)(function)
        except RuntimeError as error:
            if "no locator available" not in str(error):
                raise
            decorated = compiled()(function)
        return decorated

    return compile_
