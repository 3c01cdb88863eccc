"""What comes up seldom, but comes up: monthly passwords of machines, old programs' questions, backups by snapshot.

It is drawn after all else of a day, so that a seed's office is the one it was before this was added to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oddlog.simulate import scripts as s
from oddlog.simulate.day import DAY, Day
from oddlog.simulate.rhythm import by_machines, by_timer, scattered
from oddlog.simulate.servers import account
from oddlog.simulate.sessions import rpc, smb

if TYPE_CHECKING:
    from oddlog.simulate.packets import Ints

__all__ = ["upkeep"]


def upkeep(day: Day) -> None:
    """Add a day of it."""
    _machine_passwords(day)
    _samba(day)
    _snapshots(day)
    _distributed_objects(day)


def _dc_of(day: Day, node: Ints) -> Ints:
    dcs = day.site.role["dc"]
    return dcs[node % len(dcs)]


def _machine_passwords(day: Day) -> None:
    """Every machine of the domain changes its own about once in 30 days."""
    site, rng = day.site, day.rng
    ts, person = by_machines(day, 1 / 30)
    members = site.windows_servers[rng.random(len(site.windows_servers)) < 1 / 30]
    members = members[~np.isin(members, site.role["dc"])]
    ts = np.concatenate([ts, rng.uniform(0, DAY - 60, len(members))])
    node = np.concatenate([day.workstation(person), members])
    rpc(day, ts, node, _dc_of(day, node), s.MACHINE_PASSWORD)


def _samba(day: Day) -> None:
    """What is not Windows asks the domain who somebody is, as its oldest clients do."""
    site, rng = day.site, day.rng
    askers = np.concatenate([site.role["nas"], site.role["web"], site.role["printer"][:2]])
    ts, which = by_timer(day, np.full(len(askers), 4 * 3600.0), 0.3)
    node = askers[which]
    smb(day, ts, node, _dc_of(day, node), s.SAMBA_ACCOUNTS, logon=account(day, "svc_print", len(ts), 0.01, 0.3))
    ts, which = by_timer(day, np.full(len(askers), 3600.0), 0.3)
    node = askers[which]
    rpc(day, ts, node, _dc_of(day, node), s.PASS_THROUGH)
    ts = scattered(day, 3)
    node = askers[rng.integers(0, len(askers), len(ts))]
    rpc(day, ts, node, _dc_of(day, node), s.OLD_NETLOGON)


def _snapshots(day: Day) -> None:
    """The backup has each file server make a snapshot, and looks at its services and registry first."""
    site, rng = day.site, day.rng
    backup = site.one("backup")
    files = np.concatenate([site.role[role] for role in ("file", "db", "mail", "dc")])
    ts = 3600 * 20.5 + rng.uniform(0, 1800, len(files))
    me = np.full(len(files), backup)
    for script, after in ((s.SERVICE_STATUS, 0.0), (s.REGISTRY_READ, 2.0), (s.SNAPSHOT, 5.0)):
        smb(day, ts + after, me, files, script, logon=account(day, "svc_backup", len(ts), 0.004, 0.5))


def _distributed_objects(day: Day) -> None:
    """Add servers' programs that use each other's objects, and keep them alive."""
    site = day.site
    clients = np.concatenate([site.role["mail"], site.role["sync"], site.role["inventory"]])
    ts, which = by_timer(day, np.full(len(clients), 2 * 3600.0), 0.2)
    node, target = clients[which], site.role["db"][which % len(site.role["db"])]
    logon = account(day, "svc_sql", len(ts), 0.002, 0.1)
    rpc(day, ts, node, target, s.ACTIVATE, port=135, logon=logon)
    rpc(day, ts + 0.1, node, target, s.DCOM, mapped=0, logon=logon)
    rpc(day, ts + 120, node, target, s.KEEP_ALIVE, port=135)
