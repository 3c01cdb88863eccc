"""What is said of a log whose records are not in the order of their time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["disorder"]

# An idle session that Zeek gives up after an hour is an hour late in any log.
_LEAST, _SHARE = 100, 0.01


def disorder(log: str, counted: Mapping[str, int]) -> str | None:
    """How far a log is out of order, where that is too far to count by its clock; of a `Clock`'s counts."""
    records, late, back = (counted.get(name, 0) for name in ("records", "late", "back"))
    if not back and late < max(_LEAST, _SHARE * records):
        return None
    moved = f", which was moved back {'once' if back == 1 else f'{back:,} times'}" if back else ""
    return (
        f"{log}: {late:,} of {records:,} records lie over an hour behind the log's clock{moved}: what is counted over "
        "time is wrong there"
    )
