"""Authentication events of LANL's Comprehensive, Multi-Source Cyber-Security Events as records.

Kent, Comprehensive, Multi-Source Cyber-Security Events (2015): lines of nine columns without a header, time, source
user, destination user, source computer, destination computer, authentication type, logon type, authentication
orientation, and Success or Fail. ``?`` is unset. A line is known by its shape, whatever its file is called.

- Time, whole seconds since the data set's beginning, is taken as seconds since the epoch. Lines are in its order.
- Computers keep their names in place of addresses. ``username`` is the source user.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from oddlog.logs.checked import refuse_unset, rows_where
from oddlog.logs.tsv import Header, read_rows

if TYPE_CHECKING:
    from oddlog.logs.checked import Wrong
    from oddlog.logs.lines import Lines

__all__ = ["HEADER", "read_authentications", "tells_authentications"]

_TYPES = {
    "ts": "time",
    "username": "string",
    "destination_username": "string",
    "id.orig_h": "addr",
    "id.resp_h": "addr",
    "authentication_type": "string",
    "logon_type": "string",
    "orientation": "string",
    "success": "string",
}
HEADER = Header(separator=",", empty_field="", unset_field="?", path="auth", fields=tuple(_TYPES))

_LINE = re.compile(rb"^\d+,[^,\s]+@[^,\s]+,[^,\s]+@[^,\s]+(?:,[^,\n]+){5},(?:Success|Fail)$", re.MULTILINE)
_OUTCOMES = ("Success", "Fail")


def tells_authentications(data: bytes) -> bool:
    """Whether a line among these is one of such a file."""
    return _LINE.search(data) is not None


def read_authentications(lines: Lines) -> tuple[dict[str, pa.Array], Wrong]:
    """Lines as columns of auth.

    Parameters
    ----------
    lines : Lines
        Readable lines.

    Returns
    -------
    columns : dict of str to (n_lines,) array
    wrong : dict
        As `oddlog.logs.tsv.read_rows` has it.
    """
    columns, wrong = read_rows(lines, HEADER, _TYPES)
    outcome = columns["success"]
    columns["success"] = pc.equal(outcome, _OUTCOMES[0])
    known = pc.is_in(outcome, pa.array(_OUTCOMES)).fill_null(False)
    for row in rows_where(~np.array(known, np.bool_)):
        wrong.setdefault(row, ("success", "Success or Fail", outcome[row].as_py() or "nothing"))
    refuse_unset(columns, ("id.orig_h", "id.resp_h"), "a computer", wrong)
    return columns, wrong
