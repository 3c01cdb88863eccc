"""A real Zeek's life, replayed: rotation every 15 s, SIGTERM, a restart in place, SIGKILL, another restart."""

from __future__ import annotations

import csv
import os
from itertools import groupby

import pytest
from oddlog.tail import Tailer


class Folder:
    """Plays a timeline's events, with the files' true bytes where they are kept and lines of the same size where not.

    Kept are the rotated files and what conn.log held at the very end.
    """

    def __init__(self, origin, folder):
        self.origin = origin
        self.folder = folder
        self.written: list[bytes] = []
        with (origin / "timeline.tsv").open() as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        self.moments = [(float(at), list(each)) for at, each in groupby(rows, key=lambda row: row["seconds"])]
        rotated = {row["inode"]: row["name"] for row in rows if row["event"] == "appears" and row["name"] != "conn.log"}
        live = [row for row in rows if row["name"] == "conn.log" and row["event"] != "gone"]
        starts = [at for at, row in enumerate(live) if row["event"] != "grows"]
        self.contents = []
        for start, end in zip(starts, [*starts[1:], len(live)], strict=True):
            kept = rotated.get(live[start]["inode"], "conn.log" if end == len(live) else None)
            self.contents.append(
                (origin / kept).read_bytes() if kept else self.made_up(start, int(live[end - 1]["size"]))
            )
        self.content = b""

    @staticmethod
    def made_up(start, size):
        lines = b"".join(b"life %d line %d\n" % (start, number) for number in range(size))
        return lines[: size - 1] + b"\n"

    def grow(self, size):
        log = self.folder / "conn.log"
        with log.open("ab") as file:
            file.write(self.content[file.tell() : size])

    def play(self, rows):
        log = self.folder / "conn.log"
        for row in rows:
            size = int(row["size"])
            if row["name"] != "conn.log":
                self.grow(size)
                log.rename(self.folder / row["name"])
            elif row["event"] in {"appears", "replaced", "shrinks"}:
                self.content = self.contents.pop(0)
                self.written += self.content.splitlines(keepends=True)
                log.write_bytes(self.content[:size])
            elif row["event"] == "grows":
                self.grow(size)

    def finish(self):
        self.grow(len(self.content))


@pytest.mark.parametrize("form", ["tsv", "json"])
@pytest.mark.parametrize("every", [1, 2, 5])
@pytest.mark.parametrize("restarts", [False, True])
def test_every_line_of_a_real_rotating_zeek_is_delivered_once_and_in_order(real_logs, tmp_path, form, every, restarts):
    """Read after each, each second or fifth moment, and always before what was not rotated is cut back."""
    folder = Folder(real_logs / "zeek-rotation" / form, tmp_path)
    tailer = Tailer(tmp_path, ["conn"], clock=lambda: 0.0)
    chunks = tailer.poll()
    for number, (now, rows) in enumerate(folder.moments):
        if any(row["event"] == "shrinks" for row in rows):
            chunks += tailer.poll()
        folder.play(rows)
        for row in rows:
            if (tmp_path / row["name"]).exists():
                os.utime(tmp_path / row["name"], ns=(int(now * 1e9), int(now * 1e9)))
        if number % every == 0:
            chunks += tailer.poll()
            if restarts:
                tailer.close()
                tailer = Tailer(tmp_path, ["conn"], tailer.position(), clock=lambda: 0.0)
    folder.finish()
    chunks += tailer.poll()
    tailer.close()
    assert b"".join(chunk.data for chunk in chunks).splitlines(keepends=True) == folder.written
    lives = sum(line.startswith(b"#separator") for line in folder.written) + 2 if form == "tsv" else 6
    assert sum(chunk.fresh for chunk in chunks) == lives
    assert not any(tailer.lost().values())
