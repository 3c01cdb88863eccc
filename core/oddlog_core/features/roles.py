"""What kind of host each is, by the interfaces that it calls and serves."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np

from oddlog_core.features.calls import interface_name
from oddlog_core.features.clusters import kmeans
from oddlog_core.features.keys import of_categories
from oddlog_core.kernels.keyindex import KeyIndex
from oddlog_core.records import MISSING_CODE, Categories

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["N_ROLES", "Role", "Roles"]

N_ROLES = 5
_MOST_INTERFACES = 256
_MOST_NAMED = 6
# What every domain controller serves and hardly another host does, and what is called to manage another machine.
_DIRECTORY = {"drsuapi", "netlogon"}
_MANAGING = {"svcctl", "winreg", "itaskschedulerservice", "atsvc", "iwbemservices", "eventlog"}


class Role(msgspec.Struct, frozen=True):
    """A kind of host.

    Attributes
    ----------
    name : str
        In the plural, such as ``domain controllers``.
    hosts : int
    calls, serves : list of str
        The interfaces that most of its hosts call and serve, the rarest elsewhere first.
    """

    name: str
    hosts: int
    calls: list[str]
    serves: list[str]


class _Kept(msgspec.Struct, frozen=True):
    roles: list[Role]
    hosts: list[str]
    role: list[int]


@dataclass(frozen=True, slots=True)
class Roles:
    """Roles of a baseline's hosts.

    Attributes
    ----------
    roles : sequence of Role
    hosts : sequence of str
    role : (n_hosts,) int64
        Which of `roles` each host has.
    """

    roles: Sequence[Role]
    hosts: Sequence[str]
    role: NDArray[np.int64]
    _index: KeyIndex = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", KeyIndex(_keys(self.hosts)))

    @classmethod
    def learn(cls, baseline: Sequence[Records], seed: int) -> Self:
        """Cluster hosts by k-means over what they call and serve, each interface weighing more the fewer hosts have it.

        Weights are inverse document frequencies (Spärck Jones, A statistical interpretation of term specificity, 1972):
        what all do tells nobody apart.
        """
        calls, serves = _interfaces(baseline, "id.orig_h"), _interfaces(baseline, "id.resp_h")
        hosts = sorted({*calls, *serves})
        sides = [_table(hosts, calls), _table(hosts, serves)]
        names = [name for name, _ in sides]
        has = np.concatenate([table for _, table in sides], axis=1)
        weight = np.log(len(hosts) / has.sum(axis=0))
        # K-means wants a column, also where no interface has a name.
        _, label = kmeans(np.pad(has * weight, ((0, 0), (0, 1))), N_ROLES, seed)
        roles = [_described(has[label == number], weight, names) for number in range(label.max() + 1)]
        return cls(roles, hosts, label.astype(np.int64))

    def of(self, host: NDArray[np.int64]) -> NDArray[np.int64]:
        """Role of each host by its key, (n,); -1 of one that the baseline did not have."""
        rows = self._index.find(host)
        return np.where(rows >= 0, np.append(self.role, -1)[rows], -1)

    def example(self, role: int) -> str:
        """Name a host of a role."""
        return self.hosts[int(np.argmax(self.role == role))]

    def encode(self) -> bytes:
        """All of it, as JSON."""
        return msgspec.json.encode(_Kept([*self.roles], [*self.hosts], self.role.tolist()))

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """What `encode` gave."""
        kept = msgspec.json.decode(content, type=_Kept)
        return cls(kept.roles, kept.hosts, np.array(kept.role, np.int64))


def _keys(hosts: Sequence[str]) -> NDArray[np.int64]:
    return of_categories(Categories(np.arange(len(hosts), dtype=np.int32), hosts))


def _interfaces(baseline: Sequence[Records], end: str) -> dict[str, set[str]]:
    """The interfaces of each host that is at this end of calls."""
    found: dict[str, set[str]] = defaultdict(set)
    for records in baseline:
        host, endpoint = records.categories[end], records.categories["endpoint"]
        both = np.stack([host.codes, endpoint.codes], axis=1)[host.codes != MISSING_CODE]
        for h, e in np.unique(both, axis=0).tolist():
            names = found[host.values[h]]
            if e != MISSING_CODE:
                names.add(interface_name(endpoint.values[e]))
    return found


def _table(hosts: Sequence[str], found: dict[str, set[str]]) -> tuple[list[str], NDArray[np.float64]]:
    """Which host has which of the most frequent interfaces, and their names."""
    often = Counter(name for names in found.values() for name in names)
    names = sorted(sorted(often), key=lambda name: -often[name])[:_MOST_INTERFACES]
    column = {name: number for number, name in enumerate(names)}
    table = np.zeros((len(hosts), len(names)))
    for row, host in enumerate(hosts):
        table[row, [column[name] for name in found.get(host, ()) if name in column]] = 1.0
    return names, table


def _described(has: NDArray[np.float64], weight: NDArray[np.float64], names: Sequence[list[str]]) -> Role:
    """A role by what most of its hosts have."""
    most = has.mean(axis=0) >= 0.5
    telling = np.argsort(-weight, kind="stable")
    n_calls = len(names[0])
    calls = [names[0][c] for c in telling if c < n_calls and most[c]]
    serves = [names[1][c - n_calls] for c in telling if c >= n_calls and most[c]]
    if {*serves} >= _DIRECTORY:
        name = "domain controllers"
    elif {*calls} & _MANAGING:
        name = "managing hosts"
    else:
        name = "ordinary hosts"
    return Role(name, len(has), calls[:_MOST_NAMED], serves[:_MOST_NAMED])
