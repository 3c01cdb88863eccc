"""Who usually logs on where, from where and as what, and how far from that a logon is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from oddlog_core.features.habits import BLOCKS, Chain, Typical, blocks
from oddlog_core.features.keys import joined, of_categories, of_integers, of_names
from oddlog_core.features.ntlm import column, outcome
from oddlog_core.kernels.distinct import distinct_rows
from oddlog_core.records import Categories, Records
from oddlog_core.span import some

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["NAMES", "RELATIONS", "WHO", "Different", "Judged", "Logons", "keys_of"]

WHO = ("user_at_source", "source_of_user", "host_of_source", "host_of_user", "host_of_both")
"""How unlikely source, user and host are together: the user at this source, the source for this user, the host for this
source, for this user, and for this user from this source."""

NAMES = ("workstation", "server", "domain")
RELATIONS = (*WHO, *NAMES, "outcome", "together")
"""Also the workstation's name at this source, the server's at this host, the user's domain, and the outcome for this
user from this source; and tuple rarity: how rare source, user and host are each, in pairs and all together."""

_TUPLES = tuple(parts for n in (1, 2, 3) for parts in combinations(("source", "user", "host"), n))

_NAMED = (
    "id.orig_h",
    "id.resp_h",
    "username",
    "hostname",
    "domainname",
    "server_nb_computer_name",
    "server_dns_computer_name",
)
_COLUMNS = (*_NAMED, "success", "status")
_PORT, _NO_PORT = "id.resp_p", 1 << 16

_LEAST_SURPRISE = 0.5
_MET = ("host_of_user", "source_of_user", " ".join(_TUPLES[-1]))


class Judged(NamedTuple):
    """What a baseline says of logons.

    Attributes
    ----------
    surprise : (n, len(RELATIONS)) float64
        How surprising each relation is, in nats: of all but the last, beyond what is usual for user and source.
    known : (n, 3) bool
        Whether it ever saw the user on this host, the user from this source, and all three together.
    """

    surprise: NDArray[np.float64]
    known: NDArray[np.bool_]


class _Question(NamedTuple):
    """A value in contexts, narrowest first."""

    value: NDArray[np.int64]
    contexts: list[NDArray[np.int64]]


def keys_of(records: Records) -> dict[str, NDArray[np.int64]]:
    """Keys of what takes part in each logon, (n,) each."""
    lower = {name: of_names(column(records, name)) for name in _NAMED}
    source, host, user = lower["id.orig_h"], lower["id.resp_h"], lower["username"]
    return {
        "source": source,
        "host": host,
        "user": user,
        "who": joined(source, user, host),
        "workstation": lower["hostname"],
        "domain": lower["domainname"],
        "server": joined(lower["server_nb_computer_name"], lower["server_dns_computer_name"]),
        "outcome": of_categories(outcome(records)),
    }


def _questions(keys: Mapping[str, NDArray[np.int64]]) -> dict[str, _Question]:
    source, host, user = keys["source"], keys["host"], keys["user"]
    all_, both = np.zeros(len(source), np.int64), joined(user, source)
    return {
        "user_at_source": _Question(user, [source, all_]),
        "source_of_user": _Question(source, [user, all_]),
        "host_of_source": _Question(host, [source, all_]),
        "host_of_user": _Question(host, [user, all_]),
        "host_of_both": _Question(host, [both, user, all_]),
        "workstation": _Question(keys["workstation"], [source, all_]),
        "server": _Question(keys["server"], [host, all_]),
        "domain": _Question(keys["domain"], [user, all_]),
        "outcome": _Question(keys["outcome"], [both, user, all_]),
        **{" ".join(parts): _Question(joined(*(keys[part] for part in parts)), [all_]) for parts in _TUPLES},
    }


def _related(found: Mapping[str, NDArray[np.float64]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Columns of `RELATIONS`, but for the last, and the last, from the answers to all questions."""
    together = sum(found[" ".join(parts)] for parts in _TUPLES)
    return np.stack([found[name] for name in RELATIONS[:-1]], axis=1), np.stack([together], axis=1)


def _parties(keys: Mapping[str, NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Whose usual surprise is taken off, widest first."""
    return [keys["source"], keys["user"], joined(keys["source"], keys["user"])]


class Different(NamedTuple):
    """Logons that differ in who takes part, or in another column that counts.

    Attributes
    ----------
    records : Records
        One for each of them.
    keys : mapping of str to (n_different,) int64
        Of `keys_of`.
    number : (n,) int64
        Which of them each of all logons is.
    """

    records: Records
    keys: Mapping[str, NDArray[np.int64]]
    number: NDArray[np.int64]

    @classmethod
    def of(cls, records: Records, columns: Sequence[str] = ()) -> Self:
        """Logons of a batch, which differ in these columns, too."""
        found = {name: column(records, name) for name in dict.fromkeys((*_COLUMNS, *columns))}
        in_use = [one for one in found.values() if one.values]
        codes = np.empty((len(records), len(in_use) + 1), np.int32)
        ports = records.integers.get(_PORT)
        codes[:, 0] = 0 if ports is None else ports.clip(-1, _NO_PORT)
        for at, one in enumerate(in_use, start=1):
            codes[:, at] = one.codes
        first, number = distinct_rows(codes)
        taken = {name: Categories(one.codes[first], one.values) for name, one in found.items()}
        integers = {_PORT: codes[first, 0].astype(np.int64)}
        different = Records(records.log, records.clock[first], integers, taken)
        return cls(different, keys_of(different), number)

    @property
    def key(self) -> NDArray[np.int64]:
        """One for all that they differ in, (n_different,)."""
        others = [of_names(one) for name, one in self.records.categories.items() if name not in _NAMED]
        return joined(*self.keys.values(), *others, of_integers(self.records.integers[_PORT]))

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Some of them, each by itself, with no more values than they have."""
        return type(self)(
            some(self.records, rows), {name: keys[rows] for name, keys in self.keys.items()}, np.arange(len(rows))
        )


def _elsewhere(keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a baseline's key occurs in another of its stretches than its own, (n,)."""
    _, row = np.unique(keys, return_inverse=True)
    block = blocks(len(keys))
    inside = np.bincount(row * BLOCKS + block, minlength=(row.max(initial=-1) + 1) * BLOCKS).reshape(-1, BLOCKS)
    known: NDArray[np.bool_] = inside.sum(axis=1)[row] > inside[row, block]
    return known


@dataclass(frozen=True, slots=True)
class Logons:
    """A baseline's relations.

    Attributes
    ----------
    chains : mapping of str to Chain
        By name in `RELATIONS`; of the last, by the parts of each tuple.
    usual : Typical
        How surprising each of the others usually is for the user and the source: who asks every host once a day is
        improbable at each.
    """

    chains: Mapping[str, Chain]
    usual: Typical

    @classmethod
    def learn(cls, keys: Mapping[str, NDArray[np.int64]]) -> tuple[Self, Judged]:
        """Learn from a baseline's keys, in log order.

        Returns
        -------
        logons : Logons
        judged : Judged
            As `judge` gives it, every stretch of the baseline judged by the others.
        """
        chains, found = {}, {}
        for name, asked in _questions(keys).items():
            chains[name], found[name] = Chain.learn(asked.contexts, asked.value)
        related, together = _related(found)
        usual, expected = Typical.learn(_parties(keys), related, _LEAST_SURPRISE)
        surprise = np.concatenate([related - expected[:, 0], together], axis=1)
        met = joined(keys["user"], keys["host"]), joined(keys["user"], keys["source"]), keys["who"]
        return cls(chains, usual), Judged(surprise, np.stack([*map(_elsewhere, met)], axis=1))

    def judge(self, keys: Mapping[str, NDArray[np.int64]]) -> Judged:
        """Judge logons by the baseline."""
        asked = _questions(keys)
        related, together = _related(
            {name: self.chains[name].surprise(of.contexts, of.value) for name, of in asked.items()}
        )
        surprise = np.concatenate([related - self.usual.expected(_parties(keys))[:, 0], together], axis=1)
        known = [self.chains[name].often(asked[name].contexts, asked[name].value)[:, 0] > 0 for name in _MET]
        return Judged(surprise, np.stack(known, axis=1))

    def often(self, keys: Mapping[str, NDArray[np.int64]]) -> dict[str, NDArray[np.int64]]:
        """How often the baseline had what each relation asks for, and out of how many logons, (n, 2)."""
        asked = _questions(keys) | {RELATIONS[-1]: _questions(keys)[" ".join(_TUPLES[-1])]}
        chains = {**self.chains, RELATIONS[-1]: self.chains[" ".join(_TUPLES[-1])]}
        return {name: chains[name].often(asked[name].contexts, asked[name].value) for name in RELATIONS}
