"""k-modes over NTLM logons: how unlike every usual kind of logon is this one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import msgspec
import numpy as np

from oddlog_core.detectors.contract import Detector, FitOptions, Fitted, Reason, Scored
from oddlog_core.errors import BaselineError
from oddlog_core.features.ntlm import FIELDS, LogonFields, learn_fields
from oddlog_core.features.vocabulary import Vocabulary
from oddlog_core.kernels.matching import nearest_mode
from oddlog_core.span import per_day, split

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["KModesDetector"]

N_MODES = 10
N_INIT = 4


class _Learned(msgspec.Struct, frozen=True):
    fields: LogonFields
    modes: list[list[int]]
    shares: list[float]


class KModesDetector(Detector):
    """Matching dissimilarity of a logon to the nearest of ten modes.

    Huang, Extensions to the k-means algorithm for clustering large data sets with categorical values (1998).
    """

    name = "ntlm-kmodes"
    log = "ntlm"
    note = "Odd_NTLM_Logon"
    remembers = "nothing"

    def __init__(self, learned: _Learned) -> None:
        self._learned = learned
        self._modes = np.array(learned.modes, np.int32).reshape(-1, len(FIELDS))

    @classmethod
    def fit(cls, baseline: Sequence[Records], options: FitOptions) -> Fitted:
        """Learn the modes; see `Detector.fit`."""
        train, held_back = split(baseline, options.held_back)
        if not train:
            raise BaselineError(f"{cls.log}: {sum(map(len, baseline))} records are too few to learn from")
        fields = learn_fields(train, dict(options.networks), options.time_zone)
        codes = np.concatenate([fields.encode(batch) for batch in train])
        rows, weights = np.unique(codes, axis=0, return_counts=True)
        modes = _fit_modes(rows, weights, options)
        nearest, _ = nearest_mode(codes, modes)
        shares = np.bincount(nearest, minlength=len(modes)) / len(codes)
        detector = cls(_Learned(fields, modes.tolist(), shares.tolist()))
        scores = [detector.score_samples(batch, None, np.inf).score for batch in held_back]
        return Fitted(detector, np.concatenate(scores), per_day(baseline))

    def new_state(self) -> None:
        """Logons are judged one by one: there is nothing to remember."""

    def score_samples(self, records: Records, state: None, threshold: float) -> Scored:  # noqa: ARG002
        """Fields, 0 to 9, in which each logon differs from its nearest mode."""
        codes = self._learned.fields.encode(records)
        nearest, distance = nearest_mode(codes, self._modes)
        return Scored.of_records(records, distance.astype(np.float64), threshold, (records, codes, nearest))

    def explain(self, scored: Scored, index: int) -> tuple[Reason, ...]:
        """The fields that differ from the nearest mode, with both values."""
        records, codes, nearest = scored.evidence
        logon, mode = codes[index], self._modes[nearest[index]]
        differing = np.flatnonzero(logon != mode)
        return tuple(
            Reason(
                FIELDS[f],
                self._value(int(f), int(logon[f]))
                if logon[f] >= 0
                else self._unseen(records, int(scored.row[index]), int(f)),
                self._value(int(f), int(mode[f])),
                1 / len(differing),
            )
            for f in differing
        )

    def _value(self, f: int, code: int) -> str | None:
        return Vocabulary(self._learned.fields.values[f]).name(code) if code else None

    def _unseen(self, records: Records, row: int, f: int) -> str:
        """A value without a code, from the record itself."""
        column = self._learned.fields.categorise(records)[f]
        return str(column.values[column.codes[row]])

    def export_state(self, state: None) -> dict[str, Any]:  # noqa: ARG002
        """Nothing to remember."""
        return {}

    def restore_state(self, exported: dict[str, Any]) -> None:
        """Nothing was remembered."""

    def save(self, folder: Path) -> None:
        """Write ``modes.json``."""
        (folder / "modes.json").write_bytes(msgspec.json.encode(self._learned))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read ``modes.json``."""
        return cls(msgspec.json.decode((folder / "modes.json").read_bytes(), type=_Learned))

    def describe(self) -> list[str]:
        """Each mode and its share of the logons, the most usual first."""
        order = np.argsort(self._learned.shares)[::-1]
        return [
            f"{self._learned.shares[k]:6.1%}  "
            + ", ".join(f"{name}={self._value(f, int(self._modes[k, f])) or '-'}" for f, name in enumerate(FIELDS))
            for k in order
        ]


def _fit_modes(rows: NDArray[np.int32], weights: NDArray[np.intp], options: FitOptions) -> NDArray[np.int32]:
    """Modes of distinct rows with weights: the cheapest of `N_INIT` runs."""
    # kmodes imports scikit-learn, which takes a second that scoring need not wait for.
    from kmodes.kmodes import KModes  # noqa: PLC0415

    n_modes = min(N_MODES, len(rows))
    # kmodes renumbers categories; dense codes by column make its numbering ours, so initial modes can be passed in.
    dense, values = np.empty_like(rows), []
    for f in range(rows.shape[1]):
        found, dense[:, f] = np.unique(rows[:, f], return_inverse=True)
        values.append(found)
    rng = np.random.default_rng(options.seed)
    best = None
    for run in range(N_INIT):
        model = KModes(n_modes, init=_draw_modes(dense, weights, n_modes, rng), random_state=options.seed + run)
        model.fit(dense, sample_weight=weights.tolist())
        if best is None or model.cost_ < best.cost_:
            best = model
        options.progress((run + 1) / N_INIT)
    modes = best.cluster_centroids_ if best is not None else dense
    return np.stack([values[f][modes[:, f]] for f in range(rows.shape[1])], axis=1).astype(np.int32)


def _draw_modes(
    rows: NDArray[np.int32], weights: NDArray[np.intp], n_modes: int, rng: np.random.Generator
) -> NDArray[np.int32]:
    """Huang's initial modes, by weight: values drawn by their share, each draw moved to the nearest row not yet taken.

    The library's own drawing disregards weights.
    """
    share = weights / weights.sum()
    drawn = np.stack([column[rng.choice(len(rows), n_modes, p=share)] for column in rows.T], axis=1)
    taken: list[int] = []
    for mode in drawn:
        distance = (rows != mode).sum(axis=1)
        distance[taken] = rows.shape[1] + 1
        taken.append(int(distance.argmin()))
    return rows[taken]
