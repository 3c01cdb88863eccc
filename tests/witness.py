"""A sensor's logs, and a detector to which every record is odd and each score tells of all records before it."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from live import Script
from oddlog.config import Config
from oddlog.watch import watch
from oddlog_core.bundle import About, Bundle, Trained
from oddlog_core.calibration import Calibration
from oddlog_core.detectors.contract import Detector, Reason, Scored

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from oddlog.watch import Counters
    from oddlog_core.records import Records

# Nothing is said of twice over: each record is one notice.
CONFIG = Config(notices_per_day=1_000_000, suppress_for=0)
"""So many notices that every record is one."""

_PRIME = 999_983


class _Witness(Detector):
    note = "Odd_Connection"
    remembers = "all"

    def new_state(self) -> np.ndarray:
        return np.zeros(1, np.int64)

    def score_samples(self, records: Records, state: np.ndarray, threshold: float) -> Scored:
        scores = []
        for number in records.integers["id.orig_p"].tolist():
            state[0] = (31 * state[0] + number + 1) % _PRIME
            scores.append(float(state[0]))
        return Scored.of_records(records, np.array(scores), threshold, records.integers["id.orig_p"])

    def explain(self, scored: Scored, index: int) -> tuple[Reason, ...]:
        return (Reason("id.orig_p", str(scored.evidence[index]), None, 1.0),)

    def export_state(self, state: np.ndarray) -> dict[str, Any]:
        return {"sum": state.copy()}

    def restore_state(self, exported: dict[str, Any]) -> np.ndarray:
        return exported["sum"]

    @classmethod
    def fit(cls, baseline, options): ...

    def save(self, folder): ...

    @classmethod
    def load(cls, folder): ...

    def describe(self) -> list[str]:
        return []


class _ConnWitness(_Witness):
    name, log = "conn-witness", "conn"


class _NtlmWitness(_Witness):
    name, log = "ntlm-witness", "ntlm"


def bundle(digest: str = "0123456789ab") -> Bundle:
    """Both witnesses."""
    calibration = Calibration.fit(np.arange(100.0), 1.0)
    trained = {kind.name: Trained(kind(), calibration, About(1, 1, 0, 1)) for kind in (_ConnWitness, _NtlmWitness)}
    return Bundle("0", "2024-01-29", "", digest, trained)


BUNDLE = bundle()


def line(number: int, form: str = "json") -> bytes:
    """The record of a number."""
    port = number % 65_536
    if form == "tsv":
        return f"{1_700_000_000 + number}.000000\tC{number}\t10.0.0.1\t{port}\t10.0.0.2\t445\ttcp\n".encode()
    record = {
        "ts": 1_700_000_000 + number,
        "uid": f"C{number}",
        "id.orig_h": "10.0.0.1",
        "id.orig_p": port,
        "id.resp_h": "10.0.0.2",
        "id.resp_p": 445,
    }
    return json.dumps(record).encode() + b"\n"


def header(log: str) -> bytes:
    """Of Zeek's TSV."""
    fields = ["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto"]
    types = ["time", "string", "addr", "port", "addr", "port", "enum"]
    if log == "ntlm":
        fields[-1:], types[-1:] = ["username"], ["string"]
    lines = [
        "#separator \\x09",
        "#set_separator\t,",
        "#empty_field\t(empty)",
        "#unset_field\t-",
        f"#path\t{log}",
        "#open\t2024-01-29-00-00-00",
        "\t".join(["#fields", *fields]),
        "\t".join(["#types", *types]),
    ]
    return ("\n".join(lines) + "\n").encode()


def told(*paths: Path) -> list[tuple[str, int, float]]:
    """Log, number of the record and score of every notice, in the order they were written."""
    out = []
    for path in paths:
        for each in path.read_bytes().splitlines(keepends=True) if path.exists() else []:
            if not each.endswith(b"\n"):
                continue
            notice = json.loads(each)
            if "uid" in notice:
                out.append((notice["oddlog"]["log"], int(notice["uid"][1:]), notice["oddlog"]["score"]))
    return out


def chained(numbers: Iterable[int]) -> list[float]:
    """Scores of records in this order."""
    scores, sum_ = [], 0
    for number in numbers:
        sum_ = (31 * sum_ + number % 65_536 + 1) % _PRIME
        scores.append(float(sum_))
    return scores


class Killed(BaseException):
    """Stands in for SIGKILL: nothing is finished, nothing is said, and no child is left."""

    def __init__(self):
        with suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)


class Sensor:
    """Writes numbered records in turn, as Zeek does, and is watched."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.written, self.rotated = folder, 0, 0
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True)
        self.by_source: dict[str, list[int]] = {}

    def write(self, source: str, n: int = 1) -> None:
        numbers = range(self.written, self.written + n)
        self.written += n
        self.by_source.setdefault(source, []).extend(numbers)
        path = self.logs / source
        with path.open("ab") as file:
            file.write(b"".join(map(line, numbers)))
        # The order of files must not hang on the kernel's tick.
        os.utime(path, (1_700_000_000 + self.written,) * 2)

    def rotate(self, source: str) -> None:
        path = self.logs / source
        if path.exists():
            self.rotated += 1
            path.rename(path.with_suffix(f".2024-01-29-00-00-{self.rotated:02d}.log"))

    def watch(self, script: Script, bundle: Bundle = BUNDLE, **how: object) -> Counters:
        logs, out, state = self.logs, self.folder / "out", self.folder / "state"
        return watch(logs, bundle, CONFIG, out, state, script, clock=script.clock, **how)

    def settle(self, script: Script | None = None) -> None:
        """Watch until all that was written is read."""
        script = script or Script([])
        script.settle()
        self.watch(script)

    @property
    def notices(self) -> Path:
        return self.folder / "out" / "notice.log"

    def judge(self, *paths: Path) -> None:
        """Every record was said once, in an order in which it was scored, and each file's in its own."""
        notices = told(*(paths or [self.notices]))
        for log in ("conn", "ntlm"):
            said = [(number, score) for of, number, score in notices if of == log]
            mine = {source: numbers for source, numbers in self.by_source.items() if source.startswith(log)}
            assert sorted(number for number, _ in said) == sorted(chain(*mine.values()))
            assert [score for _, score in said] == chained(number for number, _ in said)
            for numbers in mine.values():
                assert [number for number, _ in said if number in set(numbers)] == numbers
