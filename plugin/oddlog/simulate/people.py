"""What people and their workstations do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oddlog.simulate import kinds as k
from oddlog.simulate import scripts as s
from oddlog.simulate.rhythm import by_machines, by_people, by_timer, popular
from oddlog.simulate.sessions import Logon, rpc, smb

if TYPE_CHECKING:
    from oddlog.simulate.day import Day
    from oddlog.simulate.packets import Floats, Ints

__all__ = ["people_and_workstations"]


def people_and_workstations(day: Day) -> None:
    """Add a day of all workstations."""
    _web(day)
    _names_and_logons(day)
    _files_and_printers(day)
    _mail_and_work(day)
    _background(day)
    _shouting(day)


def _some_dc(day: Day, person: Ints) -> Ints:
    """Every machine has the domain controller it likes best."""
    dcs = day.site.role["dc"]
    other = day.rng.random(len(person)) < 0.15
    return dcs[(person * 7 + other) % len(dcs)]


def _some(day: Day, role: str, n: int) -> Ints:
    """Draw servers of a role, the first one most often."""
    members = day.site.role[role]
    return members[np.minimum(day.rng.geometric(0.6, n) - 1, len(members) - 1)]


def by_users(day: Day, person: Ints, chosen: float, failing: float) -> Logon:
    """NTLM logons of people at their own machines; a few type wrongly, and one or two have an expired password."""
    site, rng = day.site, day.rng
    n = len(person)
    shouting = rng.random(n) < 0.12
    expired = np.random.default_rng([site.seed, 4, day.index // 5]).random(site.n_people) < 0.008
    failed = rng.random(n) < np.where(expired[person], 0.6, failing)
    user = np.where(shouting, site.people.shout[person], site.people.user[person])
    return Logon(np.where(rng.random(n) < 0.06, -1, user), rng.random(n) < chosen, failed)


def _web(day: Day) -> None:
    site, rng = day.site, day.rng
    ts, person = by_people(day, 200, burst=9, gap=0.6)
    direct = rng.random(len(ts)) < site.people.direct_web[person]
    place = popular(day, len(ts))
    node = day.workstation(person)
    _look_up(day, ts, person, 0.28)
    proxy = site.one("proxy")
    day.flows(k.PROXY, ts[~direct], node[~direct], proxy)
    fetched = np.flatnonzero(~direct & (rng.random(len(ts)) < 0.8))
    plain = rng.random(len(fetched)) < 0.25
    later = ts[fetched] + 0.002 + 0.01 * rng.random(len(fetched))
    day.flows(k.HTTP, later[plain], proxy, place[fetched[plain]])
    day.flows(k.HTTPS, later[~plain], proxy, place[fetched[~plain]])
    sort = rng.random(len(ts))
    quic, http = direct & (sort < 0.15), direct & (sort > 0.86)
    tls = direct & ~quic & ~http
    day.flows(k.QUIC, ts[quic], node[quic], place[quic])
    day.flows(k.HTTP, ts[http], node[http], place[http])
    day.flows(k.HTTPS, ts[tls], node[tls], place[tls])
    ts, person = by_people(day, 2.5, burst=2, gap=30)
    day.flows(k.UPLOAD, ts, day.workstation(person), popular(day, len(ts), 1.3))
    ts, person = by_people(day, 22, burst=5, gap=1.5)
    web = site.one("web")
    plain = rng.random(len(ts)) < 0.6
    day.flows(k.HTTP, ts[plain], day.workstation(person[plain]), web)
    day.flows(k.HTTPS, ts[~plain], day.workstation(person[~plain]), web)


def _look_up(day: Day, ts: Floats, person: Ints, share: float) -> None:
    asked = np.flatnonzero(day.rng.random(len(ts)) < share)
    dc = _some_dc(day, person[asked])
    before = np.maximum(ts[asked] - 0.01 - 0.04 * day.rng.random(len(asked)), 0)
    day.flows(k.DNS, before, day.workstation(person[asked]), dc)
    passed_on = np.flatnonzero(day.rng.random(len(asked)) < 0.3)
    day.flows(k.DNS_FORWARD, before[passed_on] + 0.0004, dc[passed_on], day.site.internet[:2][passed_on % 2])


def _names_and_logons(day: Day) -> None:
    """Add directory traffic: more of it as people come in, and the rest through the day."""
    rng = day.rng
    here = np.flatnonzero(day.present)
    start = day.arrive[here] + rng.normal(0, 20, len(here))
    for kind, many, wide in ((k.DNS, 9, 90), (k.CLDAP, 3, 30), (k.KERBEROS, 7, 120), (k.LDAP, 4, 150)):
        person = np.repeat(here, many)
        ts = np.repeat(start, many) + rng.exponential(wide, len(person))
        day.flows(kind, ts, day.workstation(person), _some_dc(day, person))
    for kind, a_day in ((k.DNS, 36.0), (k.CLDAP, 9.0), (k.LDAP, 6.0), (k.GLOBAL_CATALOG, 2.0), (k.NTP, 3.0)):
        ts, person = by_machines(day, a_day)
        day.flows(kind, ts, day.workstation(person), _some_dc(day, person))
    ts, person = by_people(day, 22, burst=2, gap=3)
    day.flows(k.KERBEROS, ts, day.workstation(person), _some_dc(day, person))
    for script, a_day, people_do in (
        (s.NETLOGON, 1.5, False),
        (s.OLD_NETLOGON, 0.05, False),
        (s.FIND_DC, 2, False),
        (s.CRACK_NAMES, 3.5, True),
        (s.LOOK_UP, 3, True),
    ):
        ts, person = by_people(day, a_day) if people_do else by_machines(day, a_day)
        rpc(day, ts, day.workstation(person), _some_dc(day, person), script)
    for script, a_day in ((s.LOOK_UP_BY_PIPE, 1.4), (s.GROUPS_OF_USER, 0.6), (s.CHANGE_PASSWORD, 0.02), (s.DFS, 1.5)):
        ts, person = by_people(day, a_day)
        logon = by_users(day, person, 0.1, 0.02)
        smb(day, ts, day.workstation(person), _some_dc(day, person), script, logon=logon)
    for script, a_day in ((s.BACKUP_KEY, 0.12), (s.PROMOTION_STATE, 0.2), (s.GROUP_MEMBERS, 0.04)):
        ts, person = by_people(day, a_day)
        smb(day, ts, day.workstation(person), _some_dc(day, person), script)
    ts, person = by_machines(day, 5)
    smb(day, ts, day.workstation(person), _some_dc(day, person))


def _files_and_printers(day: Day) -> None:
    site, rng = day.site, day.rng
    ts, person = by_people(day, 12, burst=2, gap=20)
    smb(day, ts, day.workstation(person), _some(day, "file", len(ts)), kind=k.SMB_FILES)
    ts, person = by_people(day, 6)
    logon = by_users(day, person, 0.25, 0.03)
    smb(day, ts, day.workstation(person), _some(day, "file", len(ts)), s.SHARES, logon=logon)
    # The NAS is not in the domain, so everyone is asked for a password there.
    ts, person = by_people(day, 9, burst=2, gap=8)
    logon = by_users(day, person, 0.97, 0.035)
    smb(day, ts, day.workstation(person), _some(day, "nas", len(ts)), logon=logon, kind=k.SMB_FILES)
    ts, person = by_people(day, 0.7)
    day.flows(k.NETBIOS_SESSION, ts, day.workstation(person), _some(day, "nas", len(ts)))
    ts, person = by_people(day, 2.2, burst=1.5, gap=40)
    pages = np.minimum(1 + rng.pareto(1.3, len(ts)), 300)
    server = _some(day, "print", len(ts))
    smb(day, ts, day.workstation(person), server, s.PRINT, logon=by_users(day, person, 0.3, 0.02), sent=90_000 * pages)
    printer = site.role["printer"][person % len(site.role["printer"])]
    day.flows(k.PRINT_RAW, ts + 2 + rng.exponential(3, len(ts)), server, printer, sent=110_000 * pages)
    ts, person = by_people(day, 1.8)
    rpc(day, ts, day.workstation(person), _some(day, "print", len(ts)), s.PRINT_BY_PORT)
    ts, person = by_people(day, 3)
    day.flows(k.IPP, ts, day.workstation(person), site.role["printer"][person % len(site.role["printer"])])
    # Now and then somebody opens a colleague's share.
    ts, person = by_people(day, 0.12)
    colleague = day.workstation((person + 1 + rng.geometric(0.3, len(person))) % site.n_people)
    smb(day, ts, day.workstation(person), colleague, s.SHARES, logon=by_users(day, person, 0.6, 0.05))


def _mail_and_work(day: Day) -> None:
    site, rng = day.site, day.rng
    everyone = np.arange(site.n_people)
    mail = site.one("mail")
    stop = np.where(day.present & (everyone % 3 == 0), day.leave, day.arrive)
    ts, person = by_timer(day, np.where(everyone % 2 == 0, 300.0, 600.0), 0.003, day.arrive, stop)
    day.flows(k.IMAPS, ts, day.workstation(person), mail)
    ts, person = by_people(day, 5)
    day.flows(k.SUBMISSION, ts, day.workstation(person), mail)
    ts, person = by_people(day, np.where(everyone % 3 == 1, 6.0, 0.0))
    rpc(day, ts, day.workstation(person), np.full(len(ts), mail), s.MAILBOX, mapped=0.3)
    ts, person = by_people(day, np.where(everyone % 4 == 0, 60.0, 3.0), burst=6, gap=6)
    app = site.role["app"][person % len(site.role["app"])]
    day.flows(k.ERP, ts, day.workstation(person), app, port=3200 + person % 8)
    ts, person = by_people(day, np.where(everyone % 5 == 2, 30.0, 0.0), burst=3, gap=10)
    day.flows(k.DATABASE, ts, day.workstation(person), _some(day, "db", len(ts)))
    ts, person = by_people(day, np.where(everyone % 6 == 3, 14.0, 0.0))
    day.flows(k.LICENSE, ts, day.workstation(person), site.one("app"), port=27000 + person % 4)
    ts, person = by_people(day, 10, burst=5, gap=2)
    day.flows(k.STUN, ts, day.workstation(person), site.internet[5 + rng.integers(0, 12, len(ts))])
    ts, person = by_people(day, 3, burst=3, gap=300)
    media = 50000 + rng.integers(0, 60, len(ts))
    seconds = rng.lognormal(np.log(600), 1.2, len(ts))
    day.flows(
        k.STUN,
        ts,
        day.workstation(person),
        site.internet[5 + rng.integers(0, 12, len(ts))],
        port=media,
        seconds=seconds,
        turns=np.maximum(2, seconds * 50).astype(np.int64),
        sent=seconds * 6000,
        received=seconds * 8000,
        service=np.full(len(ts), -1),
    )
    # Home-grown tools of one department, each on a port of its own.
    ts, person = by_people(day, np.where(everyone % 7 == 5, 40.0, 4.0), burst=4, gap=5)
    day.flows(k.MIDDLEWARE, ts, day.workstation(person), _some(day, "app", len(ts)), port=8000 + (person * 37) % 180)


def _background(day: Day) -> None:
    """Add what the machines do by themselves, much of it by timers."""
    site, rng = day.site, day.rng
    habits = np.random.default_rng([site.seed, 5])
    for number in range(4):
        # Every program reports to its maker's address in its own rhythm, on the machines that have it.
        has = habits.random(site.n_people) < (0.9, 0.5, 0.3, 0.15)[number]
        period = (1800.0, 900.0, 300.0, 60.0)[number] * habits.choice([1, 2, 4], site.n_people)
        places = 20 + habits.integers(0, 25, site.n_people) + 30 * number
        says = habits.lognormal(0, 0.35, (2, site.n_people))
        stop = np.where(has, day.up_to, day.up_from)
        ts, person = by_timer(day, period, (0.02, 0.001, 0.1, 0.01)[number], day.up_from, stop)
        sent = day.spread(len(ts), (1800, 0.06)) * says[0, person]
        received = day.spread(len(ts), (4600, 0.06)) * says[1, person]
        day.flows(k.TELEMETRY, ts, day.workstation(person), site.internet[places[person]], sent=sent, received=received)
        _look_up(day, ts, person, 0.1)
    for kind, seconds, jitter in ((k.ANTIVIRUS, 900.0, 0.01), (k.UPDATES, 4 * 3600.0, 0.2)):
        ts, person = by_timer(day, seconds, jitter, day.up_from, day.up_to)
        day.flows(kind, ts, day.workstation(person), site.one("deploy"))
    ts, person = by_machines(day, 4)
    peer = day.workstation((person + rng.integers(1, site.n_people, len(person))) % site.n_people)
    day.flows(k.PEER_UPDATES, ts, day.workstation(person), peer)
    ts, person = by_machines(day, 5)
    day.flows(k.HTTP, ts, day.workstation(person), site.internet[45 + rng.integers(0, 10, len(ts))])
    booted = np.flatnonzero(day.present & ~site.people.always_on)
    ts, person = by_machines(day, 2)
    ts = np.concatenate([day.up_from[booted] + rng.exponential(3, len(booted)), ts])
    day.flows(k.DHCP, ts, day.workstation(np.concatenate([booted, person])), site.one("dc"))


def _shouting(day: Day) -> None:
    """Add multicast and broadcast."""
    site, rng = day.site, day.rng
    group = site.group
    for kind, name, a_day in (
        (k.MDNS, "mdns", 14),
        (k.LLMNR, "llmnr", 12),
        (k.NETBIOS_NAME, "broadcast", 12),
        (k.NETBIOS_DATAGRAM, "broadcast", 16),
        (k.SSDP, "ssdp", 9),
        (k.WSD, "ssdp", 5),
        (k.SLP, "slp", 16),
    ):
        ts, person = by_machines(day, a_day)
        day.flows(kind, ts, day.workstation(person), group[name])
    for kind, name, a_day in ((k.MDNS, "mdns6", 6), (k.LLMNR, "llmnr6", 5)):
        ts, person = by_machines(day, a_day)
        day.flows(kind, ts, site.six + person, group[name])
    printers = site.role["printer"]
    ts, who = by_timer(day, np.full(len(printers), 300.0), 0.05)
    day.flows(k.SLP, ts, printers[who], group["slp"])
    ts, who = by_timer(day, np.full(len(printers), 1200.0), 0.05)
    day.flows(k.MDNS, ts, printers[who], group["mdns"])
    ts = rng.uniform(0, 86_400, 40)
    day.flows(
        k.DHCP, ts, day.workstation(rng.integers(0, site.n_people, 40)), group["everyone"], endings=(("S0", "D", 1),)
    )
