"""Count, distinct values, top value and its frequency per originator, beside pandas.

Run it with `python benchmarks/kernels_tally.py`, after `pip install -r benchmarks/requirements.txt`.
"""

from __future__ import annotations

from side_by_side import batches, report, timed

# isort: split
import numpy as np
import pandas as pd
from oddlog_core.kernels.tally import Description, Tally

RECORDS, HOSTS, SAMPLE = 1_000_000, 2_000, 100_000
FIELDS = {"id.resp_h": 500, "endpoint": 60, "operation": 400}


def main() -> None:
    rng = np.random.default_rng(5)
    hosts = rng.zipf(1.3, RECORDS) % HOSTS
    values = np.column_stack([rng.zipf(1.3, RECORDS) % size for size in FIELDS.values()])

    def describe() -> None:
        description = Description(len(FIELDS))
        for batch in batches(RECORDS):
            description.update(hosts[batch], values[batch])

    def running() -> None:
        tally = Tally(len(FIELDS))
        for batch in batches(RECORDS):
            tally.update(hosts[batch], values[batch])

    words = {
        name: pd.Categorical.from_codes(column, [f"{name} {i}" for i in range(size)])
        for (name, size), column in zip(FIELDS.items(), values.T, strict=True)
    }
    frame = pd.DataFrame(words)
    few = frame.iloc[:SAMPLE].astype(object)
    report(
        timed(f"count, distinct, top value of {len(FIELDS)} fields for {HOSTS:,} hosts", RECORDS, describe),
        [
            timed(
                f"pandas {pd.__version__} `groupby().describe()`, categories",
                RECORDS,
                lambda: frame.groupby(hosts).describe(),
                10,
                times=1,
            ),
            timed(
                "the same of strings",
                SAMPLE,
                lambda: few.groupby(hosts[:SAMPLE]).describe(),
                10,
                times=1,
            ),
        ],
    )
    report(
        timed("count and distinct so far, at every record", RECORDS, running),
        [timed("pandas `groupby().nunique()`, at the end only", RECORDS, lambda: frame.groupby(hosts).nunique())],
    )


if __name__ == "__main__":
    main()
