"""How hosts use operations: who calls which where, what follows on what, and how many times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from oddlog_core.features.calls import UNREAD
from oddlog_core.features.habits import Chain, Typical
from oddlog_core.features.keys import joined
from oddlog_core.features.trail import LOST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from oddlog_core.features.calls import Calls
    from oddlog_core.features.trail import Before

__all__ = ["Doing", "Usage"]

_CHAINS = ("caller", "order")
_AMOUNTS = ("calls", "targets")
# Nats, and standard deviations of logarithms: less is no habit but rounding.
_LEAST_SURPRISE, _LEAST_SPREAD = 0.5, 0.4


class Doing(NamedTuple):
    """Some calls, with what came before them.

    Attributes
    ----------
    calls : Calls
    role : (n,) int64
        Of each source.
    before : Before
    """

    calls: Calls
    role: NDArray[np.int64]
    before: Before

    def take(self, rows: NDArray[np.int64]) -> Doing:
        """Some of the calls."""
        return Doing(
            type(self.calls)(*(keys[rows] for keys in self.calls)),
            self.role[rows],
            type(self.before)(*(values[rows] for values in self.before)),
        )


class _Question(NamedTuple):
    """A value in contexts, narrowest first, and the contexts whose usual surprise is taken off, widest first."""

    value: NDArray[np.int64]
    contexts: list[NDArray[np.int64]]
    usual: list[NDArray[np.int64]]


def _questions(doing: Doing) -> dict[str, _Question]:
    """Who calls this here, and what comes after that."""
    (source, destination, operation, _), role = doing.calls, doing.role
    all_ = np.zeros(len(role), np.int64)
    there, before = joined(destination, operation), doing.before.operation
    own = joined(source, before)
    return {
        "caller": _Question(source, [there, operation, all_], [operation, there]),
        "order": _Question(operation, [own, joined(role, before), before, all_], [before, own]),
    }


def _contexts(doing: Doing) -> dict[str, list[NDArray[np.int64]]]:
    """Of how many calls and targets there are, widest first."""
    source, _, operation, _ = doing.calls
    return {
        "calls": [operation, joined(doing.role, operation), joined(source, operation)],
        "targets": [doing.role, source],
    }


@dataclass(frozen=True, slots=True)
class Usage:
    """A baseline's use of operations.

    Attributes
    ----------
    chains, usual : mapping of str to Chain, and to Typical
        ``caller``, the source of an operation on a destination, and ``order``, the operation after the one before it;
        and how surprising each usually is.
    amounts : mapping of str to Typical
        Logarithms of ``calls`` and ``targets`` in a window.
    """

    chains: Mapping[str, Chain]
    usual: Mapping[str, Typical]
    amounts: Mapping[str, Typical]

    @classmethod
    def learn(cls, baseline: Sequence[Doing], window: Sequence[NDArray[np.int64]]) -> Self:
        """Learn from batches in log order, and which window each call was in."""
        doing, number = _end_to_end(baseline), np.concatenate(window)
        read = _read(doing)
        chains, usual = {}, {}
        for name in _CHAINS:
            asked = _questions(doing.take(read[name]))[name]
            chains[name], surprise = Chain.learn(asked.contexts, asked.value)
            usual[name], _ = Typical.learn(asked.usual, surprise[:, None], _LEAST_SURPRISE)
        amounts = {}
        source, destination, operation, _ = doing.calls
        subjects = {"calls": joined(source, destination, operation), "targets": source}
        for name, contexts in _contexts(doing).items():
            # What the window came to: the last row of each subject in it.
            rows = read[name]
            _, back = np.unique(joined(subjects[name][rows], number[rows])[::-1], return_index=True)
            last = rows[np.sort(len(rows) - 1 - back)]
            came_to = np.log1p(getattr(doing.before, name)[last])[:, None]
            amounts[name], _ = Typical.learn([context[last] for context in contexts], came_to, _LEAST_SPREAD)
        return cls(chains, usual, amounts)

    def surprises(self, doing: Doing) -> dict[str, NDArray[np.float64]]:
        """How much more surprising than usual each call is by its ``caller`` and its ``order``, in nats, (n,)."""
        questions = _questions(doing)
        return {
            name: self.chains[name].surprise(asked.contexts, asked.value)
            - self.usual[name].expected(asked.usual)[:, 0, 0]
            for name, asked in questions.items()
        }

    def excess(self, doing: Doing) -> dict[str, NDArray[np.float64]]:
        """How many standard deviations the ``calls`` and ``targets`` so far are above what is typical, (n,)."""
        out = {}
        for name, contexts in _contexts(doing).items():
            expected = self.amounts[name].expected(contexts)
            out[name] = (np.log1p(getattr(doing.before, name)) - expected[:, 0, 0]) / expected[:, 1, 0]
        return out

    def typical(self, doing: Doing) -> dict[str, NDArray[np.float64]]:
        """How many ``calls`` and ``targets`` are typical of a window, (n,)."""
        contexts = _contexts(doing)
        return {name: np.expm1(self.amounts[name].expected(contexts[name])[:, 0, 0]) for name in _AMOUNTS}

    def often(self, doing: Doing) -> dict[str, NDArray[np.int64]]:
        """How often the baseline had each call, and any in its stead, (n, 2).

        ``caller`` is by this source and by any, of the operation on its destination; ``order`` is this operation and
        any, of this source's after the one before it.
        """
        return {name: self.chains[name].often(asked.contexts, asked.value) for name, asked in _questions(doing).items()}

    def arrays(self) -> dict[str, dict[str, NDArray[Any]]]:
        """All of it, by part and name."""
        parts: dict[str, Chain | Typical] = {}
        parts |= {f"chain-{name}": self.chains[name] for name in _CHAINS}
        parts |= {f"usual-{name}": self.usual[name] for name in _CHAINS}
        parts |= {f"amounts-{name}": self.amounts[name] for name in _AMOUNTS}
        return {name: part.arrays() for name, part in parts.items()}

    @classmethod
    def of_arrays(cls, parts: Mapping[str, Mapping[str, NDArray[Any]]]) -> Self:
        """What `arrays` gave."""
        return cls(
            {name: Chain.of_arrays(parts[f"chain-{name}"]) for name in _CHAINS},
            {name: Typical.of_arrays(parts[f"usual-{name}"]) for name in _CHAINS},
            {name: Typical.of_arrays(parts[f"amounts-{name}"]) for name in _AMOUNTS},
        )


def _read(doing: Doing) -> dict[str, NDArray[np.int64]]:
    """Rows that each habit is learned from: what could not be read is none; all of them, if nothing could."""
    read = doing.calls.operation != UNREAD
    known = read & (doing.before.operation != LOST)
    of = {"caller": read, "order": known, "calls": read, "targets": np.ones_like(read)}
    return {name: np.flatnonzero(rows if rows.any() else ~rows) for name, rows in of.items()}


def _end_to_end(batches: Sequence[Doing]) -> Doing:
    """All batches as one."""
    calls = type(batches[0].calls)(*map(np.concatenate, zip(*(batch.calls for batch in batches), strict=True)))
    before = type(batches[0].before)(*map(np.concatenate, zip(*(batch.before for batch in batches), strict=True)))
    return Doing(calls, np.concatenate([batch.role for batch in batches]), before)
