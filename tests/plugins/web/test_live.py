"""What a page is sent: a snapshot, then what changed."""

from dataclasses import dataclass
from datetime import UTC, datetime

from plugins.web.live import KEPT_EVENTS, LiveState


@dataclass
class Measured:
    device: str
    quantities: tuple[str, ...]
    values: tuple[float, ...]
    at: datetime = datetime(2026, 6, 1, 12, tzinfo=UTC)
    quality: str = "good"


def feeder(voltages, nodes=("671.1",)):
    return {
        "type": "FeederState", "topic": "grid/grid/state",
        "nodes": nodes, "elements": ("line.1",), "voltages_pu": voltages,
    }  # fmt: skip


def absorb(live, message, *, conflated=True):
    live.absorb(message["type"], message["topic"], message, conflated=conflated)


def live_state():
    return LiveState(lambda message: message)


def test_readings_travel_without_their_words():
    live = live_state()
    live.hear(Measured("house1", ("power", "voltage"), (500.0, 240.0)))
    live.hear(Measured("house1", ("power",), (600.0,), quality="estimated"))
    at = "2026-06-01T12:00:00+00:00"
    shown = {"house1": {"power": [600.0, at, "estimated"], "voltage": [240.0, at, "good"]}}
    assert live.frame()["readings"] == shown
    live.hear(Measured("house1", ("voltage",), (241.0,)))
    assert live.frame()["readings"] == {"house1": {"voltage": [241.0, at, "good"]}}
    shown["house1"]["voltage"] = [241.0, at, "good"]
    assert live.snapshot()["readings"] == shown
    assert live.frame() is None


def test_only_what_is_shown_is_encoded():
    encoded = []
    live = LiveState(lambda message: encoded.append(message["voltages_pu"]) or message)
    for value in range(100):
        absorb(live, feeder([value]))
    live.frame()
    assert encoded == [[99]]


def test_nothing_new_is_no_frame():
    live = live_state()
    absorb(live, feeder([1.0]))
    assert live.frame() is not None
    assert live.frame() is None


def test_names_of_arrays_travel_once_and_again_when_they_change():
    live = live_state()
    absorb(live, feeder([1.0]))
    assert live.frame()["states"][0]["nodes"] == ("671.1",)
    absorb(live, feeder([1.1]))
    (state,) = live.frame()["states"]
    assert "nodes" not in state
    assert state["voltages_pu"] == [1.1]
    assert live.snapshot()["states"][0]["nodes"] == ("671.1",)
    absorb(live, feeder([1.1, 1.0], nodes=("671.1", "671.2")))
    assert live.frame()["states"][0]["nodes"] == ("671.1", "671.2")


def test_events_keep_their_order_across_kinds_and_are_numbered():
    live = live_state()
    for n in range(3):
        absorb(live, {"type": f"Kind{n % 2}", "topic": "x", "n": n}, conflated=False)
    events = live.snapshot()["events"]
    assert [event["n"] for event in events] == [0, 1, 2]
    assert [event["seq"] for event in events] == [1, 2, 3]
    assert live.frame()["events"] == events


def test_a_flood_of_one_kind_does_not_push_out_another():
    live = live_state()
    absorb(live, {"type": "Rare", "topic": "rare"}, conflated=False)
    for n in range(10 * KEPT_EVENTS):
        absorb(live, {"type": "Common", "topic": "common", "n": n}, conflated=False)
    events = live.snapshot()["events"]
    assert len(events) == KEPT_EVENTS + 1
    assert events[0]["type"] == "Rare"
