"""Small logs made by hand, and ways to look at what was read of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from oddlog.logs import ZEEK_TYPES, Decoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oddlog.logs import Batch

VALUES = {
    "ts": "1700000000.250000",
    "uid": "CH53301MTU21BMj2Bj",
    "id.orig_h": "10.0.0.1",
    "id.orig_p": "49152",
    "id.resp_h": "10.0.0.2",
    "id.resp_p": "445",
    "proto": "tcp",
    "service": "gssapi,smb",
    "duration": "1.500000",
    "orig_bytes": "10",
    "resp_bytes": "20",
    "conn_state": "SF",
    "local_orig": "T",
    "local_resp": "F",
    "missed_bytes": "0",
    "history": "ShADadFf",
    "orig_pkts": "5",
    "orig_ip_bytes": "210",
    "resp_pkts": "4",
    "resp_ip_bytes": "180",
    "tunnel_parents": "-",
    "ip_proto": "6",
    "username": "ada",
    "hostname": "WS1",
    "domainname": "OFFICE",
    "server_nb_computer_name": "DC1",
    "server_dns_computer_name": "dc1.office.local",
    "server_tree_name": "office.local",
    "success": "T",
    "status": "-",
    "rtt": "0.000431",
    "named_pipe": r"\\pipe\\lsass",
    "endpoint": "samr",
    "operation": "SamrConnect2",
}
_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "time": float,
    "interval": float,
    "port": int,
    "count": int,
    "bool": lambda text: text == "T",
    "set[string]": lambda text: text.split(","),
}


class Made:
    """Writes small logs."""

    def header(self, log: str = "conn", fields: Sequence[str] = (), types: Sequence[str] = ()) -> bytes:
        fields = fields or list(ZEEK_TYPES[log])
        types = types or [ZEEK_TYPES[log].get(name, "string") for name in fields]
        lines = [
            "#separator \\x09",
            "#set_separator\t,",
            "#empty_field\t(empty)",
            "#unset_field\t-",
            f"#path\t{log}",
            "#open\t2024-01-31-13-00-00",
            "\t".join(["#fields", *fields]),
            "\t".join(["#types", *types]),
        ]
        return "".join(line + "\n" for line in lines).encode()

    def row(self, log: str = "conn", **changed: str) -> bytes:
        """One line of TSV; `orig_p` means ``id.orig_p``."""
        values = self.values(log, changed)
        return ("\t".join(values.values()) + "\n").encode()

    def json(self, log: str = "conn", **changed: Any) -> bytes:
        """One line of JSON; a change to None leaves the key out, one to text is taken as it is."""
        values = {name: value for name, value in self.values(log, {}).items() if value != "-"}
        typed: dict[str, Any] = {
            name: _FROM_TEXT.get(ZEEK_TYPES[log][name], lambda text: text.replace("\\\\", "\\"))(value)
            for name, value in values.items()
        }
        typed |= {self.name(name): value for name, value in changed.items()}
        return json.dumps({name: value for name, value in typed.items() if value is not None}).encode() + b"\n"

    def values(self, log: str, changed: dict[str, str]) -> dict[str, str]:
        return {name: VALUES[name] for name in ZEEK_TYPES[log]} | {self.name(key): changed[key] for key in changed}

    def name(self, key: str) -> str:
        return f"id.{key}" if key in {"orig_h", "orig_p", "resp_h", "resp_p"} else key

    def decoded(self, data: bytes, source: str = "log", log: str | None = None) -> tuple[list[dict[str, Any]], Decoder]:
        """All records, as dicts, and the decoder that read them."""
        decoder = Decoder(source, log)
        return rows(decoder.feed(data, final=True)), decoder


def rows(batches: Sequence[Batch]) -> list[dict[str, Any]]:
    """Records as dicts, each with its line."""
    return [
        row | {"line": int(line)}
        for batch in batches
        for row, line in zip(batch.table.to_pylist(), batch.lines, strict=True)
    ]


@pytest.fixture(scope="session")
def made() -> Made:
    return Made()


@pytest.fixture(scope="session")
def as_rows() -> Callable[[Sequence[Batch]], list[dict[str, Any]]]:
    return rows
