"""JSON lines one at a time: numbers in quotes and whole floats are taken, and what is wrong is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from oddlog.logs.checked import EXPECTED
from oddlog.logs.schema import ALIASES, PATH_KEYS, ZEEK_TYPES
from oddlog.logs.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oddlog.logs.checked import Wrong

__all__ = ["judged"]

_TYPES = {"interval": pa.float64(), "port": pa.uint16(), "count": pa.uint64(), "bool": pa.bool_()}
_MOST = {"port": 2**16 - 1, "count": 2**64 - 1}
_FLAGS: dict[Any, bool] = {"T": True, "F": False, "true": True, "false": False}
_OTHER = {field: alias for alias, field in ALIASES.items()}


class _Repeating(dict[str, Any]):
    """An object in which some keys stood more than once."""

    repeated: frozenset[str] = frozenset()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    twice = _Repeating(found)
    keys = [key for key, _ in pairs]
    twice.repeated = frozenset(key for key in found if keys.count(key) > 1)
    return twice


def _repeated(found: dict[str, Any]) -> frozenset[str]:
    return found.repeated if isinstance(found, _Repeating) else frozenset()


def judged(texts: Sequence[bytes], log: str, text_time: bool) -> tuple[dict[str, pa.Array], Wrong]:
    """Lines that a strict reader refused, as columns.

    Parameters
    ----------
    texts : sequence of bytes
    log : str
    text_time : bool
        Whether times are to be text, else seconds.

    Returns
    -------
    columns : dict of str to array
        All fields of the log.
    wrong : dict
        By line, its first field that cannot be taken, or ``line``; it is unset in all columns.
    """
    kinds = ZEEK_TYPES[log]
    rows: list[dict[str, Any]] = []
    wrong: Wrong = {}
    for i, text in enumerate(texts):
        row, problem = _judge(text, log, text_time)
        rows.append(row)
        if problem:
            wrong[i] = problem
    types = _TYPES | {"time": pa.string() if text_time else pa.float64()}
    return {
        name: pa.array([row.get(name) for row in rows], types.get(kind, pa.string())) for name, kind in kinds.items()
    }, wrong


def _judge(text: bytes, log: str, text_time: bool) -> tuple[dict[str, Any], tuple[str, str, str] | None]:
    try:
        found = json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return {}, ("line", "a JSON object", shown(text))
    nested: dict[str, Any] = found["id"] if isinstance(found.get("id"), dict) else {}
    kinds = ZEEK_TYPES[log]
    repeated = _repeated(found) & {*kinds, *ALIASES, *PATH_KEYS, "id"} or _repeated(nested)
    if repeated:
        return {}, (min(repeated), "there once", "it twice")
    for key in PATH_KEYS:
        if found.get(key, log) not in (log, None):
            return {}, (key, log, str(found[key]))
    row = {}
    for name, kind in kinds.items():
        value = found.get(name)
        if value is None and name in _OTHER:
            value = found.get(_OTHER[name], nested.get(name.removeprefix("id.")))
        if value is None:
            continue
        try:
            row[name] = _value(value, kind, text_time)
        except (KeyError, OverflowError, TypeError, ValueError):
            return {}, (name, EXPECTED.get(kind, "text"), str(value))
    return row, None


def shown(text: bytes) -> str:
    """Shorten a line for an error's sentence."""
    return text[:80].decode("utf-8", "backslashreplace") + ("…" if len(text) > 80 else "")


def _value(value: Any, kind: str, text_time: bool) -> Any:
    if kind == "time":
        return _time(value, text_time)
    if kind == "bool":
        return value if isinstance(value, bool) else _FLAGS[_text(value)]
    if kind in _TYPES:
        return _number(value, kind)
    if kind == "set[string]" and isinstance(value, list):
        return ",".join(_text(item) for item in value)
    return _text(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode()  # a lone surrogate is no text
    return value


def _number(value: Any, kind: str) -> float | int:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError
    if kind == "interval":
        return float(value)
    whole = int(value)
    if whole != float(value) or not 0 <= whole <= _MOST[kind]:
        raise ValueError
    return whole


def _time(value: Any, text_time: bool) -> str | float:
    if isinstance(value, str):
        moment = parse_time(value)
        if moment is None:
            raise ValueError
        return value if text_time else moment / 1e6
    seconds = _number(value, "interval")
    return repr(seconds) if text_time else seconds
