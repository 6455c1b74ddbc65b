"""What a pydantic model says of itself: its keys, their meaning, its secrets."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretStr

Loc = tuple[int | str, ...]


def models_at(model: type[BaseModel], loc: Loc) -> list[type[BaseModel]]:
    """Return the models that may describe the mapping at a path."""
    here: list[Any] = [model]
    for part in loc:
        below = [t for candidate in here for t in _below(candidate, part)]
        # Nothing below has this name: it is pydantic's name for a member of a union.
        here = below or [t for t in here if getattr(t, "__name__", part) == part] or here
    return [t for t in here if _is_model(t)]


def _below(candidate: Any, part: int | str) -> Iterator[Any]:
    if _is_model(candidate):
        for name, info in candidate.model_fields.items():
            if part in (name, info.alias, info.validation_alias):
                yield from _members(info.annotation)
    elif typing.get_origin(candidate) in (list, tuple, set, frozenset) and isinstance(part, int):
        for argument in typing.get_args(candidate):
            yield from _members(argument)
    elif typing.get_origin(candidate) is dict:
        yield from _members(typing.get_args(candidate)[1])


def _members(annotation: Any) -> Iterator[Any]:
    """Yield the types of a union, without the wrapping of Annotated."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _members(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for member in typing.get_args(annotation):
            yield from _members(member)
    else:
        yield annotation


def _is_model(candidate: Any) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, BaseModel)


def keys(model: type[BaseModel]) -> list[str]:
    """Return the keys a model knows, as they are written in the file."""
    return [info.alias or name for name, info in model.model_fields.items()]


def meaning_of(model: type[BaseModel], key: str) -> str:
    """Return the description of a key, empty if there is none."""
    fields = model.model_fields.items()
    return next((i.description or "" for name, i in fields if key in (name, i.alias)), "")


def secret_values(value: object, loc: Loc = ()) -> Iterator[tuple[Loc, str]]:
    """Yield the path and the text of every SecretStr in a validated section."""
    if isinstance(value, SecretStr):
        if text := value.get_secret_value():
            yield loc, text
    elif isinstance(value, BaseModel):
        for name, info in type(value).model_fields.items():
            yield from secret_values(getattr(value, name), (*loc, info.alias or name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from secret_values(item, (*loc, str(key)))
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from secret_values(item, (*loc, position))
