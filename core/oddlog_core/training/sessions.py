"""A random forest that tells which sessions will turn malicious, as one ONNX file, and what its votes are worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from oddlog_core.features.sessions import log_odds

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Forest", "train_forest"]

N_TREES = 300
LEAST_LEAF = 2


@dataclass(frozen=True, slots=True)
class Forest:
    """What was trained.

    Attributes
    ----------
    model : bytes
        ONNX: ``features`` (n, n_features) float32 to ``probabilities`` (n, 2) float32, the share of the trees' votes.
    slope, intercept : float
        Of the log-odds of a vote, which make those of a probability (Platt, Probabilistic outputs for support vector
        machines, 1999), fitted on votes of trees that had not seen the session.
    importances : (n_features,) float64
        Mean decrease of impurity; they add up to 1.
    """

    model: bytes
    slope: float
    intercept: float
    importances: NDArray[np.float64]


def train_forest(features: NDArray[np.float32], malicious: NDArray[np.bool_], seed: int) -> Forest:
    """Train on sessions of both kinds.

    Parameters
    ----------
    features : (n, n_features) float32
        No NaN.
    malicious : (n,) bool
    seed : int
    """
    from skl2onnx import to_onnx  # noqa: PLC0415  # comes with the extra `train`, and this module is asked for more

    forest = RandomForestClassifier(
        N_TREES, min_samples_leaf=LEAST_LEAF, class_weight="balanced_subsample", oob_score=True, random_state=seed
    ).fit(features, malicious)
    votes = forest.oob_decision_function_[:, 1]
    # A session that every tree has seen has no such vote.
    known = np.isfinite(votes)
    platt = LogisticRegression(C=1e3).fit(log_odds(votes[known])[:, None], malicious[known])
    model = to_onnx(
        forest, features[:1], options={id(forest): {"zipmap": False}}, target_opset={"": 18, "ai.onnx.ml": 3}
    )
    model.graph.input[0].name, model.graph.node[0].input[0] = "features", "features"
    return Forest(
        model.SerializeToString(),
        max(float(platt.coef_[0, 0]), 0.0),
        float(platt.intercept_[0]),
        np.asarray(forest.feature_importances_),
    )
