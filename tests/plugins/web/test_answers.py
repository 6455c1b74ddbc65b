"""Requests of strangers are read strictly."""

import pytest

from plugins.web.answers import BadRequest, command_fields, history_request, number


def test_a_number_has_a_default_and_limits():
    assert number({}, "limit", 7) == 7
    assert number({"limit": "12"}, "limit", 7) == 12


@pytest.mark.parametrize("text", ["0", "-1", "1001", "1e3", "", "²", "9" * 400, "1 OR 1"])
def test_no_number_is_refused(text):
    with pytest.raises(BadRequest, match="limit: expected a whole number from 1 to 1000"):
        number({"limit": text}, "limit", 7)


def test_a_history_request_names_device_and_quantity():
    asked = history_request({"device": "house1", "quantity": "power", "since": "2026-01-01T00:00Z"})
    assert asked["points"] == 300
    with pytest.raises(BadRequest, match="quantity: missing"):
        history_request({"device": "house1"})
    with pytest.raises(BadRequest, match="since: expected a time"):
        history_request({"device": "house1", "quantity": "power", "since": "yesterday"})


@pytest.mark.parametrize(
    "body",
    [None, [], "x", {}, {"target": 1, "action": "a"}, {"target": "t", "action": "a", "args": []}],
)
def test_a_command_must_be_whole(body):
    with pytest.raises(BadRequest):
        command_fields(body)
