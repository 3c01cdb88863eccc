"""dce_rpc.log as calls: who called which operation of which interface on whom, by keys that every batch shares."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from oddlog_core.features.keys import joined, of_categories, of_integers
from oddlog_core.records import MISSING_CODE, Categories

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["UNREAD", "Calls", "call_key", "call_names", "interface_name", "operation_name"]

UNREAD = 1
"""In the place of the operation of a call whose interface or operation is unset: key 1 is none's, which are mixed from
two."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def interface_name(value: str) -> str:
    """Name an interface in one spelling: small letters, and ``unknown-`` before a UUID that Zeek has no name for."""
    name = value.lower()
    return f"unknown-{name}" if _UUID.fullmatch(name) else name


def operation_name(value: str) -> str:
    """Name an operation in one spelling: small letters, and ``unknown-`` before a bare number."""
    return f"unknown-{value}" if value.isdecimal() else value.lower()


class Calls(NamedTuple):
    """Keys of some calls.

    Attributes
    ----------
    source, destination : (n,) int64
    operation : (n,) int64
        Of the interface and the operation together; `UNREAD` where either is unset.
    ports : (n,) int64
        Of both ends: with them, a connection.
    """

    source: NDArray[np.int64]
    destination: NDArray[np.int64]
    operation: NDArray[np.int64]
    ports: NDArray[np.int64]

    @classmethod
    def of(cls, records: Records) -> Calls:
        """Keys of records of dce_rpc.log."""
        columns = records.categories
        endpoint, operation = columns["endpoint"], columns["operation"]
        call = joined(
            of_categories(_spelled(endpoint, interface_name)), of_categories(_spelled(operation, operation_name))
        )
        # Zeek itself takes the interface from the pipe where it can.
        unread = (endpoint.codes == MISSING_CODE) | (operation.codes == MISSING_CODE)
        return cls(
            of_categories(columns["id.orig_h"]),
            of_categories(columns["id.resp_h"]),
            np.where(unread, UNREAD, call),
            joined(*(of_integers(records.integers[f"id.{end}_p"]) for end in ("orig", "resp"))),
        )

    def slice(self, start: int, stop: int) -> Calls:
        """Calls `start` to `stop`."""
        return Calls(*(keys[start:stop] for keys in self))


def _spelled(column: Categories, spell: Callable[[str], str]) -> Categories:
    return Categories(column.codes, [spell(value) for value in column.values])


def call_key(interface: str, operation: str) -> int:
    """Key of an interface's operation, as `Calls.operation` has it."""
    first = np.zeros(1, np.int32)
    keys = joined(*(of_categories(Categories(first, [name])) for name in (interface, operation)))
    return int(keys[0])


def call_names(records: Records, start: int, stop: int) -> Callable[[int], str]:
    """Give a function that says which call a record from `start` on is, such as ``samr SamrConnect5``."""
    endpoint, operation = columns = [records.categories[name] for name in ("endpoint", "operation")]
    codes = np.stack([column.codes[start:stop] for column in columns], axis=1)

    def name(row: int) -> str:
        e, o = codes[row]
        interface = endpoint.values[e] if e != MISSING_CODE else "unset"
        return f"{interface} {operation.values[o] if o != MISSING_CODE else 'unset'}"

    return name
