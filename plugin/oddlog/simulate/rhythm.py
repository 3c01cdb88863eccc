"""When things happen: at people's will, at machines' leisure, or by a timer. All times are seconds since midnight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oddlog.simulate.day import DAY, Day

if TYPE_CHECKING:
    from oddlog.simulate.packets import Floats, Ints

__all__ = ["by_machines", "by_people", "by_timer", "popular", "scattered"]


def by_people(day: Day, a_day: npt.ArrayLike, *, burst: float = 1.0, gap: float = 2.0) -> tuple[Floats, Ints]:
    """Draw what people do while they are at work, less of it at lunch.

    Parameters
    ----------
    day : Day
    a_day : float or (n_people,) array_like
        Times an average person does it in eight hours; people differ by their zeal.
    burst : float
        Mean number of events that follow each other closely; `a_day` counts them all.
    gap : float
        Median seconds between the events of a burst.

    Returns
    -------
    ts : (n,) float64
    person : (n,) int64
    """
    rng = day.rng
    rate = day.present * day.zeal * np.asarray(a_day) * (day.leave - day.arrive) / 28_800 / burst
    count = rng.poisson(rate)
    person = np.repeat(np.arange(len(count)), count)
    ts = day.arrive[person] + (day.leave - day.arrive)[person] * rng.random(len(person))
    away = (ts > day.lunch[person]) & (ts < day.lunch[person] + 2700) & (rng.random(len(person)) < 0.75)
    ts, person = ts[~away], person[~away]
    if burst > 1:
        size = rng.geometric(1 / burst, len(ts))
        first = np.repeat(np.cumsum(size) - size, size)
        person, ts = np.repeat(person, size), np.repeat(ts, size)
        gaps = gap * np.exp(1.2 * rng.standard_normal(len(ts)))
        gaps[np.unique(first)] = 0
        total = np.cumsum(gaps)
        ts = ts + total - total[first]
    inside = ts < np.minimum(day.up_to[person], DAY)
    return ts[inside], person[inside]


def by_machines(day: Day, a_day: float) -> tuple[Floats, Ints]:
    """Draw what workstations do by themselves while they run, at random; `a_day` is for 24 hours."""
    hours = np.where(day.up, day.up_to - day.up_from, 0)
    count = day.rng.poisson(a_day * hours / DAY)
    person = np.repeat(np.arange(len(count)), count)
    return day.up_from[person] + hours[person] * day.rng.random(len(person)), person


def by_timer(
    day: Day, period: npt.ArrayLike, jitter: float, start: npt.ArrayLike = 0.0, stop: npt.ArrayLike = DAY
) -> tuple[Floats, Ints]:
    """Draw what timers do: (ts, index of the timer). They keep their beat over midnight.

    Parameters
    ----------
    day : Day
    period, start, stop : float or (n,) array_like
        Seconds.
    jitter : float
        Standard deviation as a share of the period.
    """
    period, start, stop = (np.atleast_1d(np.asarray(v, float)) for v in np.broadcast_arrays(period, start, stop))
    count = np.maximum((stop - start) / period + 1, 0).astype(np.int64)
    timer = np.repeat(np.arange(len(count)), count)
    place = np.arange(len(timer)) - np.repeat(np.cumsum(count) - count, count)
    day.timers += 1
    phase = np.random.default_rng([day.site.seed, 8, day.timers]).random(len(count)) * period
    first = start + (phase - start - day.index * DAY) % period
    ts = first[timer] + place * period[timer]
    ts += jitter * period[timer] * day.rng.standard_normal(len(ts))
    inside = (ts >= start[timer]) & (ts < stop[timer])
    return ts[inside], timer[inside]


def scattered(day: Day, count: float, start: float = 0.0, stop: float = DAY) -> Floats:
    """Draw about `count` times between two, at random."""
    return day.rng.uniform(start, stop, int(day.rng.poisson(count)))


def popular(day: Day, n: int, exponent: float = 1.0) -> Ints:
    """Draw n places on the internet: few get most of the visits, and some are new every day (Zipf)."""
    size = len(day.site.internet)
    # The inverse of a continuous Zipf law on [1, size].
    u = day.rng.random(n)
    rank = (
        np.exp(u * np.log(size)) if exponent == 1.0 else (1 + u * (size ** (1 - exponent) - 1)) ** (1 / (1 - exponent))
    )
    place: Ints = day.site.internet[np.minimum(rank.astype(np.int64) - 1, size - 1)]
    return place
