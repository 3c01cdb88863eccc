"""How far a record can be believed: what the sensor missed of it, and what was not yet known when it came.

What is odd because it was half seen is no finding. Such a record's evidence counts for less: its p-value is raised to
the power of a confidence below 1, so that it takes more to pass the same threshold, and never passes it for being seen
badly.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from oddlog_core.records import MISSING, MISSING_CODE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["CAVEATS", "confidence"]

CAVEATS: Mapping[str, float] = {
    "missed bytes": 0.6,
    "seen in part": 0.7,
    "unset fields": 0.8,
    "cold start": 0.8,
}
"""What lowers confidence, and by which factor, in the order of the columns of `confidence`."""

# By which caveats hold, a bit for each.
_FACTORS = np.array(
    [prod(factor for n, factor in enumerate(CAVEATS.values()) if held >> n & 1) for held in range(1 << len(CAVEATS))],
    np.float64,
)
# Zeek missed the beginning or one direction (conn.log's documentation of conn_state).
_IN_PART = frozenset({"OTH", "SHR", "RSTRH"})
# Answered connections have a length, whatever Zeek logged of it.
_ANSWERED = frozenset({"SF", "S1", "S2", "S3", "RSTO", "RSTR"})
_SAID = {"ntlm": ("username", "hostname", "domainname"), "dce_rpc": ("endpoint", "operation")}


def confidence(records: Records, warm_from: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How far each record can be believed, and why not further.

    Parameters
    ----------
    records : Records
    warm_from : int
        The clock from which what scores them has seen as much as it needs.

    Returns
    -------
    confidence : (n,) float64
        Above 0, at most 1.
    caveats : (n, 4) bool
        Which of `CAVEATS` hold.
    """
    caveats = np.zeros((len(CAVEATS), len(records)), np.bool_)
    if records.log == "conn":
        state = records.categories["conn_state"]
        missed = records.integers.get("missed_bytes")
        if missed is not None:
            caveats[0] = missed > 0
        caveats[1] = _among(_IN_PART, state.codes, state.values)
        unset = np.any([records.integers[name] == MISSING for name in ("duration", "orig_bytes", "resp_bytes")], axis=0)
        caveats[2] = unset & _among(_ANSWERED, state.codes, state.values)
    else:
        unset = [records.categories[name].codes == MISSING_CODE for name in _SAID.get(records.log, ())]
        # A logon without a name is one; one without any name was not understood.
        caveats[2] = np.all(unset, axis=0) if unset else False
    caveats[3] = records.clock < warm_from
    held = np.zeros(len(records), np.uint8)
    for number, column in enumerate(caveats):
        held |= column.view(np.uint8) << np.uint8(number)
    return _FACTORS[held], caveats.T


def _among(words: frozenset[str], codes: NDArray[np.int32], values: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each code stands for one of some words; what is unset does not."""
    known: NDArray[np.bool_] = np.array([*(value in words for value in values), False])
    among: NDArray[np.bool_] = known[codes]
    return among
