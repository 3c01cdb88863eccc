"""Which scored rows the labels speak of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["Matched", "match"]

MICRO = 1_000_000
NO_TIME = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Matched:
    """What the labels say of the scored rows.

    Attributes
    ----------
    positive : (n_rows,) bool
    row : (n_pairs,) int64
    attack : (n_pairs,) object
        Each positive row with the name of each attack it is part of: a host-window can be part of several.
    rows_without_label : int
        Scored records that no label speaks of. A host-window is never counted here.
    labels_without_row : int
        Positive labels that no scored row answers to.
    """

    positive: np.ndarray
    row: np.ndarray
    attack: np.ndarray
    rows_without_label: int
    labels_without_row: int


def match(scores: pd.DataFrame, labels: pd.DataFrame) -> Matched:
    """Match labels to scored rows.

    A record takes the labels of its log, uid and ts (to the microsecond); failing these, the labels of its log and
    uid that have no ts, or the only label of its log and uid if the uid has only one record. A host-window is
    positive if a positive label of its log and host falls in [ts, ts + window_s). The label's host is its `orig_h`,
    or that of any scored row with the label's uid: the records of a connection share its uid, in every log.

    Parameters
    ----------
    scores, labels : pandas.DataFrame
        As `read_scores` and `read_labels` give them.

    Returns
    -------
    Matched
    """
    log = _codes(scores["log"], labels["log"])
    uid = _codes(scores["uid"], labels["uid"])
    host = _codes(scores["orig_h"], labels["orig_h"])
    time = _microseconds(scores["ts"]), _microseconds(labels["ts"])
    window = _microseconds(scores["window_s"])

    n_uids = max(int(codes.max(initial=-1)) for codes in uid) + 1
    key = [np.where(u < 0, -1, codes.astype(np.int64) * n_uids + u) for codes, u in zip(log, uid, strict=True)]
    is_record = window == NO_TIME
    record_row, record_label = _records(key[0], time[0], np.flatnonzero(is_record & (key[0] >= 0)), key[1], time[1])

    positive = labels["label"].to_numpy(dtype=bool)
    events = np.flatnonzero(positive)
    event_host, event_time = _placed(events, uid, host, time)
    known = (event_host >= 0) & (event_time != NO_TIME)
    events, event_host, event_time = events[known], event_host[known], event_time[known]
    n_hosts = max(int(codes.max(initial=-1)) for codes in host) + 1
    windows = np.flatnonzero(~is_record & (host[0] >= 0))
    window_row, event = _in_windows(
        log[0][windows] * n_hosts + host[0][windows],
        time[0][windows],
        time[0][windows] + window[windows],
        log[1][events] * n_hosts + event_host,
        event_time,
    )

    row = np.concatenate([record_row[positive[record_label]], windows[window_row]])
    label = np.concatenate([record_label[positive[record_label]], events[event]])
    pairs = pd.DataFrame({"row": row, "attack": labels["attack"].to_numpy(dtype=object)[label]}).drop_duplicates()
    is_positive = np.zeros(len(scores), dtype=bool)
    is_positive[row] = True
    return Matched(
        positive=is_positive,
        row=pairs["row"].to_numpy(),
        attack=pairs["attack"].to_numpy(),
        rows_without_label=int(is_record.sum()) - np.unique(record_row).size,
        labels_without_row=int(positive.sum()) - np.unique(label).size,
    )


def _codes(of_scores: pd.Series, of_labels: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Equal codes for equal values; -1 for missing."""
    codes = pd.factorize(pd.concat([of_scores.astype("string"), of_labels.astype("string")], ignore_index=True))[0]
    return codes[: len(of_scores)], codes[len(of_scores) :]


def _microseconds(seconds: pd.Series) -> np.ndarray:
    """Whole microseconds, Zeek's own grain: a ts that went through text equals one that did not."""
    values = seconds.to_numpy(dtype=np.float64)
    known = np.isfinite(values)
    return np.where(known, np.round(np.where(known, values, 0.0) * MICRO).astype(np.int64), NO_TIME)


def _records(
    row_key: np.ndarray, row_time: np.ndarray, rows: np.ndarray, label_key: np.ndarray, label_time: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a record's row and a label of it."""
    scored = pd.DataFrame({"key": row_key[rows], "time": row_time[rows], "row": rows})
    said = pd.DataFrame({"key": label_key, "time": label_time, "label": np.arange(len(label_key))})
    said = said[(said["key"] >= 0) & said["key"].isin(scored["key"])]
    scored = scored[scored["key"].isin(said["key"])]

    exact = scored.merge(said, on=["key", "time"])
    rest = scored[~scored["row"].isin(exact["row"])]
    untimed = said["time"] == NO_TIME
    several = scored.groupby("key")["time"].nunique()
    alone = ~said["key"].duplicated(keep=False) & said["key"].isin(several.index[several == 1])
    by_uid = rest.merge(said.loc[untimed | alone, ["key", "label"]], on="key")
    pairs = pd.concat([exact[["row", "label"]], by_uid[["row", "label"]]])
    return pairs["row"].to_numpy(dtype=np.int64), pairs["label"].to_numpy(dtype=np.int64)


def _placed(
    events: np.ndarray,
    uid: tuple[np.ndarray, np.ndarray],
    host: tuple[np.ndarray, np.ndarray],
    time: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Host and time of labels: their own, or those of the first scored row with their uid."""
    rows = np.flatnonzero((uid[0] >= 0) & (host[0] >= 0))
    uids, first = np.unique(uid[0][rows], return_index=True)
    own_host, own_time, wanted = host[1][events], time[1][events], uid[1][events]
    if not uids.size:
        return own_host, own_time
    at = np.minimum(np.searchsorted(uids, wanted), uids.size - 1)
    seen, row = uids[at] == wanted, rows[first[at]]
    return (
        np.where((own_host < 0) & seen, host[0][row], own_host),
        np.where((own_time == NO_TIME) & seen, time[0][row], own_time),
    )


def _in_windows(
    window_key: np.ndarray, start: np.ndarray, end: np.ndarray, event_key: np.ndarray, event_time: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a window and an event of its key with start <= time < end."""
    times = np.unique(event_time)
    # Key and time in one sortable number: a time counts by its rank, for key and microseconds together overflow.
    scale = times.size + 1
    place = event_key * scale + np.searchsorted(times, event_time)
    order = np.argsort(place, kind="stable")
    low, high = (
        np.searchsorted(place[order], window_key * scale + np.searchsorted(times, bound)) for bound in (start, end)
    )
    count = high - low
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(np.arange(len(window_key)), count), order[np.repeat(low, count) + within]
