"""LANL's host events down the whole road: a few days to a bundle, and the next day scored by it."""

from __future__ import annotations

import gzip
import json

import numpy as np
from oddlog import archive, baseline
from oddlog.config import Config
from oddlog.logs import open_logs
from oddlog_core.bundle import read_bundle


def events(first, n_days, seed):
    """Thirty people at their machines, whose logons go to two servers; processes start, and a few type wrongly."""
    rng = np.random.default_rng(seed)
    lines = []
    for time in np.sort(first + rng.integers(0, n_days * 86_400, 1500 * n_days)).tolist():
        desk = int(rng.integers(30))
        user = {"UserName": f"User{desk:03}", "DomainName": "Domain001", "Time": time}
        if rng.random() < 0.3:
            event = {"EventID": 4688, "LogHost": f"Comp{desk:03}", "ProcessName": "winword.exe", **user}
        else:
            host = str(rng.choice(["ActiveDirectory", "Mail"]))
            package = str(rng.choice(["Kerberos", "Negotiate"]))
            event = {"EventID": 4624 if rng.random() > 0.02 else 4625, "LogHost": host, "LogonType": 3, **user}
            event |= {"Source": f"Comp{desk:03}", "AuthenticationPackage": package}
        lines.append(event)
    return lines


def test_days_teach_a_bundle_that_finds_the_odd_logon_of_the_next(tmp_path):
    path = tmp_path / "wls_day-01.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(event) + "\n" for event in events(0, 3, 1)).encode()))
    learned = baseline.train(open_logs([path]), Config(), tmp_path / "bundle")
    assert set(learned.trained) == {"wls-kmodes"}
    bundle = read_bundle(tmp_path / "bundle")
    words = "\n".join(bundle.trained["wls-kmodes"].detector.describe())
    assert "event_id" in words
    assert "4624" in words

    day = events(3 * 86_400, 1, 2)
    odd = {"EventID": 4624, "LogHost": "Comp004", "LogonType": 3, "UserName": "User007", "DomainName": "Domain001"}
    day.insert(800, {**odd, "Source": "Comp021", "AuthenticationPackage": "NTLM", "Time": day[800]["Time"]})
    path = tmp_path / "wls_day-04"
    path.write_text("".join(json.dumps(event) + "\n" for event in day))
    archive.score(open_logs([path]), bundle, Config(), tmp_path / "found")
    notices = [json.loads(line) for line in (tmp_path / "found" / "notice.log").read_text().splitlines()]
    # What the user did beside it, which is little, makes an incident of it, too.
    worst, incident = sorted(notices, key=lambda notice: -notice["oddlog"]["rarity"])[:2]
    assert (worst["src"], worst["dst"], worst["note"]) == ("Comp021", "Comp004", "Oddlog::Odd_Host_Event")
    assert worst["msg"].startswith("User007 caused event 4624 on Comp004 from Comp021. User007 never logged on from ")
    assert incident["msg"].startswith("As user007 2 odd things within ")
    assert "proto" not in worst
