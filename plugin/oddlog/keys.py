"""What stands in a configuration's structs, in words: for errors, and for a file that explains itself."""

from __future__ import annotations

import inspect
import re
import textwrap
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
from msgspec.inspect import BoolType, FloatType, IntType, Metadata, type_info

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Key", "Path", "document", "keys", "tables"]

Path = tuple[str, ...]
_WIDTH = 100
_ENTRY = re.compile(r"^(\w+)(?: : .*)?\n((?:    .+\n?)+)", re.MULTILINE)


class Key(NamedTuple):
    """One key of a configuration.

    Attributes
    ----------
    path : tuple of str
    type : type
        What msgspec converts its value to.
    default : object
    about : str
        What its struct's docstring says of it.
    expected : str
        What it may hold, such as "a whole number from 1 to 1000".
    """

    path: Path
    type: Any
    default: Any
    about: str
    expected: str


def tables(struct: type[msgspec.Struct], at: Path = ()) -> dict[Path, type[msgspec.Struct]]:
    """A struct and those within it, by path; the outermost is at ``()``."""
    found = {at: struct}
    for name, kind in get_type_hints(struct).items():
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            found |= tables(kind, (*at, name))
    return found


def keys(struct: type[msgspec.Struct]) -> dict[Path, Key]:
    """All keys of a struct and of those within it, by path."""
    within = tables(struct)
    found = {}
    for at, table in within.items():
        kinds, about = get_type_hints(table, include_extras=True), _described(table)
        for field in msgspec.structs.fields(table):
            path = (*at, field.name)
            if path not in within:
                default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
                kind = kinds[field.name]
                found[path] = Key(path, kind, default, about.get(field.name, ""), _expected(kind))
    return found


def document(config: msgspec.Struct) -> str:
    """A configuration as TOML in which each key is explained, and commented out where it is as by default."""
    known = keys(type(config))
    lines: list[str] = []
    for at in tables(type(config)):
        if at:
            lines += ["", f"[{'.'.join(at)}]"]
        # A table within closes the one it is in.
        for key in sorted((key for path, key in known.items() if path[:-1] == at), key=_is_table):
            lines += _lines(key, _value(config, key.path), first=not lines or lines[-1].startswith("["))
    return "\n".join(lines) + "\n"


def _lines(key: Key, value: Any, *, first: bool) -> Iterator[str]:
    if not first:
        yield ""
    for sentence in (key.about, f"Expected: {key.expected}."):
        yield from textwrap.wrap(sentence, _WIDTH, initial_indent="# ", subsequent_indent="# ")
    if _is_table(key):
        yield f"[{'.'.join(key.path)}]"
        yield from (f"{_toml(name)} = {_toml(entry)}" for name, entry in value.items())
    else:
        yield f"{'#' if value == key.default else ''}{key.path[-1]} = {_toml(value)}"


def _is_table(key: Key) -> bool:
    return isinstance(key.default, dict)


def _value(config: Any, path: Path) -> Any:
    for name in path:
        config = getattr(config, name)
    return config


def _toml(value: Any) -> str:
    # A JSON text or number is one of TOML, too, but for this character.
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


def _described(table: type[msgspec.Struct]) -> dict[str, str]:
    """What the Attributes of a numpydoc docstring say of each."""
    _, _, attributes = (inspect.getdoc(table) or "").partition("Attributes\n----------\n")
    return {name: " ".join(text.replace("``", "`").split()) for name, text in _ENTRY.findall(attributes)}


def _expected(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return _either(get_args(kind))
    match type_info(kind):
        case Metadata(extra_json_schema={"description": str(words)}):
            return words
        case IntType() as number:
            return f"a whole number{_bounds(number)}"
        case FloatType() as number:
            return f"a number{_bounds(number)}"
        case BoolType():
            return "true or false"
    return "a text"


def _either(values: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(values[:-1]), values[-1])))


def _bounds(kind: IntType | FloatType) -> str:
    if kind.ge is not None and kind.le is not None:
        return f" from {kind.ge:g} to {kind.le:.0f}"
    bounds = {"over": kind.gt, "at least": kind.ge, "below": kind.lt, "at most": kind.le}
    words = [f"{word} {bound:.0f}" for word, bound in bounds.items() if bound is not None]
    return f" {' and '.join(words)}" if words else ""
