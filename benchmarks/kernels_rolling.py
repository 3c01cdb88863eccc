"""Rolling mean and standard deviation of 4 columns over 1, 10 and 60 s, beside pandas and polars.

Run it with `python benchmarks/kernels_rolling.py`, after `pip install -r benchmarks/requirements.txt`.
"""

from __future__ import annotations

from side_by_side import batches, clock, report, timed

# isort: split
import numpy as np
import pandas as pd
import polars as pl
from oddlog_core.kernels.rolling import RollingState

RECORDS = 1_000_000
WINDOWS = ("1s", "10s", "60s")
COLUMNS = ("orig_bytes", "resp_bytes", "orig_pkts", "resp_pkts")


def main() -> None:
    times = clock(RECORDS)
    values = np.random.default_rng(2).lognormal(6, 2, (RECORDS, 4)).astype(np.int64)

    def oddlog() -> None:
        state = RollingState(np.array([1, 10, 60]) * 1_000_000, 4)
        for batch in batches(RECORDS):
            state.update(times[batch], values[batch])

    frame = pd.DataFrame(values, columns=COLUMNS, index=pd.to_datetime(times, unit="us"), dtype=np.float64)

    def pandas() -> None:
        for window in WINDOWS:
            rolling = frame.rolling(window)
            rolling.mean()
            rolling.std()

    table = pl.DataFrame({"ts": times} | dict(zip(COLUMNS, values.T.astype(np.float64), strict=True)))
    table = table.with_columns(pl.col("ts").cast(pl.Datetime("us")).set_sorted())
    statistics = [
        statistic("ts", window_size=window).name.suffix(f" {window} {kind}")
        for column in COLUMNS
        for window in WINDOWS
        for kind, statistic in (("mean", pl.col(column).rolling_mean_by), ("std", pl.col(column).rolling_std_by))
    ]
    report(
        timed("mean and std of 4 columns over 1, 10 and 60 s", RECORDS, oddlog),
        [
            timed(f"pandas {pd.__version__} `rolling`, 24 columns", RECORDS, pandas, 6, times=2),
            timed(
                f"polars {pl.__version__} `rolling_mean_by`, `rolling_std_by`",
                RECORDS,
                lambda: table.select(statistics),
                2,
            ),
        ],
    )


if __name__ == "__main__":
    main()
