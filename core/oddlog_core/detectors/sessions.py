"""What is new about the calls of one source on one destination."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import Any, NamedTuple, Self

__all__ = ["CALLER", "KINDS", "News", "Session"]

KINDS = ("operation", "caller", "order", "calls", "targets")
CALLER = 0.4
"""Weight of the caller's surprise, which is also of hosts that are new to an ordinary server. On a simulated office
with real attacks weights from 0.2 to 0.4 did alike."""

# Pieces of news that are kept to explain a session by.
_MOST_TOLD = 8


class News(NamedTuple):
    """One thing that is new about a session.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    amount : float
        Nats, or standard deviations.
    call, before : str
        The interface and operation, and those of the call before it.
    key : int
        Of the operation.
    seen, expected : float
        Of ``calls`` and ``targets``, how many there are and are typical; of ``caller`` and ``order``, how often the
        baseline had it, and any in its stead.
    """

    kind: str
    amount: float
    call: str
    before: str
    key: int
    seen: float
    expected: float


@dataclass(slots=True)
class Session:
    """What is new about a source's calls on one destination within a window.

    Attributes
    ----------
    strange, caller : float
        The greatest amount of ``operation`` and of ``caller``.
    order : float
        Sum of the squares of ``order``.
    amount : float
        The greatest of ``calls`` and ``targets``.
    news : list of News
        The greatest amounts of any kind.
    """

    strange: float = 0.0
    caller: float = 0.0
    order: float = 0.0
    amount: float = 0.0
    news: list[News] = field(default_factory=list)

    def add(self, news: News) -> None:
        """Take in a piece of news."""
        if news.kind == "operation":
            self.strange = max(self.strange, news.amount)
        elif news.kind == "caller":
            self.caller = max(self.caller, news.amount)
        elif news.kind == "order":
            self.order += news.amount**2
        else:
            self.amount = max(self.amount, news.amount)
        self.news.append(news)
        self.news.sort(key=lambda one: -one.amount)
        del self.news[_MOST_TOLD:]

    @property
    def score(self) -> float:
        """Root of the sum of squares. It only grows."""
        return sqrt(self.strange**2 + (CALLER * self.caller) ** 2 + self.order + self.amount**2)

    def export(self) -> list[Any]:
        """Its amounts, and its news."""
        return [[self.strange, self.caller, self.order, self.amount], [[*news] for news in self.news]]

    @classmethod
    def of(cls, amounts: list[float], news: list[list[Any]]) -> Self:
        """What `export` gave."""
        strange, caller, order, amount = amounts
        return cls(strange, caller, order, amount, [News(*one) for one in news])
