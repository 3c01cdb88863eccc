"""What a baseline makes of a value among others: how likely it is there, and which amount is typical.

Records are judged against the baseline alone, which does not change while scoring. The baseline's own records are
judged too, to learn how surprising is usual: every stretch of time as if it were new, in the earlier half by all the
others, in the later by what was before it. Else a host that came once, for an hour and a thousand connections, would
teach that such hosts are usual; and hosts that come and stay, that none ever come.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from oddlog_core.features.keys import joined
from oddlog_core.kernels.habits import HALF, LOWER, narrow, refine
from oddlog_core.kernels.keyindex import KeyCounts, KeyIndex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["BLOCKS", "Chain", "Typical", "apart", "blocks", "most"]

BLOCKS = 8
"""Stretches of a baseline that are judged by each other."""

# Pitman and Yor's discount and concentration. High: a value seen once says little of whether it comes again.
_DISCOUNT = 0.9
_CONCENTRATION = 0.5
# An amount counts as if it had been seen twice more, as it usually is in the wider context.
_PRIOR = 2.0
_MOST = 1 << 20
# Contexts with fewer records are not kept for amounts: the wider one says nearly the same.
_FEWEST = 3


def blocks(n: int) -> NDArray[np.int64]:
    """Which stretch of a baseline each of its records is in, (n,)."""
    return np.arange(n) * BLOCKS // max(n, 1)


def apart(inside: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each was elsewhere, as each stretch is judged, given how often it was inside of it, (n, BLOCKS)."""
    before = np.cumsum(inside, axis=1) - inside
    others = inside.sum(axis=1, keepdims=True) - inside
    return np.where(np.arange(BLOCKS) < BLOCKS // 2, others, before)


@dataclass(frozen=True, slots=True)
class Chain:
    """How likely a value is in a context: by what was seen there, and for the rest by the wider contexts.

    A hierarchical Pitman-Yor process with one table for each value, which is interpolated Kneser-Ney smoothing (Teh, A
    hierarchical Bayesian language model based on Pitman-Yor processes, 2006, section 5): a wider context counts in how
    many narrower ones a value occurred, not how often. How much is left for new values follows from how many a context
    has had: one more web server is nothing new, a third name server is.

    Attributes
    ----------
    seen : sequence of KeyCounts
        By context, from the narrowest: by a context and a value in it as one key, how often it was.
    contexts : sequence of KeyCounts
        By context, how many values it had in all and how many different ones, as one number; see `narrow`.
    n_values : int
        Different values in all.
    """

    seen: Sequence[KeyCounts]
    contexts: Sequence[KeyCounts]
    n_values: int

    @classmethod
    def of(cls, contexts: Sequence[NDArray[np.int64]], values: NDArray[np.int64], often: NDArray[np.int64]) -> Self:
        """Count.

        Parameters
        ----------
        contexts : sequence of (n,) int64
            Keys, from the narrowest; each tells the ones after it.
        values : (n,) int64
        often : (n,) int64
            How often each was seen.
        """
        seen, of_contexts, n_values = [], [], len(np.unique(values))
        remaining = list(contexts)
        while remaining:
            context, *remaining = remaining
            found, first, row = np.unique(joined(context, values), return_index=True, return_inverse=True)
            count = np.bincount(row, often).astype(np.int64)
            holders, holder = np.unique(context[first], return_inverse=True)
            total = np.bincount(holder, count).astype(np.int64)
            kept = most(total)
            # Not without its context: a value's count over a total of nothing is no probability.
            within = np.flatnonzero(np.isin(holder, kept))
            rows = within[most(count[within])]
            seen.append(KeyCounts(np.stack([found[rows], count[rows]], axis=1)))
            of_contexts.append(_both(np.stack([holders, total, np.bincount(holder)], axis=1)[kept]))
            remaining, values = [wider[first] for wider in remaining], values[first]
            often = np.ones(len(first), np.int64)
        return cls(seen, of_contexts, n_values)

    def surprise(
        self, contexts: Sequence[NDArray[np.int64]], values: NDArray[np.int64], of: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Negative logarithm of each value's probability in its context, in nats.

        Parameters
        ----------
        contexts : sequence of (n_contexts,) int64
        values : (n,) int64
        of : (n,) int64, optional
            Number of each value's context, where they are not one for one.

        Returns
        -------
        (n,) float64
        """
        of = np.arange(len(values)) if of is None else of
        p = np.full(len(values), 1 / (self.n_values + 1))
        for context, seen, known in zip(reversed(contexts), reversed(self.seen), reversed(self.contexts), strict=True):
            narrow(p, of, context, known.find(context), values, seen.slots, seen.shift, _DISCOUNT, _CONCENTRATION)
        surprise: NDArray[np.float64] = -np.log(p)
        return surprise

    def often(self, contexts: Sequence[NDArray[np.int64]], values: NDArray[np.int64]) -> NDArray[np.int64]:
        """How often each value was in its narrowest context, and how often any was, (n, 2).

        0 also of what was too rare to be kept.
        """
        count = self.seen[0].find(joined(contexts[0], values))
        return np.stack([count, self.contexts[0].find(contexts[0]) >> HALF], axis=1)

    @classmethod
    def learn(
        cls, contexts: Sequence[NDArray[np.int64]], values: NDArray[np.int64]
    ) -> tuple[Self, NDArray[np.float64]]:
        """Count a baseline's records, in log order, and judge them, each stretch as if it were new.

        Returns
        -------
        chain : Chain
        surprise : (n,) float64
        """
        n, block = len(values), blocks(len(values))
        _, first, row = np.unique(joined(contexts[0], values), return_index=True, return_inverse=True)
        contexts, values = [context[first] for context in contexts], values[first]
        inside = np.bincount(row * BLOCKS + block, minlength=len(first) * BLOCKS).reshape(-1, BLOCKS)
        often, of_others = inside.sum(axis=1), apart(inside)
        surprise = np.empty(n)
        for number in range(BLOCKS):
            there, elsewhere = np.flatnonzero(inside[:, number]), np.flatnonzero(of_others[:, number])
            others = cls.of(
                [context[elsewhere] for context in contexts], values[elsewhere], of_others[elsewhere, number]
            )
            judged = np.empty(len(first))
            judged[there] = others.surprise([context[there] for context in contexts], values[there])
            surprise[block == number] = judged[row[block == number]]
        return cls.of(contexts, values, often), surprise

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it, by name."""
        arrays = {f"seen-{i}": seen.table for i, seen in enumerate(self.seen)}
        for i, known in enumerate(self.contexts):
            context, both = known.table.T
            arrays[f"contexts-{i}"] = np.stack([context, both >> HALF, both & LOWER], axis=1)
        return arrays | {"n_values": np.array([self.n_values])}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """What `arrays` gave."""
        levels = range(sum(name.startswith("seen-") for name in arrays))
        return cls(
            [KeyCounts(arrays[f"seen-{i}"]) for i in levels],
            [_both(arrays[f"contexts-{i}"]) for i in levels],
            int(arrays["n_values"][0]),
        )


def _both(contexts: NDArray[np.int64]) -> KeyCounts:
    """Of rows of a context, its values in all and how many differ."""
    return KeyCounts(np.stack([contexts[:, 0], contexts[:, 1] << HALF | contexts[:, 2]], axis=1))


def most(count: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows with the largest counts, as many as are kept, in order."""
    return np.sort(np.argsort(-count, kind="stable")[:_MOST])


@dataclass(frozen=True, slots=True)
class Typical:
    """Which amounts are typical in a context, by what was seen there and, where that is little, in the wider ones.

    Attributes
    ----------
    keys : sequence of (n_rows,) int64
        Contexts, from the widest.
    usual : sequence of (n_rows, 2, n_amounts) float32
        Mean and standard deviation: over all records, which is one row, then by context.
    narrowest : float
        Standard deviations below this are rounding and no habit.
    """

    keys: Sequence[NDArray[np.int64]]
    usual: Sequence[NDArray[np.float32]]
    narrowest: float
    _index: list[KeyIndex] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", [KeyIndex(keys) for keys in self.keys])

    @classmethod
    def learn(
        cls, contexts: Sequence[NDArray[np.int64]], amounts: NDArray[np.float64], narrowest: float
    ) -> tuple[Self, NDArray[np.float64]]:
        """Learn from a baseline in log order, and say what each stretch would be expected to be by all the others.

        Parameters
        ----------
        contexts : sequence of (n,) int64
            Keys, from the widest.
        amounts : (n, n_amounts) float64
            nan where unset.
        narrowest : float

        Returns
        -------
        typical : Typical
        expected : (n, 2, n_amounts) float64
            Mean and standard deviation.
        """
        rows, firsts, keys = [np.zeros(len(amounts), np.int64)], [np.zeros(1, np.int64)], []
        for context in contexts:
            found, first, row, count = np.unique(context, return_index=True, return_inverse=True, return_counts=True)
            kept = most(count)
            kept = kept[count[kept] >= _FEWEST]
            keys.append(found[kept])
            firsts.append(first[kept])
            rows.append(row)
        whole = _usual(rows, amounts, None, narrowest)
        *_, expected = _usual(rows, amounts, blocks(len(amounts)), narrowest)
        usual = [of_all[first].astype(np.float32) for of_all, first in zip(whole, firsts, strict=True)]
        return cls(keys, usual, narrowest), expected

    def expected(self, contexts: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
        """Mean and standard deviation to expect, (n, 2, n_amounts), in the narrowest context that is known."""
        out = np.repeat(self.usual[0].astype(np.float64), len(contexts[0]), axis=0)
        for index, usual, context in zip(self._index, self.usual[1:], contexts, strict=True):
            refine(out, index.find(context), usual)
        return out

    def narrowest_known(self, contexts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
        """Which context `expected` speaks of, (n,): 0 all records, 1 the widest, and so on."""
        out = np.zeros(len(contexts[0]), np.int64)
        for number, (index, context) in enumerate(zip(self._index, contexts, strict=True), start=1):
            out[index.find(context) >= 0] = number
        return out

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it, by name."""
        return (
            {f"keys-{i}": keys for i, keys in enumerate(self.keys)}
            | {f"usual-{i}": usual for i, usual in enumerate(self.usual)}
            | {"narrowest": np.array([self.narrowest])}
        )

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """What `arrays` gave."""
        levels = range(sum(name.startswith("keys-") for name in arrays))
        usual = [arrays[f"usual-{i}"] for i in range(len(levels) + 1)]
        return cls([arrays[f"keys-{i}"] for i in levels], usual, float(arrays["narrowest"][0]))


def _usual(
    rows: Sequence[NDArray[np.int64]],
    amounts: NDArray[np.float64],
    block: NDArray[np.int64] | None,
    narrowest: float,
) -> Iterator[NDArray[np.float64]]:
    """Mean and standard deviation that are usual for each record, (n, 2, n_amounts), in ever narrower contexts.

    Each is shrunk towards the wider one (Gelman and others, Bayesian Data Analysis, section 3.3: conjugate prior of a
    normal distribution). Where blocks are given, a record's own block is left out.
    """
    known = ~np.isnan(amounts)
    filled = np.where(known, amounts, 0.0)
    powers = [known.astype(np.float64), filled, filled**2]
    mean, variance = np.zeros(amounts.shape), np.ones(amounts.shape)
    for row in rows:
        count, linear, squared = (
            np.stack([_summed(row, values, block) for values in power.T], axis=1) for power in powers
        )
        weight = count + _PRIOR
        narrower = (linear + _PRIOR * mean) / weight
        around = squared - 2 * narrower * linear + count * narrower**2
        variance = (np.maximum(around, 0.0) + _PRIOR * (variance + (mean - narrower) ** 2)) / weight
        mean = narrower
        yield np.stack([mean, np.maximum(np.sqrt(variance), narrowest)], axis=1)


def _summed(
    row: NDArray[np.int64], values: NDArray[np.float64], block: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    """Sum of values over each record's row, its own block aside."""
    total: NDArray[np.float64] = np.bincount(row, values).astype(np.float64)[row]
    if block is None:
        return total
    own = row * BLOCKS + block
    inside: NDArray[np.float64] = np.bincount(own, values).astype(np.float64)[own]
    return total - inside
