"""The JSON schema that `hub schema` prints for editors."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from hub.config import schema
from tests.hub.config_samples import TYPES


class Odd:
    """A type whose settings have no JSON schema."""

    class Config(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        last: Exception | None = None


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(schema({**TYPES, "grid/second": TYPES["grid"]})))
    return found


def test_the_sections_are_named_and_closed(whole: dict[str, Any]) -> None:
    assert set(whole["properties"]) == {"hub", "houses", "plugins"}
    assert whole["additionalProperties"] is False


def test_every_reference_leads_somewhere(whole: dict[str, Any]) -> None:
    def references(part: object) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [r for item in part.values() for r in references(item)]
        return [r for item in part for r in references(item)] if isinstance(part, list) else []

    names = {reference.removeprefix("#/$defs/") for reference in references(whole)}
    assert names <= set(whole["$defs"])
    assert {"HubSection", "House", "plugin:meters", "plugin:grid.second"} <= names
    assert not any("/" in name for name in names)


def test_what_a_plugin_may_say_is_decided_by_use(whole: dict[str, Any]) -> None:
    plugin = whole["properties"]["plugins"]["anyOf"][0]["additionalProperties"]
    assert plugin["properties"]["use"]["enum"] == sorted([*TYPES, "grid/second"])
    cases = {c["if"]["properties"]["use"]["const"]: c["then"]["$ref"] for c in plugin["allOf"]}
    assert cases["grid"] == "#/$defs/plugin:grid"
    grid = whole["$defs"]["plugin:grid"]
    assert grid["required"] == ["feeder"]
    assert grid["properties"]["feeder"]["description"] == "the .dss file of the circuit"
    assert grid["additionalProperties"] is False
    assert "use" in grid["properties"]


def test_a_type_that_does_not_refuse_unknown_keys_is_closed_too(whole: dict[str, Any]) -> None:
    assert whole["$defs"]["plugin:lax"]["additionalProperties"] is False


def test_durations_are_described(whole: dict[str, Any]) -> None:
    step = whole["$defs"]["plugin:grid"]["properties"]["step"]
    assert "15m" in step["examples"]
    assert step["anyOf"][0]["pattern"].startswith("^")


def test_a_type_without_a_schema_allows_everything() -> None:
    found = schema({"odd": Odd, "bare": TYPES["bare"]})
    plugin = found["properties"]["plugins"]["anyOf"][0]["additionalProperties"]
    assert plugin["properties"]["use"]["enum"] == ["bare", "odd"]
    assert [case["then"]["$ref"] for case in plugin["allOf"]] == ["#/$defs/plugin:bare"]
