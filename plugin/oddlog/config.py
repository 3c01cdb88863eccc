"""oddlog.toml as typed, frozen structs; an error names where a value came from, the key's path and what was expected.

What the docstrings say of each key is what `oddlog config` prints.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import zoneinfo
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from oddlog_core.options import (  # noqa: TC002 - read at run time
    Architecture,
    FeatureSet,
    Loss,
    NoveltyModel,
    Optimizer,
    Profile,
    Schedule,
)

from oddlog.errors import ConfigError
from oddlog.keys import keys, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from oddlog.keys import Key
    from oddlog.keys import Path as KeyPath

__all__ = [
    "Config",
    "ConnConfig",
    "DceRpcConfig",
    "LogConfig",
    "MetricsConfig",
    "NtlmConfig",
    "TrainConfig",
    "gather_config",
    "read_config",
]

Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Order = Literal["end", "start"]
Format = Literal["json", "tsv"]
LogFormat = Literal["logfmt", "json"]
Modes = Annotated[
    Annotated[int, msgspec.Meta(ge=1, le=100)] | Literal["auto"],
    msgspec.Meta(description='a whole number from 1 to 100, or "auto"'),
]
TimeZone = Annotated[str, msgspec.Meta(description="an IANA time zone such as Europe/Berlin")]
Networks = Annotated[
    dict[str, Annotated[str, msgspec.Meta(min_length=1)]],
    msgspec.Meta(description='a line for each, such as "10.2.0.0/16" = "finance"'),
]


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


class NtlmConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[ntlm]``.

    Attributes
    ----------
    profile : {"default", "classic"}
        What is seen of a logon; `classic` is nine fields, and a notice where more than six of them differ.
    modes : int or "auto"
        Kinds of usual logons; `auto` chooses their number.
    """

    profile: Profile = "default"
    modes: Modes = 10


class TrainConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[train]``.

    Attributes
    ----------
    held_back : float
        Share of the baseline that its latest part is, which with as many of its earliest records sets thresholds.
    epochs : int
        Passes over all but what is held back; of novelty's networks, hundreds of steps.
    features : {"base", "rolling", "full"}
        What the conn detector sees of a connection.
    architecture : str
        Of the conn detector's autoencoder.
    optimizer : {"sgd", "adam"}
        What moves its weights.
    schedule : {"constant", "one-cycle"}
        Of its learning rate.
    loss : {"bce", "mse"}
        Binary cross-entropy of features scaled to 0 to 1, or squares of standardised ones.
    model : {"svm", "svm-linear", "forest", "autoencoder", "lstm"}
        Of the novelty detectors.
    seed : int
        The same seed and logs give the same bundle.
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


class MetricsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[metrics]``.

    Attributes
    ----------
    port : int
        Where `oddlog watch` answers /metrics, /healthz and /readyz, on 127.0.0.1 only; 0 is nowhere.
    """

    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0


class LogConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[log]``.

    Attributes
    ----------
    format : {"logfmt", "json"}
        Of what `oddlog watch` says of itself on stderr.
    per_minute : int
        Lines of one kind that are said in a minute; one more then stands for the rest of them.
    """

    format: LogFormat = "logfmt"
    per_minute: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 20


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of oddlog.toml; every key may be left out.

    Attributes
    ----------
    notices_per_day : float
        Notices that an ordinary day may bring, in all.
    notice_format : {"json", "tsv"}
        JSON lines, or TSV with Zeek's header.
    suppress_for : float
        Seconds in which what has the same type, source, destination and port is one notice, counted, and told of
        again after twice as long each time; 0 tells of each. As `train` knows it, it is also how long links of a
        chain wait for each other. Notices have it in Zeek's field of that name.
    time_zone : str
        Whose hours and weekdays a logon falls in.
    networks : dict of str to str
        Names for address ranges, in place of parts of addresses.
    memory_limit : int
        MB that `watch` may take; tables are as large as that allows, and what is evicted is counted. `score` has the
        same tables, so that both find the same.
    conn, dce_rpc, ntlm, metrics, log, train
        Tables of their own.
    """

    notices_per_day: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)] = 20.0
    notice_format: Format = "json"
    suppress_for: Annotated[float, msgspec.Meta(ge=0, le=31_536_000)] = 3600.0
    time_zone: TimeZone = "UTC"
    networks: Networks = msgspec.field(default_factory=dict)
    memory_limit: Annotated[int, msgspec.Meta(ge=450, le=1_000_000)] = 600
    conn: ConnConfig = msgspec.field(default_factory=ConnConfig)
    dce_rpc: DceRpcConfig = msgspec.field(default_factory=DceRpcConfig)
    ntlm: NtlmConfig = msgspec.field(default_factory=NtlmConfig)
    metrics: MetricsConfig = msgspec.field(default_factory=MetricsConfig)
    log: LogConfig = msgspec.field(default_factory=LogConfig)
    train: TrainConfig = msgspec.field(default_factory=TrainConfig)


_PREFIX = "ODDLOG_"


def read_config(path: Path | None, settings: Sequence[str] = ()) -> Config:
    """Read a configuration: defaults, above them the file, the environment, and settings such as ``train.epochs=3``.

    Raises
    ------
    ConfigError
        If the file cannot be read, is no TOML, or a key is unknown or holds what it may not: the first such.
    """
    config, errors = gather_config(path, settings)
    if errors:
        raise errors[0]
    return config


def gather_config(path: Path | None, settings: Sequence[str] = ()) -> tuple[Config, list[ConfigError]]:
    """Read a configuration as `read_config` does, with all that is wrong; what is wrong is left out."""
    errors: list[ConfigError] = []
    values: dict[KeyPath, Any] = {}
    for layer in (_of_file(path), _of_environment(os.environ), _of_settings(settings)):
        for found in layer:
            if isinstance(found, ConfigError):
                errors.append(found)
            else:
                at, value = found
                values[at] = value
    nested: dict[str, Any] = {}
    for at, value in values.items():
        table = nested
        for name in at[:-1]:
            table = table.setdefault(name, {})
        table[at[-1]] = value
    return msgspec.convert(nested, Config), errors


def _of_file(path: Path | None) -> Iterator[tuple[KeyPath, Any] | ConfigError]:
    if path is None:
        return
    try:
        content = path.read_bytes()
        yield from _of_table(str(path), msgspec.toml.decode(content))
    except OSError as error:
        yield ConfigError(str(path), "file", error.strerror or "cannot be read")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        yield ConfigError(str(path), f"line {line}", "expected UTF-8")
    except msgspec.DecodeError as error:
        where = re.search(r"line (\d+)", str(error))
        yield ConfigError(str(path), f"line {where[1]}" if where else "file", str(error))


def _of_table(source: str, table: dict[str, Any], at: KeyPath = ()) -> Iterator[tuple[KeyPath, Any] | ConfigError]:
    for name, value in table.items():
        path = (*at, name)
        if path not in _TABLES:
            yield from _checked(source, path, value, ".".join(path))
        elif isinstance(value, dict):
            yield from _of_table(source, value, path)
        else:
            yield ConfigError(source, ".".join(path), f"expected a table, found {value!r}")


def _of_environment(environment: Mapping[str, str]) -> Iterator[tuple[KeyPath, Any] | ConfigError]:
    """``ODDLOG_TRAIN__EPOCHS=3``: the key's path in capitals, its parts joined by two underscores."""
    for name, text in environment.items():
        if name.startswith(_PREFIX):
            path = tuple(name.removeprefix(_PREFIX).lower().split("__"))
            yield from _checked("environment", path, _read(path, text), name)


def _of_settings(settings: Sequence[str]) -> Iterator[tuple[KeyPath, Any] | ConfigError]:
    for setting in settings:
        name, equals, text = setting.partition("=")
        path = tuple(name.strip().split("."))
        if equals:
            yield from _checked("--set", path, _read(path, text.strip()), name.strip())
        else:
            yield ConfigError("--set", setting, "expected KEY=VALUE, such as train.epochs=3")


def _read(path: KeyPath, text: str) -> Any:
    """The value that a text stands for: itself where the key holds one, else what it is in TOML."""
    if path in _KEYS and not isinstance(_KEYS[path].default, str):
        try:
            return msgspec.toml.decode(f"value = {text}")["value"]
        except (msgspec.DecodeError, KeyError):
            pass
    return text


def _checked(source: str, path: KeyPath, value: Any, name: str) -> Iterator[tuple[KeyPath, Any] | ConfigError]:
    """A value with its key's path if it may stand there, else what is wrong."""
    if path not in _KEYS:
        known = {".".join(each): each for each in (*_TABLES, *_KEYS) if each}
        like = difflib.get_close_matches(".".join(path), known, 1)
        yield ConfigError(source, name, f"there is no such key{f'; {like[0]} is one' if like else ''}")
        return
    wrong = list(_wrong(_KEYS[path], value))
    if not wrong:
        yield path, value
    for entry, expected in wrong:
        yield ConfigError(source, f"{name}{entry}", expected)


def _wrong(key: Key, value: Any) -> Iterator[tuple[str, str]]:
    """What may not stand under a key: the entry where there are many, and what was expected."""
    if key.path == ("networks",) and isinstance(value, dict):
        for cidr, name in value.items():
            if not (isinstance(name, str) and name):
                yield f".{cidr!r}", f"expected a name, found {name!r}"
            try:
                ipaddress.ip_network(cidr)
            except ValueError as error:
                yield f".{cidr!r}", f"expected a CIDR such as 10.2.0.0/16: {error}"
        return
    try:
        msgspec.convert(value, key.type)
        if key.path == ("time_zone",):
            zoneinfo.ZoneInfo(value)
    except (msgspec.ValidationError, zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        yield "", f"expected {key.expected}, found {value!r}"


_TABLES, _KEYS = tables(Config), keys(Config)
