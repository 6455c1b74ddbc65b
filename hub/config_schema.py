"""The JSON schema of hub.yaml, for editors that check while one types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.json_schema import models_json_schema

from hub.config_plugins import NoSettings
from hub.config_sections import HubSection
from hub.houses import House

_NAME_PATTERN = "^[A-Za-z][A-Za-z0-9_-]{0,31}$"


def file_schema(types: Mapping[str, type]) -> dict[str, Any]:
    """Return the schema of a whole file, with the sections of the given plugin types.

    Which section a plugin has is decided by its `use`. A type whose model cannot be written as a
    schema has one that allows every key.
    """
    models = {use: getattr(found, "Config", NoSettings) for use, found in sorted(types.items())}
    models = {use: model for use, model in models.items() if _can_be_written(model)}
    wanted = list(dict.fromkeys((HubSection, House, *models.values())))
    references, collected = models_json_schema([(model, "validation") for model in wanted])
    definitions = collected["$defs"]

    def reference(model: type[BaseModel]) -> dict[str, Any]:
        return dict(references[(model, "validation")])

    cases = []
    for use, model in models.items():
        name = reference(model)["$ref"].rpartition("/")[2]
        # A slash in the name of a type would part the reference.
        own_name = f"plugin:{use.replace('/', '.')}"
        section = definitions[own_name] = _with_use(definitions[name], model)
        cases.append(_case(use, f"#/$defs/{own_name}", section))
    plugin = {
        "type": "object",
        "required": ["use"],
        "properties": {"use": {"enum": sorted(types), "description": "the type of this plugin"}},
        "allOf": cases,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "hub.yaml",
        "type": "object",
        "properties": {
            "hub": _or_nothing(reference(HubSection)),
            "houses": _or_nothing(_named(_or_nothing(reference(House)))),
            "plugins": _or_nothing(_named(plugin)),
        },
        "patternProperties": {"^x-": {}},
        "additionalProperties": False,
        "$defs": definitions,
    }


def _can_be_written(model: type[BaseModel]) -> bool:
    try:
        model.model_json_schema()
    except PydanticInvalidForJsonSchema:
        return False
    return True


def _with_use(section: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Return a plugin's section with the key `use`; as in `load`, unknown keys are refused."""
    closed = {} if "extra" in model.model_config else {"additionalProperties": False}
    return {**section, **closed, "properties": {"use": {}, **section.get("properties", {})}}


def _case(use: str, reference: str, section: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rule for one type: if `use` names it, its section applies."""
    return {
        "if": {"properties": {"use": {"const": use}}, "required": ["use"]},
        "then": {"$ref": reference, "description": section.get("description", use)},
    }


def _named(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping from the user's names to items."""
    return {
        "type": "object",
        "propertyNames": {"pattern": _NAME_PATTERN},
        "additionalProperties": dict(item),
    }


def _or_nothing(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section that may be left empty."""
    return {"anyOf": [dict(section), {"type": "null"}]}
