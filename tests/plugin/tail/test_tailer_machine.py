"""Random file actions against a model, as Vector tests its file source."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from oddlog.tail import Tailer, TailPosition

SOURCES = ("conn.log", "conn_logger-1.log", "ntlm.log")
GRACE = 10.0


@dataclass
class Life:
    """What one file held from its creation, or from when it was cut back, to its end."""

    lines: list[bytes] = field(default_factory=list)
    lossy: bool = False
    copied: bool = False


@dataclass
class Writer:
    """The single writer behind one live name, and all it ever wrote."""

    path: Path
    fd: int | None = None
    life: Life | None = None
    pending: tuple[bytes, int] = (b"", 0)
    lives: list[Life] = field(default_factory=list)
    live: Life | None = None
    archived: list[tuple[Path, Life]] = field(default_factory=list)
    away: Life | None = None

    def close(self) -> None:
        if self.fd is not None:
            os.close(self.fd)
        self.fd, self.life, self.pending = None, None, (b"", 0)


class LiveLogs(RuleBasedStateMachine):
    """Every complete line is delivered exactly once, in order, whatever happens to the files."""

    sources = st.sampled_from(SOURCES)

    @initialize(block=st.sampled_from([64, 300, 4096]), append=st.booleans())
    def begin(self, block, append):
        self.folder = Path(tempfile.mkdtemp())
        self.archive = self.folder / "archive"
        self.archive.mkdir()
        self.now, self.serial = 1_000.0, 0
        self.block, self.append = block, append
        self.writers = {name: Writer(self.folder / name) for name in SOURCES}
        self.delivered: dict[str, list[bytes]] = {name: [] for name in SOURCES}
        self.tailer = self.start(TailPosition())
        self.saved = (TailPosition(), {name: [] for name in SOURCES})

    def start(self, position):
        position = msgspec.json.decode(msgspec.json.encode(position), type=TailPosition)
        return Tailer(
            self.folder,
            ("conn", "ntlm"),
            position,
            archive_folders=[self.archive],
            grace=GRACE,
            block=self.block,
            max_line=60,
            clock=lambda: self.now,
        )

    def teardown(self):
        if not hasattr(self, "tailer"):
            return
        try:
            for name, writer in self.writers.items():
                if writer.live is None or not writer.live.lines:
                    # What came into a renamed file after the grace time is found when the next file starts.
                    writer.close()
                    self.writes_lines(name, 1)
            self.settle()
            for name, writer in self.writers.items():
                self.judge(self.delivered[name], writer)
        finally:
            self.tailer.close()
            for writer in self.writers.values():
                writer.close()
            shutil.rmtree(self.folder)

    def judge(self, delivered, writer):
        got = set(delivered)
        expected = []
        for life in writer.lives:
            optional = life.lossy or life is writer.away or (life.copied and not got & set(life.lines))
            expected += [line for line in life.lines if not optional or line in got]
        assert delivered == expected

    def settle(self):
        quiet = 0
        while quiet < 3:
            self.now += GRACE + 1
            quiet = 0 if self.read() else quiet + 1

    def read(self):
        chunks = self.tailer.poll()
        # A hole longer than a block is passed block by block: nothing comes of it, but there is more.
        while not chunks and self.tailer.wait(0):
            chunks = self.tailer.poll()
        for chunk in chunks:
            assert chunk.data.endswith(b"\n")
            self.delivered[chunk.source] += chunk.data.splitlines(keepends=True)
        return chunks

    def touch(self, file):
        """Give the file the time of the test: the order of files must not hang on the kernel's tick."""
        self.now += 0.01
        os.utime(file, ns=(int(self.now * 1e9), int(self.now * 1e9)))

    def put(self, writer, data):
        if writer.fd is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | (os.O_APPEND if self.append else 0)
            writer.fd = os.open(writer.path, flags, 0o644)
            self.live_again(writer)
        os.write(writer.fd, data)
        self.touch(writer.fd)

    def live_again(self, writer):
        """The live file starts from nothing; what it held before may not have been read."""
        if writer.live:
            writer.live.lossy = True
        writer.life = writer.live = Life()
        writer.lives.append(writer.life)

    def line(self):
        self.serial += 1
        return b"%d\t%s\n" % (self.serial, b"x" * (self.serial % 40))

    def known(self, position):
        return {each.source for each in position.files}

    # What writers and rotation do

    @rule(source=sources, count=st.integers(1, 6))
    def writes_lines(self, source, count):
        writer = self.writers[source]
        line, cut = writer.pending
        lines = [self.line() for _ in range(count)]
        self.put(writer, line[cut:] + b"".join(lines))
        writer.life.lines += [line] * bool(line) + lines
        writer.pending = (b"", 0)

    @rule(source=sources, size=st.integers(1, 20))
    def writes_part_of_a_line(self, source, size):
        writer = self.writers[source]
        line, cut = writer.pending if writer.pending[0] else (self.line(), 0)
        size = min(size, len(line) - cut)
        self.put(writer, line[cut : cut + size])
        writer.pending = (line, cut + size)
        if cut + size == len(line):
            writer.life.lines.append(line)
            writer.pending = (b"", 0)

    @rule(
        source=sources,
        how=st.sampled_from(["zeek", "zeekctl", "logrotate"]),
        closes=st.booleans(),
        late=st.booleans(),
        creates=st.booleans(),
    )
    def rotates(self, source, how, closes, late, creates):
        writer = self.writers[source]
        if writer.live is None:
            return
        if closes and writer.fd is not None and writer.life is writer.live and not writer.pending[0]:
            writer.life.lines.append(b"#close\t%d\n" % self.serial)
            self.put(writer, writer.life.lines[-1])
            late = False
            self.serial += 1
        if source not in self.known(self.tailer.position()):
            writer.live.lossy = True
        self.serial += 1
        stem = source.removesuffix(".log")
        to = {
            "zeek": self.folder / f"{stem}.2026-11-23-01-42-{self.serial}.log",
            "zeekctl": self.archive / f"{stem}.13:00:00-14:00:{self.serial}.log",
            "logrotate": self.folder / f"{source}.{self.serial}",
        }[how]
        writer.path.rename(to)
        writer.archived.append((to, writer.live))
        if not late:
            writer.close()
        writer.live = None
        if creates and late and writer.fd is not None:
            writer.path.touch()
            self.touch(writer.path)
            writer.live = Life()
            writer.lives.append(writer.live)

    @rule(source=sources)
    def writer_reopens(self, source):
        writer = self.writers[source]
        writer.close()

    @rule(source=sources)
    def restart_cuts_back_in_place(self, source):
        writer = self.writers[source]
        writer.close()
        self.put(writer, b"")

    @rule(source=sources)
    def copytruncate(self, source):
        writer = self.writers[source]
        if writer.fd is None or writer.life is not writer.live or writer.pending[0] or not writer.life.lines:
            return
        writer.life.copied = True
        if source not in self.known(self.tailer.position()):
            writer.life.lossy = True
        self.serial += 1
        copy = self.folder / f"{source}.{self.serial}"
        shutil.copy(writer.path, copy)
        self.touch(copy)
        writer.archived.append((copy, writer.life))
        os.ftruncate(writer.fd, 0)
        writer.live = None
        self.live_again(writer)
        self.touch(writer.fd)

    @rule(source=sources)
    def removes_the_live_file(self, source):
        writer = self.writers[source]
        if writer.live:
            writer.path.unlink()
            writer.live.lossy = True
            writer.live = None

    @rule(source=sources)
    def removes_an_archive(self, source):
        writer = self.writers[source]
        if writer.archived:
            path, life = writer.archived.pop(0)
            path.unlink()
            life.lossy = True

    @rule(source=sources)
    def vanishes_or_returns(self, source):
        writer = self.writers[source]
        aside = self.folder / f"{source}.aside"
        if writer.away is None:
            if writer.live:
                writer.path.rename(aside)
                writer.live, writer.away = None, writer.live
        elif writer.away is writer.lives[-1]:
            aside.rename(writer.path)
            writer.live, writer.away = writer.away, None

    # What the reader does

    @rule(seconds=st.floats(0.01, 15))
    def reads(self, seconds):
        self.now += seconds
        self.read()

    @rule()
    def restarts(self):
        position = self.tailer.position()
        self.tailer.close()
        assert self.tailer.position() == position
        self.tailer = self.start(position)
        self.forget_unseen(position)

    @rule()
    def checkpoints(self):
        self.saved = (self.tailer.position(), {name: list(lines) for name, lines in self.delivered.items()})

    @rule()
    def is_killed_and_goes_back_to_the_checkpoint(self):
        self.tailer.close()
        position, delivered = self.saved
        self.delivered = {name: list(lines) for name, lines in delivered.items()}
        self.tailer = self.start(position)
        self.forget_unseen(position)

    def forget_unseen(self, position):
        """Archives of a name that the position does not know are not read; removed files are out of reach."""
        for name, writer in self.writers.items():
            for life in writer.lives:
                if name not in self.known(position) and life is not writer.live:
                    life.lossy = True


class TestLiveLogs(LiveLogs.TestCase):
    settings = settings(
        max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
