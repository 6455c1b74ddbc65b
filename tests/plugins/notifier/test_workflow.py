"""The workflow for n8n that ships with the hub: what n8n would not tell until it is too late."""

import json
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).parents[3] / "config/n8n/microgrid-alerts.json"
WORKFLOW: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
NODES: dict[str, dict[str, Any]] = {node["name"]: node for node in WORKFLOW["nodes"]}
TELEGRAM = [name for name, node in NODES.items() if node["type"].endswith(".telegram")]


def targets(name: str, output: int) -> list[str]:
    return [link["node"] for link in WORKFLOW["connections"][name]["main"][output]]


def test_n8n_keeps_the_memory_of_workflows_with_short_ids_only():
    assert 0 < len(WORKFLOW["id"]) <= 16


def test_the_address_is_the_path_alone():
    hook = NODES["Microgrid hub"]
    assert hook["webhookId"]
    assert hook["parameters"]["path"] == "microgrid-hub"
    assert hook["parameters"]["options"]["rawBody"] is True


def test_all_connections_lead_to_nodes():
    for name, outputs in WORKFLOW["connections"].items():
        assert name in NODES
        assert all(link["node"] in NODES for output in outputs["main"] for link in output)


def test_there_are_two_telegram_nodes_with_their_traps_avoided():
    assert len(TELEGRAM) == 2
    for name in TELEGRAM:
        fields = NODES[name]["parameters"]["additionalFields"]
        assert fields == {"appendAttribution": False, "parse_mode": "HTML"}


@pytest.mark.parametrize("name", TELEGRAM)
def test_a_message_that_telegram_refuses_is_answered_with_an_error(name: str):
    assert NODES[name]["onError"] == "continueErrorOutput"
    (refused,) = targets(name, 1)
    assert NODES[refused]["parameters"]["options"]["responseCode"] >= 500


def test_what_was_sent_is_remembered_after_sending_and_not_before():
    for name in TELEGRAM:
        assert targets(name, 0) == ["Remember"]
    assert targets("Remember", 0) == ["Sent"]


def test_no_secret_and_no_chat_is_in_the_file():
    settings = NODES["Settings"]["parameters"]["assignments"]["assignments"]
    assert {entry["name"]: entry["value"] for entry in settings} == {
        "substation_chat_id": "",
        "secret": "",
    }
    assert WORKFLOW["active"] is False
