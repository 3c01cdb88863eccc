"""What a queue of scores finds, and after how many false ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Queue"]

_SUPPRESSED = 3600


class Queue:
    """False records of one queue.

    Parameters
    ----------
    benign : pandas.DataFrame
        A row per record or host-window of the benign day: `value`, higher is odder, and what makes rows one notice:
        `log`, `detector`, `orig_h`, `resp_h`, `port` and `ts`, of which the hour counts.
    """

    def __init__(self, benign: pd.DataFrame) -> None:
        self._records = np.sort(benign["value"].to_numpy())
        hour = (benign["ts"] // _SUPPRESSED).astype(np.int64)
        same = [benign[name].fillna("") for name in ("log", "detector", "orig_h", "resp_h", "port")]
        self._notices = np.sort(benign["value"].groupby([*same, hour], sort=False).max().to_numpy())

    def notices_at(self, value: float) -> int:
        """Notices that a threshold at this value brings on the benign day."""
        return int(len(self._notices) - np.searchsorted(self._notices, value, side="left"))

    def records_above(self, value: float) -> int:
        """False records that are odder."""
        return int(len(self._records) - np.searchsorted(self._records, value, side="right"))

    def before(self, own: NDArray[np.float64], false: int) -> float:
        """How likely one of a capture's rows comes before so many false records; of equal ones the order is random."""
        if not len(own):
            return 0.0
        best = own.max()
        room = false - self.records_above(best)
        if room <= 0:
            return 0.0
        level = int(np.searchsorted(self._records, best, "right") - np.searchsorted(self._records, best, "left"))
        if level < room:
            return 1.0
        k = int((own == best).sum())
        i = np.arange(room)
        return float(1 - np.prod((level - i) / (level + k - i)))
