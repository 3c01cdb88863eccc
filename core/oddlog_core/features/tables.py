"""Learned arrays as one file that NumPy opens as it opens its own .npz."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["read_tables", "write_tables"]


def write_tables(path: Path, parts: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
    """Write the arrays of each part, by name."""
    with zipfile.ZipFile(path, "w") as archive:
        for part, arrays in sorted(parts.items()):
            for name, array in arrays.items():
                # Not np.savez: it writes the time, and one baseline must give one bundle.
                entry = zipfile.ZipInfo(f"{part}/{name}.npy")
                entry.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(entry, "w") as file:
                    np.lib.format.write_array(file, array, allow_pickle=False)


def read_tables(path: Path) -> dict[str, dict[str, NDArray[Any]]]:
    """Read what `write_tables` wrote."""
    parts: dict[str, dict[str, NDArray[Any]]] = {}
    with np.load(path, allow_pickle=False) as archive:
        for entry in archive.files:
            part, _, name = entry.partition("/")
            parts.setdefault(part, {})[name] = archive[entry]
    return parts
