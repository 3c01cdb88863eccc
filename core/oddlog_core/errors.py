"""What can go wrong in the core; everything raised on purpose here is an `OddlogCoreError`."""

__all__ = ["BaselineError", "BundleError", "OddlogCoreError", "UncachedWarning"]


class OddlogCoreError(Exception):
    """The root of the core's errors."""


class BaselineError(OddlogCoreError):
    """The baseline cannot teach a detector anything: too few records, or a field that is never there."""


class BundleError(OddlogCoreError):
    """A bundle that is missing, damaged, of another version or changed since it was written."""


class UncachedWarning(UserWarning):
    """Compiled kernels cannot be kept, so that every start compiles them anew."""
