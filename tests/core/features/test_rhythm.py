"""Damped statistics of connections against their definition over each stream's whole past."""

from __future__ import annotations

import naive
import numpy as np
import numpy.testing as npt
import pytest
from baselines import MONDAY, anew, inventions, office, records
from hypothesis import given, settings
from hypothesis import strategies as st
from inventions import CUTS, SECOND, pieces
from oddlog_core.features import rhythm
from oddlog_core.features.rhythm import COUNTS, HALF_LIVES, STATISTICS, WARM_UP, Rhythm, learn_usual
from oddlog_core.records import MISSING

BASELINE = office("conn", 1000, seed=5)
USUAL = learn_usual([BASELINE])
MINUTE = 60 * SECOND


@st.composite
def logs(draw, max_size=14):
    """A few hosts that answer each other, at gaps up to those at which a stream begins anew."""
    gaps = st.sampled_from([0, SECOND, 10 * SECOND, MINUTE, 10 * MINUTE, 300 * MINUTE, 361 * MINUTE])
    amounts = st.sampled_from([MISSING, 0, 1, 1500]) | st.integers(0, 10**9)
    row = st.fixed_dictionaries(
        {
            "gap": gaps,
            "id.orig_h": st.sampled_from(["a", "b", "c"]),
            "id.resp_h": st.sampled_from(["a", "b"]),
            "id.resp_p": st.sampled_from([53, 443]),
            "proto": st.sampled_from(["tcp", "udp"]),
            "conn_state": st.sampled_from(["SF", "S0", "REJ", None]),
            "orig_bytes": amounts,
            "resp_bytes": amounts,
        }
    )
    now, rows = MONDAY, []
    for one in draw(st.lists(row, min_size=1, max_size=max_size)):
        now += one.pop("gap")
        rows.append({**one, "ts": now})
    return records("conn", rows)


def table(log, usual=USUAL, state=None):
    """Columns by name."""
    counts, statistics = (state or Rhythm(usual)).transform(log)
    return dict(zip((*COUNTS, *STATISTICS), np.concatenate([counts, statistics], axis=1).T, strict=True))


def text(log, name):
    column = log.categories[name]
    return [column.values[code] if code >= 0 else None for code in column.codes]


def by_definition(log, usual):
    """Every column, from lists of each key's records."""
    rates = [1 / seconds for seconds in HALF_LIVES.values()]
    source, destination, proto, state = (text(log, n) for n in ("id.orig_h", "id.resp_h", "proto", "conn_state"))
    service = list(zip(destination, proto, log.integers["id.resp_p"].tolist(), strict=True))
    stream = list(zip(source, service, strict=True))
    amounts = {
        value: np.log1p(np.where(log.integers[name] == MISSING, np.nan, log.integers[name].astype(float)))
        for value, name in (("sent", "orig_bytes"), ("got", "resp_bytes"))
    }
    seen, intervals = {}, []
    for now, key in zip(log.clock.tolist(), stream, strict=True):
        seconds = (now - seen[key]) / 1e6 if key in seen else np.nan
        intervals.append(np.log1p(seconds if seconds <= 6 * 3600 else np.nan))
        seen[key] = now
    failed = [float(one in ("S0", "REJ")) for one in state]
    counted = {"source": failed, "service": failed, "stream": intervals}
    values = {**amounts, "interval": intervals, "failed": failed}
    out = {}
    for kind, keys in (("source", source), ("service", service), ("stream", stream)):
        for value, column in values.items():
            past = naive.damped(log.clock, keys, np.array([column, counted[kind]]).T, rates).astype(float)
            for r, half in enumerate(HALF_LIVES):
                weight, mean, std = past[:, 0, :, r].T
                out[f"{kind}_connections_{half}"] = past[:, 1, 0, r]
                # With one usual record, as if it had been of two halves at either side of the mean.
                together = (weight * mean + usual.mean[value]) / (weight + 1)
                squares = weight * (std**2 + mean**2) + usual.std[value] ** 2 + usual.mean[value] ** 2
                out[f"{kind}_{value}_mean_{half}"] = together
                out[f"{kind}_{value}_std_{half}"] = np.sqrt(np.maximum(squares / (weight + 1) - together**2, 0))
    return out


@settings(max_examples=40)
@given(logs())
def test_statistics_of_source_service_and_stream_are_those_of_their_definition(log):
    expected, found = by_definition(log, USUAL), table(log)
    for name in (*COUNTS, *STATISTICS):
        if not name.startswith("pair"):
            npt.assert_allclose(found[name], expected[name], rtol=1e-6, atol=1e-6, err_msg=name)


@settings(max_examples=40)
@given(logs())
def test_statistics_of_pairs_are_those_of_both_directions(log):
    source, destination = text(log, "id.orig_h"), text(log, "id.resp_h")
    amounts = np.stack([log.integers[name].clip(0) for name in ("orig_bytes", "resp_bytes")], axis=1)
    ends = list(zip(source, destination, strict=True))
    found = table(log)
    # Which direction is the first is the hashes' choice and must not matter.
    directions = [int(one > other) for one, other in ends]
    keys = [(min(both), max(both)) for both in ends]
    rates = [1 / HALF_LIVES[half] for half in ("10m", "1h")]
    expected = naive.damped_pairs(log.clock, keys, directions, np.log1p(amounts), rates).astype(float)
    covariance, correlation = expected[:, 5], expected[:, 6]
    known = correlation != 0
    # Where a deviation is but rounding, so is the correlation.
    spread = covariance[known] / correlation[known]
    correlation[known] = covariance[known] / (spread + rhythm._LEAST_SPREAD)
    for i, what in enumerate(("magnitude", "radius", "covariance", "correlation")):
        for r, half in enumerate(("10m", "1h")):
            npt.assert_allclose(found[f"pair_{what}_{half}"], expected[:, 3 + i, r], rtol=1e-6, atol=1e-5)


@settings(max_examples=40)
@given(inventions("conn", max_size=20), CUTS)
def test_cutting_a_log_into_other_batches_changes_no_bit(log, cuts):
    whole, cut = Rhythm(USUAL), Rhythm(USUAL)
    parts = [np.concatenate(cut.transform(anew(log, piece)), axis=1) for piece in pieces(len(log), cuts)]
    npt.assert_array_equal(np.concatenate(parts), np.concatenate(whole.transform(log), axis=1))


@settings(max_examples=40)
@given(logs(), st.floats(0, 1))
def test_what_was_exported_goes_on_as_if_never_interrupted(log, interruption):
    at = round(interruption * len(log))
    before, after = anew(log, slice(0, at)), anew(log, slice(at, len(log)))
    state, again = Rhythm(USUAL), Rhythm(USUAL)
    state.transform(before)
    again.transform(BASELINE)
    again.restore(state.export())
    npt.assert_equal(table(after, state=again), table(after, state=state))


@pytest.mark.parametrize("minutes", [1, 100])
@pytest.mark.parametrize("seed", range(4))
def test_what_was_a_day_ago_does_not_matter(seed, minutes):
    past = office("conn", 40, seed=seed, days=0.1)
    start = int(past.clock[-1]) + WARM_UP
    late = office("conn", 60, seed=seed + 100, start=start, days=minutes / 1440)
    warmed = Rhythm(USUAL)
    warmed.transform(past)
    found, fresh, usual = table(late, state=warmed), table(late), table(BASELINE)
    for name in found:
        trace = 1e-6 * max(np.ptp(usual[name]), 1)
        npt.assert_allclose(found[name], fresh[name], rtol=0, atol=trace, err_msg=name)


def test_a_stream_never_seen_is_as_the_baselines_usually_are():
    columns = table(records("conn", [{"ts": MONDAY, "id.orig_h": "x", "id.resp_h": "y"}]))
    for name in STATISTICS:
        kind, value, what, *_ = name.split("_")
        if kind != "pair" and value != "failed":
            assert columns[name][0] == pytest.approx({"mean": USUAL.mean, "std": USUAL.std}[what][value])


def test_a_beacon_becomes_regular_and_a_person_does_not():
    rng = np.random.default_rng(3)
    beacon = MONDAY + np.arange(60) * 275 * SECOND + rng.integers(-20 * SECOND, 20 * SECOND, 60)
    person = MONDAY + np.cumsum(rng.exponential(275, 60) * SECOND).astype(np.int64)
    spread = [
        table(records("conn", [{"ts": int(time), "id.orig_h": "x", "id.resp_h": "y"} for time in times]))[
            "stream_interval_std_1h"
        ][-1]
        for times in (beacon, person)
    ]
    assert spread[0] < spread[1] / 2


def test_what_is_usual_is_the_mean_and_deviation_over_all_batches():
    half = len(BASELINE) // 2
    assert learn_usual([anew(BASELINE, slice(0, half)), anew(BASELINE, slice(half, None))]) == USUAL
    sent = BASELINE.integers["orig_bytes"]
    sent = np.log1p(sent[sent != MISSING])
    assert (USUAL.mean["sent"], USUAL.std["sent"]) == (pytest.approx(sent.mean()), pytest.approx(sent.std()))


def test_memory_is_bounded_and_who_had_to_go_is_counted():
    state = Rhythm(USUAL, 16)
    state.transform(records("conn", [{"ts": MONDAY, "id.orig_h": f"h{i}", "id.resp_h": f"h{i}"} for i in range(500)]))
    assert len(state.export()["states"]["stream"]["slots"]) == 16
    # Of sources, services, streams and pairs.
    assert state.evicted == 4 * (500 - 16)
