"""A bundle: a folder that holds everything that was learned. No pickle; every file hashed."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from oddlog_core.budget import Budget  # noqa: TC001  # msgspec reads the annotations
from oddlog_core.calibration import Calibration  # noqa: TC001
from oddlog_core.chains import Chains  # noqa: TC001
from oddlog_core.drilled import Drill  # noqa: TC001
from oddlog_core.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from oddlog_core.detectors.contract import Detector

    DETECTORS: tuple[type[Detector], ...]

__all__ = [
    "DETECTORS",
    "FORMAT",
    "About",
    "Bundle",
    "Trained",
    "check_free",
    "keep_drill",
    "read_bundle",
    "write_bundle",
]

FORMAT = 2
_DETECTORS = {
    "conn-autoencoder": "autoencoder.AutoencoderDetector",
    "ntlm-kmodes": "kmodes.KModesDetector",
    "dce_rpc-hosts": "hosts.HostsDetector",
    "dce_rpc-operations": "operations.OperationsDetector",
    "wls-kmodes": "kmodes.HostEventsDetector",
    "conn-novelty": "novelty.ConnNoveltyDetector",
    "flow-novelty": "novelty.FlowNoveltyDetector",
    "auth-sessions": "risk.AuthSessionsDetector",
    "ntlm-sessions": "risk.NtlmSessionsDetector",
}
MANIFEST = "bundle.json"


def _detector(name: str) -> type[Detector]:
    """A detector by its name; only those that a bundle holds are imported."""
    module, _, kind = _DETECTORS[name].partition(".")
    found: type[Detector] = getattr(import_module(f"oddlog_core.detectors.{module}"), kind)
    return found


def __getattr__(name: str) -> Any:
    if name == "DETECTORS":
        return tuple(map(_detector, _DETECTORS))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class About(msgspec.Struct, frozen=True):
    """Where a detector's knowledge comes from.

    Attributes
    ----------
    records : int
        Records of the baseline.
    held_back : int
        Scores that the calibration rests on.
    first, last : int
        The baseline's clock, microseconds since the epoch.
    """

    records: int
    held_back: int
    first: int
    last: int


class _Entry(msgspec.Struct, frozen=True):
    about: About
    calibration: Calibration


class _Manifest(msgspec.Struct, frozen=True):
    format: int
    oddlog: str
    created: str
    comment: str
    detectors: dict[str, _Entry]
    files: dict[str, str]
    chains: Chains | None = None
    budget: Budget | None = None
    joint: dict[str, Calibration] = {}
    drill: Drill | None = None
    sha256: str = ""
    """Of the manifest itself without these digits: the calibrations in it decide as much as any model."""


class _Files(msgspec.Struct):
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class Trained:
    """A detector with its calibration and where its knowledge comes from."""

    detector: Detector
    calibration: Calibration
    about: About

    def threshold(self, days: float) -> float:
        """Score from which a record is odd: its detector's own, or the lowest that is as rare as once in `days`."""
        own = self.detector.threshold
        return self.calibration.threshold(days) if own is None else own


@dataclass(frozen=True, slots=True)
class Bundle:
    """What was learned.

    Attributes
    ----------
    oddlog : str
        The version that wrote it.
    created : str
        ISO 8601.
    comment : str
        What it is for, in the words of whoever made it.
    digest : str
        Short hash over all of it; names it in notices.
    trained : mapping of str to Trained
        By the detector's name.
    chains : Chains or None
        What chains of weak findings the baseline has.
    budget : Budget or None
        How many notices a day it would have had.
    joint : mapping of str to Calibration
        By log: of what the p-values of its detectors of records add up to, where it has several.
    drill : Drill or None
        Which attacks it finds on the site's own logs.
    """

    oddlog: str
    created: str
    comment: str
    digest: str
    trained: Mapping[str, Trained]
    chains: Chains | None = None
    budget: Budget | None = None
    joint: Mapping[str, Calibration] = field(default_factory=dict)
    drill: Drill | None = None


def write_bundle(
    folder: Path,
    trained: Mapping[str, Trained],
    *,
    oddlog: str,
    created: str,
    comment: str,
    chains: Chains | None = None,
    budget: Budget | None = None,
    joint: Mapping[str, Calibration] | None = None,
) -> None:
    """Write a bundle beside its final place and then move it there, replacing a bundle that is there.

    Raises
    ------
    BundleError
        If the folder holds something that is no bundle, or no part of it.
    """
    check_free(folder)
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for name, one in trained.items():
        (draft / name).mkdir()
        one.detector.save(draft / name)
    manifest = _Manifest(
        FORMAT,
        oddlog,
        created,
        comment,
        {name: _Entry(one.about, one.calibration) for name, one in trained.items()},
        {
            path.relative_to(draft).as_posix(): _sha256(path.read_bytes())
            for path in sorted(draft.rglob("*"))
            if path.is_file()
        },
        chains,
        budget,
        dict(joint or {}),
    )
    (draft / MANIFEST).write_bytes(_sealed(manifest))
    if folder.exists():
        shutil.rmtree(folder)
    draft.rename(folder)


def keep_drill(folder: Path, drill: Drill) -> None:
    """Add to a bundle that was just written which attacks it finds; that makes it another one, by its digest.

    Raises
    ------
    BundleError
        If there is no whole bundle.
    """
    read_bundle(folder)
    manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=_Manifest)
    draft = folder / f".{MANIFEST}.draft"
    draft.write_bytes(_sealed(msgspec.structs.replace(manifest, drill=drill, sha256="")))
    draft.replace(folder / MANIFEST)


def _sealed(manifest: _Manifest) -> bytes:
    content = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    sealed = msgspec.structs.replace(manifest, sha256=_sha256(content))
    return msgspec.json.format(msgspec.json.encode(sealed), indent=1)


def check_free(folder: Path) -> None:
    """Refuse a folder in which writing a bundle would cost someone a file."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise BundleError(f"{folder} is a file; give a new folder")
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    if not found:
        return
    if MANIFEST not in found:
        raise BundleError(f"{folder} holds files but no bundle; give a new folder")
    try:
        known = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=_Files).files
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{folder / MANIFEST} is damaged: {error}; give a new folder") from None
    strange = sorted(found - {MANIFEST, *known})
    if strange:
        raise BundleError(f"{folder} holds {strange[0]}, which is no part of the bundle there; give a new folder")


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle after checking every file's hash.

    Raises
    ------
    BundleError
        If it is missing, damaged, of a newer format, or not as it was written.
    """
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{folder} is no bundle: {MANIFEST} cannot be read ({error.strerror})") from None
    try:
        version = msgspec.json.decode(content, type=dict[str, object]).get("format")
        if version != FORMAT:
            newer = isinstance(version, int) and version > FORMAT
            what = "a newer oddlog wrote it" if newer else "train it anew"
            raise BundleError(f"{path}: format is {version}, this oddlog reads {FORMAT}; {what}")
        manifest = msgspec.json.decode(content, type=_Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} is damaged: {error}") from None
    if _sha256(content.replace(manifest.sha256.encode(), b"", 1)) != manifest.sha256:
        raise BundleError(f"{path} is not as it was written: its hash differs from that in it")
    for name, digest in manifest.files.items():
        try:
            found = _sha256((folder / name).read_bytes())
        except OSError as error:
            raise BundleError(f"{folder / name}: {error.strerror}; the bundle is not complete") from None
        if found != digest:
            raise BundleError(f"{folder / name} is not as it was written: its hash differs from that in {MANIFEST}")
    trained = {}
    for name, entry in manifest.detectors.items():
        if name not in _DETECTORS:
            raise BundleError(f"{path}: no detector is called {name!r}; was it written by a newer oddlog?")
        for file in (folder / name).rglob("*"):
            if not file.is_dir() and file.relative_to(folder).as_posix() not in manifest.files:
                raise BundleError(f"{file} is no part of the bundle: {MANIFEST} has no hash of it")
        trained[name] = Trained(_load(_detector(name), folder / name), entry.calibration, entry.about)
    digest = _sha256(content)[:12]
    return Bundle(
        manifest.oddlog,
        manifest.created,
        manifest.comment,
        digest,
        trained,
        manifest.chains,
        manifest.budget,
        manifest.joint,
        manifest.drill,
    )


def _load(kind: type[Detector], folder: Path) -> Detector:
    try:
        return kind.load(folder)
    # Right by its hash and yet not what a detector saves: that raises what the part that reads it raises.
    except Exception as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise BundleError(f"{folder} does not hold what this oddlog saves there: {reason}") from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
