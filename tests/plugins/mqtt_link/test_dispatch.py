import pytest

from plugins.mqtt_link.dispatch import Dispatch, check_topic


def test_exact_filters_and_wildcards_find_their_topics():
    dispatch: Dispatch[str] = Dispatch()
    for topic_filter in ("a/b", "a/+", "a/#", "+/b", "#", "x"):
        dispatch.add(topic_filter, topic_filter)
    assert set(dispatch.find("a/b")) == {"a/b", "a/+", "a/#", "+/b", "#"}
    assert set(dispatch.find("a")) == {"a/#", "#"}
    assert set(dispatch.find("$SYS/broker")) == set()


def test_a_filter_added_later_counts_for_topics_seen_before():
    dispatch: Dispatch[int] = Dispatch()
    assert dispatch.find("a") == ()
    dispatch.add("a", 1)
    dispatch.add("a", 2)
    assert dispatch.find("a") == (1, 2)


@pytest.mark.parametrize("topic_filter", ["a+", "a/#/b", "#a", "", "a\0"])
def test_a_filter_that_is_none_is_refused(topic_filter: str):
    with pytest.raises(ValueError, match="topic"):
        Dispatch[int]().add(topic_filter, 1)


@pytest.mark.parametrize("topic", ["a/+", "#", "a/b#", "", "a\0b", "ä" * 40_000])
def test_one_cannot_publish_to_what_is_no_topic(topic: str):
    with pytest.raises(ValueError, match="cannot publish"):
        check_topic(topic)


def test_a_topic_is_let_through():
    check_topic("tele/house 1/SENSOR")
