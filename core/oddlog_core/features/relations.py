"""Who usually connects to whom, on which port and with how much, and how far from that a connection is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

import numpy as np

from oddlog_core.features.acquaintance import ENOUGH, Acquaintance
from oddlog_core.features.habits import Chain, Typical
from oddlog_core.features.keys import joined, of_categories, of_integers
from oddlog_core.features.places import INTERNET, kinds
from oddlog_core.features.rhythm import failed
from oddlog_core.features.tables import read_tables, write_tables
from oddlog_core.kernels.distinct import distinct_rows
from oddlog_core.records import MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["AMOUNTS", "RELATIONS", "UNLIKE", "Among", "Relations", "faded", "logarithms"]

RELATIONS = ("new_destination", "new_service", "new_source", "new_pair")
"""How much less likely than usual for such a connection each is, in nats, or in standard deviations where those are
larger: the destination for this source and service, the service for this source, the source for this destination's
service, the destination for this source at all. A source that the baseline never had is one surprise, not four."""

AMOUNTS = ("duration", "orig_bytes", "resp_bytes")
UNLIKE = tuple(f"unlike_{name}" for name in AMOUNTS)
"""How unlike those of this source, destination and service each amount is, in nats: how far from what is typical, and
how rare amounts of about its size are."""

Among = Literal["source", "destination", "port"]
_AMONG: tuple[Among | None, ...] = (None, "port", "destination", "source")

# Standard deviations of surprises, in nats, and of logarithms: less is no habit but rounding.
_LEAST_SURPRISE, _LEAST_SPREAD = 1.0, 0.1
# Student's t for what is far from the typical: a normal distribution would let one amount drown all else.
_DEGREES = 2.0
# Amounts that differ by less than a factor of the square root of 2 are of about one size.
_SIZE = np.log(2) / 2
_PAIR = ("id.orig_h", "id.resp_h", "proto")
_NEW_SOURCE = RELATIONS.index("new_source")


class _Question(NamedTuple):
    """A value in contexts, narrowest first, and the contexts whose usual surprise is taken off, widest first."""

    value: NDArray[np.int64]
    contexts: list[NDArray[np.int64]]
    usual: list[NDArray[np.int64]]


def _pairs(records: Records) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each source, destination, protocol and port stand first together, and which of them each record has."""
    codes = [records.categories[name].codes for name in _PAIR]
    first, pair = distinct_rows(np.stack([*codes, records.integers["id.resp_p"].astype(np.int32)], axis=1))
    return first, pair


def _questions(
    records: Records, rows: NDArray[np.int64] | slice = slice(None)
) -> tuple[dict[str, _Question], list[NDArray[np.int64]]]:
    """What is asked of connections, and the contexts of their amounts, widest first."""
    source, destination, proto = (of_categories(records.categories[name])[rows] for name in _PAIR)
    port = joined(proto, of_integers(records.integers["id.resp_p"][rows]))
    kind = of_integers(kinds(records.categories["id.resp_h"])[rows])
    service, all_ = joined(port, kind), np.zeros(len(kind), np.int64)
    from_source, at_destination = joined(source, service), joined(destination, port)
    from_source_there = joined(source, kind)
    questions = {
        "new_destination": _Question(destination, [from_source, service, kind], [service, from_source]),
        "new_service": _Question(service, [source, all_], [source]),
        "new_source": _Question(source, [at_destination, service, all_], [service, at_destination]),
        "new_pair": _Question(destination, [from_source_there, source, kind], [kind, from_source_there]),
    }
    return questions, [port, at_destination, joined(source, at_destination)]


def logarithms(records: Records) -> NDArray[np.float64]:
    """`AMOUNTS` as ``log1p`` of microseconds and bytes, (n, 3), nan where unset."""
    amounts = np.stack([records.integers[name] for name in AMOUNTS], axis=1)
    return np.where(amounts == MISSING, np.nan, np.log1p(np.maximum(amounts, 0)))


def _carried(records: Records) -> NDArray[np.float64]:
    """The same where something could be carried: that a connection failed does not make its nothing an odd amount."""
    return np.where(failed(records)[:, None], np.nan, logarithms(records))


@dataclass(frozen=True, slots=True)
class Relations:
    """A baseline's relations.

    Attributes
    ----------
    chains : mapping of str to Chain
        By name in `RELATIONS`.
    usual : mapping of str to Typical
        How surprising each relation usually is.
    sizes : mapping of str to Chain
        Of `AMOUNTS`, which are often two or three sizes and nothing between: how far is then not how rare.
    amounts : Typical
        Of the logarithms of `AMOUNTS`, then of how surprising their sizes are.
    sources, hosts : Acquaintance
        Hosts as sources, and as either end.
    newcomer : float
        Nats that it is worth that a source came lately, or is new: minus the logarithm of how many were such.
    """

    chains: Mapping[str, Chain]
    usual: Mapping[str, Typical]
    sizes: Mapping[str, Chain]
    amounts: Typical
    sources: Acquaintance
    hosts: Acquaintance
    newcomer: float

    @classmethod
    def learn(cls, baseline: Sequence[Records]) -> tuple[Self, NDArray[np.float64]]:
        """Learn from batches of conn records in log order.

        Returns
        -------
        relations : Relations
        judged : (n, 7) float64
            As `judge` gives it, every stretch of the baseline judged as if it were new.
        """
        asked, contexts = zip(*map(_questions, baseline), strict=True)
        chains, usual, columns = {}, {}, []
        for name in RELATIONS:
            parts = [questions[name] for questions in asked]
            value = np.concatenate([part.value for part in parts])
            chains[name], surprise = Chain.learn(_end_to_end([part.contexts for part in parts]), value)
            usual[name], expected = Typical.learn(
                _end_to_end([part.usual for part in parts]), surprise[:, None], _LEAST_SURPRISE
            )
            columns.append(_beyond(surprise, expected))
        logged, wider = np.concatenate([_carried(batch) for batch in baseline]), _end_to_end(contexts)
        learned = {name: Chain.learn(wider[::-1], size) for name, size in zip(AMOUNTS, _sizes(logged), strict=True)}
        sizes = {name: chain for name, (chain, _) in learned.items()}
        seen = _seen(logged, [surprise for _, surprise in learned.values()])
        amounts, expected = Typical.learn(wider, seen, _LEAST_SPREAD)
        sources, seen_in = Acquaintance.learn(np.concatenate([_source(questions) for questions in asked]))
        newcomer = float(-np.log(((seen_in < ENOUGH).sum() + 1) / (len(seen_in) + 1)))
        relations = cls(chains, usual, sizes, amounts, sources, Acquaintance.of(baseline), newcomer)
        judged = [relations._newcomers(columns, seen_in[:, 0]), _unlike(seen, expected)]
        return relations, np.concatenate(judged, axis=1)

    def judge(self, records: Records) -> NDArray[np.float64]:
        """Judge connections by the baseline.

        Returns
        -------
        (n, 7) float64
            `RELATIONS`, below 0 where a connection is likelier than usual; `UNLIKE`, 0 where nothing could be carried.
        """
        # Who connects to whom, on which port, comes again and again: it is judged once a batch.
        first, pair = _pairs(records)
        questions, contexts = _questions(records, first)
        columns = []
        for name in RELATIONS:
            asked = questions[name]
            surprise = self.chains[name].surprise(asked.contexts, asked.value)
            columns.append(_beyond(surprise, self.usual[name].expected(asked.usual)))
        logged = _carried(records)
        surprises = [
            self.sizes[name].surprise(contexts[::-1], size, pair)
            for name, size in zip(AMOUNTS, _sizes(logged), strict=True)
        ]
        relations = self._newcomers(columns, self.sources.seen_in(_source(questions)))
        unlike = _unlike(_seen(logged, surprises), self.amounts.expected(contexts)[pair])
        return np.concatenate([relations[pair], unlike], axis=1)

    def _newcomers(self, columns: Sequence[NDArray[np.float64]], seen_in: NDArray[np.int64]) -> NDArray[np.float64]:
        """`RELATIONS`, (n, 4), given in how many stretches of the baseline each record's source was.

        Of one that came lately, or never was there, that is all there is to say: what it never did tells nothing.
        """
        relations = np.stack(columns, axis=1)
        relations[seen_in < ENOUGH] = 0.0
        relations[seen_in < ENOUGH, _NEW_SOURCE] = self.newcomer
        return relations

    def often(self, records: Records) -> dict[str, NDArray[np.int64]]:
        """How often the baseline had what each of `RELATIONS` asks for, and out of how many connections, (n, 2)."""
        questions, _ = _questions(records)
        return {name: self.chains[name].often(questions[name].contexts, questions[name].value) for name in RELATIONS}

    def typical(self, records: Records) -> NDArray[np.float64]:
        """`AMOUNTS` that are typical of such connections, (n, 3), in microseconds and bytes."""
        _, contexts = _questions(records)
        return np.expm1(self.amounts.expected(contexts)[:, 0, : len(AMOUNTS)])

    def among(self, records: Records) -> list[Among | None]:
        """Whose typical amounts those are: of this source there, of all sources there, of the port, or of all."""
        _, contexts = _questions(records)
        return [_AMONG[number] for number in self.amounts.narrowest_known(contexts)]

    def save(self, path: Path) -> None:
        """Write a file that NumPy opens as it opens its own .npz."""
        known = {
            "sources": self.sources.stretches,
            "hosts": self.hosts.stretches,
            "newcomer": np.array([self.newcomer]),
        }
        parts = {"amounts": self.amounts.arrays(), "known": known}
        parts |= {f"chain-{name}": chain.arrays() for name, chain in self.chains.items()}
        parts |= {f"usual-{name}": usual.arrays() for name, usual in self.usual.items()}
        parts |= {f"sizes-{name}": chain.arrays() for name, chain in self.sizes.items()}
        write_tables(path, parts)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        parts = read_tables(path)
        chains = {name: Chain.of_arrays(parts[f"chain-{name}"]) for name in RELATIONS}
        usual = {name: Typical.of_arrays(parts[f"usual-{name}"]) for name in RELATIONS}
        sizes = {name: Chain.of_arrays(parts[f"sizes-{name}"]) for name in AMOUNTS}
        amounts, known = Typical.of_arrays(parts["amounts"]), parts["known"]
        sources, hosts = Acquaintance(known["sources"]), Acquaintance(known["hosts"])
        return cls(chains, usual, sizes, amounts, sources, hosts, float(known["newcomer"][0]))


def _end_to_end(batches: Sequence[Sequence[NDArray[np.int64]]]) -> list[NDArray[np.int64]]:
    """Keys of each kind over all batches."""
    return [np.concatenate(keys) for keys in zip(*batches, strict=True)]


def _source(questions: Mapping[str, _Question]) -> NDArray[np.int64]:
    return questions["new_service"].contexts[0]


def _beyond(surprise: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((surprise - expected[:, 0, 0]) / expected[:, 1, 0])


def _sizes(logged: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Of each of `AMOUNTS`, a key for its size; one for all that is nan."""
    sizes = np.where(np.isnan(logged), -1.0, np.floor(logged / _SIZE))
    return [of_integers(column) for column in np.ascontiguousarray(sizes.T.astype(np.int64))]


def _seen(logged: NDArray[np.float64], surprises: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Logarithms, and how surprising their sizes are, (n, 6), nan where nothing could be carried."""
    surprise = np.where(np.isnan(logged), np.nan, np.stack(surprises, axis=1))
    return np.concatenate([logged, surprise], axis=1)


def _unlike(seen: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far amounts are and how rare, less what is usual, (n, 3), in nats."""
    n = len(AMOUNTS)
    apart = (seen[:, :n] - expected[:, 0, :n]) / expected[:, 1, :n]
    far = np.log1p(apart * apart / _DEGREES) * ((_DEGREES + 1.0) / 2.0)
    rare = np.maximum(seen[:, n:] - expected[:, 0, n:], 0.0)
    return np.asarray(np.nan_to_num(far + rare))


def faded(
    relations: NDArray[np.float64], records: Records, lately: NDArray[np.float64], of: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Relations, less what the last hour has made usual.

    A server on the internet moves, and is then asked again and again; what is new inside the network stays so, as does
    what gets no answer. To how likely the baseline calls a connection comes its share of what the source did lately, as
    a cache does in a model of language (Kuhn and De Mori, A cache-based natural language model for speech recognition,
    1990).

    Parameters
    ----------
    relations : (n, len(RELATIONS)) float64
    records : Records
    lately, of : (n,) float64
        Damped numbers of connections before each: from its source to its service, and from its source.
    """
    local = records.categories["local_resp"]
    outside = kinds(records.categories["id.resp_h"]) == INTERNET
    outside &= ~np.array([*(value == "T" for value in local.values), False])[local.codes]
    rows = np.flatnonzero(outside & (lately > 0) & ~failed(records))
    share = lately[rows] / (of[rows] + 1.0)
    out = relations.copy()
    out[rows] = -np.log(np.exp(-relations[rows]) + share[:, None])
    return out
