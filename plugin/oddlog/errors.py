"""What a user can cause; each error is one sentence that says what to do."""

from __future__ import annotations

__all__ = ["ConfigError", "LogError", "OddlogError", "UsageError"]


class OddlogError(Exception):
    """The root of oddlog's errors. The command line prints it as one line and exits with `exit_code`."""

    exit_code = 1


class UsageError(OddlogError):
    """Arguments that make no sense together, or name nothing."""

    exit_code = 2


class ConfigError(OddlogError):
    """A configuration that cannot be used: the file, the path of the key, and what was expected there."""

    exit_code = 2

    def __init__(self, path: str, key: str, expected: str) -> None:
        super().__init__(path, key, expected)
        self.path, self.key, self.expected = path, key, expected

    def __str__(self) -> str:
        return f"{self.path}: {self.key}: {self.expected}"


class LogError(OddlogError):
    """A log that cannot be read as it stands: which file, line and field, and what was expected."""

    def __init__(self, path: str, line: int, field: str, expected: str, found: str) -> None:
        super().__init__(path, line, field, expected, found)
        self.path, self.line, self.field, self.expected, self.found = path, line, field, expected, found

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.field} should be {self.expected}, found {self.found!r}"
