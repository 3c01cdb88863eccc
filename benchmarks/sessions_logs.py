"""Red-team sessions put among ordinary ones: in LANL's authentication events, and in a simulated office's ntlm.log.

No event of LANL's red team falls into the sample of its log. Events of the list's shape are put there: the list's own
users, sources and destinations, each pair several times. Whatever else an event says is drawn from ordinary ones.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from oddlog.simulate import simulate

LANL = Path(__file__).parents[2] / "shared" / "data" / "lanl2015"
SESSIONS_A_DAY = 30
DAY = 86_400


def with_red_team(folder, seed, *, sessions=SESSIONS_A_DAY):
    """LANL's sample with injected sessions, in ``auth.txt`` and ``redteam.txt``."""
    rng = np.random.default_rng(seed)
    events = gzip.decompress((LANL / "auth_sample.txt.gz").read_bytes()).decode().splitlines()
    times = np.array([int(event.split(",", 1)[0]) for event in events])
    ordinary = [event.split(",")[5:] for event in events if event.split(",")[3] != event.split(",")[4]]
    listed = sorted({tuple(line.split(",")[1:]) for line in (LANL / "redteam.txt").read_text().splitlines()})
    added, labels = [], []
    for day in np.unique(times // DAY):
        today = times[times // DAY == day]
        first, last = int(today.min()), int(today.max())
        for pick in rng.choice(len(listed), sessions, replace=False):
            user, source, destination = listed[pick]
            n = int(rng.integers(6, 15))
            start = rng.uniform(first, first + 0.7 * (last - first))
            for time in np.minimum(start + np.cumsum(rng.exponential(0.25 * (last - first) / n, n)), last).astype(int):
                like = ordinary[rng.integers(len(ordinary))]
                added.append((int(time), ",".join([str(time), user, user, source, destination, *like])))
                labels.append(f"{time},{user},{source},{destination}")
    lines = sorted([*zip(times.tolist(), events, strict=True), *added], key=lambda event: event[0])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "auth.txt").write_text("".join(f"{line}\n" for _, line in lines))
    (folder / "redteam.txt").write_text("".join(f"{line}\n" for line in labels))
    return folder / "auth.txt", folder / "redteam.txt"


def office(folder, seed, *, days=6, hosts=150, sessions=6):
    """A simulated office's ntlm.log with sessions of stolen accounts, from a desk that is none of theirs.

    A day has one such desk, with up to three names. Each session is one name on one server, in the rhythm of an
    ordinary session of that day; all that a record says of desk, server and outcome is some ordinary record's.
    """
    rng = np.random.default_rng(seed)
    done = simulate(folder, hosts=hosts, days=days, seed=seed)
    labels = ["log\tuid\tts\tlabel\tattack"]
    for day in done.folders:
        path = day / "ntlm.log"
        lines = path.read_text().splitlines()
        fields = next(line for line in lines if line.startswith("#fields")).split("\t")[1:]
        rows = [line.split("\t") for line in lines if not line.startswith("#")]
        at = {name: fields.index(name) for name in fields}
        users = sorted({row[at["username"]] for row in rows} - {"-"})
        people = [row for row in rows if row[at["username"]] != "-"]
        desk = people[rng.integers(len(people))]
        stolen = rng.choice(users, rng.integers(1, 4), replace=False)
        rhythms: dict[tuple[str, str], list[float]] = {}
        for row in people:
            rhythms.setdefault((row[at["username"]], row[at["id.resp_h"]]), []).append(float(row[at["ts"]]))
        long = [moments for moments in rhythms.values() if len(moments) > 5]
        for number in range(sessions):
            user, target = str(rng.choice(stolen)), people[rng.integers(len(people))]
            rhythm = np.array(long[rng.integers(len(long))]) + rng.uniform(-600, 600)
            for k, ts in enumerate(rhythm[:30]):
                like = people[rng.integers(len(people))]
                row = list(target)
                for name in ("id.orig_h", "hostname", "domainname"):
                    row[at[name]] = desk[at[name]]
                for name in ("success", "id.orig_p"):
                    row[at[name]] = like[at[name]]
                row[at["ts"]], row[at["uid"]], row[at["username"]] = f"{ts:.6f}", f"Crt{number}x{k}d{day.name}", user
                rows.append(row)
                labels.append(f"ntlm\t{row[at['uid']]}\t{ts:.6f}\t1\tstolen_account")
        rows.sort(key=lambda row: float(row[at["ts"]]))
        head = [line for line in lines if line.startswith("#") and not line.startswith("#close")]
        path.write_text("".join(f"{line}\n" for line in [*head, *("\t".join(row) for row in rows)]))
    (folder / "redteam.tsv").write_text("".join(f"{line}\n" for line in labels))
    return [day / "ntlm.log" for day in done.folders], folder / "redteam.tsv"
