"""Netflow of the Unified Host and Network Data Set (LANL, 2017) as conn records.

Turcotte, Kent and Hash, Unified Host and Network Data Set (2018): lines of eleven columns without a header, Time,
Duration, SrcDevice, DstDevice, Protocol, SrcPort, DstPort, SrcPackets, DstPackets, SrcBytes, DstBytes. A line is known
by its shape, whatever its file is called.

- Time, whole seconds, is taken as seconds since the epoch. Lines are in its order.
- Protocols are numbers; those Zeek has no name for are its ``unknown_transport``.
- Ports that were made anonymous, ``Port12345``, are 49152 + 12345 mod 16384: in the range that IANA names no service
  in, so that none of them is mistaken for a port that was left as it is. Of 100,000 names about six share a number.
- Devices keep their names in place of addresses. What Zeek says beyond these columns is unset.
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

__all__ = ["HEADER", "protocols", "read_flows", "tells_netflow"]

_TYPES = {
    "ts": "time",
    "duration": "interval",
    "id.orig_h": "addr",
    "id.resp_h": "addr",
    "ip_proto": "count",
    "id.orig_p": "addr",
    "id.resp_p": "addr",
    "orig_pkts": "count",
    "resp_pkts": "count",
    "orig_bytes": "count",
    "resp_bytes": "count",
}
"""Zeek's types, but for ports, which are read as the names they may be."""

HEADER = Header(separator=",", empty_field="", unset_field="", path="conn", fields=tuple(_TYPES))

_LINE = re.compile(rb"^\d+,\d+,[^,\s]+,[^,\s]+,\d+,(?:Port)?\d+,(?:Port)?\d+,\d+,\d+,\d+,\d+$", re.MULTILINE)
_PORT = r"^(?:Port)?[0-9]{1,9}$"
_EXPECTED_PORT = "a port from 0 to 65535, or Port and digits"
_FIRST, _SPACE = 49152, 16384
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp"}
_UNKNOWN = "unknown_transport"


def tells_netflow(data: bytes) -> bool:
    """Whether a line among these is one of such a file."""
    return _LINE.search(data) is not None


def read_flows(lines: Lines) -> tuple[dict[str, pa.Array], Wrong]:
    """Lines as columns of conn.

    Parameters
    ----------
    lines : Lines
        Readable lines.

    Returns
    -------
    columns : dict of str to (n_lines,) array
        By Zeek's names.
    wrong : dict
        As `oddlog.logs.tsv.read_rows` has it.
    """
    columns, wrong = read_rows(lines, HEADER, _TYPES)
    for name in ("id.orig_p", "id.resp_p"):
        columns[name], bad = _ports(columns[name])
        for row in bad:
            wrong.setdefault(row, (name, _EXPECTED_PORT, bad[row]))
    refuse_unset(columns, ("id.orig_h", "id.resp_h"), "a device", wrong)
    columns["proto"] = protocols(columns["ip_proto"])
    return columns, wrong


def _ports(names: pa.DictionaryArray) -> tuple[pa.Array, dict[int, str]]:
    """Numbers of ports, and the rows that name none."""
    texts = names.dictionary
    good = np.array(pc.match_substring_regex(texts, _PORT), np.bool_)
    digits = pc.replace_substring(texts, "Port", "")
    number = pc.if_else(pa.array(good), digits, "0").cast(pa.int64()).to_numpy()
    anonymous = np.array(pc.starts_with(texts, "Port"), np.bool_)
    number = np.where(anonymous, _FIRST + number % _SPACE, number)
    good &= number < 1 << 16
    codes = names.indices
    bad = ~np.append(good, False)[codes.fill_null(len(texts)).to_numpy()]
    found = {row: names[row].as_py() or "nothing" for row in rows_where(bad)}
    return pa.array(np.where(good, number, 0).astype(np.uint16)).take(codes), found


def protocols(numbers: pa.Array) -> pa.DictionaryArray:
    """Zeek's names of protocols by number, (n,) uint64."""
    values = pa.array([*_PROTOCOLS.values(), _UNKNOWN])
    known = pc.index_in(numbers, pa.array([*_PROTOCOLS], pa.uint64())).fill_null(len(_PROTOCOLS))
    unset = np.array(numbers.is_null(), np.bool_)
    return pa.DictionaryArray.from_arrays(pa.array(known.to_numpy(), mask=unset), values)
