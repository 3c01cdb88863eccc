"""Amounts as a person says them: three digits, and the unit that makes them short."""

from __future__ import annotations

from typing import Any

from oddlog_core.budget import LOOSEST, TIGHTEST

__all__ = [
    "about",
    "as_odd_words",
    "budget_words",
    "byte_words",
    "count_words",
    "duration_words",
    "notices_words",
    "number_words",
    "rarity_words",
    "roughly",
    "share_words",
]

_SECONDS = (
    (172_800.0, 86400.0, "day"),
    (7200.0, 3600.0, "h"),
    (120.0, 60.0, "min"),
    (1.0, 1.0, "s"),
    (1e-3, 1e-3, "ms"),
)
"""From how many seconds on a unit of so many is used: 90 s and 90 min are plainer than 1.5 of the next."""
_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
# What rounds up to a unit is said in it: 999.9 kB is 1 MB.
_ALMOST = 0.9995


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.3g}"


def roughly(value: Any) -> Any:
    """Two digits of a number, for what is only an estimate; all else as it is."""
    return float(f"{value:.1e}") if isinstance(value, float) else value


def duration_words(seconds: float) -> str:
    """Seconds in the unit that a person would choose, to two digits or the nearest whole."""
    for least, size, unit in _SECONDS:
        if seconds >= least * _ALMOST:
            count = seconds / size
            number = f"{count:,.0f}" if count >= 9.95 else f"{count:.2g}"
            return f"{number} {unit}" + ("s" if unit == "day" else "")
    return "under 1 ms" if seconds > 0 else "0 s"


def byte_words(count: float) -> str:
    """Bytes in the unit that a person would choose; 1 kB is 1,000 bytes."""
    for size, unit in _BYTES:
        if count >= size * _ALMOST:
            return f"{_three_digits(count / size)} {unit}"
    return count_words(count, "byte")


def about(words: str) -> str:
    """An estimate; what is said as a bound or as none is not one."""
    return words if words.startswith(("under ", "over ", "no ", "not ")) else f"about {words}"


def count_words(count: float, what: str) -> str:
    """A count of things, named in the singular."""
    number = number_words(count)
    return f"{number} {what}" + ("" if number in {"1", "under 1"} else "s")


def number_words(count: float) -> str:
    """A count to the nearest whole."""
    return "under 1" if 0 < count < 0.5 else f"{max(count, 0.0):,.0f}"


def rarity_words(days: float, *, at_least: bool = False) -> str:
    """Rarity as 'once in D days', or rarer where no more can be known."""
    if at_least:
        return f"{rarity_words(days)} or rarer"
    if days >= 3650:
        return "once in over 10 years"
    if days >= 1.5:
        return f"once in {days:,.0f} days"
    often = f"{1 / days:,.0f}"
    return {"1": "about once a day", "2": "about twice a day"}.get(often, f"about {often} times a day")


def as_odd_words(days: float) -> str:
    """Rarity of what is not rare: how many are as odd in one of the baseline's days."""
    often = f"{1 / days:,.0f}"
    number = {"1": "one", "2": "two"}.get(often, often)
    return f"An ordinary day has about {number} as odd as this"


def notices_words(a_day: float) -> str:
    """A budget of notices."""
    return f"{a_day:,.10g} notice{'s' * (a_day != 1)} a day"


def budget_words(notices_per_day: float, days: float) -> str:
    """What becomes a notice, by the budget and the rarity from which a score is a finding on an ordinary day."""
    often = f"{rarity_words(days)} or less often"
    pace = (
        f"up to {TIGHTEST:g} times as rare where its log lately told of much, down to 1/{1 / LOOSEST:g} where of little"
    )
    return f"{notices_words(notices_per_day)}: a finding is what the detector's baseline shows {often}; {pace}"


def share_words(share: float) -> str:
    """A share of 0 to 1 in per cent, as whole as it can be said."""
    percent = share * 100
    if 0 < percent < 0.5:
        return "under 1 %"
    return f"{percent:.0f} %" if share >= 1 or percent <= 99 else "over 99 %"
