"""Compiled loops; one file per family."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from oddlog_core.kernels._jit import COMPILED, KERNELS, Compiled

__all__ = ["Compiled", "compile_all"]


def compile_all() -> list[Compiled]:
    """Compile every kernel there is, or find it in a cache.

    Warns
    -----
    UncachedWarning
        If no cache folder can be written.
    """
    for module in iter_modules(__path__, f"{__name__}."):
        import_module(module.name)
    for kernel in KERNELS:
        kernel.load()
    return list(COMPILED)
