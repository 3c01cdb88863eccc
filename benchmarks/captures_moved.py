"""Captures of real attacks, and how they are moved into a simulated office.

Every host of a capture has a role, told by what it does there: a domain controller answers drsuapi, lsarpc, netlogon,
samr, Kerberos or LDAP, or asks the world for names; the source is who asks most; places outside stay outside; and
every other host is a peer. In the office the source is a workstation that the benchmark picks, a domain controller is
one, a peer is a host that is usually asked for the same endpoints and ports, and a place outside is one that was asked
on the same port. Dynamic ports become those of the office's hosts, names of hosts and domains the office's, accounts
unknown in the office those of people there. Sizes, histories, gaps and the client's ports stay as they were captured.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from captures_logs import LOGS, read_records
from oddlog.simulate.site import GROUPS

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from captures_logs import Record
    from captures_office import Office
    from oddlog.simulate.day import Day

__all__ = ["Capture", "Moved", "Place", "move", "read_captures"]

_DIRECTORY = frozenset({"drsuapi", "lsarpc", "netlogon", "samr", "BackupKey", "dssetup"})
_DIRECTORY_PORTS = frozenset({"53", "88", "389", "636", "3268"})
_DYNAMIC = 49152
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_FAMILIES = {
    # Same means for the same end; by words in a capture's name, the first that is there.
    "directory replication": ("dcsync", "T1003.006", "T1207"),
    "secrets": ("backupkeys",),
    "file system": ("ninjacopy",),
    "tickets": ("rubeus",),
    "directory search": ("ldap",),
    "services": ("svcctl",),
    "sessions": ("srvsvc",),
    "accounts": ("samr",),
    "federation": ("adfs",),
    "copying": ("copy_smb",),
    "distributed objects": ("dcom", "wmi"),
    "remote shell": ("psremoting",),
    "netlogon": ("CVE-2020-1472",),
    "password guessing": ("wrccdc",),
}


@dataclass(frozen=True)
class Capture:
    """One attack's logs.

    Attributes
    ----------
    name, lab, family : str
    records : dict of list of dict
        By log.
    """

    name: str
    lab: str
    family: str
    records: dict[str, list[Record]]

    @property
    def logons(self) -> bool:
        """Whether it left any ntlm or dce_rpc record."""
        return bool(self.records["ntlm"] or self.records["dce_rpc"])

    @property
    def span(self) -> tuple[float, float]:
        """First and last start of a record, seconds since the epoch."""
        times = [float(record["ts"]) for records in self.records.values() for record in records]
        return min(times), max(times)


def _capture(name: str, lab: str, paths: dict[str, Path]) -> Capture:
    family = next(family for family, words in _FAMILIES.items() if any(word in name for word in words))
    records = {log: read_records(paths[log]) if log in paths and paths[log].exists() else [] for log in LOGS}
    return Capture(name, lab, family, records)


def read_captures(shared: Path) -> list[Capture]:
    """Read all captures below a folder laid out as `shared/data` is, in order of their names by lab."""
    places = [(path.name, "otrf", path) for path in sorted((shared / "otrf-attacks").glob("*/"))]
    places += [(path.name, "zerologon", path / "tsv") for path in sorted((shared / "zerologon").glob("CVE*"))]
    found = [_capture(name, lab, {log: path / f"{log}.log" for log in LOGS}) for name, lab, path in places]
    found += [
        _capture(path.name.partition("_zeek")[0], "splunk", {"dce_rpc": path})
        for path in sorted((shared / "splunk-dcsync").glob("*.log"))
    ]
    contest = _capture(
        "wrccdc_guessing", "wrccdc", {log: shared / "wrccdc" / "tsv" / f"{log}.log.gz" for log in ("ntlm", "dce_rpc")}
    )
    # The guesser is who tried most names.
    tried: dict[str, set[str]] = {}
    for record in contest.records["ntlm"]:
        tried.setdefault(record["id.orig_h"], set()).add(record["username"])
    guesser = max(tried, key=lambda host: len(tried[host]))
    own = {log: [r for r in records if r["id.orig_h"] == guesser] for log, records in contest.records.items()}
    return [*found, Capture(contest.name, contest.lab, contest.family, own)]


def _group(address: str) -> bool:
    return ipaddress.ip_address(address).is_multicast or address.endswith(".255")


def _network(address: str) -> str:
    ip = ipaddress.ip_address(address)
    return "link" if ip.is_link_local else ".".join(address.split(".")[:2]) if ip.version == 4 else address


def roles(capture: Capture) -> dict[str, str]:
    """Tell the role of each address of a capture: source, dc, peer, outside or group."""
    calls = capture.records["dce_rpc"] + capture.records["ntlm"]
    conn = capture.records["conn"]
    inside = {record[end] for record in calls for end in ("id.orig_h", "id.resp_h")}
    askers = Counter(record["id.orig_h"] for record in calls or conn)
    source = askers.most_common(1)[0][0]
    networks = {_network(address) for address in (*inside, *(record["id.orig_h"] for record in conn))}
    every = inside | {record[end] for record in conn for end in ("id.orig_h", "id.resp_h")}
    out = {}
    for address in sorted(every):
        known = address in inside or _network(address) in networks
        out[address] = "group" if _group(address) else "peer" if known else "outside"
    # A name server that asks the world has no forwarder to ask; others ask it.
    servers = {r["id.orig_h"] for r in conn if r["id.resp_p"] == "53" and out[r["id.resp_h"]] == "outside"}
    servers |= {r["id.resp_h"] for r in conn if r["id.resp_p"] in _DIRECTORY_PORTS and out[r["id.resp_h"]] == "peer"}
    asked = {r["id.resp_h"] for r in calls if r.get("endpoint") in _DIRECTORY} - {source}
    for address in (*asked, *servers):
        out[address] = "dc"
    if out[source] != "dc":
        out[source] = "source"
    return out


@dataclass(frozen=True)
class Place:
    """Where and when a capture is moved to.

    Attributes
    ----------
    day : Day
        Whose leases and presence count.
    midnight : float
        Its start, seconds since the epoch.
    source : int
        Node of the workstation.
    start : float
        Seconds since midnight.
    admin : bool
        Whether that workstation administers others.
    """

    day: Day
    midnight: float
    source: int
    start: float
    admin: bool = False


@dataclass(frozen=True)
class Moved:
    """A capture in its place: its records by log, and the addresses that act in it."""

    capture: Capture
    place: Place
    records: dict[str, list[Record]]
    hosts: dict[str, str]

    @property
    def uids(self) -> set[str]:
        """All its connections."""
        return {record["uid"] for records in self.records.values() for record in records}

    @property
    def span(self) -> tuple[float, float]:
        """First and last start of a record, seconds since the epoch."""
        times = [float(record["ts"]) for records in self.records.values() for record in records]
        return min(times), max(times)


def move(capture: Capture, place: Place, office: Office, rng: np.random.Generator) -> Moved:
    """Move a capture to a place in the office."""
    mover = _Mover(capture, place, office, rng)
    first, _ = capture.span
    shift = place.midnight + place.start - first
    records = {
        log: [mover.record(log, record, float(record["ts"]) + shift) for record in records]
        for log, records in capture.records.items()
    }
    return Moved(capture, place, records, mover.hosts)


class _Mover:
    """What becomes of the names in one capture."""

    def __init__(self, capture: Capture, place: Place, office: Office, rng: np.random.Generator) -> None:
        self._office, self._place, self._rng = office, place, rng
        self._uids: dict[str, str] = {}
        self._roles = roles(capture)
        self._dynamic = {
            (r["id.resp_h"], r["id.resp_p"]) for r in capture.records["dce_rpc"] if r["named_pipe"] == r["id.resp_p"]
        }
        self._nodes = self._choose_nodes(capture)
        self._outside = self._choose_outside(capture)
        self._users = self._choose_users(capture)
        self.hosts = {old: self._address(old) for old in self._roles}

    def _choose_nodes(self, capture: Capture) -> dict[str, int]:
        site, nodes = self._office.site, {}
        dcs = self._rng.permutation(site.role["dc"]).tolist()
        # A machine's link-local address is the machine's.
        plain = [a for a, role in self._roles.items() if role == "dc" and ":" not in a]
        for address, role in self._roles.items():
            if role == "source":
                nodes[address] = self._place.source
            elif role == "dc":
                nodes[address] = dcs[plain.index(address) % len(dcs) if address in plain else 0]
        for address, role in self._roles.items():
            if role == "peer":
                endpoints = {r["endpoint"] for r in capture.records["dce_rpc"] if r["id.resp_h"] == address}
                ports = {(r["proto"], r["id.resp_p"]) for r in capture.records["conn"] if r["id.resp_h"] == address}
                ports = {port for port in ports if int(port[1]) < _DYNAMIC}
                taken = set(nodes.values()) | set(site.role["dc"].tolist())
                stretch = (self._place.start, self._place.start + capture.span[1] - capture.span[0])
                usual = self._office.usually_asked(self._place.day, stretch, endpoints, ports, taken)
                nodes[address] = int(self._rng.choice(usual))
        return nodes

    def _choose_outside(self, capture: Capture) -> dict[str, str]:
        out = {}
        for address, role in self._roles.items():
            if role == "outside":
                asked = [r for r in capture.records["conn"] if r["id.resp_h"] == address]
                port = (asked[0]["proto"], asked[0]["id.resp_p"]) if asked else ("tcp", "443")
                out[address] = str(self._rng.choice(self._office.outside(port)))
        return out

    def _choose_users(self, capture: Capture) -> dict[str, str]:
        """Accounts unknown here: one is the source's own, of many each is somebody's."""
        site, office = self._office.site, self._office
        names = dict.fromkeys(r["username"] for r in capture.records["ntlm"] if r["username"] != "-")
        unknown = [name for name in names if name.lower() not in office.users]
        person = self._place.source - site.n_fixed
        code = site.admin_account[person] if self._place.admin else site.people.user[person]
        if len(unknown) > 1:
            others = self._rng.permutation(site.people.user)[: len(unknown)]
            return {name: site.strings.values[user] for name, user in zip(unknown, others, strict=True)}
        return dict.fromkeys(unknown, site.strings.values[code])

    def _address(self, old: str) -> str:
        if old in self._nodes:
            return self._office.address(self._place.day, self._nodes[old], self._place.start)
        if old in self._outside:
            return self._outside[old]
        if old in GROUPS.values():
            return old
        name = "broadcast" if old.endswith(".255") else "mdns6" if ":" in old else "mdns"
        return GROUPS[name]

    def record(self, log: str, record: Record, ts: float) -> Record:
        """Give the record's new self."""
        site = self._office.site
        old_orig, old_resp = record["id.orig_h"], record["id.resp_h"]
        orig, resp = self._nodes.get(old_orig), self._nodes.get(old_resp)
        uid = self._uids.setdefault(record["uid"], "C" + "".join(self._rng.choice(list(_DIGITS), 17)))
        new = record | {
            "ts": f"{ts:.6f}",
            "uid": uid,
            "id.orig_h": self.hosts[old_orig],
            "id.resp_h": self.hosts[old_resp],
        }
        port = record["id.resp_p"]
        by_number = (old_resp, port) in self._dynamic or (int(port) >= _DYNAMIC and record.get("proto", "tcp") == "tcp")
        if resp is not None and by_number and port != "135":
            new["id.resp_p"] = str(site.rpc_port[resp])
            if record.get("named_pipe") == port:
                new["named_pipe"] = new["id.resp_p"]
        if log == "conn":
            new["local_orig"] = "F" if self._roles[old_orig] == "outside" else "T"
            new["local_resp"] = "F" if self._roles[old_resp] in ("outside", "group") else "T"
        if log == "ntlm":
            values = site.strings.values
            names = {
                "username": self._users.get(record["username"], record["username"]),
                "hostname": values[site.host_name[orig]] if orig is not None else "-",
                "domainname": values[site.domain],
                "server_nb_computer_name": values[site.host_name[resp]] if resp is not None else "-",
                "server_dns_computer_name": values[site.host_dns[resp]] if resp is not None else "-",
                "server_tree_name": values[site.domain_dns],
            }
            new |= {name: value for name, value in names.items() if record[name] != "-"}
        return new
