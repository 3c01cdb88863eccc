"""Run benchmarks and put what they print into README.md, between `<!-- bench: NAME... -->` and `<!-- end -->`.

Run it with `python benchmarks/readme.py NAME...`, from an idle machine. What several scripts of one place print becomes
one table where their tables have the same columns. A name without a place is refused before anything runs.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from textwrap import indent

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.md"
PLACE = re.compile(r"(?P<start><!-- bench: (?P<names>[\w ]+) -->\n)(?P<old>.*?)(?P<end><!-- end -->\n)", re.DOTALL)
MARKER = re.compile(r"^<!-- (?:bench: .*|end) -->$", re.MULTILINE)


def places(text: str) -> dict[str, str]:
    """Which place each script's output has: the names that its marker has, by each of them."""
    found = list(PLACE.finditer(text))
    if 2 * len(found) != len(MARKER.findall(text)):
        raise SystemExit(f"{README}: every `<!-- bench: ... -->` needs an `<!-- end -->` of its own")
    return {name: place["names"] for place in found for name in place["names"].split()}


def output(name: str) -> str:
    started = time.perf_counter()
    done = subprocess.run([sys.executable, HERE / f"{name}.py"], check=True, stdout=subprocess.PIPE, text=True)
    print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    return done.stdout.strip()


def together(outputs: list[str]) -> str:
    """One output as it is, or indented where it has no table; of several all rows under one head, then the rest."""
    if len(outputs) == 1:
        return outputs[0] if "|" in outputs[0] else indent(outputs[0], "    ")
    lines = [line for output in outputs for line in output.splitlines() if line]
    rows = dict.fromkeys(line for line in lines if line.startswith("|"))
    beside = [line for line in lines if not line.startswith("|")]
    return "\n".join([*rows, "", *beside]).strip()


def replaced(text: str, names: str, new: str) -> str:
    """The text with what is between the markers of these scripts replaced."""
    return PLACE.sub(
        lambda place: f"{place['start']}\n{new}\n\n{place['end']}" if place["names"] == names else place[0], text
    )


def main() -> None:
    known = places(README.read_text())
    if missing := [name for name in sys.argv[1:] if name not in known]:
        raise SystemExit(f"{README} has no `<!-- bench: ... -->` for {', '.join(missing)}")
    for names in dict.fromkeys(known[name] for name in sys.argv[1:]):
        new = together([output(name) for name in names.split()])
        # Read anew: what runs for minutes must not undo what was written meanwhile.
        README.write_text(replaced(README.read_text(), names, new))


if __name__ == "__main__":
    main()
