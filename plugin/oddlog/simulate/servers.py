"""What servers do among themselves, day and night."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oddlog.simulate import kinds as k
from oddlog.simulate import scripts as s
from oddlog.simulate.day import BENIGN, DAY, Day
from oddlog.simulate.rhythm import by_timer, popular, scattered
from oddlog.simulate.sessions import Logon, rpc, smb

if TYPE_CHECKING:
    from oddlog.simulate.packets import Floats, Ints

__all__ = ["SCANNED_PORTS", "account", "probe", "servers"]

SCANNED_PORTS = np.unique(
    np.concatenate([np.arange(1, 1025, 3), np.random.default_rng(427).integers(1025, 49152, 300), [22, 25, 53, 80, 88]])
)
"""What the vulnerability scanner tries besides the ports of known services."""
_KNOWN_PORTS = np.array(
    [
        21,
        22,
        23,
        25,
        53,
        80,
        88,
        110,
        111,
        135,
        139,
        143,
        389,
        443,
        445,
        464,
        515,
        587,
        593,
        631,
        636,
        993,
        1433,
        1521,
        2049,
        3268,
        3306,
        3389,
        5432,
        5900,
        5985,
        5986,
        6379,
        7680,
        8000,
        8080,
        8443,
        8530,
        9100,
        9389,
        10001,
        27017,
    ]
)


def servers(day: Day) -> None:
    """Add a day of all servers."""
    _domain_controllers(day)
    _applications(day)
    _monitoring(day)
    _logging_and_time(day)
    _scanner(day)
    _backups(day)
    _mail_and_proxy(day)
    _service_accounts(day)


def account(day: Day, name: str, n: int, failing: float = 0.0, chosen: float = 1.0) -> Logon:
    """NTLM logons of a service account."""
    rng = day.rng
    user = np.full(n, day.site.service_account[name])
    return Logon(user, rng.random(n) < chosen, rng.random(n) < failing, hidden=0.3)


def probe(day: Day, ts: Floats, ends: tuple[Ints | int, Ints], port: Ints, attack: int = BENIGN) -> None:
    """Try ports, and find them open, closed or nobody there; `ends` are who tries and who is tried."""
    resp = ends[1]
    orig = np.broadcast_to(np.asarray(ends[0], np.int64), len(ts))
    site = day.site
    listening = np.concatenate([ports + 65_536 * host for host, ports in enumerate(site.open_ports)])
    inside = resp < site.hosts
    person = resp - site.n_fixed
    workstation = inside & (person >= 0)
    person = np.where(workstation, person, 0)
    off = workstation & ((ts < day.up_from[person]) | (ts >= day.up_to[person]))
    dead = ~inside | off
    is_open = ~dead & np.isin(port + 65_536 * resp, listening)
    # Workstations' firewalls drop what servers refuse.
    dropped = ~dead & ~is_open & (resp >= site.n_fixed) & (day.rng.random(len(ts)) < 0.8)
    for chosen, endings in (
        (is_open, k.OPEN_PROBE),
        (~dead & ~is_open & ~dropped, k.CLOSED_PROBE),
        (dead | dropped, k.DEAD_PROBE),
    ):
        day.flows(k.PROBE, ts[chosen], orig[chosen], resp[chosen], port=port[chosen], endings=endings, attack=attack)


def _domain_controllers(day: Day) -> None:
    site, rng = day.site, day.rng
    dcs = site.role["dc"]
    pairs = np.array([(a, b) for a in dcs for b in dcs if a != b])
    ts, which = by_timer(day, np.full(len(pairs), 900.0), 0.02)
    a, b = pairs[which].T
    changes = rng.lognormal(np.log(9000), 1.4, len(ts))
    rpc(day, ts, a, b, s.REPLICATE, mapped=0.2, received=changes)
    rpc(day, ts - np.minimum(ts, 3), b, a, s.REPLICA_NEWS, mapped=0.05)
    ts, which = by_timer(day, np.full(len(pairs), 6 * 3600.0), 0.05)
    a, b = pairs[which].T
    rpc(day, ts, a, b, s.REPLICA_UPKEEP)
    ts, which = by_timer(day, np.full(len(pairs), 600.0), 0.1)
    a, b = pairs[which].T
    day.flows(k.LDAP, ts, a, b)
    day.flows(k.KERBEROS, ts + 1, a, b)
    smb(day, ts + 2, a, b, s.DFS)
    # The directory is copied to the cloud by a server that is entitled to ask for it.
    ts, _ = by_timer(day, 1800.0, 0.01)
    sync = site.one("sync")
    rpc(day, ts, np.full(len(ts), sync), dcs[:1].repeat(len(ts)), s.REPLICATE, received=rng.lognormal(10, 1.2, len(ts)))
    ts, _ = by_timer(day, 120.0, 0.05)
    day.flows(k.TELEMETRY, ts, sync, site.internet[3])
    ts, which = by_timer(day, np.full(len(dcs), 45.0), 0.3)
    day.flows(k.DNS_FORWARD, ts, dcs[which], site.internet[:2][which % 2])
    members = np.concatenate([site.role[r] for r in ("file", "print", "db", "mail", "backup", "sync", "deploy")])
    for script, period in (
        (s.NETLOGON, 3 * 3600.0),
        (s.PASS_THROUGH, 240.0),
        (s.CRACK_NAMES, 1800.0),
        (s.LOOK_UP, 900.0),
    ):
        ts, which = by_timer(day, np.full(len(members), period), 0.3)
        rpc(day, ts, members[which], dcs[which % len(dcs)], script)
    for kind, period in (
        (k.KERBEROS, 300.0),
        (k.LDAP, 240.0),
        (k.DNS, 150.0),
        (k.LDAPS, 900.0),
        (k.GLOBAL_CATALOG, 900.0),
    ):
        ts, which = by_timer(day, np.full(len(members), period), 0.4)
        day.flows(kind, ts, members[which], dcs[which % len(dcs)])


def _applications(day: Day) -> None:
    """Add the tiers behind the applications: busy by day, never silent."""
    site, rng = day.site, day.rng
    apps, dbs = site.role["app"], site.role["db"]
    busy = 0.35 + 0.65 * float(not day.weekend)
    scale = site.hosts / 200
    # A server's own dynamic ports for its services, as with Java's or CORBA's middleware.
    habits = np.random.default_rng([site.seed, 6])
    services = habits.integers(1024, 49152, (len(apps), 400))
    for number, app in enumerate(apps):
        n = int(rng.poisson(busy * 62_000 * scale / len(apps)))
        ts = _daily(day, n)
        peer = apps[(number + rng.integers(0, len(apps), n)) % len(apps)]
        choice = np.minimum((400 * rng.random(n) ** 1.6).astype(np.int64), 399)
        day.flows(k.MIDDLEWARE, ts, app, peer, port=services[peer - apps[0], choice])
        n = int(rng.poisson(busy * 6_000 * scale / len(apps)))
        postgres = rng.random(n) < 0.5
        ts = _daily(day, n)
        day.flows(k.POSTGRES, ts[postgres], app, dbs[rng.integers(0, len(dbs), int(postgres.sum()))])
        day.flows(k.DATABASE, ts[~postgres], app, dbs[rng.integers(0, len(dbs), int((~postgres).sum()))])
        ts = _daily(day, int(rng.poisson(busy * 400 * scale)))
        day.flows(k.DNS, ts, app, site.role["dc"][number % len(site.role["dc"])])
    web = site.one("web")
    n = int(rng.poisson(busy * 7_000 * scale))
    day.flows(
        k.MIDDLEWARE, _daily(day, n), web, apps[rng.integers(0, len(apps), n)], port=rng.choice([7001, 7002, 8080], n)
    )


def _daily(day: Day, n: int) -> Floats:
    """Draw times of a server's work: a third round the clock, the rest around midday."""
    rng = day.rng
    return np.where(rng.random(n) < 0.35, rng.uniform(0, DAY, n), rng.normal(46_800, 11_000, n) % DAY)


def _monitoring(day: Day) -> None:
    site, _rng = day.site, day.rng
    monitor = site.one("monitor")
    checks = [(host, port) for host in site.servers for port in site.open_ports[host] if port != 53]
    node, port = np.array(checks).T
    ts, which = by_timer(day, np.full(len(checks), 600.0), 0.01)
    day.flows(k.CHECK, ts, monitor, node[which], port=port[which])
    ts, which = by_timer(day, np.full(len(site.servers), 180.0), 0.02)
    day.flows(k.AGENT, ts, monitor, site.servers[which])
    polled = np.concatenate([site.role["printer"], site.role["nas"], site.role["app"]])
    ts, which = by_timer(day, np.full(len(polled), 300.0), 0.01)
    day.flows(k.SNMP, ts, monitor, polled[which])
    ts, which = by_timer(day, np.full(len(site.servers), 1800.0), 0.02)
    day.flows(k.PING, ts, monitor, site.servers[which])
    windows = site.windows_servers
    ts, which = by_timer(day, np.full(len(windows), 1800.0), 0.05)
    logon = account(day, "svc_monitor", len(ts), 0.004)
    rpc(day, ts, np.full(len(ts), monitor), windows[which], s.ACTIVATE, port=135, logon=logon)
    rpc(day, ts + 0.1, np.full(len(ts), monitor), windows[which], s.WMI, mapped=0, logon=logon)
    ts, which = by_timer(day, np.full(len(windows), 3600.0), 0.1)
    smb(
        day, ts, np.full(len(ts), monitor), windows[which], s.SERVICE_STATUS, logon=account(day, "svc_monitor", len(ts))
    )
    day.flows(k.SMTP, scattered(day, 30), monitor, site.one("mail"))


def _logging_and_time(day: Day) -> None:
    site = day.site
    sources = np.concatenate([site.servers, site.role["printer"][:4]])
    period = np.where(np.arange(len(sources)) % 3 == 0, 75.0, 240.0)
    ts, which = by_timer(day, period, 0.3)
    day.flows(k.SYSLOG, ts, sources[which], site.one("syslog"))
    ts, which = by_timer(day, np.full(len(site.servers), 1024.0), 0.005)
    day.flows(k.NTP, ts, site.servers[which], site.role["dc"][which % len(site.role["dc"])])
    ts, which = by_timer(day, np.full(len(site.role["dc"]), 1024.0), 0.005)
    day.flows(k.NTP, ts, site.role["dc"][which], site.internet[10 + which])
    linux = site.servers[site.linux[site.servers]]
    ts, which = by_timer(day, np.full(len(linux), 150.0), 0.5)
    day.flows(k.DNS, ts, linux[which], site.role["dc"][which % len(site.role["dc"])])


def _scanner(day: Day) -> None:
    """Add the vulnerability scanner: a part of the network each night, with password checks on what it finds."""
    site, rng = day.site, day.rng
    scanner = site.one("scanner")
    everything = np.concatenate([np.arange(site.hosts), site.dead])
    tonight = everything[(np.arange(len(everything)) + day.index) % 10 == 0]
    ports = np.concatenate([SCANNED_PORTS, _KNOWN_PORTS])
    tried = rng.random((len(tonight), len(ports))) < 0.6
    host, which = np.nonzero(tried)
    resp, port = tonight[host], ports[which]
    ts = 3600 * 1.2 + np.linspace(0, 3 * 3600, len(tonight))[host] + rng.uniform(0, 500, len(resp))
    probe(day, ts, (scanner, resp), port)
    # Every host is tried on the well-known ports every day.
    resp, port = np.repeat(everything, 8), np.tile(rng.permutation(_KNOWN_PORTS)[:8], len(everything))
    ts = 3600 * 13.0 + rng.uniform(0, 5400, len(resp))
    probe(day, ts, (scanner, resp), port)
    windows = tonight[tonight < site.hosts]
    windows = windows[~site.linux[windows]]
    for script, failing in (
        (s.ENUMERATE_ACCOUNTS, 0.05),
        (s.WHO_IS_THERE, 0.05),
        (s.REGISTRY_READ, 0.1),
        (s.LOOK_UP_BY_PIPE, 0),
    ):
        ts = 3600 * 4.6 + rng.uniform(0, 4000, len(windows))
        smb(day, ts, np.full(len(ts), scanner), windows, script, logon=account(day, "svc_scan", len(ts), failing))
    ts = 3600 * 4.6 + rng.uniform(0, 4000, len(windows) * 4)
    # Default passwords are tried with accounts that exist nowhere.
    guesses = site.strings.codes(["administrator", "admin", "guest", "test"])
    tries = Logon(guesses[rng.integers(0, 4, len(ts))], np.ones(len(ts), bool), rng.random(len(ts)) < 0.97, 0.3)
    smb(day, ts, np.full(len(ts), scanner), np.repeat(windows, 4), logon=tries)


def _backups(day: Day) -> None:
    site, rng = day.site, day.rng
    backup = site.one("backup")
    clients = np.concatenate([site.windows_servers, site.role["nas"], site.role["web"]])
    clients = np.repeat(clients[clients != backup], 6)
    ts = 3600 * 20 + rng.uniform(0, 3.5 * 3600, len(clients))
    day.flows(k.BACKUP, ts, clients, backup)
    files = np.repeat(np.concatenate([site.role["file"], site.role["print"]]), 8)
    ts = 3600 * 21 + rng.uniform(0, 2 * 3600, len(files))
    size = rng.lognormal(np.log(3e7), 1.6, len(files))
    logon = account(day, "svc_backup", len(files))
    smb(day, ts, np.full(len(ts), backup), files, logon=logon, kind=k.SMB_FILES, received=size)
    day.flows(
        k.UPLOAD,
        3600 * 23 + rng.uniform(0, 1500, 6),
        backup,
        site.internet[12],
        sent=rng.lognormal(20, 0.7, 6),
        seconds=900,
    )


def _mail_and_proxy(day: Day) -> None:
    site, rng = day.site, day.rng
    mail = site.one("mail")
    for share, inbound in ((4.0, True), (2.5, False)):
        ts = _daily(day, int(rng.poisson(share * site.n_people * (0.3 if day.weekend else 1))))
        other = popular(day, len(ts), 1.2)
        day.flows(k.SMTP, ts, other if inbound else mail, mail if inbound else other)
    ts, _ = by_timer(day, 60.0, 0.01)
    day.flows(k.TELEMETRY, ts, site.one("proxy"), site.internet[4])
    servers_ = site.servers
    ts, which = by_timer(day, np.full(len(servers_), 1800.0), 0.1)
    day.flows(k.PROXY, ts, servers_[which], site.one("proxy"))
    # The internet's own noise at the mail server's open ports, and at what is not open.
    ts = scattered(day, 500)
    node = popular(day, len(ts), 0.4)
    port = rng.choice(np.array([22, 23, 25, 80, 443, 445, 3389, 8080, 5900]), len(ts))
    probe(day, ts, (node, np.full(len(ts), mail)), port)


def _service_accounts(day: Day) -> None:
    site, rng = day.site, day.rng
    # Printers put what they scanned on the file server.
    ts = np.sort(np.clip(rng.normal(45_000, 9000, int(rng.poisson(2 * len(site.role["printer"])))), 0, DAY - 60))
    orig = site.role["printer"][rng.integers(0, len(site.role["printer"]), len(ts))]
    size = rng.lognormal(np.log(800_000), 0.9, len(ts))
    smb(day, ts, orig, site.role["file"][:1].repeat(len(ts)), logon=account(day, "svc_print", len(ts), 0.02), sent=size)
    db = site.role["db"]
    ts, which = by_timer(day, np.full(len(db), 300.0), 0.01)
    logon = account(day, "svc_sql", len(ts), 0.002, 0.5)
    smb(day, ts, db[which], site.role["file"][:1].repeat(len(ts)), s.SHARES, logon=logon)
    # One job still runs with a password that was changed, every night of a week out of three.
    if day.index // 5 % 3 == 1:
        tries = 3600 * 2 + 30 * np.arange(40, dtype=float)
        smb(day, tries, np.full(40, site.one("app")), site.one("nas"), logon=account(day, "svc_sql", 40, 0.98))
    # Machines log on with their own accounts.
    people = np.flatnonzero(day.up)
    people = people[rng.random(len(people)) < 0.6]
    ts = day.up_from[people] + (day.up_to - day.up_from)[people] * rng.random(len(people))
    node = day.workstation(people)
    own = Logon(site.machine_account[node], np.ones(len(ts), bool), rng.random(len(ts)) < 0.01, 0.2)
    smb(day, ts, node, site.one("file"), logon=own)
