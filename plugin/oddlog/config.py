"""oddlog.toml as typed, frozen structs; an error names the file and the key's path."""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import msgspec
from oddlog_core.options import Architecture, FeatureSet, Loss, NoveltyModel, Optimizer, Schedule

from oddlog.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Config", "ConnConfig", "DceRpcConfig", "TrainConfig", "read_config"]

Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Order = Literal["end", "start"]
Format = Literal["json", "tsv"]
_CHOICES = {
    "conn.order": get_args(Order),
    "notice_format": get_args(Format),
    "train.features": get_args(FeatureSet),
    "train.architecture": get_args(Architecture),
    "train.optimizer": get_args(Optimizer),
    "train.schedule": get_args(Schedule),
    "train.loss": get_args(Loss),
    "train.model": get_args(NoveltyModel),
}


class ConnConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[conn]``.

    Attributes
    ----------
    order : {"end", "start"}
        Whether conn.log is in the order connections ended, as Zeek writes it, or sorted by ``ts``.
    """

    order: Order = "end"


class DceRpcConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[dce_rpc]``.

    Attributes
    ----------
    window_minutes : float
        Length of a host's window, six seconds to a week.
    """

    window_minutes: Annotated[float, msgspec.Meta(ge=0.1, le=10080)] = 60.0


class TrainConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[train]``.

    Attributes
    ----------
    held_back : float
        Share of the baseline, its latest part, that thresholds are set by.
    epochs : int
        Passes over the rest; of novelty's networks, hundreds of steps.
    features : {"base", "rolling", "full"}
        What the conn detector sees of a connection.
    architecture, optimizer, schedule, loss : str
        How its autoencoder is trained; see `oddlog_core.options.FlowOptions`.
    model : str
        Of the novelty detectors; see `oddlog_core.options.NoveltyOptions`.
    seed : int
    """

    held_back: Share = 0.25
    features: FeatureSet = "full"
    architecture: Architecture = "embedding"
    optimizer: Optimizer = "adam"
    schedule: Schedule = "one-cycle"
    loss: Loss = "mse"
    model: NoveltyModel = "autoencoder"
    epochs: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 20
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 0


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of oddlog.toml; every key may be left out.

    Attributes
    ----------
    notices_per_day : float
        Notices that an ordinary day may bring, in all.
    notice_format : {"json", "tsv"}
    suppress_for : float
        Seconds, at most a year, for whoever reads the notices; Zeek's own field.
    time_zone : str
        IANA name: whose hours and weekdays a logon falls in.
    networks : dict of str to str
        CIDR to name.
    conn, dce_rpc, train
        Tables of their own.
    """

    notices_per_day: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)] = 20.0
    notice_format: Format = "json"
    suppress_for: Annotated[float, msgspec.Meta(ge=0, le=31_536_000)] = 3600.0
    time_zone: str = "UTC"
    networks: dict[str, Annotated[str, msgspec.Meta(min_length=1)]] = msgspec.field(default_factory=dict)
    conn: ConnConfig = msgspec.field(default_factory=ConnConfig)
    dce_rpc: DceRpcConfig = msgspec.field(default_factory=DceRpcConfig)
    train: TrainConfig = msgspec.field(default_factory=TrainConfig)


def read_config(path: Path | None) -> Config:
    """Read a configuration; the defaults where there is no file to read.

    Raises
    ------
    ConfigError
        If the file cannot be read, is no TOML, or a key is unknown or holds what it may not.
    """
    if path is None:
        return Config()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(str(path), "file", error.strerror or "cannot be read") from None
    try:
        config = msgspec.toml.decode(content, type=Config)
    except msgspec.ValidationError as error:
        raise ConfigError(str(path), *_wrong(str(error), content)) from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(str(path), f"line {line}", "expected UTF-8") from None
    except msgspec.DecodeError as error:
        where = re.search(r"line (\d+)", str(error))
        raise ConfigError(str(path), f"line {where[1]}" if where else "file", str(error)) from None
    try:
        zoneinfo.ZoneInfo(config.time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(str(path), "time_zone", f"expected an IANA time zone, found {config.time_zone!r}") from None
    for cidr in config.networks:
        try:
            ipaddress.ip_network(cidr)
        except ValueError as error:
            raise ConfigError(
                str(path), f"networks.{cidr!r}", f"expected a CIDR such as 10.2.0.0/16: {error}"
            ) from None
    return config


def _wrong(error: str, content: bytes) -> tuple[str, str]:
    """Path of the key, and what was expected there, from msgspec's message."""
    problem, _, at = error.partition(" - at `$.")
    key = at.rstrip("`")
    unknown = re.fullmatch("Object contains unknown field `(.*)`", problem)
    if unknown:
        return ".".join(filter(None, (key, unknown[1]))), "there is no such key"
    if key == "networks[...]":
        # msgspec does not say which.
        networks = msgspec.toml.decode(content)["networks"]
        cidr = next(cidr for cidr, name in networks.items() if not (isinstance(name, str) and name))
        key = f"networks.{cidr!r}"
    if key in _CHOICES:
        problem = f"expected {' or '.join(_CHOICES[key])}"
    return key or "file", problem[0].lower() + problem[1:]
