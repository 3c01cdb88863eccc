"""Logons as categories: the fields that tell one kind of logon from another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from oddlog_core.features.places import Places, local_time
from oddlog_core.features.vocabulary import Vocabulary, count_values
from oddlog_core.records import MISSING_CODE, Categories
from oddlog_core.span import HOUR, days

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = [
    "CLASSIC",
    "FULL",
    "HOST_EVENTS",
    "JUDGED",
    "VARIOUS",
    "VARYING",
    "LogonFields",
    "column",
    "learn_fields",
    "outcome",
]

CLASSIC = (
    "domainname",
    "success",
    "id.resp_p",
    "id.orig_h first part",
    "id.orig_h middle part",
    "id.resp_h first part",
    "id.resp_h middle part",
    "day_of_week",
    "time_of_day_bin",
)
"""The nine fields of a logon by which it is one of a kind."""

JUDGED = ("user on this host", "user from this source", "failure share in 10 min", "failure share in 60 min")
"""Fields that the record does not tell by itself: whether the baseline knows them, and what its source did before."""

FULL = (
    *CLASSIC,
    "username",
    "hostname",
    "server_nb_computer_name",
    "server_dns_computer_name",
    "server_tree_name",
    "machine account",
    "null session",
    *JUDGED,
)
"""What an analyst would look at, too."""

HOST_EVENTS = (
    "event_id",
    "logon_type",
    "authentication_package",
    "domainname",
    "username",
    "id.orig_h",
    "id.resp_h",
    "destination",
    "service_name",
    "process_name",
    "parent_process_name",
    "status",
    "machine account",
    *JUDGED,
    "day_of_week",
    "time_of_day_bin",
)
"""Of the events that Windows hosts log."""

VARYING = ("day_of_week", "time_of_day_bin", *JUDGED[2:])
"""Fields in which logons differ that are else the same."""

VARIOUS = "various"
"""Stands for the names that are known and rare: where many people do the same, none of them is what is usual."""

_NAMES = frozenset(
    {
        *("username", "hostname", "server_nb_computer_name", "server_dns_computer_name", "server_tree_name"),
        *("id.orig_h", "id.resp_h", "destination", "service_name", "process_name", "parent_process_name"),
    }
)
_COMMON = 0.01

_OUTCOME = ("success", "status")
_MADE_OF = {"success": _OUTCOME, "machine account": ("username",), "null session": ("username", *_OUTCOME)}

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WORKDAYS = ("workday",) * 5 + ("weekend",) * 2
_BINS = ("late_night", "early_morning", "morning", "afternoon", "evening", "night")
# Of the 168 hours of a week from Monday on.
_WEEKDAY_OF_HOUR = np.repeat(np.arange(7, dtype=np.int32), 24)
_BIN_OF_HOUR = np.tile(np.repeat(np.array([0, 1, 2, 3, 4, 5, 0], np.int32), [2, 4, 4, 4, 4, 4, 2]), 7)


class LogonFields(msgspec.Struct, frozen=True, dict=True):
    """How logons become categories, and what the codes mean.

    Attributes
    ----------
    names : list of str
        The fields: `CLASSIC`, `FULL` or `HOST_EVENTS`.
    values : list of list of str
        By field, the values seen in the baseline, in the order of their codes, from 1. 0 is an unset field.
    rare : list of list of str
        By field, names seen too rarely for a code of their own: the one after the last of `values` is theirs.
    whole_weeks : bool
        Whether the baseline is long enough (14 days) to know seven days; else it knows workdays and the weekend.
    networks : mapping of str to str
        CIDR to name.
    time_zone : str
        Whose hours these are.
    """

    names: list[str]
    values: list[list[str]]
    rare: list[list[str]]
    whole_weeks: bool
    networks: dict[str, str]
    time_zone: str

    def encode(
        self, records: Records, judged: Mapping[str, Categories], among: Sequence[int] | None = None
    ) -> NDArray[np.int32]:
        """Codes of records: (n_records, n_fields) int32; `UNSEEN` where the baseline never saw the value.

        Parameters
        ----------
        records : Records
        judged : mapping of str to Categories
            By name, those of `JUDGED` that are among the fields.
        among : sequence of int, optional
            The fields to encode; else all.
        """
        among = range(len(self.names)) if among is None else among
        out = np.empty((len(records), len(among)), np.int32)
        columns = self.categorise(records, judged, [self.names[f] for f in among])
        for at, (f, found) in enumerate(zip(among, columns, strict=True)):
            codes = self._vocabularies[f].encode(found)
            # Rare names are numbered after the others: whichever it is, it is one of them.
            out[:, at] = np.minimum(codes, len(self.values[f]) + 1) if self.rare[f] else codes
        return out

    @property
    def columns(self) -> list[str]:
        """Columns of strings that the fields are made of."""
        names = [name.partition(" ")[0] if name.endswith(" part") else name for name in self.names]
        of = [_MADE_OF.get(name, (name,)) for name in names if name not in (*JUDGED, *VARYING, "id.resp_p")]
        return [*dict.fromkeys(chain.from_iterable(of))]

    @cached_property
    def _vocabularies(self) -> list[Vocabulary]:
        return [Vocabulary([*common, *rare]) for common, rare in zip(self.values, self.rare, strict=True)]

    @cached_property
    def _places(self) -> Places:
        return Places(self.networks)

    def name(self, f: int, code: int) -> str | None:
        """What a code of a field stands for; None for an unset field."""
        if code == 0:
            return None
        return VARIOUS if code > len(self.values[f]) else self.values[f][code - 1]

    def sizes(self) -> list[int]:
        """How many codes each field has, `UNSEEN` not counted."""
        return [len(common) + 1 + bool(rare) for common, rare in zip(self.values, self.rare, strict=True)]

    def categorise(
        self, records: Records, judged: Mapping[str, Categories], names: Sequence[str] | None = None
    ) -> list[Categories]:
        """Some fields of each record, or all in the order of `names`."""
        view = _View(records, self._places, self.whole_weeks, self.time_zone)
        return [judged[name] if name in JUDGED else view.field(name) for name in names or self.names]


@dataclass
class _View:
    """What a record tells by itself."""

    records: Records
    places: Places
    whole_weeks: bool
    time_zone: str

    def field(self, name: str) -> Categories:
        """One field of each record."""
        end, _, part = name.partition(" ")
        if part.endswith("part"):
            address = column(self.records, end)
            parts = [self.places.parts(value.lower())[part != "first part"] for value in address.values]
            return Categories(address.codes, parts)
        made = {
            "success": outcome,
            "id.resp_p": lambda records: _ports(records.integers["id.resp_p"]),
            "day_of_week": lambda _: Categories(
                _WEEKDAY_OF_HOUR[self._hour], _WEEKDAYS if self.whole_weeks else _WORKDAYS
            ),
            "time_of_day_bin": lambda _: Categories(_BIN_OF_HOUR[self._hour], _BINS),
            "machine account": _machines,
            "null session": _null_sessions,
        }.get(name)
        return _lower(column(self.records, name)) if made is None else made(self.records)

    @cached_property
    def _hour(self) -> NDArray[np.int64]:
        """Of the week."""
        # 1970-01-01 was a Thursday.
        return (local_time(self.records.integers["ts"], self.time_zone) // HOUR + 72) % 168


def column(records: Records, name: str) -> Categories:
    """A column that a log may lack, which is then unset."""
    return records.categories.get(name) or Categories(np.full(len(records), MISSING_CODE, np.int32), ())


def _lower(column: Categories) -> Categories:
    """Names come in both cases and mean the same."""
    return Categories(column.codes, [value.lower() for value in column.values])


def outcome(records: Records) -> Categories:
    """`success`, or the older `status` where a record has only that."""
    success, status = column(records, "success"), records.categories.get("status")
    if status is None:
        return success
    shifted = np.where(status.codes == MISSING_CODE, MISSING_CODE, status.codes + len(success.values))
    codes = np.where(success.codes == MISSING_CODE, shifted, success.codes).astype(np.int32)
    return Categories(codes, [*success.values, *status.values])


def _ports(ports: NDArray[np.int64]) -> Categories:
    present = np.zeros(1 << 16, np.bool_)
    known = (ports >= 0) & (ports < 1 << 16)
    present[ports[known]] = True
    values = np.flatnonzero(present)
    number = np.cumsum(present, dtype=np.int32) - 1
    codes = np.where(known, number[np.where(known, ports, 0)], MISSING_CODE)
    return Categories(codes.astype(np.int32), [str(value) for value in values])


def _machines(records: Records) -> Categories:
    """Whether a machine logs on, whose names end in $."""
    user = column(records, "username")
    is_machine = np.array([*(value.endswith("$") for value in user.values), False], np.int32)
    return Categories(np.where(user.codes == MISSING_CODE, MISSING_CODE, is_machine[user.codes]), ("no", "yes"))


def _null_sessions(records: Records) -> Categories:
    """Whether nobody logs on, and may."""
    user, success = column(records, "username"), outcome(records)
    nameless = np.array([*(not value for value in user.values), True], np.bool_)[user.codes]
    may = np.array([*(value in {"T", "SUCCESS"} for value in success.values), False], np.bool_)[success.codes]
    return Categories((nameless & may).astype(np.int32), ("no", "yes"))


def learn_fields(
    baseline: Sequence[Records],
    names: Sequence[str],
    judged: Sequence[Mapping[str, Categories]],
    networks: Mapping[str, str],
    time_zone: str,
    *,
    whole_weeks: bool | None = None,
) -> LogonFields:
    """Every value of every field in the baseline; of names those that one logon in a hundred has, and the rest.

    Parameters
    ----------
    baseline : sequence of Records
    names : sequence of str
    judged : sequence of mapping
        For each batch, as `LogonFields.encode` takes it.
    networks : mapping of str to str
    time_zone : str
    whole_weeks : bool, optional
        Else by the length of the baseline.
    """
    if whole_weeks is None:
        whole_weeks = round(days(baseline), 1) >= 14
    fields = LogonFields([*names], [], [], whole_weeks, dict(networks), time_zone)
    batches = [fields.categorise(batch, one) for batch, one in zip(baseline, judged, strict=True)]
    n = sum(map(len, baseline))
    values, rare = [], []
    for f, name in enumerate(names):
        counts = count_values(batch[f] for batch in batches)
        least = _COMMON * n if name in _NAMES else 0
        values.append(sorted(value for value, count in counts.items() if count >= least))
        rare.append(sorted(value for value, count in counts.items() if count < least))
    return msgspec.structs.replace(fields, values=values, rare=rare)
