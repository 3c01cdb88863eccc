"""ntlm.log as categories: the nine fields that tell one kind of logon from another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from oddlog_core.features.places import Places, local_time
from oddlog_core.features.vocabulary import Vocabulary, count_values
from oddlog_core.records import MISSING, MISSING_CODE, Categories
from oddlog_core.span import DAY, HOUR, days

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["FIELDS", "LogonFields", "learn_fields"]

FIELDS = (
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

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WORKDAYS = ("workday",) * 5 + ("weekend",) * 2
_BINS = ("late_night", "early_morning", "morning", "afternoon", "evening", "night")
_BIN_OF_HOUR = np.repeat([0, 1, 2, 3, 4, 5, 0], [2, 4, 4, 4, 4, 4, 2])


class LogonFields(msgspec.Struct, frozen=True):
    """How logons become categories, and what the codes mean.

    Attributes
    ----------
    values : list of list of str
        By field, the values seen in the baseline, in the order of their codes, from 1. 0 is an unset field.
    whole_weeks : bool
        Whether the baseline is long enough (14 days) to know seven days; else it knows workdays and the weekend.
    networks : mapping of str to str
        CIDR to name.
    time_zone : str
        Whose hours these are.
    """

    values: list[list[str]]
    whole_weeks: bool
    networks: dict[str, str]
    time_zone: str

    def encode(self, records: Records) -> NDArray[np.int32]:
        """Codes of records: (n_records, 9) int32; -1 where the baseline never saw the value."""
        columns = self.categorise(records)
        out = np.empty((len(records), len(columns)), np.int32)
        for f, (column, values) in enumerate(zip(columns, self.values, strict=True)):
            out[:, f] = Vocabulary(values).encode(column)
        return out

    def categorise(self, records: Records) -> tuple[Categories, ...]:
        """The nine fields of each record, in the order of `FIELDS`."""
        places = Places(self.networks)
        columns = [_lower(records.categories["domainname"]), _success(records), _ports(records.integers["id.resp_p"])]
        for name in ("id.orig_h", "id.resp_h"):
            address = records.categories[name]
            parts = [places.parts(value) for value in address.values]
            columns += [Categories(address.codes, [part[i] for part in parts]) for i in (0, 1)]
        local = local_time(records.integers["ts"], self.time_zone)
        # 1970-01-01 was a Thursday.
        weekday = ((local // DAY + 3) % 7).astype(np.int32)
        columns.append(Categories(weekday, _WEEKDAYS if self.whole_weeks else _WORKDAYS))
        columns.append(Categories(_BIN_OF_HOUR[local // HOUR % 24].astype(np.int32), _BINS))
        return tuple(columns)


def _lower(column: Categories) -> Categories:
    """Domain names come in both cases and mean the same."""
    return Categories(column.codes, [value.lower() for value in column.values])


def _success(records: Records) -> Categories:
    """`success`, or the older `status` where a record has only that."""
    success, status = records.categories["success"], records.categories.get("status")
    if status is None:
        return success
    shifted = np.where(status.codes == MISSING_CODE, MISSING_CODE, status.codes + len(success.values))
    codes = np.where(success.codes == MISSING_CODE, shifted, success.codes).astype(np.int32)
    return Categories(codes, [*success.values, *status.values])


def _ports(ports: NDArray[np.int64]) -> Categories:
    values, codes = np.unique(ports, return_inverse=True)
    return Categories(
        np.where(ports == MISSING, MISSING_CODE, codes).astype(np.int32), [str(value) for value in values]
    )


def learn_fields(baseline: Sequence[Records], networks: dict[str, str], time_zone: str) -> LogonFields:
    """Every value of every field in the baseline."""
    fields = LogonFields([], days(baseline) >= 14, networks, time_zone)
    batches = [fields.categorise(batch) for batch in baseline]
    values = [sorted(count_values(batch[f] for batch in batches)) for f in range(len(FIELDS))]
    return msgspec.structs.replace(fields, values=values)
