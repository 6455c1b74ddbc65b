"""Who reads what. The sentences of the mission are kept to the letter."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.notifier.compose import Composer, message_id, plain
from plugins.notifier.routing import DEFAULT_ROUTES, Route, audiences
from plugins.notifier.texts import (
    Event,
    Seller,
    enumerate_names,
    for_house,
    for_substation,
    purchase_link,
    read_sellers,
    title,
)

NAMES = {"house1": "House 1", "house2": "House 2", "works": "Works"}
LINK = "http://hub.example/dapp?side=buy&qty_wh=3000&src=alert"


def event(kind: str = "outage", subject: str = "house1", **more: object) -> Event:
    fields: dict[str, object] = {
        "id": "a1", "severity": "critical", "text": "what happened.", "evidence": {},
        "cleared": False,
    }  # fmt: skip
    return Event(kind=kind, subject=subject, **{**fields, **more})  # type: ignore[arg-type]


def sellers(*names: str) -> list[Seller]:
    return [Seller(name, 10 + i) for i, name in enumerate(names)]


def test_the_substation_reads_the_words_of_the_mission():
    assert for_substation(event(), NAMES) == (
        "Alert: A fault has been detected at House 1. Please initiate rectification procedures."
    )


def test_the_homeowner_reads_the_words_of_the_mission():
    assert for_house(event(), sellers("House 2", "House 3"), LINK) == (
        "A fault has been detected at your house. You can buy backup power from House 2 or "
        f"House 3 on our trading platform: {LINK}"
    )


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((), "Nobody has energy to sell at the moment."),
        (("House 2",), "from House 2 on our"),
        (("House 2", "House 3", "Works"), "from House 2, House 3 or Works on our"),
        (tuple("ABCDEFG"), "from A, B, C, D, E or 2 more on our"),
    ],
)
def test_one_or_many_sellers_are_named(names: tuple[str, ...], words: str):
    assert words in for_house(event(), sellers(*names), LINK)


def test_when_nobody_can_tell_who_sells_the_link_is_there_all_the_same():
    text = for_house(event(), None, LINK)
    assert text.endswith(f"You can buy backup power on our trading platform: {LINK}")


@pytest.mark.parametrize(
    ("lasted_s", "words"),
    [(0.4, " after 0 s"), (119, " after 119 s"), (600, " after 10 min"), (9000, " after 2.5 h")],
)
def test_the_end_tells_how_long_it_took(lasted_s: float, words: str):
    over = event(cleared=True, evidence={"lasted_s": lasted_s})
    assert f"has returned{words}" in for_substation(over, NAMES)
    assert f"has returned{words}." in for_house(over, None, LINK)


def test_a_fault_of_the_feeder_names_who_is_dark():
    fault = event("fault", "phases_abc", evidence={"houses": ["house1", "house2"]})
    assert "Without supply: House 1 and House 2." in for_substation(fault, NAMES)
    assert "substation has been informed" in for_house(fault, sellers("House 3"), LINK)


def test_other_alarms_are_told_in_their_own_words():
    assert for_substation(event("meter_lost"), NAMES) == "Alert: what happened."
    assert for_substation(event("x", cleared=True), NAMES) == "Cleared: what happened."
    assert title(event("x", "y"), NAMES) == "x: y"
    assert title(event(cleared=True), NAMES) == "Outage at House 1 cleared"


def test_the_link_fills_the_form_so_that_the_bid_reaches_every_named_seller():
    link = purchase_link("http://hub.example/", 3000, sellers("House 2", "House 3"))
    assert urlsplit(link).path == "/dapp"
    assert parse_qs(urlsplit(link).query) == {
        "side": ["buy"],
        "qty_wh": ["3000"],
        "max_price": ["11"],
        "src": ["alert"],
    }
    assert "max_price" not in purchase_link("http://hub.example", 3000, [Seller("A", None)])
    assert "max_price" not in purchase_link("http://hub.example", 3000, None)


def test_sellers_are_read_from_an_answer_cheapest_first():
    answer = [
        {"house": "c", "name": "C", "best_ask_wei_per_kwh": None},
        {"house": "b", "name": "B", "best_ask_wei_per_kwh": 10**20},
        {"house": "a", "name": "A", "best_ask_wei_per_kwh": "5"},
    ]
    assert [seller.name for seller in read_sellers(answer)] == ["A", "B", "C"]


@pytest.mark.parametrize("answer", [None, "x", 5, [1], [{"house": "a"}], [{"name": 3}]])
def test_an_answer_that_is_no_list_of_sellers_is_refused(answer: object):
    with pytest.raises(ValueError, match="expected"):
        read_sellers(answer)


@given(st.lists(st.text(min_size=1), max_size=12))
def test_every_name_is_shown_or_counted(names: list[str]):
    text = enumerate_names(names, "or")
    for name in names[:5]:
        assert name in text
    if len(names) > 5:
        assert text.endswith(f"or {len(names) - 5} more")


# --- routing --------------------------------------------------------------------------------------


def test_an_outage_goes_to_the_substation_and_to_the_house():
    assert audiences(event(), DEFAULT_ROUTES, NAMES) == ("substation", "house1")


def test_a_house_that_does_not_exist_hears_nothing():
    assert audiences(event(subject="gone"), DEFAULT_ROUTES, NAMES) == ("substation",)


def test_a_fault_goes_to_every_house_it_names_once():
    fault = event("fault", "phase_a", evidence={"houses": ["works", "house2", "works"]})
    assert audiences(fault, DEFAULT_ROUTES, NAMES) == ("substation", "works", "house2")


def test_a_route_may_ask_for_a_severity_and_name_a_house():
    routes = [Route("*", ("house2",), "critical"), Route("voltage", ("house",), "info")]
    minor = event("voltage", "grid", severity="warning", evidence={"house": "works"})
    assert audiences(minor, routes, NAMES) == ("works",)
    assert audiences(event(), routes, NAMES) == ("house2",)


def test_alarms_that_no_route_takes_go_to_nobody():
    assert audiences(event("gossip"), DEFAULT_ROUTES, NAMES) == ()


# --- composing ------------------------------------------------------------------------------------


def test_each_stage_of_an_alarm_has_its_own_id_per_audience():
    stages = [event(), event(cleared=True), event(severity="warning")]
    ids = {message_id(stage, to) for stage in stages for to in ("substation", "house1")}
    assert len(ids) == 6


def test_only_the_homeowner_in_an_outage_gets_the_link():
    from datetime import UTC, datetime

    composer = Composer(NAMES, "http://hub.example", 3000)
    at = datetime(2026, 6, 21, tzinfo=UTC)
    assert composer.message(event(), "house1", at, []).link is not None
    assert composer.message(event(), "substation", at, []).link is None
    assert composer.message(event(cleared=True), "house1", at, []).link is None
    assert composer.message(event("fault", "phase_a"), "house1", at, []).link is None


def test_evidence_that_json_cannot_hold_costs_only_itself():
    assert plain({"a": float("nan")}) == {}
    assert plain({"a": 1, "b": {1, 2}})["a"] == 1
