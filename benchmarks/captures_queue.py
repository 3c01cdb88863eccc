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
        `log`, `detector`, `orig_h`, `resp_h`, `port` and `ts`, of which the hour counts. Rows of one `unit` are what
        several detectors say of it.
    """

    def __init__(self, benign: pd.DataFrame) -> None:
        self._records = np.sort(benign["value"].groupby(benign["unit"], sort=False).max().to_numpy())
        hour = (benign["ts"] // _SUPPRESSED).astype(np.int64)
        same = [benign[name].fillna("") for name in ("log", "detector", "orig_h", "resp_h", "port")]
        self._notices = np.sort(benign["value"].groupby([*same, hour], sort=False).max().to_numpy())

    def threshold(self, notices: int) -> float:
        """Return the value above which the benign day brings at most so many notices."""
        return float(self._notices[-notices - 1]) if len(self._notices) > notices else -np.inf

    def notices_at(self, value: float) -> int:
        """Notices of the benign day that are as odd."""
        return int(len(self._notices) - np.searchsorted(self._notices, value, side="left"))

    def before(self, own: NDArray[np.float64], false: int, *, notices: bool = False) -> float:
        """How likely one of a capture's rows comes before so many false records; of equal ones the order is random.

        Parameters
        ----------
        own : (n_rows,) float64
        false : int
        notices : bool
            Count false notices, not records.
        """
        if not len(own):
            return 0.0
        wrong, best = self._notices if notices else self._records, own.max()
        above = len(wrong) - int(np.searchsorted(wrong, best, side="right"))
        level = len(wrong) - above - int(np.searchsorted(wrong, best, side="left"))
        if above >= false or level < false - above:
            return float(above < false)
        i = np.arange(false - above)
        return float(1 - np.prod((level - i) / (level + (own == best).sum() - i)))
