"""What each sort of connection looks like to Zeek: ports, services, endings, sizes.

Sizes and histories follow logs that Zeek 8 made of Windows captures (OTRF Security-Datasets) and of small offices.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Ending", "Kind", "Spread"]

Ending = tuple[str, str, float]
"""conn_state, history, weight."""

_LOST: tuple[Ending, ...] = (("S0", "S", 0.8), ("REJ", "Sr", 0.5), ("OTH", "DadA", 0.15), ("S1", "ShADad", 0.5))

_POLITE: tuple[Ending, ...] = (
    ("SF", "ShADadFf", 52),
    ("SF", "ShADadfF", 18),
    ("SF", "ShADdaFf", 8),
    ("SF", "ShADdFaf", 3),
    ("SF", "ShADdfFa", 3),
    ("RSTO", "ShADadR", 3),
    ("RSTO", "ShADadfR", 5),
    ("RSTR", "ShADadFr", 2),
    ("S3", "ShADadf", 0.3),
    ("S2", "ShADadF", 0.3),
    *_LOST,
)
_TLS: tuple[Ending, ...] = (
    ("SF", "ShADadFf", 46),
    ("SF", "ShADadfF", 14),
    ("SF", "ShADdaFf", 10),
    ("SF", "ShADadFfR", 6),
    ("RSTO", "ShADadR", 6),
    ("RSTO", "ShADadfR", 8),
    ("RSTO", "ShADadFR", 3),
    ("RSTR", "ShADdar", 4),
    ("RSTR", "ShADadFr", 2),
    ("S3", "ShADadf", 0.4),
    *_LOST,
)
_KERBEROS: tuple[Ending, ...] = (("RSTR", "ShADadFr", 82), ("RSTR", "ShADdFar", 10), ("SF", "ShADadFf", 6), *_LOST)
_LDAP: tuple[Ending, ...] = (("RSTR", "ShADadFr", 60), ("RSTR", "ShADdaFr", 22), ("SF", "ShADadFf", 14), *_LOST)
_SMB: tuple[Ending, ...] = (
    ("RSTO", "ShADdaR", 56),
    ("RSTO", "ShADadR", 14),
    ("SF", "ShADdaFf", 10),
    ("SF", "ShADadFf", 10),
    ("S1", "ShADad", 1),
    *_LOST,
)
_RPC: tuple[Ending, ...] = (
    ("SF", "ShADdFaf", 40),
    ("SF", "ShADadFf", 34),
    ("SF", "ShADdaFf", 10),
    ("RSTO", "ShADdR", 10),
    ("RSTO", "ShADadR", 4),
    *_LOST,
)
_SERVER_FIRST: tuple[Ending, ...] = (
    ("SF", "ShAdDaFf", 66),
    ("SF", "ShAdDafF", 20),
    ("RSTO", "ShAdDaFR", 5),
    ("RSTR", "ShAdDar", 3),
    *_LOST,
)
_CHECK: tuple[Ending, ...] = (
    ("SF", "ShAFf", 40),
    ("SF", "ShADadFf", 40),
    ("SF", "ShADadfF", 10),
    ("RSTO", "ShAR", 6),
    *_LOST,
)
OPEN_PROBE: tuple[Ending, ...] = (("RSTO", "ShR", 55), ("SF", "ShAFf", 25), ("RSTO", "ShAR", 20))
CLOSED_PROBE: tuple[Ending, ...] = (("REJ", "Sr", 100),)
DEAD_PROBE: tuple[Ending, ...] = (("S0", "S", 100),)
_ASK: tuple[Ending, ...] = (("SF", "Dd", 97), ("S0", "D", 3))
_SHOUT: tuple[Ending, ...] = (("S0", "D", 100),)
_ICMP: tuple[Ending, ...] = (("OTH", "-", 100),)


Spread = tuple[float, float]
"""Median, and sigma of the logarithm."""


@dataclass(frozen=True)
class Kind:
    """One sort of connection: payload bytes and seconds as `Spread`, one service, ways to end."""

    port: int
    service: str
    sent: Spread
    received: Spread
    seconds: Spread
    endings: tuple[Ending, ...] = _POLITE
    proto: str = "tcp"
    turns: int = 2
    """Requests that got an answer: a side has at least so many packets with payload."""
    tail: float = 0.0
    """Share of connections whose answer is Pareto distributed, from ten times its median up."""
    upload: bool = False
    """The tail is in what the originator sends."""


def _udp(port: int, service: str, sent: Spread, received: Spread, seconds: Spread, turns: int = 1) -> Kind:
    return Kind(port, service, sent, received, seconds, _ASK, "udp", turns)


def _shout(port: int, service: str, sent: Spread, seconds: Spread, turns: int = 1) -> Kind:
    return Kind(port, service, sent, (0, 0), seconds, _SHOUT, "udp", turns)


DNS = _udp(53, "dns", (42, 0.18), (118, 0.45), (0.002, 0.9))
DNS_FORWARD = _udp(53, "dns", (48, 0.2), (160, 0.5), (0.024, 0.7))
NTP = _udp(123, "ntp", (48, 0), (48, 0), (0.003, 0.8))
CLDAP = _udp(389, "-", (217, 0.1), (180, 0.03), (0.0011, 0.3))
SNMP = _udp(161, "snmp", (260, 0.3), (340, 0.4), (0.04, 0.6), turns=4)
SYSLOG = _shout(514, "syslog", (420, 0.9), (8, 1.3), turns=2)
DHCP = _udp(67, "dhcp", (310, 0.05), (310, 0.05), (0.02, 0.8))
QUIC = _udp(443, "quic,ssl", (4200, 0.7), (9000, 1.4), (4, 1.4), turns=6)
STUN = _udp(3478, "-", (180, 0.3), (200, 0.3), (0.06, 0.6), turns=2)
SLP = _shout(427, "-", (49, 0.2), (3, 0.6), turns=2)
MDNS = _shout(5353, "dns", (90, 0.5), (1.2, 0.9), turns=2)
LLMNR = _shout(5355, "dns", (44, 0.2), (0.41, 0.1), turns=2)
NETBIOS_NAME = _shout(137, "dns", (150, 0.3), (1.5, 0.3), turns=3)
NETBIOS_DATAGRAM = _shout(138, "-", (201, 0.05), (1, 0.3))
SSDP = _shout(1900, "-", (700, 0.25), (3.01, 0.01), turns=4)
WSD = _shout(3702, "-", (1900, 0.3), (0.9, 0.6), turns=3)
PING = Kind(0, "-", (64, 0.2), (64, 0.2), (0.6, 0.8), _ICMP, "icmp", turns=2)

HTTP = Kind(80, "http", (520, 0.6), (2600, 1.5), (0.35, 1.5), tail=0.02)
HTTPS = Kind(443, "ssl", (1450, 0.55), (4900, 0.9), (0.8, 1.7), _TLS, tail=0.03)
TELEMETRY = Kind(443, "ssl", (1900, 0.35), (4600, 0.25), (0.7, 0.8), _TLS)
UPLOAD = Kind(443, "ssl", (30_000, 1.6), (5200, 0.4), (6, 1.2), _TLS, tail=0.08, upload=True)
PROXY = Kind(8080, "http", (1400, 0.6), (3600, 1.1), (0.9, 1.6), _TLS, tail=0.02)
KERBEROS = Kind(88, "krb_tcp", (1550, 0.12), (1600, 0.08), (0.0038, 0.35), _KERBEROS, turns=1)
LDAP = Kind(389, "-", (2260, 0.35), (1900, 1.2), (0.03, 1.5), _LDAP, turns=4)
GLOBAL_CATALOG = Kind(3268, "-", (2100, 0.3), (1500, 0.8), (0.03, 1.2), _LDAP, turns=4)
LDAPS = Kind(636, "ssl", (2600, 0.4), (6200, 0.6), (0.2, 1.2), _TLS, turns=4)
SMB = Kind(445, "gssapi,smb,krb", (3900, 0.35), (2100, 0.4), (10.7, 0.05), _SMB, turns=9)
SMB_FILES = Kind(445, "gssapi,smb,krb", (14_000, 1.2), (40_000, 2.0), (40, 1.8), _SMB, turns=24, tail=0.04)
NETBIOS_SESSION = Kind(139, "-", (72, 0.1), (4, 0), (0.004, 0.5), _POLITE, turns=1)
EPMAPPER = Kind(135, "dce_rpc", (160, 0.15), (210, 0.2), (12, 0.6), _RPC, turns=2)
RPC = Kind(49664, "gssapi,dce_rpc", (1900, 0.3), (700, 0.4), (10, 0.7), _RPC, turns=2)
RDP = Kind(3389, "rdp", (180_000, 1.5), (2_400_000, 1.6), (900, 1.4), turns=60)
WINRM = Kind(5985, "http", (15_000, 0.5), (6400, 1.0), (10.6, 0.2), turns=8)
SSH = Kind(22, "ssh", (4800, 1.2), (6200, 1.4), (30, 2.2), _SERVER_FIRST, turns=12)
SMTP = Kind(25, "smtp", (9000, 1.5), (700, 0.3), (0.9, 0.9), _SERVER_FIRST, turns=7)
SUBMISSION = Kind(587, "smtp,ssl", (12_000, 1.5), (5200, 0.2), (1.1, 0.8), _SERVER_FIRST, turns=8)
IMAPS = Kind(993, "ssl", (1300, 0.3), (6100, 0.4), (0.9, 0.8), _TLS, turns=6, tail=0.03)
PRINT_RAW = Kind(9100, "-", (180_000, 1.3), (300, 0.6), (4, 1.0), turns=4, tail=0.03, upload=True)
IPP = Kind(631, "http", (900, 0.3), (1400, 0.5), (0.08, 0.8), turns=2)
UPDATES = Kind(8530, "http", (1600, 0.5), (5200, 1.2), (0.5, 1.2), turns=3, tail=0.05)
ANTIVIRUS = Kind(8443, "ssl", (1800, 0.2), (3900, 0.2), (0.25, 0.6), _TLS, turns=3)
PEER_UPDATES = Kind(7680, "-", (400, 0.6), (900, 2.2), (1.5, 1.6), turns=3, tail=0.05)
LICENSE = Kind(27000, "-", (260, 0.3), (420, 0.4), (0.15, 0.9), turns=3)
ERP = Kind(3200, "-", (1900, 0.8), (6200, 1.0), (1.1, 1.5), turns=6)
DATABASE = Kind(1433, "-", (900, 0.8), (1500, 1.4), (0.02, 1.5), turns=3, tail=0.01)
POSTGRES = Kind(5432, "-", (700, 0.7), (1400, 1.3), (0.015, 1.5), turns=4, tail=0.01)
MIDDLEWARE = Kind(7001, "-", (520, 0.8), (760, 1.0), (0.012, 1.4), turns=1)
AGENT = Kind(10050, "-", (70, 0.3), (90, 0.6), (0.01, 0.9), turns=1)
CHECK = Kind(80, "-", (90, 0.4), (260, 0.8), (0.012, 1.0), _CHECK, turns=1)
PROBE = Kind(80, "-", (60, 0.3), (120, 0.6), (0.0012, 0.8), OPEN_PROBE, turns=1)
BACKUP = Kind(10001, "-", (2_000_000, 2.2), (40_000, 0.8), (60, 1.4), turns=80, tail=0.1, upload=True)
