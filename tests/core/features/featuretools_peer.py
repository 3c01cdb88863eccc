"""What featuretools makes of a log, in an environment of its own: `python featuretools_peer.py log.npz found.npz`.

The log holds (n,) ``ts`` in microseconds and text columns: ``session``, ``pair``, ``one``, ``other``, ``third``,
``success`` ("T", "F", or "" where unset), counted values ``v0`` onwards and kinds ``m0`` onwards; and ``rows``, which
records are cutoffs, and ``features``, which to make of those that there are.
"""

from __future__ import annotations

import sys
import time
import warnings

import featuretools as ft
import numpy as np
import pandas as pd

AGGREGATES = ["count", "num_unique", "mode", "mean", "std", "min", "max", "sum", "skew", "percent_true"]
AGGREGATES += ["time_since_first", "avg_time_between"]


def main(log, found):
    columns = dict(np.load(log))
    rows, names = columns.pop("rows"), {*columns.pop("features").tolist()}
    frame = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})
    frame["ts"] = pd.to_datetime(frame["ts"], unit="us")
    frame["success"] = frame["success"] == "T"
    frame["record"] = np.arange(len(frame))
    told = [name for name in frame if name[0] in "vm" and name[1:].isdigit()]
    frame[told] = frame[told].mask(frame[told] == "")
    frame["third"] = frame["third"].mask(frame["third"] == "")
    categories = dict.fromkeys(["session", "pair", "one", "other", "third", *told], "Categorical")
    entities = ft.EntitySet("log")
    entities.add_dataframe(
        dataframe_name="log", dataframe=frame, index="record", time_index="ts", logical_types=categories
    )
    entities.normalize_dataframe(
        "log", "pairs", "pair", additional_columns=["session", "one", "other", "third"], make_time_index=True
    )
    entities.normalize_dataframe(
        "pairs", "sessions", "session", additional_columns=["one", "other"], make_time_index=True
    )
    for parent in ("one", "other"):
        entities.normalize_dataframe("sessions", f"{parent}s", parent, make_time_index=True)
    entities.normalize_dataframe("pairs", "thirds", "third", make_time_index=True)
    cutoffs = pd.DataFrame({"session": frame["session"][rows].to_numpy(), "time": frame["ts"][rows].to_numpy()})
    settings = {"entityset": entities, "target_dataframe_name": "sessions", "max_depth": 3}
    features = ft.dfs(**settings, agg_primitives=AGGREGATES, trans_primitives=[], features_only=True)
    wanted = [feature for feature in features if feature.get_name() in names]
    started = time.process_time()
    matrix = ft.calculate_feature_matrix(
        wanted, entityset=entities, cutoff_time=cutoffs, include_cutoff_time=False, cutoff_time_in_index=True
    )
    seconds = time.process_time() - started
    matrix = matrix.reset_index().set_index("session").loc[cutoffs["session"]].drop(columns="time")
    values = {name: column.astype(str if "MODE" in name else float).to_numpy() for name, column in matrix.items()}
    np.savez(found, seconds=seconds, **{name: np.asarray(value, str) for name, value in values.items()})


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(*sys.argv[1:])
