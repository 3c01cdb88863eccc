"""Who usually connects to whom, on which port and with how much, and how far from that a connection is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

import numpy as np

from oddlog_core.features.acquaintance import ENOUGH, Acquaintance
from oddlog_core.features.habits import Chain, Typical
from oddlog_core.features.keys import joined, of_categories, of_integers
from oddlog_core.features.places import kinds
from oddlog_core.features.rhythm import failed
from oddlog_core.features.tables import read_tables, write_tables
from oddlog_core.records import MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["AMOUNTS", "RELATIONS", "UNLIKE", "Among", "Relations", "logarithms"]

RELATIONS = ("new_destination", "new_service", "new_source", "new_pair")
"""How much less likely than usual for such a connection each is, in nats, or in standard deviations where those are
larger: the destination for this source and service, the service for this source, the source for this destination's
service, the destination for this source at all. A source that the baseline never had is one surprise, not four."""

AMOUNTS = ("duration", "orig_bytes", "resp_bytes")
UNLIKE = tuple(f"unlike_{name}" for name in AMOUNTS)
"""How many standard deviations each amount is from what is typical of this source, destination and service."""

Among = Literal["source", "destination", "port"]
_AMONG: tuple[Among | None, ...] = (None, "port", "destination", "source")

# Standard deviations of surprises, in nats, and of logarithms: less is no habit but rounding.
_LEAST_SURPRISE, _LEAST_SPREAD = 1.0, 0.1
_NEW_SOURCE = RELATIONS.index("new_source")


class _Question(NamedTuple):
    """A value in contexts, narrowest first, and the contexts whose usual surprise is taken off, widest first."""

    value: NDArray[np.int64]
    contexts: list[NDArray[np.int64]]
    usual: list[NDArray[np.int64]]


def _questions(records: Records) -> tuple[dict[str, _Question], list[NDArray[np.int64]]]:
    """What is asked of each connection, and the contexts of its amounts, widest first."""
    source, destination = (of_categories(records.categories[f"id.{end}_h"]) for end in ("orig", "resp"))
    port = joined(of_categories(records.categories["proto"]), of_integers(records.integers["id.resp_p"]))
    kind = of_integers(kinds(records.categories["id.resp_h"]))
    service, all_ = joined(port, kind), np.zeros(len(records), np.int64)
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
    amounts : Typical
        Of the logarithms of `AMOUNTS`.
    sources, hosts : Acquaintance
        Hosts as sources, and as either end.
    newcomer : float
        Nats that a connection of a new source is worth: minus the logarithm of how many of the baseline's were such.
    """

    chains: Mapping[str, Chain]
    usual: Mapping[str, Typical]
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
        logged = np.concatenate([_carried(batch) for batch in baseline])
        amounts, expected = Typical.learn(_end_to_end(contexts), logged, _LEAST_SPREAD)
        sources, seen_in = Acquaintance.learn(np.concatenate([_source(questions) for questions in asked]))
        newcomer = float(-np.log(((seen_in == 0).sum() + 1) / (len(seen_in) + 1)))
        relations = cls(chains, usual, amounts, sources, Acquaintance.of(baseline), newcomer)
        return relations, relations._together(columns, seen_in[:, 0], _unlike(logged, expected))

    def judge(self, records: Records) -> NDArray[np.float64]:
        """Judge connections by the baseline.

        Returns
        -------
        (n, 7) float64
            `RELATIONS`, below 0 where a connection is likelier than usual; `UNLIKE`, 0 where the amount is unset.
        """
        questions, contexts = _questions(records)
        columns = []
        for name in RELATIONS:
            asked = questions[name]
            surprise = self.chains[name].surprise(asked.contexts, asked.value)
            columns.append(_beyond(surprise, self.usual[name].expected(asked.usual)))
        seen_in = self.sources.seen_in(_source(questions))
        return self._together(columns, seen_in, _unlike(_carried(records), self.amounts.expected(contexts)))

    def _together(
        self, columns: Sequence[NDArray[np.float64]], seen_in: NDArray[np.int64], unlike: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """All evidence, given in how many stretches of the baseline each record's source was.

        Of one that came lately, that it was never seen at a service tells little: that cannot be more surprising than
        its being new, and by log(k + 1) for k stretches in which it did not show (Laplace's rule of succession).
        """
        relations = np.stack(columns, axis=1)
        relations[seen_in == 0] = 0.0
        of_source = relations[:, _NEW_SOURCE]
        most = np.where(seen_in < ENOUGH, self.newcomer + np.log1p(seen_in), np.inf)
        relations[:, _NEW_SOURCE] = np.where(seen_in, np.minimum(of_source, most), self.newcomer)
        return np.concatenate([relations, unlike], axis=1)

    def often(self, records: Records) -> dict[str, NDArray[np.int64]]:
        """How often the baseline had what each of `RELATIONS` asks for, and out of how many connections, (n, 2)."""
        questions, _ = _questions(records)
        return {name: self.chains[name].often(questions[name].contexts, questions[name].value) for name in RELATIONS}

    def typical(self, records: Records) -> NDArray[np.float64]:
        """`AMOUNTS` that are typical of such connections, (n, 3), in microseconds and bytes."""
        _, contexts = _questions(records)
        return np.expm1(self.amounts.expected(contexts)[:, 0])

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
        write_tables(path, parts)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        parts = read_tables(path)
        chains = {name: Chain.of_arrays(parts[f"chain-{name}"]) for name in RELATIONS}
        usual = {name: Typical.of_arrays(parts[f"usual-{name}"]) for name in RELATIONS}
        amounts, known = Typical.of_arrays(parts["amounts"]), parts["known"]
        sources, hosts = Acquaintance(known["sources"]), Acquaintance(known["hosts"])
        return cls(chains, usual, amounts, sources, hosts, float(known["newcomer"][0]))


def _end_to_end(batches: Sequence[Sequence[NDArray[np.int64]]]) -> list[NDArray[np.int64]]:
    """Keys of each kind over all batches."""
    return [np.concatenate(keys) for keys in zip(*batches, strict=True)]


def _source(questions: Mapping[str, _Question]) -> NDArray[np.int64]:
    return questions["new_service"].contexts[0]


def _beyond(surprise: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((surprise - expected[:, 0, 0]) / expected[:, 1, 0])


def _unlike(logged: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.nan_to_num((logged - expected[:, 0]) / expected[:, 1])
