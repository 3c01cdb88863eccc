"""Words for what a connection is set beside: a kind of behaviour, its source's usual flow, a regular beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oddlog.notices.amounts import byte_words, duration_words, number_words, roughly, share_words
from oddlog.notices.clause import address, listed, plain

if TYPE_CHECKING:
    from oddlog_core.detectors.behaviour import Behaviour
    from oddlog_core.detectors.contract import Context
    from oddlog_core.features.flows import Flow
    from oddlog_core.features.units import Beat

__all__ = ["amount_words", "beat_words", "behaviour_name", "beside_words", "flow_words", "typical_words"]

_SERVICES = {
    "dns": "DNS lookups",
    "ssl": "TLS",
    "http": "HTTP",
    "smb": "SMB",
    "dce_rpc": "DCE-RPC",
    "krb": "Kerberos",
    "krb_tcp": "Kerberos",
    "ldap": "LDAP",
    "ldap_tcp": "LDAP",
    "ldap_udp": "LDAP",
    "ntlm": "NTLM",
    "gssapi": "GSSAPI",
    "ntp": "NTP",
    "snmp": "SNMP",
    "syslog": "syslog",
    "dhcp": "DHCP",
    "ssh": "SSH",
    "rdp": "RDP",
    "smtp": "SMTP",
    "ftp": "FTP",
    "ftp-data": "FTP data",
    "quic": "QUIC",
    "53/udp": "DNS lookups",
    "53/tcp": "DNS lookups",
    "88/tcp": "Kerberos",
    "88/udp": "Kerberos",
    "389/tcp": "LDAP",
    "389/udp": "LDAP",
    "445/tcp": "SMB",
    "139/tcp": "NetBIOS sessions",
    "137/udp": "NetBIOS names",
    "138/udp": "NetBIOS datagrams",
    "3389/tcp": "RDP",
    "22/tcp": "SSH",
    "123/udp": "NTP",
    "514/udp": "syslog",
    "5353/udp": "multicast DNS",
    "5355/udp": "LLMNR",
    "1900/udp": "SSDP",
    "427/udp": "SLP",
    "135/tcp": "RPC endpoint mapping",
    "1433/tcp": "SQL Server",
    "5985/tcp": "WinRM",
    "10050/tcp": "Zabbix",
}
"""What Zeek calls a service, or port and protocol where it recognised none, as a person does."""

# Of several services that Zeek saw in one connection, the one that it was for; the rest carried or opened it.
_FOREMOST = ("http", "smb", "dce_rpc", "ldap_tcp", "ldap", "quic", "rdp", "smtp", "ftp", "ssl", "krb_tcp", "krb")
_MAINLY, _TWO, _MOSTLY, _NOTABLE = 0.5, 0.65, 0.8, 0.15


def _service_name(service: str) -> str:
    if "icmp" in service:
        return "ICMP"
    parts = service.split(",")
    main = next((one for one in _FOREMOST if one in parts), parts[0])
    return _SERVICES.get(main, plain(main))


def behaviour_name(kind: Behaviour) -> str:
    """What connections of a kind are and where they go, such as 'DNS lookups to the domain controllers'."""
    return f"{_what(kind)} {_where(kind)}"


def _what(kind: Behaviour) -> str:
    counted: dict[str, float] = {}
    for name, share in kind.services:
        counted[_service_name(name)] = counted.get(_service_name(name), 0.0) + share
    (first, share), *others = sorted(counted.items(), key=lambda item: -item[1])
    failed = _failed(kind)
    if share >= _MOSTLY:
        return f"{failed}{first}"
    often = [name for name, share in others if share >= _NOTABLE]
    if share >= _MAINLY:
        return f"{failed}{first} (some {listed(often)})" if often else f"{failed}{first} and others"
    if share + sum(counted[name] for name in often) >= _MAINLY:
        return f"{failed}{listed([first, *often])}"
    if share < _NOTABLE / 2:
        return f"{failed}connections on many ports"
    most = ", ".join([first, *(name for name, _ in others[:2])])
    return f"{failed}{_manner(kind)} connections ({most} and others)"


def _failed(kind: Behaviour) -> str:
    """Whether nothing came back: as is usual of what is only told, such as syslog, or because nobody was there."""
    if kind.failed < _MAINLY:
        return ""
    often = "" if kind.failed >= _MOSTLY else "often "
    return f"{often}one-way " if kind.orig_bytes else f"{often}unanswered "


def _manner(kind: Behaviour) -> str:
    """How a mixed kind differs from other mixed kinds."""
    carried = (kind.orig_bytes or 0) + (kind.resp_bytes or 0)
    size = "empty" if carried == 0 else "small" if carried < 1e3 else "mid-sized" if carried < 1e5 else "large"
    return f"long, {size}" if (kind.duration or 0) >= 60 else size


def _where(kind: Behaviour) -> str:
    if kind.controllers >= _MAINLY:
        return _mostly(kind.controllers, "the domain controllers")
    for n, least in ((1, _MAINLY), (2, _TWO)):
        covered = sum(share for _, share in kind.destinations[:n])
        if covered >= least:
            return _mostly(covered, listed([plain(host) for host, _ in kind.destinations[:n]]))
    place, share = kind.places[0]
    where = {
        "inside": "inside",
        "internet": "to the internet",
        "multicast": "by multicast",
        "unknown": "to named hosts",
    }
    if share >= _MOSTLY or len(kind.places) == 1:
        return where[place]
    return f"{where[place]} and {where[kind.places[1][0]]}"


def _mostly(share: float, where: str) -> str:
    return f"{'' if share >= _MOSTLY else 'mostly '}to {where}"


def amount_words(count: float | None) -> str:
    """Typical bytes; nothing where none are carried, and a dash where none were ever logged."""
    if count is None:
        return "–"
    return byte_words(roughly(count)) if count >= 0.5 else "nothing"


def typical_words(orig_bytes: float | None, resp_bytes: float | None, seconds: float | None) -> str:
    """Typical amounts, such as '45 bytes out, 126 bytes back, 4 ms'; those never logged left out."""
    ways = ((orig_bytes, "out"), (resp_bytes, "back"))
    told = [f"{amount_words(count)} {way}" for count, way in ways if count is not None]
    return ", ".join([*told, *([duration_words(seconds)] if seconds is not None else [])])


def flow_words(flow: Flow) -> str:
    """A usual flow, such as '10.0.0.2:53 (udp), 1,203 times in the baseline: 45 bytes out, 126 bytes back, 4 ms'."""
    proto = f" ({plain(flow.proto)})" if flow.proto else ""
    often = "once" if flow.often == 1 else f"{number_words(flow.often)} times"
    seconds = None if flow.duration is None else flow.duration / 1e6
    amounts = typical_words(flow.orig_bytes, flow.resp_bytes, seconds)
    return f"{address(flow.host, flow.port)}{proto}, {often} in the baseline" + (f": {amounts}" if amounts else "")


def beside_words(context: Context | None) -> list[str]:
    """What a record is set beside, as sentences: the kind that it resembles, and its source's nearest usual flow."""
    said = []
    if context is not None and context.behaviour is not None:
        kind = context.behaviour
        said.append(f"It resembles {behaviour_name(kind)}: {share_words(kind.share)} of the baseline.")
    if context is not None and context.usual is not None:
        said.append(f"Nearest of what its source usually does: {flow_words(context.usual)}.")
    return said


def beat_words(beat: Beat) -> str:
    """How regularly and how long, such as 'every 300 s (give or take 2 s) for at least 6 h'."""
    every, spread = (_seconds(seconds) for seconds in (beat.every, beat.spread))
    give_or_take = "" if beat.spread < 0.5 else f" (give or take {spread})"
    return f"every {every}{give_or_take} for at least {duration_words(beat.lasting)}"


def _seconds(seconds: float) -> str:
    """Seconds as such for as long as a person counts them."""
    return f"{number_words(seconds)} s" if seconds < 600 else duration_words(seconds)
