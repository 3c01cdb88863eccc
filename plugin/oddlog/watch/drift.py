"""Saying when a network has moved away from its baseline: what was rare there is no longer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import msgspec
import pyarrow.compute as pc
from oddlog_core.span import DAY

from oddlog.notices import Remark

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

__all__ = ["BASELINE_DRIFT", "Drift"]

BASELINE_DRIFT = "Baseline_Drift"
RARE = 0.01
"""The p-value that is looked for: what the baseline shows once in a hundred scores."""

OFTEN = 4
"""Times as often as that, from which a day is no longer the baseline's."""

FEWEST = 1000
"""Scores of a day; of fewer, chance may make a few percent rare."""


class Drift(msgspec.Struct):
    """What one log's scores were on the present day of its clock.

    Attributes
    ----------
    log : str
    day : int
        Days since the epoch; -1 before the first.
    counts : dict of str to list of int
        By detector, scores and how many of them were rare.
    """

    log: str
    day: int = -1
    counts: dict[str, list[int]] = {}

    @classmethod
    def restore(cls, exported: dict[str, object]) -> Self:
        """What `msgspec.to_builtins` made of one."""
        return msgspec.convert(exported, cls)

    def add(self, scores: Iterable[pa.RecordBatch], clock: int) -> Remark | None:
        """Count scores that were made up to a moment of the log's clock.

        Parameters
        ----------
        scores : iterable of pyarrow.RecordBatch
            Of `oddlog.judged.SCORES`.
        clock : int
            Microseconds since the epoch.

        Returns
        -------
        Remark or None
            About the day before, where another one has begun.
        """
        remark, day = None, clock // DAY
        if day > self.day:
            remark = self._judge()
            self.day, self.counts = day, {}
        for batch in scores:
            if batch.num_rows:
                counts = self.counts.setdefault(batch["detector"][0].as_py(), [0, 0])
                counts[0] += batch.num_rows
                counts[1] += pc.sum(pc.less_equal(batch["p_value"], RARE)).as_py()
        return remark

    def _judge(self) -> Remark | None:
        shares = {name: rare / n for name, (n, rare) in self.counts.items() if n >= FEWEST}
        name = max(shares, key=lambda one: shares[one], default=None)
        if name is None or shares[name] < OFTEN * RARE:
            return None
        n, rare = self.counts[name]
        date = datetime.fromtimestamp(self.day * 86_400, UTC)
        return Remark(
            BASELINE_DRIFT,
            self.log,
            (self.day + 1) * DAY,
            f"{rare:,} of {n:,} scores of {name} on {date:%Y-%m-%d} were as odd as one in a hundred of the baseline's: "
            "the network is no longer as it was. Where that is no attack, train a bundle on recent days.",
            f"{shares[name]:.1%} in place of {RARE:.0%}",
        )
