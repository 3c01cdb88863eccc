"""A log read stretch by stretch is the log read whole."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st
from oddlog.logs import open_logs
from oddlog.logs.stretch import Stretch, StretchReader

EVER = 2**62
BEGIN = 1_700_000_000


def stretches(logs, cuts, latest):
    """Stretches between some of the files' first moments, each given all files that reach into it."""
    files = logs.files("conn")
    moments = sorted({file.first for file, _ in files})
    bounds = [-EVER, *sorted({moments[round(cut * (len(moments) - 1))] for cut in cuts} - {moments[0]}), EVER]
    for begin, end in pairwise(bounds):
        own = tuple(pair for pair in files if begin <= pair[0].first < end)
        before = tuple(pair for pair in files if pair[0].first < begin and latest[pair[1]] >= begin)
        yield Stretch("conn", begin, end, own, before, last=end == EVER)


def told(batch):
    return [(int(moment), batch.where(i)[0][-5:]) for i, moment in enumerate(batch.moments())]


@settings(max_examples=60, deadline=None)
@example(files=[[0, 9], [1, 2], [1, 5]], cuts=[0.5, 1.0], block=300)
@given(
    files=st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=25), min_size=1, max_size=5),
    cuts=st.lists(st.floats(0, 1), max_size=3),
    block=st.sampled_from([1, 300, 1 << 22]),
)
def test_stretches_one_after_the_other_are_the_whole_log_and_count_each_file_once(
    made, tmp_path_factory, files, cuts, block
):
    folder = tmp_path_factory.mktemp("cluster")
    for i, seconds in enumerate(files):
        rows = b"".join(made.row(ts=f"{BEGIN + second}.000000", duration="-") for second in seconds)
        (folder / f"{i}.log").write_bytes(made.header() + rows)
    logs = open_logs([folder])
    whole = [record for batch in logs.batches("conn") for record in told(batch)]
    latest = {number: (BEGIN + max(files[number])) * 10**6 for _, number in logs.files("conn")}
    read, counted = [], {}
    for stretch in stretches(logs, cuts, latest):
        reader = StretchReader(stretch, "end", Path(), block)
        read += [record for batch, own in reader.batches(0) if own for record in told(batch)]
        assert not counted.keys() & reader.counts.keys()
        counted |= reader.counts
        assert reader.latest == {number: latest[number] for _, number in stretch.own}
    assert read == whole
    assert {str(file.path): counted[number] for file, number in logs.files("conn")} == logs.counts


@settings(max_examples=40, deadline=None)
@given(
    seconds=st.lists(st.integers(0, 200), min_size=2, max_size=60),
    at=st.integers(1, 40),
    warm_up=st.integers(0, 100),
    block=st.sampled_from([1, 300, 1000]),
)
def test_before_a_stretch_comes_its_warm_up_in_order_and_something_even_after_silence(
    made, tmp_path_factory, seconds, at, warm_up, block
):
    folder = tmp_path_factory.mktemp("warm")
    seconds.sort()
    at = min(at, len(seconds) - 1)
    for name, part in (("a", seconds[:at]), ("b", seconds[at:])):
        rows = b"".join(made.row(ts=f"{BEGIN + second}.000000", duration="-") for second in part)
        (folder / f"{name}.log").write_bytes(made.header() + rows)
    (a, b) = open_logs([folder]).files("conn")
    reader = StretchReader(Stretch("conn", b[0].first, EVER, (b,), (a,), last=True), "end", Path(), block)
    read = {False: [], True: []}
    for batch, own in reader.batches(warm_up * 10**6):
        read[own] += [moment // 10**6 - BEGIN for moment, _ in told(batch)]
    # What has the same time as the stretch's first record is in the stretch.
    before = [second for second in seconds[:at] if second < seconds[at]]
    assert read[True] == [second for second in seconds if second >= seconds[at]]
    assert read[False] == before[len(before) - len(read[False]) :]
    assert bool(read[False]) == bool(before)
    assert len(read[False]) >= sum(second >= seconds[at] - warm_up for second in before)
