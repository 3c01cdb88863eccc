"""Where a log is cut into stretches."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from typing import TYPE_CHECKING

from oddlog.logs.stretch import Stretch

if TYPE_CHECKING:
    from oddlog.logs.merging import Numbered

__all__ = ["plan"]

_NEVER, _FOREVER = -(2**63), 2**63 - 1
# 13:00:00-14:00:00, 2026-11-23-01-42-42, 20261123: what sets one rotated file's path apart from the next one's.
_TIMES = re.compile(r"\d\d+([-_:T]\d\d+)+|\d{8,}")


@dataclass(frozen=True, slots=True)
class _Cut:
    """A moment at which a file begins; `at` is that file's place."""

    at: int
    moment: int
    before: tuple[Numbered, ...] = ()
    again: int = 0
    """Bytes of the files before it that must be read once more."""


def plan(files: list[Numbered], warm_up: int, stretch_bytes: int) -> list[Stretch]:
    """Cut a log where files begin.

    A stretch reads its own files and those before it that are expected to reach into it or its warm-up. Where files
    end is not known before they are read; it is guessed that a file ends where the next of its kind begins. Whoever
    reads the stretches must check that.

    Parameters
    ----------
    files : list of (LogFile, int)
        Of one log, by their first moments.
    warm_up : int
        Microseconds.
    stretch_bytes : int
        A stretch has as many, as they lie on the disk, and up to twice as many where that saves reading again. It has
        at least what is read again for the next one.
    """
    ends = [0, *accumulate(file.size for file, _ in files)]
    cuts = _cuts(files, warm_up)
    chosen = [_Cut(0, _NEVER)]
    while True:
        start = ends[chosen[-1].at]
        worth = [
            cut
            for cut in cuts
            if ends[cut.at] - start >= max(stretch_bytes, cut.again) and ends[-1] - ends[cut.at] >= cut.again
        ]
        if not worth:
            break
        most = max(start + 2 * stretch_bytes, ends[worth[0].at])
        chosen.append(min((cut for cut in worth if ends[cut.at] <= most), key=lambda cut: cut.again))
        cuts = cuts[cuts.index(chosen[-1]) + 1 :]
    log = files[0][0].log
    bounds = pairwise([*chosen, _Cut(len(files), _FOREVER)])
    return [
        Stretch(log, cut.moment, end.moment, tuple(files[cut.at : end.at]), cut.before, last=end.at == len(files))
        for cut, end in bounds
    ]


def _cuts(files: list[Numbered], warm_up: int) -> list[_Cut]:
    """Every place where the log could be cut."""
    cuts = []
    at = 0
    reaching: list[tuple[Numbered, int]] = []
    ending = zip(files, _guessed_ends(files), strict=True)
    for moment, group in groupby(ending, key=lambda pair: pair[0][0].first):
        reaching = [(pair, end) for pair, end in reaching if end >= moment - warm_up]
        if at:
            before = tuple(pair for pair, _ in reaching)
            cuts.append(_Cut(at, moment, before, sum(file.size for file, _ in before)))
        begun = list(group)
        reaching += begun
        at += len(begun)
    return cuts


def _guessed_ends(files: list[Numbered]) -> list[int]:
    """Where the next file of a kind begins; the next of any kind where there is none."""
    ends: list[int] = []
    by_kind: dict[str, int] = {}
    any_kind = latest = _FOREVER
    for file, _ in reversed(files):
        kind = _TIMES.sub("", str(file.path))
        if file.first != latest:
            any_kind, latest = latest, file.first
        ends.append(by_kind.get(kind, any_kind))
        by_kind[kind] = file.first
    return ends[::-1]
