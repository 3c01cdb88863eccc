"""A detector's whole answer to a log, however it is cut, and what the detectors of these tests are told to learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from baselines import anew
from inventions import pieces
from oddlog_core.detectors.contract import FitOptions
from oddlog_core.options import FlowOptions, NoveltyOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from oddlog_core.detectors.contract import Context, Detector, Reason, Scored
    from oddlog_core.records import Records

OPTIONS = FitOptions(
    flow=FlowOptions(epochs=2, seed=3),
    novelty=NoveltyOptions(steps=200, seed=3),
    seed=3,
    networks={"10.1.0.0/16": "branch"},
    time_zone="Europe/Berlin",
)


class Told(NamedTuple):
    """A score as whoever calls the detector gets to know it; the subject is a record's number or a host and window."""

    subject: int | tuple[str, int]
    record: int
    clock: int
    score: float
    reasons: tuple[Reason, ...] = ()
    context: Context | None = None


class Answer(NamedTuple):
    """Final scores, what was told for the first time, and host-windows that were told of again as they grew."""

    scores: list[Told]
    findings: list[Told]
    grown: list[Told]


def answer(
    detector: Detector,
    batches: Iterable[Records],
    threshold: float,
    carry: Callable[[Any], Any] = lambda state: state,
) -> Answer:
    """Final scores and explained findings, in order; between batches the state passes through `carry`."""
    state, before = detector.new_state(), 0
    given = Answer([], [], [])
    for batch in batches:
        _take(detector, detector.score_samples(batch, state, threshold), before, given)
        state = carry(state)
        before += len(batch)
    closed = detector.close(state, threshold)
    if closed is not None:
        _take(detector, closed, before, given)
    return given


def answer_of_begun(detector: Detector, batches: Iterable[Records], threshold: float) -> Answer:
    """What `answer` gives, where all batches were begun before any of them was scored."""
    state, before = detector.new_state(), 0
    begun = [(detector.begin(batch, state, threshold), len(batch)) for batch in batches]
    closed = detector.close(state, threshold)
    given = Answer([], [], [])
    for score, n in begun:
        _take(detector, score(), before, given)
        before += n
    if closed is not None:
        _take(detector, closed, before, given)
    return given


def _take(detector: Detector, scored: Scored, before: int, given: Answer) -> None:
    for i in range(len(scored.score)):
        row = int(scored.row[i])
        record = -1 if row < 0 else before + row
        host_window = scored.host is not None and scored.since is not None
        subject = (scored.host[i], int(scored.since[i])) if host_window else record
        told = Told(subject, record, int(scored.clock[i]), float(scored.score[i]))
        if scored.final[i]:
            given.scores.append(told)
        if scored.odd[i]:
            explained = told._replace(reasons=detector.explain(scored, i), context=detector.context(scored, i))
            again = host_window and any(one.subject == subject for one in given.findings)
            (given.grown if again else given.findings).append(explained)


def batches_of(whole: Records, size: int) -> list[Records]:
    return [anew(whole, slice(start, min(start + size, len(whole)))) for start in range(0, len(whole), size)]


def batches_cut(whole: Records, cuts: Sequence[float]) -> list[Records]:
    return [anew(whole, piece) for piece in pieces(len(whole), list(cuts))]
