"""What every kernel must answer, in the fewest words: Python's integers are exact and its dicts and sets obvious."""

from __future__ import annotations

from collections import defaultdict
from math import sqrt

import numpy as np

DAY = 86_400_000_000
MINUTE = 60_000_000


def mean_std(clock, values, windows):
    """Python divides integers of any size with one rounding."""
    out = np.zeros((*np.shape(values)[:1], len(windows), np.shape(values)[1], 2))
    first = 0
    for i, now in enumerate(clock):
        if i and now < clock[i - 1]:
            first = i
        for w, window in enumerate(windows):
            inside = [j for j in range(first, i + 1) if clock[j] > now - window]
            n = len(inside)
            for c, column in enumerate(np.transpose(values)):
                seen = [int(column[j]) for j in inside]
                out[i, w, c, 0] = sum(seen) / n
                if n > 1:
                    out[i, w, c, 1] = sqrt((n * sum(v * v for v in seen) - sum(seen) ** 2) / (n * (n - 1)))
    return out


def nearest_mode(codes, modes):
    differing = (codes[:, None, :] != modes[None, :, :]).sum(axis=2)
    return differing.argmin(axis=1), differing.min(axis=1)


def running_counts(hosts, values):
    records, seen = defaultdict(int), defaultdict(set)
    out = []
    for host, row in zip(hosts, values, strict=True):
        records[host] += 1
        for field, value in enumerate(row):
            seen[host, field].add(value)
        out.append([records[host], *(len(seen[host, field]) for field in range(len(row)))])
    return out


def advance(moments):
    clock, bad, now, far = [], 0, None, []
    for moment in moments:
        if now is None:
            now = moment
        elif abs(moment - now) <= DAY:
            now, far = max(now, moment), []
        else:
            bad += 1
            far = [*far, moment] if far and abs(moment - far[-1]) <= MINUTE else [moment]
            if len(far) == 3:
                now, far = moment, []
        clock.append(now)
    return clock, bad


def p_value(held_back, score):
    """Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005), eq. 2.2."""
    return (sum(other >= score for other in held_back) + 1) / (len(held_back) + 1)
