"""DCE-RPC operations: who calls what no host like it calls, where it never did, in an order or numbers unheard of."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from oddlog_core.detectors.contract import Detector, FitOptions, Fitted, Reason, Scored
from oddlog_core.detectors.sessions import CALLER, KINDS, News, Session
from oddlog_core.detectors.windows import GROWN, end_to_end, stretches
from oddlog_core.errors import BaselineError
from oddlog_core.features.calls import UNREAD, Calls, call_key, call_names
from oddlog_core.features.keys import joined
from oddlog_core.features.rights import Rights
from oddlog_core.features.roles import Roles
from oddlog_core.features.sensitive import SENSITIVE
from oddlog_core.features.tables import read_tables, write_tables
from oddlog_core.features.trail import FIRST, LOST, Trail
from oddlog_core.features.usage import Doing, Usage
from oddlog_core.span import DAY, days, ends, halves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from oddlog_core.records import Records

__all__ = ["OperationsDetector"]

# What is surprising by less, in nats or standard deviations, is no news.
_LEAST = 0.5
_EACH = 4
# Bytes that a caller's share of all that is remembered takes: its name, a few connections, and now and then news.
_BYTES = 1800


@dataclass(slots=True)
class _State:
    """The present day and the open window, of so many callers at most.

    Callers, connections and names that come when there is no place are passed over. Of sessions the half that is least
    new makes place for what comes later; of news, and of hosts that were told of, the first.
    """

    most: int
    number: int | None = None
    day: int | None = None
    trail: Trail = field(init=False)
    known: OrderedDict[int, None] = field(default_factory=OrderedDict)
    names: dict[int, str] = field(default_factory=dict)
    hosts: dict[str, None] = field(default_factory=dict)
    sessions: dict[tuple[str, int], Session] = field(default_factory=dict)
    told: OrderedDict[str, float] = field(default_factory=OrderedDict)
    lost: int = 0

    def __post_init__(self) -> None:
        self.trail = Trail(_EACH * self.most)

    @property
    def evicted(self) -> int:
        """What found no place, or had to give it up."""
        return self.lost + self.trail.evicted

    def begin(self, number: int, day: int, window: int) -> None:
        """Begin a window, and with the first one of a day, the day."""
        self.number = number
        if day != self.day:
            self.lost += self.trail.evicted
            self.day, self.trail, self.known, self.names = day, Trail(_EACH * self.most), OrderedDict(), {}
        else:
            self.trail.next_window(number * window)

    def enter(self, hosts: Iterable[str], names: Iterable[tuple[int, str]]) -> None:
        """Have callers and names of operations, as long as there is a place for them."""
        for host in hosts:
            if host not in self.hosts and len(self.hosts) < self.most:
                self.hosts[host] = None
            self.lost += host not in self.hosts
        for key, name in names:
            if len(self.names) < self.most:
                self.names.setdefault(key, name)
            self.lost += key not in self.names

    def is_news(self, subject: int) -> bool:
        """Whether this is the first time today, as far as that is remembered."""
        if subject in self.known:
            return False
        self._remember(self.known, subject, None, _EACH * self.most)
        return True

    def add(self, host: str, pair: int, news: News) -> Session:
        """Take a piece of news into its session."""
        most = max(self.most // 8, 2)
        if (host, pair) not in self.sessions and len(self.sessions) >= most:
            newest = sorted(self.sessions.items(), key=lambda one: -one[1].score)[: most // 2]
            self.lost += len(self.sessions) - len(newest)
            self.sessions = dict(newest)
        session = self.sessions.setdefault((host, pair), Session())
        session.add(news)
        return session

    def tell(self, host: str, score: float) -> None:
        """Remember how odd a host was when it was told of."""
        self._remember(self.told, host, score, self.most)

    def _remember(self, those: OrderedDict[Any, Any], one: object, what: object, most: int) -> None:
        """Have one more, in place of the first where there are as many as there may be."""
        if one not in those and len(those) >= most:
            those.popitem(last=False)
            self.lost += 1
        those[one] = what


class OperationsDetector(Detector):
    """How new a host's calls are on the newest of its destinations, by window of the clock.

    Four things are judged against the baseline, which does not change while scoring: whether hosts of the caller's role
    call such an operation at all; who calls it on that destination; what it follows on; and how many calls and
    destinations there are. The first two are in nats of surprise, the third too and adds up over the calls of a
    session, the last is in standard deviations. What a host has done earlier in the day is no news. All of it only
    grows within a window, so that a host is told of at the record where it passes the threshold, and never in error.
    """

    name = "dce_rpc-operations"
    log = "dce_rpc"
    note = "Odd_DCE_RPC_Operation"
    tells_records = True

    def __init__(self, window: int, roles: Roles, rights: Rights, usage: Usage) -> None:
        self.window = self._window = window
        self.warm_up = DAY + window
        self._roles, self._rights, self._usage = roles, rights, usage

    @classmethod
    def fit(cls, baseline: Sequence[Records], options: FitOptions) -> Fitted:
        """Learn who calls what where; see `Detector.fit`."""
        if sum(map(len, baseline)) < 2:
            raise BaselineError(f"{cls.log}: the baseline holds fewer than two records")
        latest, earliest = ends(baseline, options.held_back)
        before, scores = cls._learn(latest.others, options.part(0.0, 0.2)), []
        for number, half in enumerate([*halves(latest), *halves(earliest)]):
            taught = cls._learn(half.others, options.part(0.2 + 0.1 * number, 0.3 + 0.1 * number))
            scores.append(taught._judge_all(half.held_back))
        a_day = sum(map(len, scores)) / (days(latest.held_back) + days(earliest.held_back))
        # What was held back has been judged; what it knows of who may what is worth having.
        detector = cls._learn(baseline, options.part(0.6, 1.0))
        return Fitted(detector, np.concatenate(scores), a_day, before)

    def _judge_all(self, held_back: Sequence[Records]) -> NDArray[np.float64]:
        """Final scores of a stretch of the baseline that it has not learned from."""
        state, parts = self.new_state(), []
        for records in held_back:
            scored = self.score_samples(records, state, np.inf)
            parts.append(scored.score[scored.final])
        closed = self.close(state, np.inf)
        return np.concatenate(parts if closed is None else [*parts, closed.score])

    @classmethod
    def _learn(cls, train: Sequence[Records], options: FitOptions) -> Self:
        """Learn roles, rights and usage."""
        roles = Roles.learn(train, options.seed)
        calls = [Calls.of(records) for records in train]
        rights = Rights.learn(calls, roles)
        options.progress(0.3)
        doing, numbers = _doing(train, calls, roles, options.window)
        usage = Usage.learn(doing, numbers)
        options.progress(1.0)
        return cls(options.window, roles, rights, usage)

    def new_state(self) -> _State:
        """No day has begun."""
        return _State(max(self.room // _BYTES, 16))

    def score_samples(self, records: Records, state: _State, threshold: float) -> Scored:
        """Provisional scores that passed the threshold, and final ones of windows that these records closed."""
        calls, parts = Calls.of(records), []
        for number, start, stop in stretches(records, self._window):
            if number != state.number:
                if state.number is not None:
                    parts.append(self._close(state, threshold))
                state.begin(number, number * self._window // DAY, self._window)
            parts.append(self._early(records, calls.slice(start, stop), state, start, threshold))
        return end_to_end(parts, _all)

    def _early(self, records: Records, calls: Calls, state: _State, start: int, threshold: float) -> Scored:
        """Take in records of one window, from `start` on; what is odd, at the record where it passes the threshold."""
        stop = start + len(calls.source)
        before = state.trail.update(calls, records.clock[start:stop])
        doing = Doing(calls, self._roles.of(calls.source), before)
        hosts = records.categories["id.orig_h"]
        pairs = joined(calls.source, calls.destination)
        callers = (hosts.values[code] if code >= 0 else "" for code in dict.fromkeys(hosts.codes[start:stop].tolist()))
        names = call_names(records, start, stop)
        operations = np.sort(np.unique(calls.operation, return_index=True)[1]).tolist()
        # Every host of the window gets a score, whether there is news of it or not.
        state.enter(callers, ((int(calls.operation[row]), names(row)) for row in operations))
        odd: list[tuple[float, int, str, list[News]]] = []
        for row, news in self._news(doing, state, names):
            code = hosts.codes[start + row]
            host = hosts.values[code] if code >= 0 else ""
            session = state.add(host, int(pairs[row]), news)
            if session.score >= threshold and session.score > GROWN * state.told.get(host, -np.inf):
                state.tell(host, session.score)
                odd.append((session.score, start + row, host, [*session.news]))
        at = np.array([row for _, row, _, _ in odd], np.int64)
        return Scored(
            np.array([score for score, *_ in odd]),
            at,
            records.clock[at],
            final=np.zeros(len(odd), np.bool_),
            odd=np.ones(len(odd), np.bool_),
            host=[host for _, _, host, _ in odd],
            since=np.full(len(odd), (state.number or 0) * self._window, np.int64),
            evidence=[news for *_, news in odd],
        )

    def _news(self, doing: Doing, state: _State, names: Callable[[int], str]) -> Iterator[tuple[int, News]]:
        """What is new, in the order of the records."""
        calls, before = doing.calls, doing.before
        surprise = self._usage.surprises(doing)
        amounts = {
            "operation": self._rights.strangeness(calls, doing.role),
            "caller": surprise["caller"],
            "order": np.where(before.operation == LOST, 0.0, surprise["order"]),
            **self._usage.excess(doing),
        }
        subjects = {
            "operation": joined(calls.source, calls.operation),
            "caller": joined(calls.source, calls.destination, calls.operation),
            "order": joined(calls.source, before.operation, calls.operation),
        }
        found, read = [], calls.operation != UNREAD
        for kind in KINDS:
            # Nine digits: the last bits of a vectorised logarithm may depend on how many rows there are.
            amounts[kind] = np.round(amounts[kind], 9)
            # Of a call that nobody could read is known whom it was made on.
            new = (amounts[kind] >= _LEAST) & (read | (kind == "targets"))
            if kind not in subjects:
                # At powers of two: a flood is news a few times, not at every call.
                so_far = getattr(before, kind)
                new &= (so_far >= 4) & (so_far & (so_far - 1) == 0)
            found += [(row, kind) for row in np.flatnonzero(new).tolist()]
        if not found:
            return
        # By record; those of one record in the order of `KINDS`, as they are.
        found.sort(key=lambda one: one[0])
        rows, at = np.unique(np.array([row for row, _ in found], np.int64), return_inverse=True)
        often, typical = self._usage.often(doing.take(rows)), self._usage.typical(doing.take(rows))
        for (row, kind), place in zip(found, at.tolist(), strict=True):
            seen, expected = 0.0, 0.0
            if kind in subjects and not state.is_news(int(subjects[kind][row])):
                continue
            if kind in often:
                seen, expected = map(float, often[kind][place])
            elif kind in typical:
                seen, expected = float(getattr(before, kind)[row]), float(typical[kind][place])
            key, previous = int(calls.operation[row]), int(before.operation[row])
            was = state.names.get(previous, "another call") if previous != FIRST else ""
            call = state.names.get(key) or names(row)
            yield row, News(kind, float(amounts[kind][row]), call, was, key, seen, expected)

    def close(self, state: _State, threshold: float, now: int | None = None) -> Scored | None:
        """Close the open window; by the wall clock only after one more window's length of silence."""
        if state.number is None or (now is not None and now < (state.number + 2) * self._window):
            return None
        return self._close(state, threshold)

    def _close(self, state: _State, threshold: float) -> Scored:
        since, best = (state.number or 0) * self._window, dict.fromkeys(state.hosts, Session())
        for (host, _), session in state.sessions.items():
            if session.score > best.get(host, Session()).score:
                best[host] = session
        hosts, newest = [*best], [*best.values()]
        score = np.array([session.score for session in newest])
        told = np.array([host in state.told for host in hosts], np.bool_)
        state.number, state.hosts, state.sessions, state.told = None, {}, {}, OrderedDict()
        return Scored(
            score,
            np.full(len(hosts), -1, np.int64),
            np.full(len(hosts), since + self._window, np.int64),
            final=np.ones(len(hosts), np.bool_),
            odd=(score >= threshold) & ~told,
            host=hosts,
            since=np.full(len(hosts), since, np.int64),
            evidence=[session.news for session in newest],
        )

    def explain(self, scored: Scored, index: int) -> tuple[Reason, ...]:
        """What is new, each piece with its share of the score's square."""
        news = scored.evidence[index]
        weight = np.array([(CALLER if one.kind == "caller" else 1.0) * one.amount for one in news]) ** 2
        # Where more is new than a session keeps, or less counts than is new, shares still sum to no more than 1.
        whole = max(float(scored.score[index]) ** 2, float(weight.sum()), 1e-300)
        reasons = [self._reason(one, float(part / whole)) for one, part in zip(news, weight, strict=True)]
        return tuple(sorted(reasons, key=lambda reason: -reason.share))

    def _reason(self, news: News, share: float) -> Reason:
        if news.kind == "operation":
            return Reason("operation", news.call, self._who(news.key), share)
        if news.kind == "caller":
            return Reason("id.orig_h", news.call, news.seen, share, news.expected)
        if news.kind == "order":
            name = f"order after {news.before}" if news.before else "order"
            return Reason(name, news.call, news.seen, share, news.expected)
        name = f"calls of {news.call}" if news.kind == "calls" else news.kind
        return Reason(name, news.seen, news.expected, share)

    def _who(self, operation: int) -> str | None:
        """The roles whose hosts called an operation in the baseline, with how many hosts did and how often."""
        hosts, times, roles = self._rights.entitled(operation)
        if not hosts:
            return None
        names = dict.fromkeys(self._roles.roles[role].name for role in roles)
        return f"{' and '.join(names)} ({hosts:,} host{'s' * (hosts != 1)}, {times:,} time{'s' * (times != 1)})"

    def export_state(self, state: _State) -> dict[str, Any]:
        """The present day and the open window."""
        return {
            "number": state.number,
            "day": state.day,
            "trail": state.trail.export(),
            "known": np.array([*state.known], np.int64),
            "names": [[key, name] for key, name in sorted(state.names.items())],
            "hosts": [*state.hosts],
            "sessions": [[host, pair, *session.export()] for (host, pair), session in state.sessions.items()],
            "told": [list(one) for one in state.told.items()],
        }

    def restore_state(self, exported: dict[str, Any]) -> _State:
        """What `export_state` exported."""
        state = self.new_state()
        state.number, state.day = exported["number"], exported["day"]
        state.trail = Trail.restore(exported["trail"], _EACH * state.most)
        state.known, state.names = OrderedDict.fromkeys(exported["known"].tolist()), dict(exported["names"])
        state.hosts, state.told = dict.fromkeys(exported["hosts"]), OrderedDict(exported["told"])
        state.sessions = {(host, pair): Session.of(amounts, news) for host, pair, amounts, news in exported["sessions"]}
        return state

    def evicted(self, state: _State) -> int:
        """Callers, connections, names and news that found no place, or lost theirs."""
        return state.evicted

    def save(self, folder: Path) -> None:
        """Write ``roles.json`` and ``operations.npz``."""
        (folder / "roles.json").write_bytes(self._roles.encode())
        own = {"window": {"microseconds": np.array([self._window])}, "rights": self._rights.arrays()}
        write_tables(folder / "operations.npz", own | self._usage.arrays())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        parts = read_tables(folder / "operations.npz")
        return cls(
            int(parts["window"]["microseconds"][0]),
            Roles.decode((folder / "roles.json").read_bytes()),
            Rights.of_arrays(parts["rights"]),
            Usage.of_arrays(parts),
        )

    def describe(self) -> list[str]:
        """Each role, and who calls what is sensitive."""
        lines = [
            f"{role.hosts:6d} {role.name}, such as {self._roles.example(number)}: "
            f"call {', '.join(role.calls) or 'little'}; serve {', '.join(role.serves) or 'little'}"
            for number, role in enumerate(self._roles.roles)
        ]
        for (interface, operation), use in SENSITIVE.items():
            who = self._who(int(call_key(interface, operation)))
            if who is not None:
                lines.append(f"{interface} {operation} ({use.name}, {use.id}): {who}")
        return lines


def _all(parts: list[list[Any]]) -> list[Any]:
    return [evidence for part in parts for evidence in part]


def _doing(
    baseline: Sequence[Records], calls: Sequence[Calls], roles: Roles, window: int
) -> tuple[list[Doing], list[NDArray[np.int64]]]:
    """A baseline's calls with what came before each, and which window each is in."""
    doing: list[Doing] = []
    numbers: list[NDArray[np.int64]] = []
    trail, open_ = Trail(), None
    for records, of_batch in zip(baseline, calls, strict=True):
        for number, start, stop in stretches(records, window):
            if open_ is not None and number != open_:
                trail.next_window(number * window)
            if open_ is None or number * window // DAY != open_ * window // DAY:
                trail = Trail()
            open_ = number
            piece = of_batch.slice(start, stop)
            doing.append(Doing(piece, roles.of(piece.source), trail.update(piece, records.clock[start:stop])))
            numbers.append(np.full(stop - start, number))
    return doing, numbers
