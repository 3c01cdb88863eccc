"""How the flow autoencoder may be trained: named here, without torch, for configuration and command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "ROOM",
    "Architecture",
    "FeatureSet",
    "FlowOptions",
    "Loss",
    "NoveltyModel",
    "NoveltyOptions",
    "Optimizer",
    "Profile",
    "Schedule",
]

ROOM = 125_000_000
"""Bytes that the state of a detector may take if nothing else is said: enough for 65,536 sources, services, streams and
pairs that were active lately, and for 17,000 connections a second."""

FeatureSet = Literal["base", "rolling", "full"]
"""What the conn detector sees: what a connection was; how busy the network was around it; also who is usual there, how
regular, and whatever else conn.log says."""

Profile = Literal["default", "classic"]
"""What the ntlm detector sees: whatever tells of a logon and of its source's last hour; nine fields of the logon."""

Architecture = Literal["basic", "narrow", "double", "deep", "overcomplete", "conv", "ensemble", "embedding"]
Optimizer = Literal["sgd", "adam"]
Schedule = Literal["constant", "one-cycle"]
Loss = Literal["bce", "mse"]
NoveltyModel = Literal["svm", "svm-linear", "forest", "autoencoder", "lstm"]
"""What tells novel connections and flows: a one-class SVM, its kernel approximated in linear time, an isolation forest,
an autoencoder, or one of LSTMs over what a source did before."""


@dataclass(frozen=True, slots=True)
class FlowOptions:
    """How to train the flow autoencoder.

    Attributes
    ----------
    architecture : str
        ``basic`` (n-13-n), ``narrow`` (n-3-n), ``double`` (n-26-13-n), ``deep`` (n-26-13-5-13-26-n), ``overcomplete``
        (128-64-12-6 and back), ``conv`` (a feature map laid out by agglomerative clustering), ``ensemble`` (a small
        autoencoder for each group of correlated features and one over their errors) or ``embedding`` (32-16-8-16-32
        with learned tables for codes, and their probabilities as output).
    optimizer : {"sgd", "adam"}
    schedule : {"constant", "one-cycle"}
        Of the learning rate.
    loss : {"bce", "mse"}
        Binary cross-entropy of features scaled to 0 to 1, or squares of standardised ones.
    epochs : int
        Passes over the training part at most.
    seed : int
    batch : int
        Records of a step at most; 0 is what suits the processor.
    """

    architecture: Architecture = "embedding"
    optimizer: Optimizer = "adam"
    schedule: Schedule = "one-cycle"
    loss: Loss = "mse"
    epochs: int = 20
    seed: int = 0
    batch: int = 0


@dataclass(frozen=True, slots=True)
class NoveltyOptions:
    """How to train a novelty model.

    Attributes
    ----------
    model : str
        ``svm`` (exact, in quadratic time), ``svm-linear``, ``forest``, ``autoencoder`` or ``lstm``.
    steps : int
        Of training the two neural networks.
    seed : int
    """

    model: NoveltyModel = "autoencoder"
    steps: int = 2000
    seed: int = 0
