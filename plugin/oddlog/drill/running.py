"""The drill: attacks put among some hours of the site's logs, all of it scored, and who is told of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from oddlog_core.drilled import Drill, Drilled, is_strange
from oddlog_core.span import HOUR

from oddlog.archive import in_order, known_roads, said
from oddlog.drill.attack import SECOND
from oddlog.drill.hours import latest_hours
from oddlog.drill.kinds import KINDS, Scene
from oddlog.drill.site import LackingError, Site
from oddlog.logs import LOGS
from oddlog.pipeline import queue, threshold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from oddlog_core.bundle import Bundle

    from oddlog.config import Config
    from oddlog.drill.attack import Attack
    from oddlog.drill.hours import Hours
    from oddlog.logs import Logs
    from oddlog.notices import Candidate, Finding
    from oddlog.pipeline import Outcome, Road

__all__ = ["TIMES", "drill"]

TIMES = 3
_ROWS = 20_000
_MOST = 2_500_000
"""Records that are scored in all; where few hosts ask anything, rounds beyond that are left out."""


_Heard = list[tuple[int, "Candidate"]]
"""Candidates with their moments."""


@dataclass(slots=True)
class _Round:
    """Attacks that share a pass over the records: of as many sources, so that none is evidence for another."""

    attacks: list[Attack] = field(default_factory=list)

    def takes(self, attack: Attack) -> bool:
        """Whether there is room for this one."""
        return all(other.source != attack.source and other.name != attack.name for other in self.attacks)


def drill(
    logs: Logs,
    bundle: Bundle,
    config: Config,
    *,
    seed: int = 1,
    times: int = TIMES,
    on_progress: Callable[[float], None] = lambda _share: None,
) -> Drill:
    """Put attacks into a copy of the logs' latest hours, and see of which of them a notice speaks.

    Each pass over the hours has one attack of a kind. What is said of it is found out attack by attack, from all that
    is found odd but what belongs to other attacks; and what would have been said without it does not count.

    Parameters
    ----------
    logs : Logs
    bundle : Bundle
    config : Config
        Says how many notices a day are affordable.
    seed : int
        Another seed is other hosts and hours.
    times : int
        How often each attack is tried.
    on_progress : callable
        Told which share is done, 0 to 1.

    Raises
    ------
    OddlogError
        If the bundle knows none of the logs.
    """
    known = [log for log in LOGS if log in known_roads(logs, bundle, config)]
    hours = latest_hours(logs, known)
    on_progress(0.1)
    rng = np.random.default_rng(seed)
    attacks, left_out = _attacks(Site(hours), hours, rng, times)
    rounds: list[_Round] = []
    for attack in attacks:
        free = next((one for one in rounds if one.takes(attack)), None)
        if free is None:
            rounds.append(free := _Round())
        free.attacks.append(attack)
    rounds = rounds[: max(times, _MOST // max(len(hours), 1))]
    tried: Counter[str] = Counter()
    found: Counter[str] = Counter()
    notes: dict[str, Counter[str]] = {name: Counter() for name in KINDS}
    days, odd = threshold(bundle, config), 0
    for number, one in enumerate(rounds):
        benign, own = _heard(one.attacks, hours, logs, bundle, config)
        odd = odd or sum(candidate.since is None and candidate.rarity >= days for _, candidate in benign)
        for attack, by in _told(one.attacks, benign, own, bundle, config):
            tried[attack.name] += 1
            found[attack.name] += bool(by)
            notes[attack.name].update(by)
        on_progress(0.1 + 0.9 * (number + 1) / len(rounds))
        if is_strange(len(hours), odd) and tried.keys() == {attack.name for attack in attacks}:
            # More of the same would say no more.
            break
    on_progress(1.0)
    drilled = [Drilled(name, n, found[name], dict(notes[name].most_common())) for name, n in tried.items()]
    drilled.sort(key=lambda one: (one.recall, list(KINDS).index(one.attack)))
    return Drill(config.notices_per_day, hours.begin, hours.end, seed, drilled, left_out, len(hours), odd)


def _attacks(site: Site, hours: Hours, rng: np.random.Generator, times: int) -> tuple[list[Attack], dict[str, str]]:
    """Attacks in their places, kind after kind and again, and what these logs have not the makings of."""
    made, left_out = [], {}
    # What scores the records has to have seen an hour before it is sure of them.
    since = hours.begin + min(HOUR, (hours.end - hours.begin) // 3)
    for _ in range(times):
        for name, play in KINDS.items():
            if name in left_out:
                continue
            try:
                attack = play(Scene(site, rng), name)
            except LackingError as lacking:
                left_out[name] = str(lacking)
                continue
            made.append(_placed(attack, site.moments(attack.source), since, hours.end, rng))
    # A later try may have found no source where an earlier one did.
    return made, {name: why for name, why in left_out.items() if all(attack.name != name for attack in made)}


def _placed(attack: Attack, moments: np.ndarray, since: int, until: int, rng: np.random.Generator) -> Attack:
    """While its source is at work, and done before the hours end; as much of it as fits."""
    latest = max(until - attack.end, since)
    fitting = moments[(moments >= since) & (moments <= latest)]
    start = int(rng.choice(fitting)) if len(fitting) else int(rng.integers(since, latest + 1))
    return attack.placed(start, until)


def _heard(
    attacks: list[Attack], hours: Hours, logs: Logs, bundle: Bundle, config: Config
) -> tuple[_Heard, dict[str, _Heard]]:
    """What is found odd that belongs to no attack, and by attack what belongs to it."""
    by_source = {attack.source: attack for attack in attacks}
    benign: _Heard = []
    own: dict[str, _Heard] = {attack.name: [] for attack in attacks}
    for road in known_roads(logs, bundle, config).values():
        if road.log not in hours.batches:
            continue
        for moment, candidate in _candidates(road, hours, attacks):
            attack = by_source.get(candidate.orig_h or "")
            # Explaining costs the most: of a site that the bundle hardly knows everything is odd.
            mine = attack is not None and candidate.clock >= attack.begin and _belongs(attack, candidate.tell())
            (own[attack.name] if attack is not None and mine else benign).append((moment, candidate))
    return benign, own


def _told(
    attacks: list[Attack], benign: _Heard, own: dict[str, _Heard], bundle: Bundle, config: Config
) -> Iterator[tuple[Attack, Counter[str]]]:
    """By attack, the types of the notices that speak of it."""
    around = round(config.suppress_for * SECOND)
    for attack in attacks:
        near = [one for one in benign if attack.begin - around <= one[0] <= attack.end + around]
        # What came of a thing since it was told has the same id, however much that is.
        without = {(finding.id, finding.n) for finding in _said(near, bundle, config)}
        told = _said([*near, *own[attack.name]], bundle, config)
        yield (
            attack,
            Counter(
                finding.note
                for finding in told
                if (finding.id, finding.n) not in without and _speaks_of(attack, finding)
            ),
        )


def _candidates(road: Road, hours: Hours, attacks: Iterable[Attack]) -> Iterator[tuple[int, Candidate]]:
    """Give what one log has that is odd."""
    batch = hours.mixed(road.log, [row for attack in attacks for row in attack.records.get(road.log, ())])
    pieces = (batch.slice(start, _ROWS) for start in range(0, len(batch), _ROWS))
    for moment, candidate in in_order(chain(chain.from_iterable(map(road.take, pieces)), _closing(road))):
        if candidate is not None:
            yield moment, candidate


def _closing(road: Road) -> Iterator[Outcome]:
    """Close what is open once all has been taken."""
    yield from road.close()


def _said(candidates: list[tuple[int, Candidate]], bundle: Bundle, config: Config) -> list[Finding]:
    """What would be told, from a queue that knows nothing yet."""
    by_moment = sorted(candidates, key=lambda one: one[0])
    return list(said(iter(by_moment), queue(bundle, config)))


def _belongs(attack: Attack, finding: Finding) -> bool:
    """Whether what was found odd is one of an attack's records, or a window of its source that has some of them."""
    if finding.uid is not None:
        return finding.uid in attack.uids
    if finding.orig_h != attack.source:
        return False
    until = finding.ts + (finding.window or 0)
    return any(finding.ts <= row["ts"] < until for row in attack.records.get(finding.log, ()))


def _speaks_of(attack: Attack, finding: Finding) -> bool:
    """Whether a notice is about an attack: one of its connections, or its source and target in its time."""
    if finding.detector == "queue":
        # A sum of what is not told.
        return False
    if not finding.links:
        return _belongs(attack, finding) or _is_between(attack, finding.orig_h, finding.resp_h, finding.ts)
    return any(
        link["uid"] in attack.uids or _is_between(attack, link["src"], link["dst"], link["ts"])
        for link in finding.links
    )


def _is_between(attack: Attack, source: str | None, target: str | None, moment: int) -> bool:
    return source == attack.source and target in attack.targets and attack.begin <= moment <= attack.end
