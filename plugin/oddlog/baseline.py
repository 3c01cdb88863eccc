"""`train`: a baseline's logs to a bundle."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from oddlog_core.bundle import DETECTORS, About, Trained, check_free, write_bundle
from oddlog_core.calibration import Calibration, fisher
from oddlog_core.detectors.contract import FitOptions
from oddlog_core.detectors.novelty import NoveltyDetector
from oddlog_core.detectors.risk import SessionsDetector
from oddlog_core.errors import BaselineError
from oddlog_core.features.sessions import LABEL
from oddlog_core.options import FlowOptions, NoveltyOptions
from oddlog_core.span import split

from oddlog import __version__
from oddlog.errors import OddlogError
from oddlog.logs import LOGS
from oddlog.pipeline import Clock
from oddlog.queueing import learn_queue

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray
    from oddlog_core.detectors.contract import Detector, Fitted
    from oddlog_core.records import Records

    from oddlog.config import Config
    from oddlog.labels import Labels
    from oddlog.logs import Batch, Logs

__all__ = ["NOVELTY", "SESSIONS", "Learned", "kinds", "train"]

NOVELTY, SESSIONS = "novelty", "sessions"

_FEWEST = 25
"""Scores held back, below which a day's oddest record is rarer than any of them."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What a training run did.

    Attributes
    ----------
    trained : dict of str to About
        By detector.
    left_out : dict of str to str
        Logs that taught nothing, and why.
    told : dict of str to list of str
        By detector that was asked for by name, what it learned in words.
    """

    trained: dict[str, About]
    left_out: dict[str, str]
    told: dict[str, list[str]] = field(default_factory=dict)


def kinds(names: Collection[str]) -> list[type[Detector]]:
    """Detectors by name, ``novelty`` and ``sessions`` for those of either, or a log's name for its usual ones.

    Without any name, all but those that are only learned on request.
    """
    if not names:
        return [kind for kind in DETECTORS if not kind.on_request]
    return [
        kind
        for kind in DETECTORS
        if kind.name in names
        or (kind.log in names and not kind.on_request)
        or (NOVELTY in names and issubclass(kind, NoveltyDetector))
        or (SESSIONS in names and issubclass(kind, SessionsDetector))
    ]


def train(
    logs: Logs,
    config: Config,
    bundle: Path,
    *,
    detectors: Collection[str] = (),
    labels: Labels | None = None,
    keep: Callable[[Mapping[str, Any]], None] | None = None,
    comment: str = "",
    on_progress: Callable[[str, float], None] = lambda _stage, _share: None,
) -> Learned:
    """Learn from every log that is there and write a bundle.

    Parameters
    ----------
    logs : Logs
    config : Config
    bundle : Path
        A new folder, or a bundle to replace.
    detectors : collection of str
        As `kinds` takes them.
    labels : Labels, optional
        For detectors that learn from them.
    keep : callable, optional
        Given what such a detector was taught by: columns by name.
    comment : str
        Kept in the bundle.
    on_progress : callable
        Told what is being done, and which share of it is, 0 to 1.

    Raises
    ------
    BundleError
        If the folder holds something that is no bundle; said before anything is learned.
    OddlogError
        If no log teaches anything.
    """
    check_free(bundle)
    trained: dict[str, Trained] = {}
    before: dict[str, Trained] = {}
    surprises: dict[str, list[NDArray[np.float64]]] = {}
    since: dict[str, int] = {}
    left_out: dict[str, str] = {}
    for kind in kinds(detectors):
        if kind.log not in logs.names:
            # Who has no host events or flows does not miss them, nor the other log's sessions.
            if kind.log in LOGS and not kind.on_request:
                left_out[kind.log] = "no such log was given"
            continue
        on_progress(kind.name, 0.0)
        clock = Clock(config.conn.order)
        baseline = [_records(clock, batch, labels) for batch in logs.batches(kind.log) if len(batch)]
        options = FitOptions(
            held_back=config.train.held_back,
            seed=config.train.seed,
            networks=config.networks,
            time_zone=config.time_zone,
            window=round(config.dce_rpc.window_minutes * 60_000_000),
            features=config.train.features,
            flow=FlowOptions(
                config.train.architecture,
                config.train.optimizer,
                config.train.schedule,
                config.train.loss,
                config.train.epochs,
                config.train.seed,
            ),
            novelty=NoveltyOptions(config.train.model, 100 * config.train.epochs, config.train.seed),
            profile=config.ntlm.profile,
            modes=config.ntlm.modes,
            progress=partial(on_progress, kind.name),
            keep=keep,
        )
        if not baseline:
            left_out[kind.log] = "not one record could be read"
            continue
        try:
            fitted = _enough(kind.log, kind.fit(baseline, options))
        except BaselineError as error:
            left_out[kind.log] = str(error).removeprefix(f"{kind.log}: ")
            continue
        about = About(
            sum(map(len, baseline)), len(fitted.held_back), int(baseline[0].clock[0]), int(baseline[-1].clock[-1])
        )
        calibration = Calibration.fit(fitted.held_back, fitted.per_day, fitted.kinds)
        trained[kind.name] = Trained(fitted.detector, calibration, about)
        before[kind.name] = Trained(fitted.before or fitted.detector, calibration, about)
        later = split(baseline, config.train.held_back)[1]
        if fitted.detector.window is None and kind.every_record:
            # Not every detector holds back the earliest records, too.
            latest = slice(sum(map(len, later)))
            of_kind = None if fitted.kind is None else fitted.kind[latest]
            surprises.setdefault(kind.log, []).append(-np.log(calibration.p_value(fitted.held_back[latest], of_kind)))
        since[kind.log] = max(since.get(kind.log, 0), int(later[0].clock[0]))
    if not trained:
        raise OddlogError("nothing could be learned: " + "; ".join(f"{log}: {why}" for log, why in left_out.items()))
    created = datetime.now(UTC).isoformat(timespec="seconds")
    on_progress("the queue", 0.0)
    chains, budget = learn_queue(logs, before, since, config)
    on_progress("the queue", 1.0)
    write_bundle(
        bundle,
        trained,
        oddlog=__version__,
        created=created,
        comment=comment,
        chains=chains,
        budget=budget,
        joint={log: _joint(trained, log, found) for log, found in surprises.items() if len(found) > 1},
    )
    told = {name: one.detector.describe() for name, one in trained.items() if one.detector.on_request}
    return Learned({name: one.about for name, one in trained.items()}, left_out, told)


def _records(clock: Clock, batch: Batch, labels: Labels | None) -> Records:
    records = clock.records(batch)
    return records if labels is None else replace(records, integers={**records.integers, LABEL: labels.of(batch)})


def _enough(log: str, fitted: Fitted) -> Fitted:
    """What was learned, where enough of the baseline was held back to say what is rare."""
    n = len(fitted.held_back)
    if fitted.detector.threshold is None and n < _FEWEST:
        raise BaselineError(
            f"{log}: {n} score{'s' * (n != 1)} can be held back, too few to say what is rare; {_FEWEST} are needed: "
            f"give {math.ceil(_FEWEST / n)} times as much log, two weeks at best"
        )
    return fitted


def _joint(trained: Mapping[str, Trained], log: str, surprises: Sequence[NDArray[np.float64]]) -> Calibration:
    """What the surprises of several detectors add up to, that score a log record by record."""
    per_day = next(one.calibration.per_day for one in trained.values() if one.detector.log == log)
    return Calibration.fit(fisher(np.stack(surprises)), per_day)
