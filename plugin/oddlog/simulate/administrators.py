"""What administrators and their automation do: the tools attackers use, on ordinary days, by those entitled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oddlog.simulate import kinds as k
from oddlog.simulate import scripts as s
from oddlog.simulate.rhythm import by_people
from oddlog.simulate.servers import account, probe
from oddlog.simulate.sessions import Logon, Script, rpc, smb

if TYPE_CHECKING:
    from oddlog.simulate.day import Day
    from oddlog.simulate.packets import Floats, Ints

__all__ = ["administrators"]

_TOOLS: tuple[tuple[Script, float, str], ...] = (
    # What, how often in an administrator's day, and on which machines.
    (s.SERVICE_STATUS, 6, "any"),
    (s.SERVICE_RESTART, 1.5, "server"),
    (s.REMOTE_SERVICE, 1.2, "any"),
    (s.REMOTE_TASK, 1.2, "any"),
    (s.REGISTRY_READ, 2, "any"),
    (s.EVENTS, 2, "any"),
    (s.WHO_IS_THERE, 2.5, "any"),
    (s.SHARES, 3, "any"),
    (s.GROUP_MEMBERS, 3, "dc"),
    (s.GROUPS_OF_USER, 3, "dc"),
    (s.ENUMERATE_ACCOUNTS, 0.8, "dc"),
    (s.LOOK_UP_BY_PIPE, 3, "dc"),
    (s.ADD_DRIVER, 0.1, "print"),
)


def administrators(day: Day) -> None:
    """Add a day of administrators at their workstations, and of the machines that act for them."""
    _at_work(day)
    _inventory(day)
    _deployment(day)


def _rate(day: Day, a_day: float) -> tuple[Floats, Ints]:
    """Administrators' doings, whatever their zeal for the rest."""
    is_admin = np.isin(np.arange(day.site.n_people), day.site.admins - day.site.n_fixed)
    return by_people(day, np.where(is_admin, a_day, 0.0) / np.maximum(day.zeal, 0.3), burst=1.5, gap=40)


def _targets(day: Day, where: str, n: int) -> Ints:
    site, rng = day.site, day.rng
    if where in site.role:
        return site.role[where][rng.integers(0, len(site.role[where]), n)]
    servers = site.windows_servers[rng.integers(0, len(site.windows_servers), n)]
    if where == "server":
        return servers
    running = np.flatnonzero(day.up)
    return np.where(rng.random(n) < 0.55, servers, day.workstation(rng.choice(running, n)))


def _as_admin(day: Day, person: Ints, chosen: float) -> Logon:
    """Give logons with the administrator's own privileged account."""
    rng = day.rng
    n = len(person)
    return Logon(day.site.admin_account[person], rng.random(n) < chosen, rng.random(n) < 0.03, 0.3)


def _at_work(day: Day) -> None:
    rng = day.rng
    for script, a_day, where in _TOOLS:
        ts, person = _rate(day, a_day)
        if not len(ts):
            continue
        node, target = day.workstation(person), _targets(day, where, len(ts))
        if script is s.REMOTE_SERVICE:
            size = rng.lognormal(np.log(300_000), 0.6, len(ts))
            smb(day, np.maximum(ts - 0.4, 0), node, target, logon=_as_admin(day, person, 0.5), sent=size)
        smb(day, ts, node, target, script, logon=_as_admin(day, person, 0.5))
    ts, person = _rate(day, 3)
    node, target = day.workstation(person), _targets(day, "any", len(ts))
    logon = _as_admin(day, person, 0.4)
    rpc(day, ts, node, target, s.ACTIVATE, port=135, logon=logon)
    for script, share in ((s.WMI, 0.7), (s.WMI_WRITE, 0.2), (s.DCOM, 0.15)):
        some = rng.random(len(ts)) < share
        part = Logon(logon.user[some], logon.chosen[some], logon.failed[some], 0.3)
        rpc(day, ts[some] + 0.05, node[some], target[some], script, mapped=0, logon=part)
    ts, person = _rate(day, 0.5)
    rpc(day, ts, day.workstation(person), _targets(day, "dc", len(ts)), s.DNS_ADMIN)
    ts, person = _rate(day, 0.6)
    rpc(day, ts, day.workstation(person), _targets(day, "any", len(ts)), s.MAP_ENDPOINTS, port=135)
    for kind, a_day, where in ((k.RDP, 6, "server"), (k.WINRM, 7, "any"), (k.SSH, 5, "app"), (k.HTTPS, 8, "nas")):
        ts, person = _rate(day, a_day)
        day.flows(kind, ts, day.workstation(person), _targets(day, where, len(ts)))
    ts, person = _rate(day, 5)
    target, size = _targets(day, "any", len(ts)), rng.lognormal(np.log(2e6), 1.8, len(ts))
    smb(day, ts, day.workstation(person), target, logon=_as_admin(day, person, 0.5), kind=k.SMB_FILES, sent=size)
    # Is that port open? Tried on a few machines in a row.
    ts, person = _rate(day, 2.5)
    ts = np.repeat(ts, 6) + np.tile(np.arange(6) * 0.7, len(ts))
    person = np.repeat(person, 6)
    port = np.repeat(rng.choice([22, 80, 135, 443, 445, 1433, 3389, 5985, 8080], len(ts) // 6), 6)
    probe(day, ts, (day.workstation(person), _targets(day, "any", len(ts))), port)
    # At times an administrator helps at somebody's desk, and logs on from there.
    ts, person = _rate(day, 1.2)
    desk = day.workstation(rng.choice(np.flatnonzero(day.up), len(ts)))
    smb(day, ts, desk, _targets(day, "file", len(ts)), s.SHARES, logon=_as_admin(day, person, 0.8))


def _inventory(day: Day) -> None:
    """Ask every Windows machine what is on it: servers at night, workstations as they come up."""
    site, rng = day.site, day.rng
    inventory = site.one("inventory")
    up = np.flatnonzero(day.up)
    ts = np.concatenate(
        [
            3600 * 3 + rng.uniform(0, 3000, len(site.windows_servers)),
            np.maximum(day.up_from[up], 3600 * 6) + rng.uniform(600, 5400, len(up)),
        ]
    )
    node = np.concatenate([site.windows_servers, day.workstation(up)])
    me = np.full(len(ts), inventory)
    for script, after in (
        (s.WHO_IS_THERE, 0.0),
        (s.ENUMERATE_ACCOUNTS, 2.0),
        (s.REGISTRY_READ, 4.0),
        (s.SERVICE_STATUS, 9.0),
    ):
        logon = account(day, "svc_inventory", len(ts), 0.004, 0.5)
        smb(day, ts + after + rng.exponential(1, len(ts)), me, node, script, logon=logon)
    rpc(day, ts + 14, me, node, s.MAP_ENDPOINTS, port=135)
    logon = account(day, "svc_inventory", len(ts), 0.004, 0.5)
    rpc(day, ts + 16, me, node, s.ACTIVATE, port=135, logon=logon)
    rpc(day, ts + 16.1, me, node, s.WMI, mapped=0, logon=logon)
    dcs = site.role["dc"]
    ts = 3600 * 5 + rng.uniform(0, 1200, 4 * len(dcs))
    me, node = np.full(len(ts), inventory), np.tile(dcs, 4)
    for script in (s.GROUP_MEMBERS, s.ENUMERATE_ACCOUNTS, s.LOOK_UP_BY_PIPE, s.SHARES):
        smb(day, ts, me, node, script, logon=account(day, "svc_inventory", len(ts), 0.004, 0.5))


def _deployment(day: Day) -> None:
    """Install by remote services and tasks: a few machines, every night and every hour."""
    site, rng = day.site, day.rng
    deploy = site.one("deploy")
    up = day.workstation(np.flatnonzero(day.up))
    some = np.concatenate([site.windows_servers, up[rng.random(len(up)) < 0.12]])
    some = some[some != deploy]
    ts = np.where(some < site.n_fixed, 3600 * 22.5, 3600 * 11.0) + rng.uniform(0, 3600, len(some))
    later = day.up_from[np.maximum(some - site.n_fixed, 0)] + 300
    ts = np.where(some < site.n_fixed, ts, np.maximum(ts, later))
    me = np.full(len(ts), deploy)
    size = rng.lognormal(np.log(1.2e6), 1.4, len(ts))
    smb(day, ts, me, some, logon=account(day, "svc_deploy", len(ts), 0.01, 0.5), sent=size)
    smb(day, ts + 1.5, me, some, s.REMOTE_SERVICE, logon=account(day, "svc_deploy", len(ts), 0.01, 0.5))
    part = rng.random(len(ts)) < 0.5
    for script in (s.REMOTE_TASK, s.SERVICE_RESTART):
        logon = account(day, "svc_deploy", int(part.sum()), 0.01, 0.5)
        smb(day, ts[part] + 20 + rng.exponential(30), me[part], some[part], script, logon=logon)
    part = rng.random(len(ts)) < 0.2
    for script in (s.REMOTE_SERVICE_OLD, s.OLD_TASKS, s.EVENTS, s.MASTER_KEYS):
        smb(day, ts[part] + 60 + rng.exponential(30), me[part], some[part], script)
    rpc(day, ts[part] + 100, me[part], some[part], s.SERVICE_STATUS_BY_PORT)
    rpc(day, ts[part] + 110, me[part], some[part], s.KEEP_ALIVE, port=135)
    logon = account(day, "svc_deploy", int(part.sum()), 0.01, 0.5)
    rpc(day, ts[part] + 120, me[part], some[part], s.ACTIVATE, port=135, logon=logon)
    for script in (s.WMI_WRITE, s.DCOM):
        rpc(day, ts[part] + 120.1, me[part], some[part], script, mapped=0, logon=logon)
    day.flows(k.WINRM, ts + 130, deploy, some)
    servers = site.windows_servers
    day.flows(
        k.RDP,
        3600 * 6 + rng.uniform(0, 600, len(servers)),
        deploy,
        servers,
        seconds=2.0,
        sent=1500,
        received=1900,
        turns=4,
    )
