"""Whatever sensors do to their logs, and whatever happens to the daemon, every complete line is scored once."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import tempfile
from functools import partial
from itertools import pairwise
from pathlib import Path

import witness
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from live import Script
from oddlog.tail import read_checkpoint
from witness import Killed, Sensor

LONG = "TEST_LONG" in os.environ
SOURCES = ("conn.log", "conn_logger-1.log", "ntlm.log")


class Busy(Sensor):
    """A sensor whose logs are rotated, compressed, cut back, moved away and switched between formats."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.logs.rmdir()
        self.days = 0
        self.forms = dict.fromkeys(SOURCES, "json")
        self.half: dict[str, tuple[int, bytes]] = {}
        self.denied = False
        self.notice_files: list[Path] = []
        self.switch()
        for source in SOURCES:
            self.write(source)

    def settled(self) -> bool:
        """Whether all that was written was read, and nothing is half written."""
        said = {number for _, number, _ in witness.told(*self.notice_files, self.notices)}
        return not self.half and said == set().union(*self.by_source.values())

    def covered(self, source: str) -> bool:
        """Whether a checkpoint knows of all that a file holds: what is then gone is not missed by a restart."""
        path = self.logs / source
        if not path.exists() or not self.settled():
            return False
        checkpoint = read_checkpoint(self.folder / "state" / "checkpoint")
        known = {(each.file.inode, each.offset) for each in checkpoint.position.files} if checkpoint else set()
        return (path.stat().st_ino, path.stat().st_size) in known

    def put(self, source: str, data: bytes) -> None:
        path, aside = self.logs / source, self.logs / f"{source}.aside"
        if aside.exists():
            aside.rename(path)
        if self.forms[source] == "tsv" and (not path.exists() or not path.stat().st_size):
            data = witness.header(source.partition("_")[0].removesuffix(".log")) + data
        with path.open("ab") as file:
            file.write(data)
        os.utime(path, (1_700_000_000 + self.written,) * 2)

    def write(self, source: str, n: int = 1) -> None:
        for _ in range(n):
            number, rest = self.half.pop(source, (None, None))
            if rest is None:
                number, rest = self.written, witness.line(self.written, self.forms[source])
                self.written += 1
            self.put(source, rest)
            self.by_source.setdefault(source, []).append(number)

    def write_a_part(self, source: str, n: int) -> None:
        if source not in self.half:
            whole = witness.line(self.written, self.forms[source])
            self.half[source] = self.written, whole[n:]
            self.written += 1
            self.put(source, whole[:n])

    def rotate(self, source: str, n: int) -> None:
        path = self.logs / source
        if source in self.half or not path.exists():
            return
        if n % 2 and self.forms[source] == "tsv":
            self.put(source, b"#close\t2024-01-29-00-00-00\n")
        self.rotated += 1
        name = path.with_suffix(f".2024-01-29-00-00-{self.rotated:02d}.log")
        path.rename(name)
        if n % 3 == 0:
            packed = name.with_name(f"{name.name}.gz")
            packed.write_bytes(gzip.compress(name.read_bytes()))
            os.utime(packed, ns=(name.stat().st_mtime_ns,) * 2)
            name.unlink()

    def begin_anew_in_place(self, source: str, n: int) -> None:
        """As Zeek does when it is started again; what was not read would be gone."""
        if self.covered(source):
            self.forms[source] = ("json", "tsv")[n % 2]
            os.truncate(self.logs / source, 0)

    def copytruncate(self, source: str, *_: object) -> None:
        path = self.logs / source
        if path.exists() and self.settled():
            self.rotated += 1
            copy = path.with_name(f"{source}.{self.rotated}")
            shutil.copy2(path, copy)
            os.truncate(path, 0)

    def vanish_or_return(self, source: str, *_: object) -> None:
        path, aside = self.logs / source, self.logs / f"{source}.aside"
        if aside.exists() and not path.exists():
            aside.rename(path)
        elif self.covered(source) and not aside.exists():
            path.rename(aside)

    def switch(self, *_: object) -> None:
        """`current` is another day's folder."""
        if self.half or any((self.logs / f"{source}.aside").exists() for source in SOURCES):
            return
        self.days += 1
        day = self.folder / f"day-{self.days}"
        day.mkdir()
        link = self.folder / "link"
        link.symlink_to(day)
        link.replace(self.logs)

    def deny_or_allow(self, *_: object) -> None:
        self.denied = not self.denied

    def rotate_notices(self, *_: object) -> None:
        if self.notices.exists():
            name = self.notices.with_name(f"notice.log.{len(self.notice_files)}")
            self.notice_files.append(self.notices.rename(name))


ACTIONS = (
    "write",
    "write",
    "write",
    "write_a_part",
    "rotate",
    "begin_anew_in_place",
    "copytruncate",
    "vanish_or_return",
    "switch",
    "deny_or_allow",
    "rotate_notices",
    "pause",
    "kill",
    "stop",
)


def play(busy: Busy, program: list[tuple[str, str, int]]) -> None:
    """Run a program, watched; killed and started again where it says so."""
    ends = [-1, *(at for at, (action, _, _) in enumerate(program) if action in ("kill", "stop")), len(program)]
    for before, end in pairwise(ends):
        # Permissions that do not let a start read what was read before cost the order, and are waited for by nobody.
        busy.denied = False
        script = Script([], seconds=3.0)
        for action, source, n in program[before + 1 : end]:
            if action == "pause":
                script.actions.append(script.pause(11.0))
            else:
                script.actions.append(partial(getattr(busy, action), source, n))
        if end < len(program) and program[end][0] == "kill":
            script.actions.extend([die, lambda: None])
        try:
            busy.watch(script)
        except Killed:
            continue


def die():
    raise Killed


@settings(max_examples=400 if LONG else 25, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from(SOURCES), st.integers(1, 6)), max_size=30))
# The file after a rotated one is copied and cut back, and no file that holds something follows the rotated one.
@example(
    [
        ("rotate", "conn.log", 1),
        ("write", "conn.log", 1),
        ("write", "conn_logger-1.log", 1),
        ("copytruncate", "conn.log", 1),
        ("kill", "conn.log", 1),
    ]
)
def test_every_complete_line_is_scored_once_in_the_order_of_its_file(program):
    with tempfile.TemporaryDirectory() as folder:
        busy = Busy(Path(folder))
        opens = os.open

        def open_(path, *arguments, **named):
            if busy.denied and str(path).endswith((".log", ".gz")) and "out" not in str(path):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            return opens(path, *arguments, **named)

        os.open = open_
        try:
            play(busy, [("pause", "", 0), *program])
            busy.denied = False
            for source in SOURCES:
                # What came into a file that was renamed since is found at the latest when the next one begins.
                busy.write(source)
            busy.settle()
            busy.judge(*busy.notice_files, busy.notices)
        finally:
            os.open = opens
