"""Modes as a table that a person reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from oddlog_core.features.ntlm import LogonFields

__all__ = ["table"]

_UNSET = "-"
_WIDEST = 24


def table(fields: LogonFields, modes: NDArray[np.int32], shares: Sequence[float]) -> list[str]:
    """A line for each mode, the most common first, under the names of the fields in which they differ.

    What all of them have in common is said once, above.
    """
    order = np.argsort(np.array(shares), kind="stable")[::-1]
    texts = [[fields.name(f, int(mode[f])) or _UNSET for f in range(len(fields.names))] for mode in modes[order]]
    same = [f for f in range(len(fields.names)) if len({text[f] for text in texts}) == 1]
    differ = [f for f in range(len(fields.names)) if f not in same]
    rows = [["share", *(fields.names[f] for f in differ)]]
    rows += [[f"{shares[k]:.1%}", *(_short(text[f]) for f in differ)] for k, text in zip(order, texts, strict=True)]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    common = ", ".join(f"{fields.names[f]}={_short(texts[0][f])}" for f in same)
    lines = [[cells[0].rjust(widths[0]), *map(str.ljust, cells[1:], widths[1:])] for cells in rows]
    return [*([f"in all of them: {common}"] if same else []), *("  ".join(line).rstrip() for line in lines)]


def _short(text: str) -> str:
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
