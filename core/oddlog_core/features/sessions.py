"""Sessions of an authentication log: what its records up to a session's cutoff tell of it, and which way it went.

A session is all of a day's records between a source and a destination. After N observations, at the next one, its
cutoff, its features are made of the records strictly before that moment; its label is whether any of W observations is
malicious, of which the first comes L later. Days are UTC's: nothing is remembered over midnight.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from oddlog_core.features.keys import joined, of_categories
from oddlog_core.kernels.sessions import HELD, LOST, META, PERIOD, ROWS, follow, insert, n_features, n_stats
from oddlog_core.records import Categories
from oddlog_core.span import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["AFTER", "LABEL", "LEAD", "SCHEMAS", "WINDOW", "Outcomes", "Schema", "Sessions", "log_odds", "vocabularies"]

AFTER, LEAD, WINDOW = 2, 2, 10
"""Observations before the cutoff, from there to the window that is predicted, and in that window."""

LABEL = "label"
"""The integer field that holds 1 for a malicious record. No feature reads it."""

_PIECE = 1024
_MOST_KINDS = 100
# A session of which all is new makes about sixty entries and five rows.
_ENTRIES_A_ROW = 12
_CAPACITY = 4096
_LEAST_VOTE = 1e-3
_SPREAD = ("MEAN", "STD", "MIN", "MAX", "SKEW")


@dataclass(frozen=True, slots=True)
class Schema:
    """Which fields of a log make its sessions.

    Attributes
    ----------
    ends : (str, str)
        Fields of the source and the destination.
    third : str
        A field of the names and hosts that is neither.
    pair : tuple of str
        Fields of the names and hosts.
    counted : tuple of str
        Fields whose distinct values are counted, `third` first.
    kinds : tuple of str
        Fields of few values, of which the most frequent is told.
    """

    ends: tuple[str, str]
    third: str
    pair: tuple[str, ...]
    counted: tuple[str, ...]
    kinds: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """What each feature is called, as featuretools would: aggregates of the log, of pairs and of sessions."""
        names: list[str] = []
        for entity, child in (("", "pairs"), (f"{self.ends[0]}.", "sessions"), (f"{self.ends[1]}.", "sessions")):
            log = ["COUNT(log)", "PERCENT_TRUE(log.success)", "TIME_SINCE_FIRST(log.ts)", "AVG_TIME_BETWEEN(log.ts)"]
            log += [f"NUM_UNIQUE(log.{name})" for name in self.counted] + [f"MODE(log.{name})" for name in self.kinds]
            log += [f"COUNT({child})", *(f"{word}({child}.COUNT(log))" for word in _SPREAD)]
            if child == "sessions":
                spread = ("MEAN", "STD", "MIN", "MAX", "SUM", "SKEW")
                log += [f"{word}(sessions.NUM_UNIQUE(log.{self.counted[0]}))" for word in spread]
            names += [f"{entity}{one}" for one in log]
        told = ["COUNT(log)", "COUNT(pairs)", "PERCENT_TRUE(log.success)"]
        told += [f"NUM_UNIQUE(log.{name})" for name in self.counted]
        return names + [f"{word}(pairs.{self.third}.{one})" for one in told for word in ("MEAN", "MIN", "MAX")]


SCHEMAS = {
    "auth": Schema(
        ("id.orig_h", "id.resp_h"),
        "username",
        ("username", "destination_username", "id.orig_h", "id.resp_h"),
        (
            *("username", "destination_username", "id.orig_h", "id.resp_h"),
            *("authentication_type", "logon_type", "orientation"),
        ),
        ("authentication_type", "logon_type", "orientation"),
    ),
    "ntlm": Schema(
        ("username", "id.resp_h"),
        "id.orig_h",
        ("username", "hostname", "id.orig_h", "id.resp_h"),
        ("id.orig_h", "username", "hostname", "id.resp_h", "domainname"),
        ("domainname",),
    ),
}
"""By log."""


def vocabularies(schema: Schema, baseline: Sequence[Records]) -> dict[str, list[str]]:
    """The most frequent values of each field of few values, in their order as text."""
    found: dict[str, list[str]] = {}
    for name in schema.kinds:
        often: dict[str, int] = {}
        for records in baseline:
            column = _folded(records, name)
            counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values)).tolist()
            for value, count in zip(column.values, counts, strict=True):
                if count:
                    often[value] = often.get(value, 0) + count
        found[name] = sorted(sorted(often, key=lambda value: (-often[value], value))[:_MOST_KINDS])
    return found


def _folded(records: Records, name: str) -> Categories:
    """A field in small letters, as names are the same in both cases."""
    column = records.categories[name]
    return Categories(column.codes, [value.lower() for value in column.values])


@dataclass(slots=True)
class Sessions:
    """What is known of today's sessions.

    Parameters
    ----------
    schema : Schema
    vocabulary : mapping of str to list of str
        Of `vocabularies`. A value that is not in it has the code after the last.
    room : int
        Bytes.
    period : int
        Microseconds after which all is forgotten.
    """

    schema: Schema
    vocabulary: Mapping[str, Sequence[str]]
    room: int
    period: int = DAY
    _held: NDArray[np.int64] = field(init=False, repr=False)
    _value: NDArray[np.int64] = field(init=False, repr=False)
    _stats: NDArray[np.float64] = field(init=False, repr=False)
    _links: NDArray[np.int64] = field(init=False, repr=False)
    _meta: NDArray[np.int64] = field(init=False, repr=False)
    _waiting: tuple[NDArray[np.int64], ...] = field(init=False, repr=False)
    _most_rows: int = field(init=False)
    _codes: dict[str, dict[str, int]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n_keys, n_kinds = len(self.schema.counted), len(self.schema.kinds)
        width = n_stats(n_keys, n_kinds)
        # The table is at most half full.
        self._most_rows = max(self.room // (8 * (width + 2) + 4 * 16 * _ENTRIES_A_ROW), 64)
        self._held, self._value = np.zeros(_CAPACITY, np.int64), np.zeros(_CAPACITY, np.int64)
        self._stats, self._links = np.zeros((0, width)), np.zeros((0, 2), np.int64)
        self._meta = np.zeros(META, np.int64)
        self._meta[PERIOD] = np.iinfo(np.int64).min
        empty = np.zeros((0, 1), np.int64)
        self._waiting = (
            empty[:, 0],
            np.repeat(empty, 5, axis=1),
            empty[:, 0],
            np.repeat(empty, n_keys, axis=1),
            np.repeat(empty, n_kinds, axis=1),
        )
        self._codes = {name: {value: i for i, value in enumerate(values)} for name, values in self.vocabulary.items()}

    @property
    def lost(self) -> int:
        """Times that there was no room for what is new."""
        return int(self._meta[LOST])

    def update(self, records: Records) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Take in the next records.

        Returns
        -------
        rows : (n_told,) int64
            The records that are a session's cutoff.
        told : (n_told, n_features) float64
            By `Schema.names`; NaN where nothing is known.
        """
        columns = self._columns(records)
        rows, told = [np.zeros(0, np.int64)], [np.zeros((0, len(self.schema.names)))]
        for start in range(0, len(records), _PIECE):
            begun = len(self._waiting[0])
            both = tuple(
                np.concatenate([waits, column[start : start + _PIECE]])
                for waits, column in zip(self._waiting, columns, strict=True)
            )
            self._grow(len(both[0]))
            at, found, taken = follow(
                *both,
                begun,
                self.period,
                AFTER,
                self._held,
                self._value,
                self._stats,
                self._links,
                self._meta,
                self._most_rows * _ENTRIES_A_ROW,
                n_features(len(self.schema.counted), len(self.schema.kinds)),
            )
            self._waiting = tuple(column[taken:].copy() for column in both)
            rows.append(at - begun + start)
            told.append(found)
        return np.concatenate(rows), np.concatenate(told)

    def _columns(self, records: Records) -> tuple[NDArray[np.int64], ...]:
        schema = self.schema
        keys = {name: of_categories(_folded(records, name)) for name in {*schema.pair, *schema.counted}}
        one, other = (keys[name] for name in schema.ends)
        session = np.where((one == 0) | (other == 0), 0, joined(one, other))
        success = records.categories["success"]
        true = np.array([*(value == "T" for value in success.values), False], np.int64)
        return (
            np.ascontiguousarray(records.clock),
            np.stack([session, joined(*(keys[name] for name in schema.pair)), one, other, keys[schema.third]], axis=1),
            true[success.codes],
            np.stack([keys[name] for name in schema.counted], axis=1),
            np.stack([self._kinds(_folded(records, name), self._codes[name]) for name in schema.kinds], axis=1),
        )

    @staticmethod
    def _kinds(column: Categories, codes: Mapping[str, int]) -> NDArray[np.int64]:
        lookup = [codes.get(value, len(codes)) for value in column.values]
        return np.array([*lookup, -1], np.int64)[column.codes]

    def _grow(self, n: int) -> None:
        """Have room for so many records of which all is new, as far as there may be."""
        rows = int(min(self._meta[ROWS] + 5 * n, self._most_rows))
        if rows > len(self._stats):
            wider = min(1 << (rows - 1).bit_length(), self._most_rows)
            self._stats = np.concatenate([self._stats, np.zeros((wider - len(self._stats), self._stats.shape[1]))])
            self._links = np.concatenate([self._links, np.full((wider - len(self._links), 2), -1, np.int64)])
        each = 6 + 4 * (len(self.schema.counted) + len(self.schema.kinds)) + 5
        entries = int(min(self._meta[HELD] + each * n, self._most_rows * _ENTRIES_A_ROW))
        if 2 * entries > len(self._held):
            capacity = 1 << (2 * entries - 1).bit_length()
            (at,) = np.nonzero(self._held)
            keys, values = self._held[at], self._value[at]
            self._held, self._value = np.zeros(capacity, np.int64), np.zeros(capacity, np.int64)
            insert(keys, values, self._held, self._value)

    def export(self) -> dict[str, Any]:
        """What is known, as a dict of arrays."""
        (at,) = np.nonzero(self._held)
        at = at[np.argsort(self._held[at])]
        n_rows = int(self._meta[ROWS])
        return {
            "keys": self._held[at],
            "values": self._value[at],
            "stats": self._stats[:n_rows].copy(),
            "links": self._links[:n_rows].copy(),
            "meta": self._meta.copy(),
            "waiting": [column.copy() for column in self._waiting],
        }

    def restore(self, exported: Mapping[str, Any]) -> None:
        """Take over what `export` exported."""
        self._meta[:] = exported["meta"]
        n_rows = int(self._meta[ROWS])
        self._held, self._value = np.zeros(_CAPACITY, np.int64), np.zeros(_CAPACITY, np.int64)
        self._stats, self._links = self._stats[:0], self._links[:0]
        self._grow(0)
        self._stats[:n_rows], self._links[:n_rows] = exported["stats"], exported["links"]
        # Copies: kernels with explicit signatures refuse memory that is read-only, as a checkpoint's is.
        insert(exported["keys"].copy(), exported["values"].copy(), self._held, self._value)
        self._waiting = tuple(np.array(column, np.int64) for column in exported["waiting"])


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Which way sessions went that are long enough to say so.

    Attributes
    ----------
    rows : (n,) int64
        The records that are their cutoffs, in log order.
    malicious : (n,) bool
        Whether any record is, in the window that is predicted.
    decided : (n,) int64
        The last record of that window.
    """

    rows: NDArray[np.int64]
    malicious: NDArray[np.bool_]
    decided: NDArray[np.int64]

    @classmethod
    def of(cls, schema: Schema, baseline: Sequence[Records], period: int = DAY) -> Outcomes:
        """Follow the sessions of batches of one log, in log order; rows count over all batches."""
        parts = []
        for records in baseline:
            one, other = (of_categories(_folded(records, name)) for name in schema.ends)
            session = np.where((one == 0) | (other == 0), 0, joined(one, other))
            parts.append((session, records.clock // period, records.integers[LABEL] == 1))
        session, day, malicious = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.lexsort((np.arange(len(session)), session, day))
        order = order[session[order] != 0]
        change = (np.diff(session[order], prepend=0) != 0) | (np.diff(day[order], prepend=0) != 0)
        if len(change):
            change[0] = True
        starts = np.flatnonzero(change)
        lengths = np.diff(np.append(starts, len(order)))
        long = lengths > AFTER + LEAD + 1
        starts, lengths = starts[long], lengths[long]
        before = np.concatenate([[0], np.cumsum(malicious[order])])
        begin = starts + AFTER + LEAD
        end = np.minimum(begin + WINDOW, starts + lengths)
        cutoffs = order[starts + AFTER]
        by_row = np.argsort(cutoffs)
        return cls(cutoffs[by_row], (before[end] - before[begin])[by_row] > 0, order[end - 1][by_row])


def log_odds(votes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds of shares of votes, unanimous ones being taken for nearly so."""
    kept = np.clip(votes, _LEAST_VOTE, 1 - _LEAST_VOTE)
    odds: NDArray[np.float64] = np.log(kept / (1 - kept))
    return odds
