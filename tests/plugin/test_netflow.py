"""LANL's netflow down the whole road: a day file to a bundle, and another day scored by it."""

from __future__ import annotations

import bz2
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from oddlog import archive, baseline
from oddlog.config import Config, TrainConfig
from oddlog.logs import open_logs
from oddlog_core.bundle import read_bundle

SERVERS = (("ActiveDirectory", 17, "53", 90), ("Mail", 6, "443", 9_000), ("IP564116", 6, "443", 2_500))


def day(first: int, seed: int) -> list[bytes]:
    """4,000 flows of 30 desks to three servers; some last for days, so that the order of ends is another."""
    rng = np.random.default_rng(seed)
    lines = []
    for time in np.sort(first + rng.integers(0, 80_000, 4000)):
        name, protocol, port, size = SERVERS[rng.choice(3, p=[0.6, 0.2, 0.2])]
        duration = rng.integers(200_000, 300_000) if rng.random() < 0.02 else rng.integers(0, 60)
        desk, sent, got = rng.integers(30), int(size * rng.uniform(0.5, 2)), int(size * rng.uniform(1, 9))
        lines.append(
            f"{time},{duration},Comp{desk:06},{name},{protocol},Port{rng.integers(100_000):05},{port},"
            f"{sent // 90 + 1},{got // 90 + 1},{sent},{got}\n".encode()
        )
    return lines


def test_a_day_teaches_a_bundle_that_finds_the_odd_flow_of_the_next(tmp_path):
    pytest.importorskip("torch")
    config = Config(train=TrainConfig(epochs=5))
    path = tmp_path / "netflow_day-02.bz2"
    path.write_bytes(bz2.compress(b"".join(day(86_400, 1))))
    learned = baseline.train(open_logs([path]), config, tmp_path / "bundle")
    bundle = read_bundle(tmp_path / "bundle")
    assert learned.trained["conn-autoencoder"].records == 4000
    words = "\n".join(bundle.trained["conn-autoencoder"].detector.describe())
    assert "resp_device: ActiveDirectory, Mail, IP" in words

    lines = day(172_800, 2)
    lines.insert(2000, lines[2000].split(b",")[0] + b",7,Comp000003,Comp000004,6,Port00001,22,900,700,80000000,9000\n")
    path = tmp_path / "netflow_day-03.bz2"
    path.write_bytes(bz2.compress(b"".join(lines)))
    found = open_logs([path])
    summary = archive.score(found, bundle, config, tmp_path / "found")
    assert {counted["bad"] for counted in summary.times.values()} == {0}
    scores = pq.read_table(tmp_path / "found" / "scores.parquet")
    assert len(scores) == 4001
    assert int(np.argmax(scores["score"].to_numpy())) == 2000
    notices = [json.loads(line) for line in (tmp_path / "found" / "notice.log").read_text().splitlines()]
    (odd,) = [notice for notice in notices if notice["p"] == 22]
    assert (odd["src"], odd["dst"], odd["proto"]) == ("Comp000003", "Comp000004", "tcp")
