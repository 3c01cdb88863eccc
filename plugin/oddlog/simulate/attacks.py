"""Attacks among the traffic: what differs from ordinary days is who does it, to whom, how much and when.

Connections, sessions and scripts are those of administrators, scanners and replicating domain controllers, drawn by the
same functions: no port, operation, size or history is an attack's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oddlog.simulate import kinds as k
from oddlog.simulate import scripts as s
from oddlog.simulate.rhythm import popular
from oddlog.simulate.servers import SCANNED_PORTS, probe
from oddlog.simulate.sessions import Logon, rpc, smb

if TYPE_CHECKING:
    from collections.abc import Callable

    from oddlog.simulate.day import Day
    from oddlog.simulate.packets import Ints

__all__ = ["ATTACKS", "attack"]


def attack(day: Day) -> None:
    """Add every attack three times: from a clerk's desk at work and by night, and from an administrator's.

    Parameters
    ----------
    day : Day
        Holding the benign records already.
    """
    site, rng = day.site, day.rng
    admin = np.arange(site.n_people) < len(site.admins)
    awake = np.flatnonzero(site.people.always_on & ~admin)
    working = np.flatnonzero(day.present & ~admin & (day.arrive < 3600 * 10) & (day.leave > 3600 * 15))
    # A weekend's office may be empty, then the machines that run all the time are all there is.
    working = working if len(working) else awake
    clerks, sleepers = rng.permutation(working), rng.permutation(awake)
    for number, (name, play) in enumerate(ATTACKS.items()):
        code = site.strings.code(name)
        moments = (
            (clerks[number % len(clerks)], rng.uniform(3600 * 10, 3600 * 14)),
            (
                sleepers[number % len(sleepers)],
                rng.choice([rng.uniform(1800, 3600 * 5), rng.uniform(3600 * 20, 3600 * 21.5)]),
            ),
            (site.admins[number % len(site.admins)] - site.n_fixed, rng.uniform(3600 * 9.5, 3600 * 15)),
        )
        for strength, (person, start) in enumerate(moments):
            play(day, int(day.workstation(np.array([person]))[0]), float(start), strength, code)


def _others(day: Day, node: int, ts: float, n: int, *, windows: bool = True) -> Ints:
    """Draw machines that are on: servers and workstations, as a search of the directory lists them."""
    site, rng = day.site, day.rng
    up = day.workstation(np.flatnonzero(day.up & (day.up_from < ts) & (day.up_to > ts + 600)))
    everyone = np.concatenate([site.windows_servers if windows else site.servers, up])
    return rng.permutation(everyone[everyone != node])[:n]


def _port_scan(day: Day, node: int, start: float, strength: int, code: int) -> None:
    """One server from end to end, or a few ports on everybody; patient by night."""
    site, rng = day.site, day.rng
    if strength == 1:
        ports = rng.permutation(SCANNED_PORTS)[:250]
        resp, pause = np.full(len(ports), site.role["file"][0]), 0.4
    else:
        ports_each = rng.choice(
            [22, 80, 135, 443, 445, 1433, 3389, 5985, 8080], 4 if strength == 0 else 2, replace=False
        )
        hosts = rng.permutation(np.concatenate([np.arange(site.hosts), site.dead]))[: 120 if strength == 0 else 60]
        resp, ports = np.repeat(hosts, len(ports_each)), np.tile(ports_each, len(hosts))
        pause = 0.05 if strength == 0 else 0.8
    ts = start + np.cumsum(rng.exponential(pause, len(ports)))
    probe(day, ts, (node, resp), ports, code)


def _beacon(day: Day, node: int, start: float, strength: int, code: int) -> None:
    """Every minute, or every two or five, to a place among the seldom visited; it lasts for hours."""
    rng = day.rng
    place = popular(day, 200, 0.3)[-1]
    period, hours = ((60.0, 4.0), (300.0, 2.3), (120.0, 6.0))[strength]
    person = node - day.site.n_fixed
    stop = min(start + 3600 * hours, float(day.up_to[person]) - 60)
    gaps = period * np.clip(1 + (0.1, 0.25, 0.2)[strength] * rng.standard_normal(int((stop - start) / period)), 0.3, 2)
    ts = start + np.cumsum(gaps)
    # Mostly nothing to say, now and then an order and its answer.
    busy = rng.random(len(ts)) < 0.04
    says, hears = 1800 * rng.lognormal(0, 0.35), 4600 * rng.lognormal(0, 0.35)
    sent = np.where(busy, rng.lognormal(np.log(9000), 1, len(ts)), day.spread(len(ts), (says, 0.06)))
    received = np.where(busy, rng.lognormal(np.log(30_000), 1, len(ts)), day.spread(len(ts), (hears, 0.06)))
    day.flows(k.TELEMETRY, ts, node, place, sent=sent, received=received, attack=code)


def _exfiltration(day: Day, node: int, start: float, strength: int, code: int) -> None:
    """One great upload, or the same in pieces, to a place nobody else knows."""
    rng = day.rng
    place = popular(day, 200, 0.3)[-1]
    total = (1.5e9, 4e8, 6e8)[strength] * rng.lognormal(0, 0.3)
    pieces = (1, 40, 8)[strength]
    share = rng.dirichlet(np.full(pieces, 6.0))
    speed = rng.lognormal(np.log(2.5e6), 0.4, pieces)
    seconds = total * share / speed
    ts = start + np.cumsum(seconds + rng.exponential(25, pieces)) - seconds
    day.flows(k.UPLOAD, ts, node, place, sent=total * share, seconds=seconds, attack=code)


def _password_spray(day: Day, node: int, start: float, strength: int, code: int) -> None:
    """One password for many accounts, on one server or on several; a few have it."""
    site, rng = day.site, day.rng
    n = min(site.n_people, (120, 60, 40)[strength])
    users = rng.permutation(site.people.user)[:n]
    ts = start + np.cumsum(rng.exponential((2.0, 30.0, 8.0)[strength], n))
    target = (site.role["dc"], site.role["file"], site.windows_servers)[strength]
    logon = Logon(users, np.ones(n, bool), rng.random(n) < 0.97, 0.3)
    smb(day, ts, np.full(n, node), target[rng.integers(0, len(target), n)], logon=logon, attack=code)


def _pass_the_hash(day: Day, node: int, start: float, strength: int, code: int) -> None:
    """Log on by NTLM with a privileged account, from a machine that is not its own, and look at the shares."""
    site, rng = day.site, day.rng
    target = _others(day, node, start, (4, 6, 9)[strength])
    n = len(target)
    if strength == 1:
        user = site.service_account["svc_backup"]
    else:
        owners = site.admins - site.n_fixed
        owners = owners[owners != node - site.n_fixed]
        user = int(site.admin_account[rng.choice(owners)])
    ts = start + np.cumsum(rng.exponential(70, n))
    for script, after in (((), 0.0), (s.SHARES, 3.0)):
        logon = Logon(np.full(n, user), np.ones(n, bool), rng.random(n) < 0.05, 0.3)
        smb(day, ts + after, np.full(n, node), target, script, logon=logon, attack=code)
    size = rng.lognormal(np.log(400_000), 0.9, n)
    logon = Logon(np.full(n, user), np.ones(n, bool), np.zeros(n, bool), 0.3)
    smb(day, ts + 8, np.full(n, node), target, logon=logon, kind=k.SMB_FILES, received=size, attack=code)


def _dcsync(day: Day, node: int, start: float, strength: int, code: int) -> None:
    """Ask a domain controller for its secrets as another domain controller would: one account or all of them."""
    site, rng = day.site, day.rng
    n = (1, 3, 2)[strength]
    ts = start + np.cumsum(rng.exponential(40, n))
    target = np.full(n, rng.choice(site.role["dc"]))
    received = rng.lognormal(np.log((14_000, 900_000, 14_000)[strength]), 0.4, n)
    rpc(day, ts, np.full(n, node), target, s.REPLICATE, mapped=1.0, received=received, attack=code)


def _rpc_enumeration(day: Day, node: int, start: float, strength: int, code: int) -> None:
    """Ask many machines for accounts, sessions and shares, and the domain controller for its groups."""
    site, rng = day.site, day.rng
    target = _others(day, node, start, (60, 35, 25)[strength])
    n = len(target)
    ts = start + np.cumsum(rng.exponential((1.0, 6.0, 15.0)[strength], n))
    me = np.full(n, node)
    person = np.full(n, node - site.n_fixed)
    logon = Logon(site.people.user[person], rng.random(n) < 0.15, rng.random(n) < 0.2, 0.3)
    smb(day, ts, me, target, s.WHO_IS_THERE, logon=logon, attack=code)
    smb(day, ts + 0.3, me, target, s.ENUMERATE_ACCOUNTS, logon=logon, attack=code)
    some = rng.random(n) < 0.4
    rpc(day, ts[some] + 0.6, me[some], target[some], s.MAP_ENDPOINTS, port=135, attack=code)
    dc = np.full(4, site.role["dc"][0])
    ts = start + np.cumsum(rng.exponential(5, 4))
    for script in (s.GROUP_MEMBERS, s.LOOK_UP_BY_PIPE):
        smb(day, ts, np.full(4, node), dc, script, attack=code)


def _psexec(day: Day, node: int, start: float, strength: int, code: int) -> None:
    """Copy a program to a machine, make it a service, start it and clean up."""
    rng = day.rng
    target = _others(day, node, start, (3, 5, 8)[strength])
    n = len(target)
    site = day.site
    ts = start + np.cumsum(rng.exponential((120.0, 60.0, 200.0)[strength], n))
    owner = site.admins[strength % len(site.admins)] - site.n_fixed
    user = np.full(n, site.admin_account[owner])
    me, size = np.full(n, node), rng.lognormal(np.log(300_000), 0.6, n)
    for script, after, sent in (((), 0.0, size), (s.REMOTE_SERVICE, 0.5, None)):
        logon = Logon(user, rng.random(n) < 0.5, np.zeros(n, bool), 0.3)
        smb(day, ts + after, me, target, script, logon=logon, sent=sent, attack=code)


ATTACKS: dict[str, Callable[[Day, int, float, int, int], None]] = {
    "port_scan": _port_scan,
    "beacon": _beacon,
    "exfiltration": _exfiltration,
    "password_spray": _password_spray,
    "pass_the_hash": _pass_the_hash,
    "dcsync": _dcsync,
    "rpc_enumeration": _rpc_enumeration,
    "psexec": _psexec,
}
