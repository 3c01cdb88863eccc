"""Connections that leave records in ntlm and dce_rpc logs too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oddlog.simulate.day import BENIGN, Day
from oddlog.simulate.kinds import EPMAPPER, RPC, SMB, Kind

if TYPE_CHECKING:
    from oddlog.simulate.packets import Bools, Floats, Ints

__all__ = ["Logon", "Script", "Step", "rpc", "smb"]

Step = tuple[str, str, str, int, int]
"""Pipe ("" stands for the port's number), endpoint, operation, fewest and most calls."""
Script = Sequence[Step]

_MAP: Script = (("", "epmapper", "ept_map", 1, 1),)
_SMB_SERVICES = (("gssapi,ntlm,smb", 0.8), ("gssapi,smb,ntlm", 0.17), ("ntlm,smb,gssapi", 0.03))
_RPC_SERVICES = (("gssapi,dce_rpc,ntlm", 0.3), ("ntlm,dce_rpc", 0.5), ("dce_rpc,ntlm", 0.2))

# After a wrong password the session ends before anything is opened.
_REFUSED = replace(SMB, sent=(1150, 0.12), received=(900, 0.12), seconds=(0.04, 0.8), turns=4)


@dataclass(frozen=True)
class Logon:
    """NTLM logons in some connections.

    Parameters
    ----------
    user : (n,) int64
        Codes of account names; -1 is nobody (a null session).
    chosen : (n,) bool
        Where NTLM is used; elsewhere it is Kerberos.
    failed : (n,) bool
        The server said no.
    hidden : float
        Share of logons of which Zeek saw the server's side only: user, workstation and domain unset.
    client : (n,) int64, optional
        Nodes whose names the clients gave; the originators' by default.
    """

    user: Ints
    chosen: Bools
    failed: Bools
    hidden: float = 0.45
    client: Ints | None = None


@dataclass(frozen=True)
class _Calls:
    """A script played n times: how often each step, and when, in seconds from the connection's start."""

    script: Script
    session: Ints
    step: Ints
    offset: Floats
    last: Floats
    number: Ints


def _play(day: Day, script: Script, n: int, start: float) -> _Calls:
    rng = day.rng
    fewest, most = (np.array([step[i] for step in script], np.int64) for i in (3, 4))
    times = rng.integers(fewest, most + 1, (n, len(script)))
    session = np.repeat(np.arange(n), times.sum(axis=1))
    step = np.repeat(np.tile(np.arange(len(script)), n), times.ravel())
    gaps = 0.0004 + rng.exponential(0.0012, len(step))
    slow = rng.random(len(step)) < 0.06
    gaps[slow] += rng.lognormal(np.log(0.03), 1.0, int(slow.sum()))
    number = times.sum(axis=1)
    first = np.concatenate([[0], np.cumsum(number)])[:-1]
    total = np.concatenate([[0.0], np.cumsum(gaps)])
    offset = start * (1 + rng.random(n))[session] + total[1:] - total[first][session]
    last = np.zeros(n)
    np.maximum.at(last, session, offset)
    return _Calls(script, session, step, offset, last, number)


def _record(day: Day, calls: _Calls, rows: Ints, ts: Floats, alive: Bools, port: Ints, attack: int) -> None:
    code = day.site.strings.code
    pipe = np.array([code(step[0]) if step[0] else -1 for step in calls.script])
    used = np.unique(port)
    names = np.array([code(str(p)) for p in used])[np.searchsorted(used, port)]
    keep = alive[calls.session]
    session, step = calls.session[keep], calls.step[keep]
    day.dce_rpc.append(
        {
            "row": rows[session],
            "ts": ts[session] + calls.offset[keep],
            "rtt": np.minimum(day.spread(len(step), (0.0007, 0.5)), 0.05),
            "named_pipe": np.where(pipe[step] >= 0, pipe[step], names[session]),
            "endpoint": np.array([code(s[1]) for s in calls.script])[step],
            "operation": np.array([code(s[2]) for s in calls.script])[step],
            "attack": np.full(len(step), attack),
        }
    )


def _log_on(
    day: Day, logon: Logon, rows: Ints, ts: Floats, nodes: tuple[Ints, Ints], by_smb: bool, attack: int
) -> None:
    """Add a record per logon; over plain RPC Zeek cannot tell whether it succeeded."""
    site, rng = day.site, day.rng
    orig, resp = nodes
    client = orig if logon.client is None else logon.client
    n = len(rows)
    seen = (rng.random(n) >= logon.hidden) & (logon.user >= 0)
    foreign = site.linux[resp]
    inside = resp < site.hosts
    host = np.where(inside, resp, 0)
    known = inside & (rng.random(n) < 0.97)
    success = np.where(logon.failed, np.where(rng.random(n) < 0.75, 0, -1), np.where(rng.random(n) < 0.9, 1, -1))
    day.ntlm.append(
        {
            "row": rows,
            "ts": ts + 0.003 * (1 + rng.random(n)),
            "username": np.where(seen, logon.user, -1),
            "hostname": np.where(seen & (client < site.hosts), site.host_name[np.minimum(client, site.hosts - 1)], -1),
            "domainname": np.where(seen, np.where(site.linux[client], site.workgroup, site.domain), -1),
            "server_nb_computer_name": np.where(known, site.host_name[host], -1),
            "server_dns_computer_name": np.where(known, site.host_dns[host], -1),
            "server_tree_name": np.where(known & ~foreign, site.domain_dns, -1),
            "success": success if by_smb else np.where(rng.random(n) < 0.12, success, -1),
            "attack": np.full(n, attack),
        }
    )


def _choose(day: Day, options: Sequence[tuple[str, float]], suffix: str, n: int) -> Ints:
    codes = np.array([day.site.strings.code(name + suffix) for name, _ in options])
    return day.rng.choice(codes, n, p=[weight for _, weight in options])


def smb(
    day: Day,
    ts: npt.ArrayLike,
    orig: npt.ArrayLike,
    resp: npt.ArrayLike,
    script: Script = (),
    *,
    logon: Logon | None = None,
    kind: Kind = SMB,
    sent: npt.ArrayLike | None = None,
    received: npt.ArrayLike | None = None,
    attack: int = BENIGN,
) -> Ints:
    """Add SMB sessions with what is called over their pipes.

    Parameters
    ----------
    day : Day
    ts, orig, resp : (n,) array_like
        As `Day.flows` takes them.
    script : sequence of Step
    logon : Logon, optional
        Kerberos throughout without.
    kind : Kind
    sent, received : (n,) array_like, optional
        File bytes moved besides.
    attack : int

    Returns
    -------
    (n,) int64
        Numbers of the connections.
    """
    ts = np.atleast_1d(np.asarray(ts, float))
    n = len(ts)
    orig, resp = (np.broadcast_to(np.asarray(node, np.int64), n) for node in (orig, resp))
    code = day.site.strings.code
    suffix = ",dce_rpc" if script else ""
    service = np.full(n, code("gssapi,smb,krb" + suffix))
    refused = np.zeros(n, bool)
    if logon is not None:
        refused = logon.chosen & logon.failed
        service = np.where(logon.chosen, _choose(day, _SMB_SERVICES, suffix, n), service)
        service = np.where(refused, _choose(day, _SMB_SERVICES, "", n), service)
    calls = _play(day, script, n, 0.007) if script else None
    number = calls.number if calls else np.zeros(n, np.int64)
    out, back = day.sizes(kind, n)
    out += 190 * number + (0 if sent is None else np.asarray(sent))
    back += 150 * number + (0 if received is None else np.asarray(received))
    rows = day.flows(
        kind,
        ts,
        orig,
        resp,
        sent=np.where(refused, day.spread(n, _REFUSED.sent), out),
        received=np.where(refused, day.spread(n, _REFUSED.received), back),
        seconds=np.where(refused, day.spread(n, _REFUSED.seconds), day.spread(n, kind.seconds)),
        at_least=np.where(refused, 0.007, calls.last + 0.002 if calls else 0.007),
        turns=np.where(refused, _REFUSED.turns, kind.turns + number),
        service=service,
        attack=attack,
    )
    alive = day.conn[-1]["resp_bytes"] > 0
    if calls:
        _record(day, calls, rows, ts, alive & ~refused, np.full(n, kind.port), attack)
    if logon is not None:
        _log_on_chosen(day, logon, rows, ts, (orig, resp), alive, True, attack)
    return rows


def rpc(
    day: Day,
    ts: npt.ArrayLike,
    orig: npt.ArrayLike,
    resp: npt.ArrayLike,
    script: Script,
    *,
    port: npt.ArrayLike | None = None,
    mapped: float = 0.5,
    logon: Logon | None = None,
    received: npt.ArrayLike | None = None,
    attack: int = BENIGN,
) -> Ints:
    """Add RPC sessions over TCP, some after a question to the endpoint mapper; as `smb`.

    Parameters
    ----------
    day : Day
    ts, orig, resp : (n,) array_like
    script : sequence of Step
    port : (n,) array_like, optional
        135 for what the endpoint mapper's own process serves; each responder's dynamic port without.
    mapped : float
        Share of sessions that first ask the endpoint mapper.
    logon : Logon, optional
    received : (n,) array_like, optional
        Bytes answered besides.
    attack : int

    Returns
    -------
    (n,) int64
        Numbers of the connections.
    """
    ts = np.atleast_1d(np.asarray(ts, float))
    n = len(ts)
    orig, resp = (np.broadcast_to(np.asarray(node, np.int64), n) for node in (orig, resp))
    ports = np.broadcast_to(np.asarray(day.site.rpc_port[resp] if port is None else port, np.int64), n)
    asks = np.flatnonzero((day.rng.random(n) < mapped) & (ports != EPMAPPER.port))
    if len(asks):
        rpc(day, ts[asks], orig[asks], resp[asks], _MAP, port=EPMAPPER.port, attack=attack)
        ts = ts.copy()
        ts[asks] += 0.003 + 0.004 * day.rng.random(len(asks))
    calls = _play(day, script, n, 0.003)
    only_map = script is _MAP
    service = np.full(n, day.site.strings.code("dce_rpc" if only_map else "gssapi,dce_rpc"))
    if logon is not None:
        service = np.where(logon.chosen, _choose(day, _RPC_SERVICES, "", n), service)
    kind = EPMAPPER if only_map else RPC
    rows = day.flows(
        kind,
        ts,
        orig,
        resp,
        port=ports,
        sent=day.spread(n, kind.sent) + 170 * calls.number,
        received=day.spread(n, kind.received) + 170 * calls.number + (0 if received is None else np.asarray(received)),
        at_least=calls.last + 0.002,
        turns=kind.turns + calls.number,
        service=service,
        attack=attack,
    )
    alive = day.conn[-1]["resp_bytes"] > 0
    refused = np.zeros(n, bool) if logon is None else logon.chosen & logon.failed
    _record(day, calls, rows, ts, alive & ~refused, ports, attack)
    if logon is not None:
        _log_on_chosen(day, logon, rows, ts, (orig, resp), alive, False, attack)
    return rows


def _log_on_chosen(
    day: Day, logon: Logon, rows: Ints, ts: Floats, nodes: tuple[Ints, Ints], alive: Bools, by_smb: bool, attack: int
) -> None:
    chosen = np.flatnonzero(logon.chosen & alive)
    client = None if logon.client is None else logon.client[chosen]
    part = Logon(logon.user[chosen], logon.chosen[chosen], logon.failed[chosen], logon.hidden, client)
    _log_on(day, part, rows[chosen], ts[chosen], (nodes[0][chosen], nodes[1][chosen]), by_smb, attack)
