"""Messages as JSON: exact, finite, and fit for JavaScript."""

import json
from array import array
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime

from hub.encoding import encode, plain
from hub.grid_messages import FeederState
from hub.market_messages import TradeMatched
from hub.messages import (
    Alarm,
    Command,
    CommandResult,
    CommandStatus,
    Message,
    PluginState,
    PluginStatus,
    Priority,
    Quality,
    Reading,
    Severity,
    new_id,
    seed_ids,
)

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_a_reading():
    assert encode(Reading("house1", "power", -1.5, "W", AT, Quality.ESTIMATED)) == {
        "type": "Reading",
        "topic": "reading/house1/power",
        "device": "house1",
        "quantity": "power",
        "value": -1.5,
        "unit": "W",
        "at": "2026-06-01T12:00:00+00:00",
        "quality": "estimated",
        "cause": None,
    }


def test_a_plugins_status_keeps_the_type_of_its_message_and_names_that_of_the_plugin():
    encoded = encode(PluginStatus("taps", "tap_controller", PluginState.ONLINE, AT))
    assert (encoded["type"], encoded["plugin_type"]) == ("PluginStatus", "tap_controller")


def kinds(of: type[Message]) -> list[type[Message]]:
    return [kind for sub in of.__subclasses__() for kind in (sub, *kinds(sub))]


def test_no_message_has_a_field_that_would_hide_its_type_or_topic():
    named = [kind for kind in kinds(Message) if is_dataclass(kind)]
    assert len(named) > 10
    for kind in named:
        assert not {"type", "topic"} & {field.name for field in fields(kind)}, kind


def test_integers_that_javascript_would_round_are_texts():
    trade = TradeMatched(
        market="m", at=AT, trade_id=2**64 + 3, bid_id=1, ask_id=2, buyer="0x1", seller="0x2",
        qty_wh=3000, price_wei_per_kwh=10**17,
    )  # fmt: skip
    encoded = encode(trade)
    assert (encoded["trade_id"], encoded["price_wei_per_kwh"]) == (str(2**64 + 3), str(10**17))
    assert (encoded["bid_id"], encoded["qty_wh"]) == (1, 3000)
    assert plain(2**53) == str(2**53)
    assert plain(2**53 - 1) == 2**53 - 1


def test_everything_that_travels_becomes_json():
    messages = [
        FeederState("g", AT, AT, ("a.1",), array("d", [1.0]), {"reg": 3}, ("l",), [1.0], [2.0],
                    1.0, 2.0, 3.0),
        Alarm("outage", "house1", Severity.CRITICAL, AT, "dark", {"set": {2, 1}, "at": AT}),
        CommandResult(Command("t", "a", {"x": True}, Priority.FAULT), CommandStatus.DONE, AT),
    ]  # fmt: skip
    for message in messages:
        text = json.dumps(encode(message), allow_nan=False)
        assert json.loads(text)["topic"] == message.topic
    assert encode(messages[1])["evidence"] == {"set": [1, 2], "at": AT.isoformat()}
    assert encode(messages[2])["command"]["priority"] == 40


def test_identifiers_repeat_only_when_seeded():
    seed_ids(7)
    first = [new_id() for _ in range(3)]
    seed_ids(7)
    assert [new_id() for _ in range(3)] == first
    assert all(len(i) == 16 for i in first)
