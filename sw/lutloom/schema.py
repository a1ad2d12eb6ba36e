"""Explain in a user's words why a TOML or JSON document does not fit a msgspec Struct.

Example
-------
>>> class Shape(msgspec.Struct, forbid_unknown_fields=True):
...     width: Annotated[int, msgspec.Meta(ge=1, le=6)]
>>> convert({"width": 9}, Shape)
Traceback (most recent call last):
...
lutloom.schema.SchemaError: width: must be an integer 1..6, not 9
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from lutloom.errors import InvalidFileError
from lutloom.files.bounded import read_bytes

T = TypeVar("T")

JSON_BYTES_MAX = 64 << 20
"""A JSON file of ours is never larger."""

_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>.*?)`(?: - at `\$(?P<path>.*)`)?")
_MISSING = re.compile(r"Object missing required field `(?P<key>.*?)`(?: - at `\$(?P<path>.*)`)?")
_PLACED = re.compile(r"(?P<rule>.*) - at `\$(?P<path>.*)`", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_SOME_KEY = "..."
"""What msgspec says where the path goes through a key of a dictionary."""


class SchemaError(ValueError):
    """Carry one line: where, what must hold, what came."""


def convert(raw: Any, kind: type[T]) -> T:
    """Convert plain values to a Struct.

    Parameters
    ----------
    raw : dict, list, str, int, float, bool or None
        What a TOML or JSON reader gave.
    kind : type
        The Struct to fill.

    Returns
    -------
    kind

    Raises
    ------
    SchemaError
        When a key is unknown or missing, or a value has the wrong type or range.
    """
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise SchemaError(_explain(str(error), raw, kind)) from error


def read_json(path: Path, kind: type[T]) -> T:
    """Read a JSON file into a Struct.

    Parameters
    ----------
    path : Path
    kind : type
        The Struct to fill.

    Returns
    -------
    kind

    Raises
    ------
    InvalidFileError
        When the file is missing, too large, not JSON, or does not fit.
    """
    data = read_bytes(path, JSON_BYTES_MAX)
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        try:
            message = _explain(str(error), msgspec.json.decode(data), kind)
        except (msgspec.DecodeError, RecursionError):
            message = str(error)
        raise InvalidFileError(f"{path}: {message}; make the file again") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidFileError(f"{path}: must be JSON, but {error}; make the file again") from error


def did_you_mean(came: str, known: list[str]) -> str:
    """Suggest the known name nearest to an unknown one.

    Returns
    -------
    str
        ``; did you mean 'epochs'?`` or nothing.
    """
    near = difflib.get_close_matches(came, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _explain(message: str, raw: Any, kind: type) -> str:
    if unknown := _UNKNOWN.fullmatch(message):
        steps = _steps(unknown["path"])
        known = _keys(_type_at(kind, steps))
        return (
            f"{_place(steps)} has no key {unknown['key']!r}"
            f"{did_you_mean(unknown['key'], known)} (keys: {', '.join(known)})"
        )
    if missing := _MISSING.fullmatch(message):
        return f"{_place(_steps(missing['path']))} lacks the key {missing['key']!r}"
    placed = _PLACED.fullmatch(message)
    steps = _steps(placed["path"]) if placed else []
    rule = placed["rule"] if placed else message
    if not rule.startswith(("Expected", "Invalid")):
        return f"{_place(steps)}: {rule}"  # a rule of the Struct's own, complete as it is
    expected = _describe(_type_at(kind, steps))
    came = "" if _SOME_KEY in steps else f", not {_shorten(_value_at(raw, steps))}"
    return f"{_place(steps)}: must be {expected}{came}"


def _steps(path: str | None) -> list[str | int]:
    found = _STEP.findall(path or "")
    return [int(i) if i.isdecimal() else i or key for key, i in found]


def _place(steps: list[str | int]) -> str:
    text = "".join(f".{step}" if _is_key(step) else f"[{step}]" for step in steps)
    return text.removeprefix(".") or "the document"


def _is_key(step: str | int) -> bool:
    return isinstance(step, str) and step != _SOME_KEY


def _value_at(raw: Any, steps: list[str | int]) -> Any:
    for step in steps:
        raw = raw[step]
    return raw


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _type_at(kind: type, steps: list[str | int]) -> inspect.Type:
    found = inspect.type_info(kind)
    for step in steps:
        found = _child(found, step)
    return found


def _child(kind: inspect.Type, step: str | int) -> inspect.Type:
    if isinstance(kind, inspect.Metadata):
        return _child(kind.type, step)
    if isinstance(kind, inspect.UnionType):
        options = [_child(option, step) for option in kind.types]
        return next((o for o in options if not isinstance(o, inspect.AnyType)), options[0])
    if isinstance(kind, inspect.StructType):
        return next((f.type for f in kind.fields if f.encode_name == step), inspect.AnyType())
    if isinstance(kind, inspect.DictType):
        return kind.value_type
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return kind.item_type
    return inspect.AnyType()


def _keys(kind: inspect.Type) -> list[str]:
    return [f.encode_name for f in kind.fields] if isinstance(kind, inspect.StructType) else []


def _describe(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata():
            return _describe(kind.type)
        case inspect.IntType():
            return f"an integer{_range(kind)}{_multiple(kind)}"
        case inspect.FloatType():
            return f"a number{_range(kind)}"
        case inspect.StrType(pattern=str() as pattern):
            return f"text like {pattern}"
        case inspect.StrType():
            return "text" if not kind.min_length else "text that is not empty"
        case inspect.BoolType():
            return "true or false"
        case inspect.NoneType():
            return "nothing"
        case inspect.LiteralType():
            return " or ".join(repr(value) for value in kind.values)
        case inspect.ListType() | inspect.VarTupleType():
            low, high = kind.min_length or 0, kind.max_length
            count = f"{low}..{high} items" if high else f"at least {low} items" if low else "items"
            return f"a list of {count}, each {_describe(kind.item_type)}"
        case inspect.UnionType():
            return " or ".join(_describe(option) for option in kind.types)
        case inspect.StructType():
            return f"a table of the keys {', '.join(_keys(kind))}"
        case _:
            return "another kind of value"


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    low = kind.ge if kind.ge is not None else kind.gt
    high = kind.le if kind.le is not None else kind.lt
    if kind.ge is not None and kind.le is not None:
        return f" {_number(low)}..{_number(high)}"
    bounds = []
    if low is not None:
        bounds.append(f"{'at least' if kind.ge is not None else 'above'} {_number(low)}")
    if high is not None:
        bounds.append(f"{'at most' if kind.le is not None else 'below'} {_number(high)}")
    return f" {' and '.join(bounds)}" if bounds else ""


def _multiple(kind: inspect.IntType) -> str:
    return f", a multiple of {kind.multiple_of}" if kind.multiple_of else ""


def _number(value: int | float | None) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
