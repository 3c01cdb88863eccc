"""How every kernel is compiled: once, when first called, from its explicit signature, and cached on disk."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numba import config, njit
from numba.core.caching import (
    CompileResultCacheImpl,
    FunctionCache,
    InTreeCacheLocator,
    NullCache,
    UserProvidedCacheLocator,
    UserWideCacheLocator,
)
from numba.core.compiler_lock import global_compiler_lock
from numba.np import linalg

from oddlog_core.errors import UncachedWarning

# Whether there is a BLAS, numba asks SciPy, whose import takes a tenth of a second. No kernel needs it, and what
# does, `np.dot`, asks for itself.
_ensure_blas, linalg.ensure_blas = linalg.ensure_blas, lambda: None
import numba.np.arraymath  # noqa: E402, F401

linalg.ensure_blas = _ensure_blas

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["COMPILED", "KERNELS", "Compiled", "Lazy", "kernel"]


@dataclass(frozen=True, slots=True)
class Compiled:
    """Where a kernel came from, and how long that took.

    Attributes
    ----------
    name : str
        Module and function.
    seconds : float
    found : bool
        Whether it was in a cache, and not compiled.
    folder : Path or None
        The cache it is in; None where no cache took it.
    """

    name: str
    seconds: float
    found: bool
    folder: Path | None


COMPILED: list[Compiled] = []
"""Every kernel that was called."""


def _cache_in(locator: type) -> type[FunctionCache]:
    """A cache of numba's that also takes a folder which can only be read."""

    class Locator(locator):
        @classmethod
        def from_function(cls, function: Callable[..., Any], file: str) -> Any:
            if not Path(file).exists() or (locator is UserProvidedCacheLocator and not config.CACHE_DIR):
                return None
            located = cls(function, file)
            # Without a home, `~` stays as it is and would become a folder here.
            return None if located.get_cache_path().startswith("~") else located

    class Files(CompileResultCacheImpl):
        _locator_classes = (Locator,)

    class Cache(FunctionCache):
        _impl_class = Files

    return Cache


_CACHES = tuple(map(_cache_in, (UserProvidedCacheLocator, InTreeCacheLocator, UserWideCacheLocator)))


class _Caches(NullCache):
    """Where numba finds a kernel, in any folder that can be read, and keeps it, in the first that can be written.

    numba by itself passes over a folder that it cannot write, and so compiles at every start what root has compiled
    beside an installed package; and it stops at a file that a power cut has torn.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.found = False
        self.folder: Path | None = None
        self.refusals: list[str] = []
        self._caches: list[FunctionCache] = []
        for cache in _CACHES:
            # There is no such folder: NUMBA_CACHE_DIR is not set, or the function is in no file.
            with suppress(RuntimeError):
                self._caches.append(cache(function))

    def load_overload(self, sig: object, target_context: object) -> Any:
        """What a cache has, or None."""
        for cache in [*self._caches]:
            try:
                compiled = cache.load_overload(sig, target_context)
            except OSError:
                continue
            except Exception:
                # A torn pickle can raise anything. Emptied, so that what is compiled now takes its place.
                try:
                    cache.flush()
                except OSError as error:
                    self._refuse(cache, error)
                continue
            if compiled is not None:
                self.found, self.folder = True, Path(cache.cache_path)
                return compiled
        return None

    def save_overload(self, sig: object, data: object) -> None:
        """Keep what was compiled in the first folder that takes it."""
        for cache in [*self._caches]:
            try:
                cache.save_overload(sig, data)
            except OSError as error:
                self._refuse(cache, error)
            else:
                self.folder = Path(cache.cache_path)
                return

    def _refuse(self, cache: FunctionCache, error: OSError) -> None:
        self._caches.remove(cache)
        self.refusals.append(f"{cache.cache_path}: {error.strerror}")


def kernel(signature: str, **options: Any) -> Callable[..., Any]:
    """`numba.njit` with `nogil` and an on-disk cache, which may be read-only, missing, full or torn.

    It is compiled for the explicit signature, or found in a cache, when it is first called or `Lazy.load` is: a start
    that needs a dozen of all kernels waits for a dozen. What other kernels call is part of them in the cache.

    Warns
    -----
    UncachedWarning
        If no folder can be written.
    """

    def compile_(function: Callable[..., Any]) -> Any:
        dispatcher: Any = njit(nogil=True, error_model="numpy", **options)(function)
        if not config.DISABLE_JIT:
            KERNELS.append(Lazy(dispatcher, signature))
        return dispatcher

    return compile_


class Lazy:
    """A kernel that is not there yet.

    Parameters
    ----------
    dispatcher : Dispatcher
        What `njit` made of the function.
    signature : str
    """

    def __init__(self, dispatcher: Any, signature: str) -> None:
        self._dispatcher, self._signature = dispatcher, signature
        # What numba asks for where it has nothing compiled: for a call from Python, and from another kernel.
        dispatcher._compile_for_args, dispatcher.get_call_template = self._call, self._template

    def _call(self, *_: Any) -> Any:
        """What numba then calls with the same arguments."""
        self.load()
        return self._dispatcher

    def _template(self, *types: Any) -> Any:
        self.load()
        return self._dispatcher.get_call_template(*types)

    def load(self) -> None:
        """Compile it, or find it in a cache; the first time, and of several threads one."""
        dispatcher = self._dispatcher
        with global_compiler_lock:
            if dispatcher.signatures:
                return
            started = time.perf_counter()
            # As njit does for a signature, with other caches than `cache=True`.
            caches = dispatcher._cache = _Caches(dispatcher.py_func)
            dispatcher.compile(self._signature)
            dispatcher.disable_compile()
            del dispatcher._compile_for_args, dispatcher.get_call_template
            seconds = time.perf_counter() - started
            first = caches.folder is None and all(one.folder for one in COMPILED)
            name = f"{dispatcher.py_func.__module__}.{dispatcher.py_func.__name__}"
            COMPILED.append(Compiled(name, seconds, caches.found, caches.folder))
        if first:
            # Said at the first such kernel only. numba resets what Python remembers of the warnings it has given.
            _warn(caches.refusals)


KERNELS: list[Lazy] = []
"""Every kernel of the modules that were imported."""


def _warn(refusals: list[str]) -> None:
    why = refusals[0] if refusals else "there is no folder to keep them in"
    text = f"kernels are compiled at every start ({why}); set NUMBA_CACHE_DIR to a folder that can be written"
    warnings.warn(text, UncachedWarning, stacklevel=4)
