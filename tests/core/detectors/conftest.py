"""Every detector, fitted once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from baselines import DAY, MONDAY, office, office_of
from oddlog_core.bundle import DETECTORS
from oddlog_core.detectors.autoencoder import AutoencoderDetector
from oddlog_core.detectors.kmodes import KModesDetector
from oddlog_core.detectors.novelty import ConnNoveltyDetector
from oddlog_core.options import FlowOptions, NoveltyOptions
from oddlog_core.span import cut
from road import OPTIONS

if TYPE_CHECKING:
    from oddlog_core.detectors.contract import Detector, FitOptions, Fitted
    from oddlog_core.records import Records


@dataclass(frozen=True)
class Case:
    """A detector's kind with what it learned, from what, and an ordinary day after that."""

    kind: type[Detector]
    options: FitOptions
    baseline: list[Records]
    fitted: Fitted
    later: Records
    progress: list[float]

    @property
    def office(self) -> str:
        """Whose ordinary log it is, of `baselines.office`: who learns from labels needs sessions of both kinds."""
        return office_of(self.kind)

    @property
    def detector(self) -> Detector:
        return self.fitted.detector

    @property
    def threshold(self) -> float:
        """Low enough that an ordinary day passes it a few times."""
        return float(np.quantile(self.fitted.held_back, 0.9))


KINDS = {kind.name: (kind, OPTIONS) for kind in DETECTORS} | {
    f"{AutoencoderDetector.name}-{features}": (
        AutoencoderDetector,
        replace(OPTIONS, features=features, flow=FlowOptions(architecture, loss=loss, epochs=2, seed=3)),
    )
    for features, architecture, loss in (("base", "ensemble", "mse"), ("rolling", "conv", "bce"))
}
KINDS["ntlm-kmodes-classic"] = (KModesDetector, replace(OPTIONS, profile="classic", modes="auto"))
"""By name: which detector learns, and how."""

KINDS |= {
    f"{ConnNoveltyDetector.name}-{model}": (
        ConnNoveltyDetector,
        replace(OPTIONS, novelty=NoveltyOptions(model, steps=200, seed=3)),
    )
    for model in ("svm", "svm-linear", "forest", "lstm")
}


def fit(kind: type[Detector], options: FitOptions, baseline: list[Records], progress: list[float]) -> Fitted:
    """Fit, where what is needed for it is installed."""
    try:
        return kind.fit(baseline, replace(options, progress=progress.append))
    except ModuleNotFoundError as error:
        if error.name not in {"onnx", "skl2onnx", "torch"}:
            raise
        pytest.skip(f"{error.name} is not installed: it comes with the extra `train`")


@pytest.fixture(scope="session", params=KINDS)
def case(request) -> Case:
    kind, options = KINDS[request.param]
    whole = office(office_of(kind), 1500, seed=5)
    baseline = [cut(whole, 0, 700), cut(whole, 700, 1500)]
    progress: list[float] = []
    fitted = fit(kind, options, baseline, progress)
    return Case(
        kind,
        options,
        baseline,
        fitted,
        office(office_of(kind), 400, seed=6, start=MONDAY + 2 * DAY, days=0.5),
        progress,
    )
