"""The loopback link and topic filters: as MQTT has them, without a broker."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.link import LinkMessage, LinkOptions, LoopbackNet
from hub.topics import matches, split_filter


def options(url: str = "mqtt://x") -> LinkOptions:
    return LinkOptions(url, "test")


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_messages_reach_matching_subscribers_in_order():
    net = LoopbackNet()
    one, two, elsewhere = net.connect(options()), net.connect(options()), net.connect(options("y"))
    got: list[LinkMessage] = []
    one.subscribe("tele/+/SENSOR", got.append)
    elsewhere.subscribe("#", got.append)
    for number in range(3):
        await two.publish(f"tele/m{number}/SENSOR", b"%d" % number)
    await two.publish("tele/m0/LWT", b"Online")
    await settle()
    assert [(m.topic, m.payload, m.retained) for m in got] == [
        (f"tele/m{n}/SENSOR", b"%d" % n, False) for n in range(3)
    ]


async def test_retained_messages_greet_late_subscribers_until_emptied():
    net = LoopbackNet()
    link = net.connect(options())
    await link.publish("a/LWT", b"Online", retain=True)
    await link.publish("b/LWT", b"Online", retain=True)
    await link.publish("b/LWT", b"", retain=True)
    got: list[LinkMessage] = []
    link.subscribe("+/LWT", got.append)
    await settle()
    assert [(m.topic, m.retained) for m in got] == [("a/LWT", True)]


async def test_a_closed_link_is_silent_and_says_so():
    net = LoopbackNet()
    link, other = net.connect(options()), net.connect(options())
    got: list[LinkMessage] = []
    link.subscribe("#", got.append)
    await link.close()
    await link.close()
    await other.publish("a", b"")
    await settle()
    assert got == []
    assert (link.connected, link.problem) == (False, "closed")


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+", "a/b/c", False),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("#", "a/b", True),
        ("+/+", "/a", True),
        ("a/b", "a/B", False),
    ],
)
def test_filters(topic_filter: str, topic: str, expected: bool):
    assert matches(split_filter(topic_filter), topic) is expected


@pytest.mark.parametrize("bad", ["", "a/#/b", "a+/b", "a/b#"])
def test_bad_filters_are_refused(bad: str):
    with pytest.raises(ValueError, match=r"topic|wildcard|'#'"):
        split_filter(bad)


LEVELS = st.lists(st.sampled_from(["a", "b", "c1"]), min_size=1, max_size=5)


@given(LEVELS, st.data())
def test_a_filter_made_from_a_topic_matches_it(levels: list[str], data: st.DataObject):
    made = [data.draw(st.sampled_from([level, "+"])) for level in levels]
    cut = data.draw(st.integers(0, len(levels)))
    topic = "/".join(levels)
    assert matches(split_filter("/".join(made)), topic)
    assert matches(split_filter("/".join([*made[:cut], "#"])), topic)
    assert not matches(split_filter("/".join([*made, "x"])), topic)


async def test_a_handler_that_raises_costs_its_own_message_only(caplog: pytest.LogCaptureFixture):
    net = LoopbackNet()
    link = net.connect(options())
    got: list[str] = []

    def fragile(message: LinkMessage) -> None:
        if message.topic == "a/0":
            raise ValueError("broken")
        got.append(message.topic)

    link.subscribe("a/+", fragile)
    await link.publish("a/0", b"")
    await link.publish("a/1", b"")
    await settle()
    await link.publish("a/2", b"")
    await settle()
    assert got == ["a/1", "a/2"]
    assert "handler of 'a/0' raised" in caplog.text


async def test_nothing_reaches_a_link_that_was_closed_meanwhile():
    net = LoopbackNet()
    link = net.connect(options())
    got: list[LinkMessage] = []
    await link.publish("a", b"1", retain=True)
    link.subscribe("#", got.append)
    await link.publish("b", b"2")
    await link.close()
    await settle()
    assert got == []
