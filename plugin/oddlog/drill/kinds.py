"""The attacks of a drill. Each is done by a host that does not usually do it, with what the site itself uses for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oddlog.drill.attack import Attack
from oddlog.drill.site import HTTPS, SMB, LackingError
from oddlog.notices import count_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pandas as pd

    from oddlog.drill.hours import Row
    from oddlog.drill.site import Site

__all__ = ["KINDS", "Scene"]

_REPLICATION = frozenset({("drsuapi", "DRSGetNCChanges")})
_ENUMERATION = frozenset(
    {
        ("samr", "SamrEnumerateUsersInDomain"),
        ("samr", "SamrEnumerateGroupsInDomain"),
        ("samr", "SamrEnumerateAliasesInDomain"),
        ("samr", "SamrQueryDisplayInformation"),
        ("samr", "SamrGetMembersInGroup"),
        ("samr", "SamrGetMembersInAlias"),
        ("srvsvc", "NetrSessionEnum"),
        ("srvsvc", "NetrShareEnum"),
        ("wkssvc", "NetrWkstaUserEnum"),
    }
)
_SERVICES = frozenset(
    ("svcctl", name) for name in ("CreateServiceA", "CreateServiceW", "RCreateServiceA", "RCreateServiceW")
)
_FEWEST_USERS, _FEWEST_HOSTS, _FEWEST_PORTS = 8, 4, 5


@dataclass(frozen=True, slots=True)
class Scene:
    """A site, and chance."""

    site: Site
    rng: np.random.Generator

    def some(self, of: Iterable[str], fewest: int, most: int) -> list[str]:
        """Pick a few."""
        found = sorted(of)
        return [str(one) for one in self.rng.permutation(found)[: int(self.rng.integers(fewest, most + 1))]]

    def source(self, among: Iterable[str], but: Iterable[str], usual: str) -> str:
        """Pick a host that could do something and does not.

        Raises
        ------
        LackingError
            All of them do it: it would be nothing new.
        """
        never = set(but)
        hosts = sorted(set(among) - never)
        if not hosts:
            raise LackingError(f"there is no host inside that {usual}{' and never does this' if never else ''}")
        return str(self.rng.choice(hosts))

    def gaps(self, n: int, mean: float) -> np.ndarray:
        """Seconds from the start of each of some steps that follow each other by chance."""
        return np.concatenate([[0.0], np.cumsum(self.rng.exponential(mean, n - 1))])

    def uid(self, sessions: pd.DataFrame) -> str:
        """Pick a session."""
        return str(sessions["uid"].iloc[int(self.rng.integers(len(sessions)))])

    def calling(self, calls: frozenset[tuple[str, str]]) -> pd.DataFrame:
        """Pick the sessions of some operations."""
        records = self.site.of("dce_rpc")
        key = (records["endpoint"] + " " + records["operation"]).isin([" ".join(call) for call in calls])
        if not key.any():
            raise LackingError(f"{' or '.join(' '.join(call) for call in sorted(calls)[:3])} is in no dce_rpc record")
        return self.site.sessions(records[key])

    def logons(self) -> pd.DataFrame:
        """Pick the sessions in which somebody gave a name."""
        return self.site.sessions(self.site.of("ntlm").dropna(subset="username"))

    def near(self, sessions: pd.DataFrame, source: str) -> dict[str, pd.DataFrame]:
        """By target, the sessions that can be done there: those with it, and those by pipe wherever SMB answers."""
        inside = sessions[sessions["resp"].isin(self.site.inside) & (sessions["resp"] != source)]
        found = {str(host): rows for host, rows in inside.groupby("resp")}
        by_pipe = sessions[sessions["port"] == SMB]
        if len(by_pipe) and "conn" in self.site.names:
            for host in self.site.services.get(SMB, frozenset()) - {source, *found}:
                found[host] = by_pipe
        if not found:
            raise LackingError("no host inside answers to this")
        return found

    def template(self, rows: pd.DataFrame) -> Row:
        """Pick a connection to look like."""
        return self.site.row("conn", int(self.rng.choice(rows.index.to_numpy())))


def _attack(scene: Scene, name: str, source: str) -> Attack:
    return Attack(scene.site, scene.rng, name, source)


def _password_spray(scene: Scene, name: str) -> Attack:
    """One password for many accounts, on one server."""
    logons, users = scene.logons(), scene.site.users
    if len(users) < _FEWEST_USERS:
        raise LackingError(f"ntlm records name {count_words(len(users), 'account')}, and it takes {_FEWEST_USERS}")
    source = scene.source(set(logons["orig"]) & scene.site.inside, (), "logs on by NTLM")
    targets = scene.near(logons, source)
    target = scene.some(targets, 1, 1)[0]
    attack = _attack(scene, name, source)
    tried = scene.some(users, 20, 60)
    for at, user in zip(scene.gaps(len(tried), scene.rng.uniform(1, 12)), tried, strict=True):
        refused = scene.rng.random() < 0.96
        attack.session(at, scene.uid(targets[target]), target, user=user, refused=refused)
    return attack


def _pass_the_hash(scene: Scene, name: str) -> Attack:
    """Log on to several machines with an account that has the run of many, from where it never does."""
    logons = scene.logons()
    named = scene.site.of("ntlm").dropna(subset="username")
    reach = Counter(named.drop_duplicates(["username", "resp"])["username"])
    account = max(scene.site.users, key=lambda user: reach[user], default=None)
    if account is None:
        raise LackingError("ntlm records name no account")
    usual = named["orig"][named["username"] == account]
    source = scene.source(set(logons["orig"]) & scene.site.inside, usual, "logs on by NTLM")
    targets = scene.near(logons, source)
    attack = _attack(scene, name, source)
    some = scene.some(targets, 3, 6)
    for at, target in zip(scene.gaps(len(some), 60), some, strict=True):
        attack.session(at, scene.uid(targets[target]), target, user=account)
    return attack


def _dcsync(scene: Scene, name: str) -> Attack:
    """Ask a domain controller to replicate its secrets."""
    sessions = scene.calling(_REPLICATION)
    everyone = scene.site.of("dce_rpc")
    replicating = {*sessions["orig"], *sessions["resp"]}
    callers = set(everyone["orig"][everyone["resp"].isin(replicating)])
    source = scene.source(callers & scene.site.inside, replicating, "calls a domain controller")
    uid = scene.uid(sessions)
    target = str(sessions["resp"][sessions["uid"] == uid].iloc[0])
    attack = _attack(scene, name, source)
    for at in scene.gaps(int(scene.rng.integers(1, 4)), 40):
        attack.session(at, uid, target, user=scene.site.own_users.get(source))
    return attack


def _called(
    scene: Scene,
    name: str,
    calls: frozenset[tuple[str, str]],
    n: tuple[int, int],
    mean: float,
    most_usual: int,
    *,
    as_itself: bool,
) -> Attack:
    """Call some operations on several machines; a host that does so on more than `most_usual` is no news.

    Where logons are by NTLM they are the source's own user's, or that of whoever does this usually.
    """
    sessions = scene.calling(calls)
    asked = Counter(sessions.drop_duplicates(["orig", "resp"])["orig"])
    everyone = set(scene.site.of("dce_rpc")["orig"]) & scene.site.inside
    usual = [host for host, targets in asked.items() if targets > most_usual]
    source = scene.source(everyone, usual, "calls others by DCE-RPC")
    targets = scene.near(sessions, source)
    attack = _attack(scene, name, source)
    some = scene.some(targets, *n)
    for at, target in zip(scene.gaps(len(some), mean), some, strict=True):
        user = scene.site.own_users.get(source) if as_itself else None
        attack.session(at, scene.uid(targets[target]), target, user=user)
    return attack


def _rpc_enumeration(scene: Scene, name: str) -> Attack:
    """Ask many machines for accounts, groups, sessions and shares."""
    return _called(scene, name, _ENUMERATION, (12, 30), scene.rng.uniform(1, 10), 3, as_itself=True)


def _service_creation(scene: Scene, name: str) -> Attack:
    """Make a program a service on a few machines."""
    return _called(scene, name, _SERVICES, (2, 5), 90, 0, as_itself=False)


def _lateral_copy(scene: Scene, name: str) -> Attack:
    """Copy files to machines, those that the source had nothing to do with if there are any."""
    shares = scene.site.services.get(SMB, frozenset())
    sessions = scene.site.answered[scene.site.answered["port"] == SMB]
    # What ntlm and dce_rpc would have records of comes with those.
    plain = sessions[~sessions["service"].fillna("").str.contains("ntlm|dce_rpc")]
    sessions = plain if len(plain) else sessions
    source = scene.source(scene.site.clients(SMB), (), "uses files of others by SMB")
    others = shares - {source}
    if not others:
        raise LackingError("no other host inside answers on port 445")
    strangers = {host for host in others if (source, host) not in scene.site.asked} or others
    attack = _attack(scene, name, source)
    some = scene.some(strangers, 2, 4)
    for at, target in zip(scene.gaps(len(some), 90), some, strict=True):
        sent = scene.rng.lognormal(np.log(3e6), 1)
        attack.flow(at, scene.template(sessions), target, sent, sent * 0.02 + 4000, 10 + sent / 5e6)
    return attack


def _outside(scene: Scene, usual: str) -> tuple[str, str, pd.DataFrame]:
    """Pick a client of HTTPS, a place outside, if there is one that only others go to, and the connections there."""
    web = scene.site.answered[scene.site.answered["port"] == HTTPS]
    web = web[web["orig"].isin(scene.site.inside) & ~web["resp"].isin(scene.site.inside)]
    source = scene.source(web["orig"], (), usual)
    known = set(web["resp"])
    place = str(scene.rng.choice(sorted({host for host in known if (source, host) not in scene.site.asked} or known)))
    return source, place, web[web["resp"] == place]


def _beacon(scene: Scene, name: str) -> Attack:
    """Call home over HTTPS every minute or two, give or take, with little to say."""
    rng = scene.rng
    source, place, rows = _outside(scene, "goes out by HTTPS")
    like = scene.template(rows)
    n, period = int(rng.integers(40, 80)), rng.uniform(45, 120)
    at = np.cumsum(period * rng.uniform(0.8, 1.2, n))
    attack = _attack(scene, name, source)
    for moment in at - at[0]:
        tasked = rng.random() < 0.04
        sent, got = (rng.lognormal(np.log(9000), 1), rng.lognormal(np.log(20_000), 1)) if tasked else (0.0, 0.0)
        attack.flow(
            moment,
            like,
            place,
            like["orig_bytes"] + rng.integers(0, 24) + sent,
            like["resp_bytes"] + rng.integers(0, 16) + got,
            rng.lognormal(-1, 0.3),
        )
    return attack


def _exfiltration(scene: Scene, name: str, sizes: Sequence[float], mean: float, rate: float) -> Attack:
    source, place, rows = _outside(scene, "goes out by HTTPS")
    attack = _attack(scene, name, source)
    for at, size in zip(scene.gaps(len(sizes), mean), sizes, strict=True):
        attack.flow(at, scene.template(rows), place, size, 3000 + size * 1e-3, size / rate)
    return attack


def _slow_exfiltration(scene: Scene, name: str) -> Attack:
    """Send out some tens of MB in pieces, minutes apart."""
    pieces = scene.rng.lognormal(np.log(2e6), 0.3, int(scene.rng.integers(15, 30)))
    return _exfiltration(scene, name, pieces.tolist(), 200, 1e6)


def _fast_exfiltration(scene: Scene, name: str) -> Attack:
    """Send out much at once."""
    return _exfiltration(scene, name, [float(scene.rng.lognormal(np.log(6e8), 0.4))], 1, 4e6)


def _scanning(scene: Scene, knocks: list[tuple[str, int]], source: str, name: str, mean: float) -> Attack:
    """Knock at doors in a random order."""
    template = scene.template(scene.site.answered[scene.site.answered["resp"].isin(scene.site.inside)])
    attack = _attack(scene, name, source)
    for at, (target, port) in zip(scene.gaps(len(knocks), mean), scene.rng.permutation(knocks).tolist(), strict=True):
        is_open = target in scene.site.services.get(int(port), ())
        attack.probe(at, template, target, int(port), is_open=is_open)
    return attack


def _listening(scene: Scene) -> dict[int, frozenset[str]]:
    """Who answers on which port inside, but for ports that are agreed on for one transfer."""
    found = {port: hosts for port, hosts in scene.site.services.items() if port < 49152}
    if not found:
        raise LackingError("no host inside answers anybody")
    return found


def _asking(scene: Scene) -> frozenset[str]:
    """Hosts inside that call others."""
    return frozenset(scene.site.answered["orig"]) & scene.site.inside


def _port_scan(scene: Scene, name: str) -> Attack:
    """Try every port in use here on one machine."""
    ports = _listening(scene)
    in_use = sorted({int(port) for port in scene.site.answered["port"].unique() if port < 49152})
    if len(in_use) < _FEWEST_PORTS:
        raise LackingError(f"only {count_words(len(in_use), 'port')} found in use, and it takes {_FEWEST_PORTS}")
    target = scene.some(frozenset().union(*ports.values()), 1, 1)[0]
    source = scene.source(_asking(scene), (target,), "calls others")
    return _scanning(scene, [(target, port) for port in in_use[:500]], source, name, scene.rng.uniform(0.05, 1))


def _host_scan(scene: Scene, name: str) -> Attack:
    """Try one port in use here on every machine."""
    ports = _listening(scene)
    source = scene.source(_asking(scene), (), "calls others")
    hosts = scene.some(scene.site.inside - {source}, 50, 200)
    if len(hosts) < _FEWEST_HOSTS:
        raise LackingError(f"only {count_words(len(hosts), 'other host')} found inside, and it takes {_FEWEST_HOSTS}")
    port = int(scene.rng.choice(sorted(ports)))
    return _scanning(scene, [(host, port) for host in hosts], source, name, scene.rng.uniform(0.05, 1))


KINDS: dict[str, Callable[[Scene, str], Attack]] = {
    "password spray": _password_spray,
    "pass-the-hash": _pass_the_hash,
    "DCSync": _dcsync,
    "RPC enumeration": _rpc_enumeration,
    "service creation": _service_creation,
    "lateral copy": _lateral_copy,
    "beacon": _beacon,
    "slow exfiltration": _slow_exfiltration,
    "fast exfiltration": _fast_exfiltration,
    "port scan": _port_scan,
    "host scan": _host_scan,
}
"""Each kind of attack, by name."""
