"""Damped statistics of source, source-destination and source-destination-port, beside the paper's algorithm in Python.

Kitsune's published Python extractor is not on PyPI; the peer is algorithm 2 and table I of its paper, a dict entry a
stream and decay, with the same 65 statistics a record and nothing else that the extractor does.

Run it with `python benchmarks/kernels_damped.py`.
"""

from __future__ import annotations

from math import sqrt

from side_by_side import batches, clock, codes, report, timed

# isort: split
import numpy as np
from oddlog_core.kernels.damped import RATES
from oddlog_core.kernels.keytable import KeyTable
from oddlog_core.kernels.streams import PairState, StreamState

RECORDS, SAMPLE, HOSTS = 1_000_000, 10_000, 2_000
# Three such tables and their statistics take 210 MB.
SLOTS = 2**18


class Paper:
    """Algorithm 2: weight, linear sum, squared sum and last residual of each stream, residual products of each pair."""

    def __init__(self) -> None:
        self.streams: dict[tuple, list[float]] = {}
        self.products: dict[tuple, list[float]] = {}

    def insert(self, key: tuple, rate: float, now: float, value: float) -> tuple[float, float, float]:
        """Weight, mean and std of a stream with one value more."""
        stream = self.streams.setdefault((key, rate), [0.0, 0.0, 0.0, 0.0, now])
        self.decay(stream, rate, now)
        stream[0] += 1
        stream[1] += value
        stream[2] += value * value
        stream[3] = value - stream[1] / stream[0]
        return self.moments(stream)

    def pair(self, key: tuple, back: tuple, rate: float, now: float) -> tuple[float, float, float, float]:
        """Magnitude, radius, covariance and correlation of a stream whose value came last and its opposite."""
        stream = self.streams[key, rate]
        other = self.streams.setdefault((back, rate), [1e-20, 0.0, 0.0, 0.0, now])
        self.decay(other, rate, now)
        product = self.products.setdefault((min(key, back), rate), [0.0, now])
        product[0] = product[0] * 2 ** (-rate * (now - product[1])) + stream[3] * other[3]
        product[1] = now
        (w_i, mean_i, std_i), (w_j, mean_j, std_j) = self.moments(stream), self.moments(other)
        covariance = product[0] / (w_i + w_j)
        correlation = covariance / (std_i * std_j) if std_i * std_j else 0.0
        return sqrt(mean_i**2 + mean_j**2), sqrt(std_i**4 + std_j**4), covariance, correlation

    @staticmethod
    def decay(stream: list[float], rate: float, now: float) -> None:
        """Let time pass for a stream."""
        factor = 2 ** (-rate * (now - stream[4]))
        stream[0] *= factor
        stream[1] *= factor
        stream[2] *= factor
        stream[4] = now

    @staticmethod
    def moments(stream: list[float]) -> tuple[float, float, float]:
        """Weight, mean and std by the sums."""
        mean = stream[1] / stream[0]
        return stream[0], mean, sqrt(abs(stream[2] / stream[0] - mean * mean))


def main() -> None:
    rng = np.random.default_rng(6)
    times = clock(RECORDS)
    source, destination = rng.zipf(1.3, RECORDS) % HOSTS, rng.zipf(1.3, RECORDS) % HOSTS
    port = rng.choice([53, 80, 88, 389, 443, 445], RECORDS)
    sizes = np.floor(rng.lognormal(6, 2, RECORDS))
    values = np.column_stack([sizes, np.full(RECORDS, np.nan)])
    directions = (source > destination).astype(np.int64)
    pairs = np.column_stack([np.minimum(source, destination), np.maximum(source, destination)])
    keys = [(column, codes(*column)) for column in ([source], list(pairs.T), [source, destination, port])]
    by_source, by_pair, by_service = (slots for _, slots in keys)

    def oddlog(slots_of: list) -> None:
        nothing = np.zeros((2, 3))
        sources, pair, services = StreamState(nothing[:1]), PairState(nothing), StreamState(nothing[:1])
        for batch in batches(RECORDS):
            one = values[batch, :1].copy()
            a, b, c = (slots(times[batch], batch) for slots in slots_of)
            sources.update(times[batch], a, one)
            pair.update(times[batch], b, directions[batch], values[batch])
            services.update(times[batch], c, one)

    def coded() -> None:
        oddlog([lambda _, batch, s=s: s[batch] for s in (by_source, by_pair, by_service)])

    def tabled() -> None:
        tables = [KeyTable(SLOTS, 1 / 600) for _ in keys]
        oddlog(
            [
                lambda t, batch, s=s, k=k: k.update(t, s[batch])
                for s, k in zip((by_source, by_pair, by_service), tables, strict=True)
            ]
        )

    seconds = (times / 1e6).tolist()

    def paper() -> None:
        statistics = Paper()
        for i in range(SAMPLE):
            a, b, c, now, size = int(source[i]), int(destination[i]), int(port[i]), seconds[i], float(sizes[i])
            for rate in RATES.tolist():
                statistics.insert((a,), rate, now, size)
                statistics.insert((a, b), rate, now, size)
                statistics.pair((a, b), (b, a), rate, now)
                statistics.insert((a, b, c), rate, now, size)

    plain = timed("Kitsune's algorithm 2 in plain Python", SAMPLE, paper)
    report(
        timed("65 damped statistics, 5 decays", RECORDS, coded),
        [plain],
        1_000_000,
    )
    report(
        timed(f"65 damped statistics, slots from three key tables of {SLOTS:,}", RECORDS, tabled),
        [plain],
        1_000_000,
    )


if __name__ == "__main__":
    main()
