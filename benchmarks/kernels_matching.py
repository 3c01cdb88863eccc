"""Nearest of 10 modes for 5,000,000 records of 9 fields, beside kmodes and a row-wise `DataFrame.apply`.

Run it with `python benchmarks/kernels_matching.py`, after `pip install -r benchmarks/requirements.txt`.
"""

from __future__ import annotations

from importlib.metadata import version

from side_by_side import batches, report, timed

# isort: split
import numpy as np
import pandas as pd
from kmodes.kmodes import KModes
from oddlog_core.kernels.matching import nearest_mode

RECORDS, FIELDS, MODES = 5_000_000, 9, 10
PREDICTED, APPLIED = 50_000, 3_000


def main() -> None:
    rng = np.random.default_rng(3)
    codes = (rng.zipf(1.5, (RECORDS, FIELDS)) % 50).astype(np.int32)
    modes = codes[rng.choice(RECORDS, MODES, replace=False)].copy()
    # One iteration from the modes given: only predict is timed.
    fitted = KModes(n_clusters=MODES, init=modes, n_init=1, max_iter=1).fit(codes[:1_000])
    modes = np.ascontiguousarray(fitted.cluster_centroids_, np.int32)
    frame = pd.DataFrame(codes[:APPLIED])

    def row_wise() -> None:
        frame.apply(lambda row: min(sum(a != b for a, b in zip(row, mode, strict=True)) for mode in modes), axis=1)

    def oddlog() -> None:
        for batch in batches(RECORDS):
            nearest_mode(codes[batch], modes)

    ours = timed(f"nearest of {MODES} modes, {FIELDS} fields", RECORDS, oddlog)
    report(
        ours,
        [
            timed(
                f"kmodes {version('kmodes')} `KModes.predict`",
                PREDICTED,
                lambda: fitted.predict(codes[:PREDICTED]),
                200,
            ),
            timed(f"pandas {pd.__version__} `DataFrame.apply`, row by row", APPLIED, row_wise, 3000, times=2),
        ],
    )


if __name__ == "__main__":
    main()
