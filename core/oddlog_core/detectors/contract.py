"""The contract that every detector keeps; `tests/core/detectors/test_contract.py` holds each of them to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from oddlog_core.options import ROOM, FlowOptions, NoveltyOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from oddlog_core.detectors.behaviour import Behaviour, Behaviours
    from oddlog_core.features.flows import Flow
    from oddlog_core.features.relations import Among
    from oddlog_core.features.units import Beat
    from oddlog_core.options import FeatureSet, Profile
    from oddlog_core.records import Records

__all__ = ["Context", "Detector", "FitOptions", "Fitted", "Reason", "Scored"]

_TOGETHER = 16


@dataclass(frozen=True, slots=True)
class FitOptions:
    """What a fit may be told; each detector reads what concerns it.

    Attributes
    ----------
    held_back : float
        Share of the baseline that its latest part is, which is scored for calibration by what is trained without it;
        as many of its earliest records may be, too.
    seed : int
    networks : mapping of str to str
        CIDR to name.
    time_zone : str
        Whose hours of the day and days of the week count.
    window : int
        Length of a host's window in microseconds.
    features : {"base", "rolling", "full"}
        Feature set of conn records.
    flow : FlowOptions
        How the conn autoencoder is trained.
    novelty : NoveltyOptions
        How the novelty detectors are trained.
    profile : {"default", "classic"}
        What is seen of a logon.
    modes : int or "auto"
        How many kinds of logons there are.
    progress : callable
        Called with the share done, 0 to 1.
    keep : callable, optional
        Given what a supervised detector was taught by: columns by name, of equal length.
    """

    held_back: float = 0.25
    seed: int = 0
    networks: Mapping[str, str] = field(default_factory=dict)
    time_zone: str = "UTC"
    window: int = 3_600_000_000
    features: FeatureSet = "full"
    flow: FlowOptions = field(default_factory=FlowOptions)
    novelty: NoveltyOptions = field(default_factory=NoveltyOptions)
    profile: Profile = "default"
    modes: int | Literal["auto"] = 10
    progress: Callable[[float], None] = lambda _: None
    keep: Callable[[Mapping[str, Any]], None] | None = None

    def part(self, start: float, stop: float) -> Self:
        """The same for a part of the work, whose share done counts from `start` to `stop`."""
        return replace(self, progress=lambda share: self.progress(start + (stop - start) * share))


@dataclass(frozen=True, slots=True)
class Fitted:
    """A detector, and how it scores baseline records that it was not trained on.

    Attributes
    ----------
    detector : Detector
    held_back : (n,) float64
        Scores of the latest part of the baseline and, after them, maybe of its earliest; none by a detector that had
        learned from that record.
    per_day : float
        Scores a day in the whole baseline.
    before : Detector, optional
        The detector as it was when it had learned from nothing of the latest part; None where it never does.
    kind : (n,) int64, optional
        Which of the kinds each score held back is of, where those of different kinds do not compare.
    kinds : sequence of arrays of float64
        Scores by kind, those of `held_back` and others that say what their kind is like.
    """

    detector: Detector
    held_back: NDArray[np.float64]
    per_day: float
    before: Detector | None = None
    kind: NDArray[np.int64] | None = None
    kinds: Sequence[NDArray[np.float64]] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """One way in which a record is odd.

    Attributes
    ----------
    field : str
        Zeek's field name, or the feature's.
    seen, expected : str, float or None
        Value seen and value expected, in the field's own unit (seconds, bytes, packets); None where it is unset.
    share : float
        Share of the score that this field carries, 0 to 1.
    of : float, optional
        What `seen` is a part of: how often the baseline had anything there, or the mean that a deviation is from.
    among : {"source", "destination", "port"}, optional
        Whose usual amount `expected` is: this source's there, all sources' there, or that of the port; None where a
        model expects it of all that it sees.
    """

    field: str
    seen: str | float | None
    expected: str | float | None
    share: float
    of: float | None = None
    among: Among | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What an odd record is set beside.

    Attributes
    ----------
    usual : Flow or None
        What its source usually does that is nearest to it.
    behaviour : Behaviour or None
        The kind of connections that it resembles most.
    beat : Beat or None
        How its source has been calling there, where that was as regular as a machine's.
    often : mapping of str to (int, int)
        By name in `RELATIONS`, how often the baseline had it, and out of how many connections; empty where unknown.
    """

    usual: Flow | None
    behaviour: Behaviour | None
    beat: Beat | None = None
    often: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores that came of a batch, or of closing a window. Rows are scores, not records.

    Attributes
    ----------
    score : (n,) float64
        Higher is odder.
    row : (n,) int64
        The record of the batch that brought the score about; -1 where a window closed.
    clock : (n,) int64
        When the score was known.
    final : (n,) bool
        Whether it stands: a host's score before its window closes is provisional and no row of the scores file.
    odd : (n,) bool
        Whether it passed the threshold; a host-window until it closes, and then again whenever it has grown by a tenth.
    host : sequence of str, or None
        The host of each host-window.
    since : (n,) int64, or None
        Start of each host-window.
    evidence : Any
        What `Detector.explain` needs.
    kind : (n,) int64, or None
        Which of the kinds each is of, that a detector calibrates by themselves.
    """

    score: NDArray[np.float64]
    row: NDArray[np.int64]
    clock: NDArray[np.int64]
    final: NDArray[np.bool_]
    odd: NDArray[np.bool_]
    host: Sequence[str] | None = None
    since: NDArray[np.int64] | None = None
    evidence: Any = None
    kind: NDArray[np.int64] | None = None

    @classmethod
    def of_records(
        cls,
        records: Records,
        score: NDArray[np.float64],
        threshold: float,
        evidence: object,
        kind: NDArray[np.int64] | None = None,
    ) -> Self:
        """One final score for each record."""
        n = len(records)
        final, odd = np.ones(n, np.bool_), score >= threshold
        return cls(score, np.arange(n), records.clock, final, odd, evidence=evidence, kind=kind)

    def take(self, scores: NDArray[np.int64], evidence: object) -> Self:
        """Some of the scores, by number, with the evidence that is theirs."""
        return replace(
            self,
            score=self.score[scores],
            row=self.row[scores],
            clock=self.clock[scores],
            final=self.final[scores],
            odd=self.odd[scores],
            host=None if self.host is None else [self.host[i] for i in scores.tolist()],
            since=None if self.since is None else self.since[scores],
            evidence=evidence,
            kind=None if self.kind is None else self.kind[scores],
        )

    def together(self, index: int) -> NDArray[np.int64]:
        """One score and the next odd ones: so many are explained in little more time than one."""
        others = np.flatnonzero(self.odd[index + 1 :])[: _TOGETHER - 1] + index + 1
        return np.concatenate([[index], others])


class Detector(ABC):
    """Learns a baseline from the records of one log, then scores records.

    A detector does not change while it scores; what it must remember between batches is its state, which the caller
    keeps. Cutting a log into other batches never changes a score.
    """

    name: ClassVar[str]
    """As it stands in scores and bundles, such as ``conn-autoencoder``."""

    log: ClassVar[str]
    """The log it scores."""

    note: ClassVar[str]
    """The notice type of its findings, without the module."""

    on_request: ClassVar[bool] = False
    """Whether it is learned only where it is asked for by name."""

    every_record: ClassVar[bool] = True
    """Whether, without host-windows, each record gets a score; else those that decide something."""

    window: int | None = None
    """Length in microseconds of the host-windows it scores; None where it scores records."""

    tells_records: ClassVar[bool] = False
    """Whether a host-window is told of by the record that decided it, where one did."""

    row_bytes: int = 0
    """Bytes that a record's features take until it is scored, where those are many."""

    threshold: float | None = None
    """Score from which a record is odd, whatever the budget; None where the budget decides."""

    warm_up: int = 0
    """Microseconds of records after which a new state is as if it had seen all of the log."""

    fading: tuple[str, ...] = ()
    """Keys of an exported state of which that is only nearly so: what is old fades in them, and never ends."""

    remembers: str | None = None
    """What its state is about: another detector that remembers the same can go on with it. None: no other can."""

    appetite: ClassVar[int] = 1
    """Its share of the memory that is there for the states of several detectors."""

    room: int = ROOM
    """Bytes that a state may take; whoever knows how many there are sets it, before there is a state."""

    @classmethod
    @abstractmethod
    def fit(cls, baseline: Sequence[Records], options: FitOptions) -> Fitted:
        """Learn from batches of one log, in log order.

        Raises
        ------
        BaselineError
            If the baseline is too small to learn from.
        """

    @abstractmethod
    def new_state(self) -> Any:
        """State before the first record."""

    @abstractmethod
    def score_samples(self, records: Records, state: Any, threshold: float) -> Scored:
        """Score the next records and carry `state`, which is changed in place, past them."""

    def begin(self, records: Records, state: Any, threshold: float) -> Callable[[], Scored]:
        """Carry `state` past the next records, and give what scores them.

        That, and what explains them, needs no state: it may run on another thread, once the state has gone on.
        """
        scored = self.score_samples(records, state, threshold)
        return lambda: scored

    def kept(self, scored: Scored, scores: NDArray[np.int64]) -> Scored:
        """Some scores with what explains them, which holds on to nothing of the batch's others."""
        return scored.take(scores, [scored.evidence[i] for i in scores.tolist()])

    @abstractmethod
    def explain(self, scored: Scored, index: int) -> tuple[Reason, ...]:
        """Why one score is as it is, the weightiest reason first."""

    def context(self, scored: Scored, index: int) -> Context | None:  # noqa: ARG002
        """What one score's record is set beside; None for a detector that has nothing of the kind."""
        return None

    @property
    def behaviours(self) -> Behaviours | None:
        """Kinds of behaviour that it tells apart, if it does."""
        return None

    def close(self, state: Any, threshold: float, now: int | None = None) -> Scored | None:  # noqa: ARG002
        """Close what is open: at the end of a log, or, where `now` is given, what a silent log has left open.

        Parameters
        ----------
        state : Any
        threshold : float
        now : int, optional
            Microseconds since the epoch by the wall clock.
        """
        return None

    def evicted(self, state: Any) -> int:  # noqa: ARG002
        """Keys that had to go from a state since there was no memory for more."""
        return 0

    @abstractmethod
    def export_state(self, state: Any) -> dict[str, Any]:
        """State as a tree of dicts, lists, numbers, strings and arrays, for a checkpoint."""

    @abstractmethod
    def restore_state(self, exported: dict[str, Any]) -> Any:
        """What `export_state` exported."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write what was learned into an empty folder."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""

    @abstractmethod
    def describe(self) -> list[str]:
        """What was learned, in lines that a person reads."""
