"""What every kernel must answer, in the fewest words: Python's integers are exact and its dicts and sets obvious."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from math import sqrt

import numpy as np

DAY = 86_400_000_000
HOUR = 3_600_000_000


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


def cut(data, separator):
    return [0, *(at + 1 for at, byte in enumerate(data) if byte in (separator, ord("\n")))]


def network_inputs(features, n_amounts, slope, intercept, bound, offsets, table):
    n_coded = len(offsets) - 1
    numbers = features[:, : len(slope)].copy()
    numbers[:, :n_amounts] = np.log1p(np.maximum(numbers[:, :n_amounts], 0))
    z = numbers * slope.astype(float) + intercept
    codes = features[:, -n_coded:].astype(int) + offsets[:-1]
    bounded = np.where(np.isnan(z), 0, np.clip(z, -bound, bound))
    return z, np.concatenate([bounded, table[codes].reshape(len(z), -1)], axis=1)


def surprise(features, z, outputs, offsets, rare, weight, surest):
    n_numbers, n_coded = z.shape[1], len(offsets) - 1
    logits = np.clip(outputs[:, n_numbers:].astype(float), -surest, surest)
    error = [np.nan_to_num((z - outputs[:, :n_numbers].astype(float)) ** 2)]
    for c, (start, end) in enumerate(pairwise(offsets)):
        code = features[:, -n_coded + c].astype(int)
        of_column = logits[:, start:end]
        error.append((np.log(np.exp(of_column).sum(axis=1)) - of_column[np.arange(len(code)), code])[:, None])
    nats = np.log1p(np.concatenate(error, axis=1) / rare) @ weight.astype(float)
    return nats + features[:, n_numbers:-n_coded].clip(0).sum(axis=1)


def nearest_mode(codes, modes):
    differing = (codes[:, None, :] != modes[None, :, :]).sum(axis=2)
    return differing.argmin(axis=1), differing.min(axis=1)


def surprise_in_mode(codes, modes, label, surprise, offsets):
    return [
        sum(surprise[k, offsets[f] + code] for f, code in enumerate(row) if code != modes[k, f])
        for row, k in zip(codes, label, strict=True)
    ]


def running_counts(hosts, values, kept=None):
    records, seen = defaultdict(int), defaultdict(Counter)
    out = []
    for host, row in zip(hosts, values, strict=True):
        records[host] += 1
        for field, value in enumerate(row):
            if kept is None or (host, field, value) in kept:
                seen[host, field][value] += 1
        counters = [seen[host, field] for field in range(len(row))]
        out.append([records[host], *map(len, counters), *(max(counter.values(), default=0) for counter in counters)])
    return out


def describe(hosts, values):
    """Count, distinct, top and frequency of every host and field that has a value."""
    often, summary = defaultdict(Counter), {}
    for host, row in zip(hosts, values, strict=True):
        for field, value in enumerate(row):
            if value >= 0:
                counter = often[host, field]
                counter[value] += 1
                _, _, top, frequency = summary.get((host, field), (0, 0, value, 0))
                top = value if counter[value] > frequency else top
                summary[host, field] = counter.total(), len(counter), top, counter[top]
    return summary


def advance(moments):
    clock, bad, late, back = [], 0, 0, 0
    now, far, steps = moments[0] if moments else None, [], []
    for moment in moments:
        dense = len(steps) >= 100 and max(steps[-100:]) <= HOUR
        if now - HOUR <= moment <= now + (HOUR if dense else DAY):
            steps.append(max(moment - now, 0))
            now, far = max(now, moment), []
        else:
            ahead, behind = moment > now, moment < now
            bad += ahead or moment < now - DAY
            late += behind
            agrees = far and (far[-1] > now) == ahead and far[-1] - HOUR <= moment <= far[-1] + DAY
            far = [*far, moment] if agrees else [moment]
            if len(far) >= (100 if now - DAY <= moment < now else 4):
                back += behind
                steps = [] if ahead else [0] * 100
                now, far = moment, []
        clock.append(now)
    return clock, [bad, late, back]


def damped(times, keys, values, rates):
    """Table I of Kitsune's paper over each stream's whole past, in long doubles; nan is no record."""
    past, out = defaultdict(list), []
    for i, (now, key) in enumerate(zip(times, keys, strict=True)):
        if i and now < times[i - 1]:
            past.clear()
        for column, value in enumerate(values[i]):
            past[key, column] += [(now, value)] if value == value else []  # noqa: PLR0124
        moments = [[_moments(past[key, column], now, rate) for rate in rates] for column in range(len(values[i]))]
        out.append([[(weight, mean, np.sqrt(variance)) for weight, mean, variance in row] for row in moments])
    return np.moveaxis(np.array(out, np.longdouble).reshape(len(times), -1, len(rates), 3), 3, 2)


def damped_pairs(times, keys, directions, values, rates):
    past, last, products = defaultdict(list), defaultdict(int), defaultdict(list)
    out = np.zeros((len(times), 7, len(rates)), np.longdouble)
    for i, (now, key, own) in enumerate(zip(times, keys, directions, strict=True)):
        if i and now < times[i - 1]:
            past, last, products = defaultdict(list), defaultdict(int), defaultdict(list)
        for stream, value in zip((own, 1 - own), values[i], strict=True):
            if value == value:  # noqa: PLR0124
                past[key, stream].append((now, value))
                for r, rate in enumerate(rates):
                    last[key, stream, r] = _residual(past[key, stream], rate)
                    other = last[key, 1 - stream, r] if _moments(past[key, 1 - stream], now, rate)[0] else 0
                    products[key, r].append((now, last[key, stream, r] * other))
        for r, rate in enumerate(rates):
            (w_i, mean_i, var_i), (w_j, mean_j, var_j) = (_moments(past[key, s], now, rate) for s in (own, 1 - own))
            covariance = sum(_decay(rate, now, t) * p for t, p in products[key, r]) / (w_i + w_j) if w_i + w_j else 0
            spread = np.sqrt(var_i) * np.sqrt(var_j)
            magnitude, radius = np.sqrt(mean_i**2 + mean_j**2), np.sqrt(var_i**2 + var_j**2)
            correlation = np.clip(covariance / spread, -1, 1) if spread else 0
            out[i, :, r] = w_i, mean_i, np.sqrt(var_i), magnitude, radius, covariance, correlation
    return out


def _decay(rate, now, then):
    return np.exp2(np.longdouble(-rate) * (now - np.array(then, np.int64)) / np.longdouble(10**6))


def _moments(past, now, rate):
    """Weight, mean and variance; the latter from all differences, so that nothing cancels."""
    weights = _decay(rate, now, [time for time, _ in past])
    if weights.sum() < 2.0**-500:
        return 0, 0, 0
    values = np.array([value for _, value in past], np.longdouble)
    shares = weights / weights.sum()
    squares = (values[:, None] - values) ** 2 * shares[:, None] * shares
    return weights.sum(), (shares * values).sum(), squares.sum() / 2


def _residual(past, rate):
    now, value = past[-1]
    weights = _decay(rate, now, [time for time, _ in past])
    return sum(w * (np.longdouble(value) - v) for w, (_, v) in zip(weights, past, strict=True)) / weights.sum()


def assign(times, keys, rate, capacity):
    """Eight places a set, a weight the sum of its records' halvings; -inf ranks are Python's missing dict entries."""
    places = [{} for _ in range(capacity // 8)]
    slots, evicted = [], 0
    for i, (now, key) in enumerate(zip(times, keys, strict=True)):
        if i and now < times[i - 1]:
            places = [{} for _ in places]
        number = (key % 2**64) * 0x9E3779B97F4A7C15 % 2**64 * len(places) // 2**64
        within = places[number]
        place = next((place for place, (held, _) in within.items() if held == key), None)
        known = place is not None
        if not known:
            free = [place for place in range(8) if place not in within]
            evicted += not free
            place = free[0] if free else min(range(8), key=lambda p: (_weight(within[p][1], now, rate), p))
        within[place] = key, [*(within[place][1] if known else []), now]
        slots.append(8 * number + place if known else ~(8 * number + place))
    return slots, evicted


def _weight(records, now, rate):
    # Rounded, so that what is equal but for the order of its additions is a tie.
    return float(f"{sum(2.0 ** (-rate * (now - then) / 1e6) for then in records):.9e}")


def p_value(held_back, score):
    """Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005), eq. 2.2."""
    return (sum(other >= score for other in held_back) + 1) / (len(held_back) + 1)


def likelihood(seen, contexts, value, discount, concentration):
    """Teh (2006), section 5, of (contexts, value) seen, narrowest first: a wider context counts narrower ones."""
    levels, rows = [], list(seen)
    for level in range(len(contexts)):
        levels.append(Counter((of[level], other) for of, other in rows))
        rows = list({(of[level], other): (of, other) for of, other in rows}.values())
    p = 1 / (len({other for _, other in seen}) + 1)
    for counts, context in zip(reversed(levels), reversed(contexts), strict=True):
        here = {other: count for (of, other), count in counts.items() if of == context}
        own = max(here.get(value, 0) - discount, 0)
        p = (own + (concentration + discount * len(here)) * p) / (concentration + sum(here.values()))
    return p


def typical(seen, contexts, prior):
    """Mean and deviation of one amount after each wider context's records, as (contexts, amount) from the widest."""
    mean, variance = 0.0, 1.0
    for level in range(len(contexts) + 1):
        values = [v for of, v in seen if tuple(of[:level]) == tuple(contexts[:level]) and v == v]  # noqa: PLR0124
        shrunk = (sum(values) + prior * mean) / (len(values) + prior)
        around = sum((v - shrunk) ** 2 for v in values) + prior * (variance + (mean - shrunk) ** 2)
        mean, variance = shrunk, around / (len(values) + prior)
    return mean, sqrt(variance)


def follow(slots, clock, span, length):
    held: dict[int, list[int]] = {}
    before = []
    for i, slot in enumerate(slots):
        if slot < 0:
            held[~slot] = []
        mine = held.setdefault(slot if slot >= 0 else ~slot, [])
        latest = [j if clock[j] > clock[i] - span else -1 for j in mine[-length:]]
        before.append([-1] * (length - len(latest)) + latest)
        mine.append(i)
    return np.array(before)


def recent_sums(clock, keys, values, n_plain, windows, most):
    out = np.zeros((len(clock), len(windows), 1 + np.shape(values)[1]), np.int64)
    first = 0
    for i, now in enumerate(clock):
        if i and now < clock[i - 1]:
            first = i
        for w, window in enumerate(windows):
            inside = [j for j in range(max(first, i + 1 - most), i + 1) if clock[j] > now - window]
            own = [j for j in inside if keys[j][0] == keys[i][0]]
            once = {keys[j][1]: values[j] for j in own}
            plain = sum(values[j][:n_plain] for j in own)
            out[i, w] = [len(own), *plain, *sum(value[n_plain:] for value in once.values())]
    return out


def distinct_rows(codes):
    rows = [tuple(row) for row in codes.tolist()]
    distinct = list(dict.fromkeys(rows))
    return [rows.index(row) for row in distinct], [distinct.index(row) for row in rows]


def _spread(children, with_sum):
    """Mean, std, min, max, sum and skew as pandas has them."""
    n = len(children)
    if not n:
        return [np.nan] * (5 + with_sum)
    mean = sum(children) / n
    second, third = (sum((c - mean) ** power for c in children) for power in (2, 3))
    std = sqrt(second / (n - 1)) if n > 1 else np.nan
    skew = np.nan if n < 3 else 0.0
    if n > 2 and len(set(children)) > 1:
        skew = sqrt(n * (n - 1)) / (n - 2) * (third / n) / (second / n) ** 1.5
    return [mean, std, min(children), max(children), *([sum(children)] if with_sum else []), skew]


def _of_entity(mine, child, now, counted, parent):
    """What records, each (time, keys, success, values, kinds), tell of the entity that they are all of."""
    times = [time for time, *_ in mine]
    n = len(mine)
    children = defaultdict(list)
    for record in mine:
        children[record[1][child]].append(record)

    def distinct(records, k):
        return len({record[3][k] for record in records} - {0})

    modes = []
    for kinds in zip(*(record[4] for record in mine), strict=True):
        often = Counter(kind for kind in kinds if kind >= 0)
        modes.append(min(often, key=lambda kind: (-often[kind], kind)) if often else np.nan)
    told = [n, sum(success == 1 for _, _, success, _, _ in mine) / n, (now - times[0]) / 1e6]
    told += [(times[-1] - times[0]) / 1e6 / (n - 1) if n > 1 else np.nan]
    told += [*(distinct(mine, k) for k in range(counted)), *modes, len(children)]
    told += _spread([len(records) for records in children.values()], with_sum=False)
    if parent:
        told += _spread([distinct(records, 0) for records in children.values()], with_sum=True)
    return told


def sessions(times, keys, success, values, kinds, period, after):
    """Row and features of each cutoff; NaN where an entity has no record before it."""
    records = [*zip(times, keys, success, values, kinds, strict=True)]
    counted, kinds_told = len(values[0]), len(kinds[0])
    found = []
    for i, (now, key, *_) in enumerate(records):
        today = [(j, r) for j, r in enumerate(records[:i]) if r[0] // period == now // period and r[1][0]]
        if not key[0] or sum(r[1][0] == key[0] for _, r in today) != after:
            continue
        before = [r for _, r in today if r[0] < now]
        told = []
        for place, child in ((0, 1), (2, 0), (3, 0)):
            mine = [r for r in before if r[1][place] == key[place]]
            width = 10 + counted + kinds_told + 6 * (place > 0)
            told += _of_entity(mine, child, now, counted, place > 0) if mine else [0, *[np.nan] * (width - 1)]
        pairs = {r[1][1]: r[1][4] for r in before if r[1][0] == key[0]}
        thirds = []
        for third in filter(None, pairs.values()):
            mine = [r for r in before if r[1][4] == third]
            shares = [len(mine), len({r[1][1] for r in mine}), sum(r[2] == 1 for r in mine) / len(mine)]
            thirds.append(shares + [len({r[3][k] for r in mine} - {0}) for k in range(counted)])
        for column in zip(*thirds, strict=True) if thirds else [()] * (3 + counted):
            told += [sum(column) / len(column), min(column), max(column)] if column else [np.nan] * 3
        found.append((i, told))
    return found


def trail(clock, keys, operation, pause, lost, most):
    """What came before each call, of as many keys of each kind as there is a place for."""
    latest, calls, met, targets, missed = {}, {}, set(), {}, 0
    out = []
    for now, (connection, call, pair, source), own in zip(clock, keys, operation, strict=True):
        before = 0
        if connection in latest:
            then, last = latest[connection]
            before = last if now - then <= pause else 0
        if connection in latest or len(latest) < most:
            latest[connection] = now, own
        else:
            before, missed = lost, missed + 1
        if call in calls or len(calls) < most:
            calls[call] = calls.get(call, 0) + 1
        else:
            missed += 1
        if pair not in met and len(met) < most:
            met.add(pair)
            targets[source] = targets.get(source, 0) + 1
        missed += pair not in met
        out.append([before, calls.get(call, 1), targets.get(source, 0)])
    return out, missed
