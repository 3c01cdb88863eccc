"""`profile`: a table of hosts, their clusters, and the odd one among them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from oddlog import profile as profiling
from oddlog.errors import OddlogError
from oddlog.logs import open_logs


def write(path, calls):
    lines = [
        {"_path": "dce_rpc", "ts": 1_700_000_000 + i, "uid": f"C{i}", "id.orig_h": source, "id.resp_h": destination}
        | {"endpoint": "samr", "operation": operation}
        for i, (source, destination, operation) in enumerate(calls)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return open_logs([path])


@pytest.fixture
def swept(tmp_path):
    """Twenty desks that ask two servers for a few things, and one that asks everything of everyone."""
    calls = [(f"10.0.0.{d}", f"10.0.9.{n % 2}", f"Op{n % (2 + d % 3)}") for d in range(20) for n in range(5 + d)]
    calls += [("10.6.6.6", f"10.0.0.{n % 50}", f"Op{n % 40}") for n in range(400)]
    return write(tmp_path / "dce_rpc.log", calls)


def test_the_odd_cluster_is_the_one_of_few_hosts_far_from_the_rest(swept):
    found = profiling.profile(swept, 5, 0)
    heads, rows = profiling.host_rows(found)
    assert len(rows) == 21
    first = dict(zip(heads, rows[0], strict=True))
    assert rows[0][:6] == ("10.6.6.6", f"{found.odd} (odd)", "400", "50", "10.0.0.0", "2%")
    assert first["top operation"] == "Op0"
    assert rows[1][1].isdecimal()
    assert profiling.host_rows(found, 3)[1] == rows[:3]
    heads, rows = profiling.cluster_rows(found)
    assert [int(row[1].replace(",", "")) for row in rows] == sorted(np.bincount(found.clusters.label), reverse=True)
    odd = next(row for row in rows if row[0].endswith("(odd)"))
    assert odd[1:4] == ("1", "400.0", "50.0")


def test_the_same_seed_gives_the_same_clusters(swept):
    one, two = (profiling.profile(swept, 5, 3) for _ in range(2))
    assert one.clusters.centroids.tobytes() == two.clusters.centroids.tobytes()
    assert one.order.tolist() == two.order.tolist()


def test_where_no_cluster_is_small_none_is_odd(tmp_path):
    calls = [(f"10.0.0.{d}", "10.0.9.1", f"Op{n}") for d in range(4) for n in range(2 + 10 * (d % 2))]
    found = profiling.profile(write(tmp_path / "dce_rpc.log", calls), 5, 0)
    assert found.odd is None
    assert not any("odd" in row[1] for row in profiling.host_rows(found)[1])


def test_a_lone_host_cannot_be_compared(tmp_path):
    with pytest.raises(OddlogError, match="1 originator in"):
        profiling.profile(write(tmp_path / "dce_rpc.log", [("10.0.0.1", "10.0.0.2", "Op")]), 5, 0)


def test_the_picture_is_written_twice_and_names_the_odd_host(swept, tmp_path):
    pytest.importorskip("matplotlib")
    from oddlog import scatter  # noqa: PLC0415

    found = profiling.profile(swept, 5, 0)
    svg, png = scatter.draw(found, tmp_path)
    text = svg.read_text()
    assert "10.6.6.6" in text
    assert ", the odd one: 1 host" in text
    assert text.count(" hosts") >= 1
    assert png.read_bytes().startswith(b"\x89PNG")
    before = svg.read_bytes()
    scatter.draw(profiling.profile(swept, 5, 0), tmp_path)
    assert svg.read_bytes() == before
