"""Who lives in the simulated office: machines, people, addresses, accounts. Made from (hosts, seed) alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Site", "Strings", "leases"]

Ints = npt.NDArray[np.int64]

DOMAIN = "NORTHWIND"
DNS_DOMAIN = "northwind.local"

_GIVEN = (
    "anna ben carla david elif farid greta henrik ines jonas katja liam marta nils olga peter quinn rosa stefan tara "
    "ursula viktor wanda xenia yusuf zoe alan bea chris dora emil frida georg hanna ivan julia kai lena milan nora"
)
_FAMILY = (
    "adler baum conti duval ernst fuchs gruber haas ibsen jung keller lang meier nagel olsen pohl quast ritter sommer "
    "thiel unger vogel weber xander young zimmer arnold brandt cordes dietz eckert falk geiger hoppe"
)
SERVICE_ACCOUNTS = ("svc_backup", "svc_scan", "svc_print", "svc_sql", "svc_deploy", "svc_monitor", "svc_inventory")

_SERVERS = {  # role: (count in a small office, one more for so many hosts)
    "dc": (2, 200),
    "file": (1, 150),
    "print": (1, 0),
    "web": (1, 0),
    "app": (2, 200),
    "db": (1, 400),
    "mail": (1, 0),
    "proxy": (1, 0),
    "backup": (1, 0),
    "monitor": (1, 0),
    "scanner": (1, 0),
    "inventory": (1, 0),
    "deploy": (1, 0),
    "sync": (1, 0),
    "syslog": (1, 0),
    "nas": (1, 400),
}
_LINUX_ROLES = {"web", "app", "proxy", "monitor", "scanner", "syslog", "nas", "printer"}
_OPEN_PORTS = {
    "dc": (53, 88, 135, 139, 389, 445, 464, 593, 636, 3268, 3269, 3389, 5985, 9389),
    "file": (135, 139, 445, 3389, 5985),
    "print": (135, 139, 445, 631, 3389, 5985),
    "web": (22, 80, 443, 8443),
    "app": (22, 80, 443, 3200, 7001, 8080, 8443),
    "db": (135, 445, 1433, 3389, 5432, 5985),
    "mail": (25, 80, 135, 443, 445, 587, 993, 3389, 5985),
    "proxy": (22, 8080),
    "backup": (135, 445, 3389, 5985, 10001),
    "monitor": (22, 80, 443),
    "scanner": (22, 443, 8834),
    "inventory": (135, 445, 3389, 5985),
    "deploy": (135, 445, 3389, 5985, 8530, 8443),
    "sync": (135, 445, 3389, 5985),
    "syslog": (22, 443, 514),
    "nas": (22, 80, 139, 443, 445),
    "printer": (80, 427, 443, 515, 631, 9100),
    "workstation": (135, 139, 445, 7680),
}
DEAD_ADDRESSES = 120
GROUPS = {
    "broadcast": "10.20.255.255",
    "everyone": "255.255.255.255",
    "mdns": "224.0.0.251",
    "llmnr": "224.0.0.252",
    "ssdp": "239.255.255.250",
    "slp": "239.255.255.253",
    "mdns6": "ff02::fb",
    "llmnr6": "ff02::1:3",
}


class Strings:
    """An append-only table of strings; columns hold its codes, -1 for unset."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self._codes: dict[str, int] = {}

    def code(self, value: str) -> int:
        """Give the code of a string, new or known; `-` is unset."""
        if value == "-":
            return -1
        if value not in self._codes:
            self._codes[value] = len(self.values)
            self.values.append(value)
        return self._codes[value]

    def codes(self, values: list[str]) -> Ints:
        """Codes of many strings."""
        return np.array([self.code(value) for value in values], np.int64)


@dataclass(frozen=True)
class People:
    """One person for each workstation, in its order; hours as seconds from midnight."""

    arrive: npt.NDArray[np.float64]
    leave: npt.NDArray[np.float64]
    zeal: npt.NDArray[np.float64]
    """How much traffic this person makes, 1 in the median, log-normal."""
    on_weekends: npt.NDArray[np.float64]
    """Chance of working on a day of the weekend."""
    always_on: npt.NDArray[np.bool_]
    """The machine runs day and night."""
    laptop: npt.NDArray[np.bool_]
    user: Ints
    shout: Ints
    """The account's name as some programs send it, in capitals."""
    direct_web: npt.NDArray[np.float64]
    """Share of web traffic that does not take the proxy."""


class Site:
    """The office. A node is whatever has an address: hosts, leased addresses, groups, places on the internet.

    Parameters
    ----------
    hosts : int
        Machines inside: servers, printers and workstations.
    seed : int
    leased : bool
        Workstations' addresses change now and then; else each keeps its first.
    """

    def __init__(self, hosts: int, seed: int, leased: bool = True) -> None:
        rng = np.random.default_rng([seed, 0])
        self.hosts, self.seed, self.leased, self.strings = hosts, seed, leased, Strings()
        self.role: dict[str, Ints] = {}
        names: list[str] = []
        for role, (least, per) in _SERVERS.items():
            count = least + (hosts // per if per else 0)
            self._add(names, role, [f"{role}{i + 1:02d}" for i in range(count)])
        self._add(names, "printer", [f"prn{i + 1:03d}" for i in range(max(2, hosts // 25))])
        self.n_fixed = len(names)
        self.n_people = hosts - self.n_fixed
        self._add(names, "workstation", [f"ws-{i + 1:04d}" for i in range(self.n_people)])
        self.names = names
        self.admins = self.role["workstation"][: max(2, self.n_people // 60)]
        self.servers = np.concatenate([self.role[role] for role in _SERVERS])
        windows = [role for role in _SERVERS if role not in _LINUX_ROLES]
        self.windows_servers = np.concatenate([self.role[role] for role in windows])
        self._number(rng)
        self.people = self._people(rng)
        self.open_ports = self._listeners(rng)
        self.rpc_port = 49664 + rng.integers(0, 40, hosts)
        self._name_accounts()

    def _add(self, names: list[str], role: str, members: list[str]) -> None:
        self.role[role] = np.arange(len(names), len(names) + len(members))
        names.extend(members)

    def _number(self, rng: np.random.Generator) -> None:
        """Lay all nodes out in one table: hosts, leases, IPv6, dead addresses, groups, internet."""
        fixed = [f"10.20.0.{10 + i}" if i < 200 else f"10.20.1.{i - 199}" for i in range(self.n_fixed)]
        self.pool_size = 2 * self.n_people + 20
        pool = [f"10.20.{4 + i // 250}.{2 + i % 250}" for i in range(self.pool_size)]
        six = [f"fe80::{a:x}:{b:x}:{c:x}:{d:x}" for a, b, c, d in rng.integers(4096, 65536, (self.n_people, 4))]
        dead = [f"10.20.{2 + i // 250}.{2 + i % 250}" for i in range(DEAD_ADDRESSES)]
        outside = self._internet(rng, 4000 + 60 * self.hosts)
        table = [*fixed, *["-"] * self.n_people]
        self.pool = len(table)
        table += pool
        self.six = len(table)
        table += six
        self.dead = np.arange(len(table), len(table) + len(dead))
        table += dead
        self.group = {name: len(table) + i for i, name in enumerate(GROUPS)}
        table += GROUPS.values()
        self.internet = np.arange(len(table), len(table) + len(outside))
        table += outside
        self.addresses = table
        self.local = np.ones(len(table), bool)
        self.local[self.internet] = False
        self.local[[self.group[name] for name in GROUPS if name != "broadcast"]] = False
        self.linux = np.zeros(len(table), bool)
        for role in _LINUX_ROLES:
            self.linux[self.role[role]] = True
        self.linux[self.internet] = rng.random(len(outside)) < 0.7
        self.rtt = np.full(len(table), 0.0004)
        self.rtt[self.internet] = rng.lognormal(np.log(0.022), 0.7, len(outside))

    @staticmethod
    def _internet(rng: np.random.Generator, count: int) -> list[str]:
        first = rng.choice([13, 17, 20, 23, 34, 35, 40, 52, 54, 63, 76, 91, 104, 142, 151, 162, 185, 199, 204], count)
        rest = rng.integers(1, 255, (count, 3))
        return list(dict.fromkeys(f"{a}.{b}.{c}.{d}" for a, (b, c, d) in zip(first, rest, strict=True)))

    def _people(self, rng: np.random.Generator) -> People:
        n = self.n_people
        arrive = 3600 * np.clip(rng.normal(8.4, 0.8, n), 5.5, 11)
        admin = np.arange(n) < len(self.admins)
        given, family = _GIVEN.split(), _FAMILY.split()
        logins = [
            f"{given[i % len(given)]}.{family[(i * 7 + i // len(given)) % len(family)]}{i // 1400 or ''}"
            for i in rng.permutation(n)
        ]
        return People(
            arrive=arrive,
            leave=arrive + 3600 * np.clip(rng.normal(8.9, 0.9, n), 4, 12),
            zeal=rng.lognormal(0, 0.55, n),
            on_weekends=np.where(admin, 0.25, rng.beta(0.3, 6, n)),
            always_on=admin | (rng.random(n) < 0.35),
            laptop=rng.random(n) < 0.4,
            user=self.strings.codes(logins),
            shout=self.strings.codes([login.upper() for login in logins]),
            direct_web=rng.beta(2, 3, n),
        )

    def _listeners(self, rng: np.random.Generator) -> list[npt.NDArray[np.int64]]:
        """Open TCP ports of every host: its role's, and a few of its own."""
        ports: list[npt.NDArray[np.int64]] = [np.zeros(0, np.int64)] * self.hosts
        for role, members in self.role.items():
            for host in members:
                own = rng.integers(1024, 49152, rng.integers(0, 3))
                ports[host] = np.unique(np.concatenate([np.array(_OPEN_PORTS[role]), own]))
        return ports

    def _name_accounts(self) -> None:
        code = self.strings.code
        self.domain, self.domain_dns, self.workgroup = code(DOMAIN), code(DNS_DOMAIN), code("WORKGROUP")
        self.service_account = {name: code(name) for name in SERVICE_ACCOUNTS}
        admin_people = self.admins - self.n_fixed
        self.admin_account = np.full(self.n_people, -1)
        self.admin_account[admin_people] = [
            code("adm." + self.strings.values[user]) for user in self.people.user[admin_people]
        ]
        self.host_name = self.strings.codes([name.upper() for name in self.names])
        self.host_dns = self.strings.codes([f"{name.upper()}.{DNS_DOMAIN}" for name in self.names])
        self.machine_account = self.strings.codes([f"{name.upper()}$" for name in self.names])

    def one(self, role: str) -> int:
        """Give the first host of a role."""
        return int(self.role[role][0])


def leases(site: Site, day: int) -> Ints:
    """DHCP on the given day: (n_people, 2) indices into the pool, at first and after a change within the day.

    Every lease is the day before's, save where it ran out, so it is followed from day 0. A machine that comes back
    within the lease (eight days, as Windows' server has it) keeps its address; few do not, or move to another floor.
    """
    order = np.random.default_rng([site.seed, 1]).permutation(site.pool_size)
    now, free = order[: site.n_people].copy(), list(order[site.n_people :])
    current = np.stack([now, now], axis=1)
    for d in range(day + 1 if site.leased else 0):
        rng = np.random.default_rng([site.seed, 2, d])
        first = current[:, 1].copy()
        second = first.copy()
        given_back = []
        for person in np.flatnonzero(rng.random(site.n_people) < 0.002):
            given_back.append(int(first[person]))
            first[person] = second[person] = free.pop(int(rng.integers(len(free))))
        for person in np.flatnonzero(site.people.laptop & (rng.random(site.n_people) < 0.01)):
            given_back.append(int(second[person]))
            second[person] = free.pop(int(rng.integers(len(free))))
        free += given_back
        current = np.stack([first, second], axis=1)
    return current
