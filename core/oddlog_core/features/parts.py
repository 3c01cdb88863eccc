"""Habits as a file."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from oddlog_core.features.habits import Chain, Typical

__all__ = ["read_parts", "write_parts"]


def write_parts(path: Path, parts: Mapping[str, Chain | Typical]) -> None:
    """Write a file that NumPy opens as it opens its own .npz."""
    with zipfile.ZipFile(path, "w") as archive:
        for part, kept in sorted(parts.items()):
            for name, array in kept.arrays().items():
                # Not np.savez: it writes the time, and one baseline must give one bundle.
                entry = zipfile.ZipInfo(f"{part}/{name}.npy")
                entry.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(entry, "w") as file:
                    np.lib.format.write_array(file, array, allow_pickle=False)


def read_parts(path: Path) -> dict[str, dict[str, NDArray[Any]]]:
    """The arrays of each part, as its `of_arrays` takes them."""
    parts: dict[str, dict[str, NDArray[Any]]] = {}
    with np.load(path, allow_pickle=False) as archive:
        for entry in archive.files:
            part, _, name = entry.partition("/")
            parts.setdefault(part, {})[name] = archive[entry]
    return parts
