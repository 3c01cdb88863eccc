"""Zeek's times and intervals as whole microseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LATEST", "microseconds", "parse_time", "parse_times"]

LATEST = 7_258_118_400
"""2200-01-01 in seconds: later times, and longer intervals, are mistakes."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION = re.compile(r"[.,](\d+)")


def microseconds(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Nearest whole microseconds; 0 where `seconds` is not finite.

    Notes
    -----
    ``seconds * 1e6`` would round twice for today's times, whose doubles step by 0.24 us; the parts do not. Ties go to
    the even microsecond, as in the ``%.6f`` of Zeek's TSV writer.
    """
    seconds = np.where(np.isfinite(seconds) & (np.abs(seconds) < 2.0**43), seconds, 0.0)
    whole = np.floor(seconds)
    return whole.astype(np.int64) * 1_000_000 + np.rint((seconds - whole) * 1e6).astype(np.int64)


def parse_time(text: str) -> int | None:
    """Microseconds since the epoch of one ISO 8601 time or decimal number of seconds; None if it is neither.

    A time without a zone is UTC; digits beyond the microsecond are rounded.
    """
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        return int(microseconds(np.array([seconds]))[0]) if 0 <= seconds < LATEST else None
    fraction = _FRACTION.search(text)
    digits = fraction[1] if fraction else "0"
    try:
        moment = datetime.fromisoformat(_FRACTION.sub("", text))
        beyond: int = round(int(digits) / 10.0 ** (len(digits) - 6))
        return (moment.replace(tzinfo=moment.tzinfo or UTC) - _EPOCH) // timedelta(microseconds=1) + beyond
    except (ValueError, OverflowError):
        return None


def parse_times(texts: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Microseconds since the epoch of ISO 8601 strings, and where there are none.

    Parameters
    ----------
    texts : (n,) string array

    Returns
    -------
    moments : (n,) int64
        0 where there is none.
    missing : (n,) bool
    """
    try:
        # Six digits or fewer need no rounding; Arrow refuses more.
        moments = pc.cast(texts, pa.timestamp("us", "UTC"))
    except pa.ArrowInvalid:
        found = [None if text is None else parse_time(text) for text in texts.to_pylist()]
        moments = pa.array([m if m is None or abs(m) < 2**62 else None for m in found], pa.int64())
    missing = moments.is_null().to_numpy(zero_copy_only=False)
    return moments.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), missing
