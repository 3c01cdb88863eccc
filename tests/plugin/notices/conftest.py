"""Findings made by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from oddlog.notices import Finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from oddlog_core.detectors.contract import Reason

MOMENT = 1_617_097_929_601_155
HOUR = 3_600_000_000
RECORD = {
    "ts": MOMENT - 2_280_000_000,
    "uid": "CH53301MTU21BMj2Bj",
    "id.orig_h": "10.2.4.17",
    "id.orig_p": 48818,
    "id.resp_h": "203.0.113.9",
    "id.resp_p": 443,
    "proto": "tcp",
    "service": "ssl",
    "duration": 2_280_000_000,
}


def made(log: str = "conn", reasons: tuple[Reason, ...] = (), **changed: Any) -> Finding:
    """A finding on a conn record; keyword arguments replace attributes of the finding, or fields in `record`."""
    kinds = {
        "conn": ("conn-autoencoder", "Odd_Connection"),
        "ntlm": ("ntlm-kmodes", "Odd_NTLM_Logon"),
        "wls": ("wls-kmodes", "Odd_Host_Event"),
        "dce_rpc": ("dce_rpc-hosts", "Odd_DCE_RPC_Host"),
        "flows": ("flow-novelty", "Odd_Flow"),
    }
    detector, note = kinds[log]
    window = log == "dce_rpc"
    record = {} if window else {**RECORD, **changed.pop("record", {})}
    values: dict[str, Any] = {
        "log": log,
        "detector": detector,
        "note": note,
        "clock": MOMENT,
        "ts": record.get("ts", MOMENT // HOUR * HOUR),
        "uid": record.get("uid"),
        "orig_h": record.get("id.orig_h", "10.2.4.17"),
        "orig_p": record.get("id.orig_p"),
        "resp_h": record.get("id.resp_h"),
        "resp_p": record.get("id.resp_p"),
        "proto": record.get("proto"),
        "service": record.get("service"),
        "username": record.get("username"),
        "window": HOUR if window else None,
        "score": 12.5,
        "rarity": 90.0,
        "reasons": reasons,
        "bundle": "9ae993e9dd74",
        "record": record,
    }
    return Finding(**{**values, **changed})


@pytest.fixture(scope="session")
def make_finding() -> Callable[..., Finding]:
    return made
