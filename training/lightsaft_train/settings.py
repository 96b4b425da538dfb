"""Settings that are given as text: fields of `Config`, `TrainingConfig` or `Intervals`, as NAME=VALUE."""

import dataclasses
import json
import types
from collections.abc import Iterable
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import SettingsError

Settings = TypeVar("Settings")


def changed(settings: Settings, texts: Iterable[str]) -> Settings:
    """Return settings with some fields changed.

    Parameters
    ----------
    settings
        A dataclass.
    texts
        Texts NAME=VALUE, as `parsed` takes them.

    Raises
    ------
    SettingsError
        If there is no such field, or the value is not of its kind.

    Examples
    --------
    >>> from lightsaft_train.config import PRESETS
    >>> changed(PRESETS["lightsaft"], ["channels=96", "paths=[0,0,1,2]"]).channels
    96
    """
    return dataclasses.replace(settings, **parsed(settings, texts))  # type: ignore[type-var]


def parsed(settings: Any, texts: Iterable[str]) -> dict[str, Any]:
    """Return the values of texts NAME=VALUE, {name: value}.

    Parameters
    ----------
    settings
        The dataclass, or an instance of it, whose fields are named.
    texts
        A value is in JSON. A value that is not JSON is taken as it stands, as a str.

    Raises
    ------
    SettingsError
        If there is no such field, or the value is not of its kind.

    Examples
    --------
    >>> from lightsaft_train.config import PRESETS
    >>> parsed(PRESETS["lightsaft"], ["channels=96", "skip=sum"])
    {'channels': 96, 'skip': 'sum'}
    """
    values = {}
    names = [field.name for field in dataclasses.fields(settings)]
    for text in texts:
        name, _, value = text.partition("=")
        if name not in names:
            raise SettingsError(f"expected NAME=VALUE with a name of {', '.join(names)}, got: {text}")
        values[name] = _checked(settings, name, _value(value), text)
    return values


def _value(text: str) -> Any:
    """Return a value in JSON, or the text itself if it is not JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _checked(settings: Any, name: str, value: Any, text: str) -> Any:
    """Return a value if it is of the kind that the field's annotation states. A whole number may be written as 2e3."""
    kind = get_type_hints(settings if isinstance(settings, type) else type(settings))[name]
    if isinstance(value, float) and value.is_integer() and not _fits(value, kind):
        value = int(value)
    if not _fits(value, kind):
        raise SettingsError(f"expected {name} to be {_described(kind)}, got: {text}")
    above_zero = name in getattr(settings, "ABOVE_ZERO", ())
    if isinstance(value, (int, float)) and (value < 0 or (above_zero and not value)):
        raise SettingsError(f"expected {name} to be {'above 0' if above_zero else '0 or more'}, got: {text}")
    return value


def _fits(value: Any, kind: Any) -> bool:
    """Return whether a value of JSON fits an annotation. An int serves as a float, a list as a tuple."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) in (Union, types.UnionType):
        return any(_fits(value, option) for option in get_args(kind))
    if get_origin(kind) is tuple:
        return isinstance(value, list) and all(_fits(item, get_args(kind)[0]) for item in value)
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _described(kind: Any) -> str:
    """Return an annotation in words."""
    if get_origin(kind) is Literal:
        return " or ".join(get_args(kind))
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(_described(option) for option in get_args(kind))
    if get_origin(kind) is tuple:
        return "a list such as [0,0,1,2]"
    names = {int: "a whole number", float: "a number", bool: "true or false", types.NoneType: "null"}
    return names.get(kind, str(kind))
