"""10,000,000 distinct keys through a table of 1,048,576 slots.

Run it with `python benchmarks/kernels_keytable.py`.
"""

from __future__ import annotations

from side_by_side import batches, clock, report, timed

# isort: split
import resource

import numpy as np
from oddlog_core.kernels.keytable import KeyTable

KEYS, SLOTS = 10_000_000, 2**20


def main() -> None:
    times = clock(KEYS, 100_000)
    rng = np.random.default_rng(4)
    distinct = rng.permutation(KEYS) * np.int64(0x1000_0001)
    returning = rng.zipf(1.2, KEYS) % KEYS
    tables: list[KeyTable] = []

    def through(keys: np.ndarray) -> None:
        tables[:] = [KeyTable(SLOTS, 1 / 600)]
        for batch in batches(KEYS):
            tables[0].update(times[batch], keys[batch])

    through(distinct)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours = timed("key table of 1 M slots, every key seen once", KEYS, lambda: through(distinct))
    evicted = tables[0].evicted
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    report(ours, [], 5_000_000)
    report(timed("key table of 1 M slots, keys that return (Zipf)", KEYS, lambda: through(returning)), [])
    held = sum(array.nbytes for array in (tables[0].held, tables[0].ranks))
    print(
        f"Of {KEYS:,} keys seen once the table of {SLOTS:,} slots evicted {evicted:,} and counted them; it takes "
        f"{held / 2**20:.0f} MiB, and the process grew by {grown} KiB.\n"
    )


if __name__ == "__main__":
    main()
