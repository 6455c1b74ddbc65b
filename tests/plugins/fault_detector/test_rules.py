import itertools
import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.fault_detector.alarms import alarm_id
from plugins.fault_detector.channels import Meter
from plugins.fault_detector.rules import Detector, Rules
from plugins.fault_detector.supply import SupplyRules
from tests.plugins.fault_detector.neighbourhood import (
    HEAD,
    HOUSE1,
    HOUSE2,
    NEIGHBOURHOOD,
    START,
    WORKS,
    Feeder,
    keys,
)

ALL_DARK = {meter.device: 0.0 for meter in NEIGHBOURHOOD}


def test_a_house_without_voltage_is_found_in_the_very_sample_once_the_primary_spoke():
    feeder = Feeder()
    feeder.step()
    found = feeder.step({"house1": 0.0})
    assert keys(found) == [("outage", "house1", False)]
    evidence = found[0].evidence
    assert evidence["primary_alive"] is True
    assert evidence["voltage_v"] == 0.0
    assert evidence["nominal_v"] == 240.0
    assert evidence["witnesses"]["house4.a"] == 1.0
    assert found[0].severity == "critical"


def test_an_outage_is_raised_once_and_cleared_once_under_one_id():
    feeder = Feeder()
    feeder.step()
    raised = feeder.step({"house1": 0.05})
    assert feeder.step({"house1": 0.05}) == []
    assert feeder.step({"house1": 0.79}) == []
    cleared = feeder.step({"house1": 0.81})
    assert keys(cleared)[0] == ("outage", "house1", True)
    assert cleared[0].id == raised[0].id
    assert cleared[0].evidence["lasted_s"] == 3.0


def test_exactly_a_tenth_of_nominal_is_no_outage():
    feeder = Feeder()
    feeder.step()
    assert feeder.step({"house1": 0.1}) == []


def test_the_first_dead_meter_of_a_feeder_outage_is_no_outage_at_its_house():
    feeder = Feeder()
    feeder.step()
    found = feeder.step(ALL_DARK)
    assert keys(found) == [("fault", "phases_abc", False)]
    assert found[0].evidence["houses"] == ["house1", "house2", "house4", "works"]
    assert feeder.step(ALL_DARK) == []
    back = feeder.step()
    assert keys(back) == [("fault", "phases_abc", True)]
    assert back[0].id == found[0].id


def test_one_dead_phase_is_one_fault_and_no_outage_at_any_house():
    feeder = Feeder()
    feeder.step()
    found = feeder.step({"house1": 0, "house4": 0, "works.a": 0, "head.a": 0})
    assert keys(found) == [("fault", "phase_a", False)]
    assert found[0].evidence["houses"] == ["house1", "house4", "works"]


def test_a_phase_that_is_dead_behind_a_living_head_is_a_fault_of_the_feeder():
    feeder = Feeder()
    feeder.step()
    assert keys(feeder.step({"house1": 0, "house4": 0, "works.a": 0})) == [
        ("fault", "phase_a", False)
    ]


def test_a_house_that_stays_dark_after_the_feeder_is_back_has_an_outage_of_its_own():
    feeder = Feeder()
    feeder.step()
    feeder.step(ALL_DARK)
    found = feeder.step({"house1": 0.0})
    assert keys(found).count(("outage", "house1", False)) == 1
    assert keys(found).count(("fault", "phases_abc", True)) == 1


def test_a_house_that_reports_last_is_not_taken_for_dark_when_the_feeder_returns():
    feeder = Feeder((HOUSE2, WORKS, HEAD, HOUSE1))
    feeder.step()
    feeder.step(ALL_DARK)
    assert {f.kind for f in feeder.step()} == {"fault"}


def test_an_outage_on_a_phase_that_is_back_is_told_while_others_are_still_dark():
    feeder = Feeder()
    feeder.step()
    feeder.step(ALL_DARK)
    partly = {"house2": 0, "works.b": 0, "works.c": 0, "head.b": 0, "head.c": 0}
    assert [k for k in keys(feeder.step(partly)) if k[0] == "fault"] == []
    found = feeder.step({**partly, "house1": 0})
    assert ("outage", "house1", False) in keys(found)


def test_a_phase_that_follows_later_is_a_fault_of_its_own():
    feeder = Feeder()
    feeder.step()
    dark_a = {"house1": 0, "house4": 0, "works.a": 0, "head.a": 0}
    assert keys(feeder.step(dark_a)) == [("fault", "phase_a", False)]
    found = feeder.step({**dark_a, "house2": 0, "works.b": 0, "head.b": 0})
    assert keys(found) == [("fault", "phase_b", False)]


def test_a_neighbour_in_outage_does_not_turn_the_next_outage_into_a_feeder_fault():
    meters = (HOUSE1, NEIGHBOURHOOD[2], HEAD)
    feeder = Feeder(meters)
    feeder.step()
    assert keys(feeder.step({"house4": 0})) == [("outage", "house4", False)]
    assert keys(feeder.step({"house4": 0, "house1": 0})) == [("outage", "house1", False)]


def test_a_three_phase_customer_without_one_phase_has_an_outage_that_names_it():
    feeder = Feeder()
    feeder.step()
    found = feeder.step({"works.a": 0.0})
    assert keys(found) == [("outage", "works", False)]
    assert found[0].evidence["phases"] == ["a"]
    assert "on phase A" in found[0].text


def test_all_phases_of_a_three_phase_customer_are_one_outage():
    feeder = Feeder()
    feeder.step()
    found = feeder.step({"works": 0.0})
    assert keys(found) == [("outage", "works", False)]
    assert found[0].evidence["phases"] == ["a", "b", "c"]


def test_witnesses_that_do_not_report_are_waited_for_only_so_long():
    feeder = Feeder()
    feeder.step()
    feeder.now += timedelta(seconds=1)
    assert feeder.detector.sample("house1", "voltage", 0.0, feeder.now) == []
    assert feeder.detector.waiting
    assert feeder.wait(0.2) == []
    assert keys(feeder.wait(0.05)) == [("outage", "house1", False)]


def test_a_single_meter_without_any_witness_still_tells_its_outage():
    feeder = Feeder((HOUSE1,))
    feeder.step()
    found = feeder.step({"house1": 0.0})
    assert keys(found) == [("outage", "house1", False)]
    assert found[0].evidence["primary_alive"] is None


def test_without_a_witness_on_its_phase_a_meter_is_judged_by_the_rest_of_the_feeder():
    feeder = Feeder((HOUSE1, HOUSE2))
    feeder.step()
    assert feeder.step({"house1": 0.0})[0].evidence["primary_alive"] is True


def test_confirmation_by_several_samples_when_asked_for():
    feeder = Feeder(rules=Rules(supply=SupplyRules(confirm_samples=3)))
    feeder.step()
    assert feeder.step({"house1": 0.0}) == []
    assert feeder.step({"house1": 0.0}) == []
    assert keys(feeder.step({"house1": 0.0})) == [("outage", "house1", False)]


def test_one_silent_meter_is_lost_after_the_time_and_back_with_its_next_sample():
    feeder = Feeder()
    feeder.step()
    silent = frozenset({"house2"})
    for _ in range(5):
        assert feeder.step(silent=silent) == []
    assert keys(feeder.step(silent=silent)) == [("meter_lost", "house2", False)]
    assert feeder.step(silent=silent) == []
    assert keys(feeder.step()) == [("meter_lost", "house2", True)]


def test_when_all_fall_silent_the_way_to_them_is_lost_and_no_meter():
    feeder = Feeder()
    feeder.step()
    assert feeder.wait(10) == []
    assert keys(feeder.wait(0.1)) == [("broker_lost", "all_meters", False)]
    assert feeder.wait(60) == []
    # They come back one by one: those still missing have time to.
    assert keys(feeder.step(silent=frozenset({"house1", "works"}))) == [
        ("broker_lost", "all_meters", True)
    ]
    later = [k for _ in range(8) for k in keys(feeder.step(silent=frozenset({"house1"})))]
    assert later == [("meter_lost", "house1", False)]


def test_no_meter_is_lost_while_its_link_is_known_to_be_down():
    feeder = Feeder()
    feeder.step()
    feeder.detector.link_changed("mqtt", False, feeder.now)
    assert feeder.wait(60) == []
    feeder.detector.link_changed("mqtt", True, feeder.now)
    assert feeder.wait(4.9) == []
    assert keys(feeder.wait(0.2)) == [("broker_lost", "all_meters", False)]


def test_a_meter_that_never_reported_is_lost_after_the_time():
    feeder = Feeder()
    found = []
    for _ in range(7):
        found += feeder.step(silent=frozenset({"works"}))
    assert keys(found) == [("meter_lost", "works", False)]


def test_a_limit_is_violated_only_after_its_dwell():
    feeder = Feeder()
    for _ in range(10):
        assert feeder.step({"house2": 1.06}) == []
    found = feeder.step({"house2": 1.06})
    assert keys(found) == [("voltage", "house2", False)]
    assert found[0].severity == "warning"
    assert found[0].evidence["limit_pu"] == 1.05
    assert feeder.step({"house2": 1.048}) == [], "inside, but not by the hysteresis"
    assert keys(feeder.step({"house2": 1.046})) == [("voltage", "house2", True)]


def test_a_touch_of_the_limit_in_between_starts_the_dwell_anew():
    feeder = Feeder()
    for _ in range(9):
        feeder.step({"house2": 1.06})
    feeder.step({"house2": 1.049})
    for _ in range(10):
        assert feeder.step({"house2": 1.06}) == []


def test_emergency_limits_are_critical_and_soon():
    feeder = Feeder()
    assert feeder.step({"works.b": 0.85}) == []
    assert feeder.step({"works.b": 0.85}) == []
    found = feeder.step({"works.b": 0.85})
    assert [(f.kind, f.severity) for f in found] == [("voltage", "critical")]


def test_a_warning_that_becomes_an_emergency_is_told_again_under_the_same_id():
    feeder = Feeder()
    found = [f for _ in range(11) for f in feeder.step({"house2": 1.06})]
    found += [f for _ in range(3) for f in feeder.step({"house2": 1.09})]
    assert [f.severity for f in found] == ["warning", "critical"]
    assert found[0].id == found[1].id


def test_an_outage_is_not_an_undervoltage():
    feeder = Feeder()
    found = [f for _ in range(60) for f in feeder.step({"house1": 0.0})]
    assert keys(found) == [("outage", "house1", False)]


def test_the_head_has_no_limits():
    feeder = Feeder()
    assert [f for _ in range(60) for f in feeder.step({"head": 1.12})] == []


def test_an_alarm_that_stood_before_a_restart_is_neither_repeated_nor_lost():
    first = Feeder()
    first.step()
    raised = first.step({"house1": 0.0})
    second = Feeder(standing=first.detector.active, now=first.now)
    assert second.step({"house1": 0.0}) == []
    assert keys(second.step({"house1": 0.0, "house4": 0.0})) == [("outage", "house4", False)]
    cleared = second.step()
    assert [(f.id, f.cleared) for f in cleared if f.subject == "house1"] == [(raised[0].id, True)]


def test_what_stood_against_a_house_that_is_gone_is_cleared():
    first = Feeder()
    first.step()
    raised = first.step({"house1": 0.0})
    second = Feeder((HOUSE2, WORKS, HEAD), standing=first.detector.active, now=first.now)
    cleared = second.detector.clear_unwatched(second.now)
    assert [(f.id, f.cleared) for f in cleared] == [(raised[0].id, True)]
    assert second.step() == []


def test_devices_that_nobody_watches_are_ignored():
    feeder = Feeder()
    assert feeder.detector.sample("stranger", "voltage", 0.0, START) == []
    assert feeder.detector.sample("house1", "voltage_c", 0.0, START) == []


def test_ids_follow_from_the_facts():
    assert alarm_id("outage", "house1", START) == alarm_id("outage", "house1", START)
    assert alarm_id("outage", "house1", START) != alarm_id("outage", "house2", START)
    assert len(alarm_id("outage", "house1", START)) == 16


@pytest.mark.parametrize("spread", [0.02, 0.045])
def test_ten_thousand_normal_samples_raise_nothing(spread: float):
    feeder = Feeder()
    found = []
    for i in range(10_000 // len(NEIGHBOURHOOD)):
        wave = {m.device: 1 + spread * math.sin(i / 7 + k) for k, m in enumerate(NEIGHBOURHOOD)}
        found += feeder.step(wave)
    assert found == []


VOLTAGES = st.sampled_from([0.0, 0.09, 0.1, 0.5, 0.79, 0.81, 0.93, 1.0, 1.06, 1.1])
STEPS = st.lists(
    st.tuples(
        st.dictionaries(
            st.sampled_from(["house1", "house2", "house4", "works.a", "works.b", "head", "head.a"]),
            VOLTAGES,
        ),
        st.frozensets(st.sampled_from([m.device for m in NEIGHBOURHOOD])),
    ),
    max_size=25,
)


@given(STEPS)
def test_whatever_happens_alarms_come_in_pairs_and_outages_have_a_dead_meter(steps):
    feeder = Feeder()
    standing: dict[tuple[str, str], str] = {}
    for pu, silent in steps:
        for finding in feeder.step(pu, silent):
            if finding.cleared:
                assert standing.pop(finding.key) == finding.id
            else:
                assert standing.get(finding.key, finding.id) == finding.id
                standing[finding.key] = finding.id
                if finding.kind == "outage":
                    assert finding.evidence["voltage_pu"] < 0.1
                    assert finding.evidence["primary_alive"] is not False
    assert {(a.kind, a.subject) for a in feeder.detector.active} == set(standing)
    # Whatever it was: with everything healthy again, everything is cleared.
    for _ in range(20):
        feeder.step()
    assert feeder.detector.active == ()


@given(st.sets(st.sampled_from(["house1", "house2", "house4"]), min_size=1))
def test_every_dark_house_with_a_living_primary_is_found_within_its_sample(dark: set[str]):
    feeder = Feeder()
    feeder.step()
    found = feeder.step(dict.fromkeys(dark, 0.0))
    assert {f.subject for f in found if f.kind == "outage"} == dark
    assert {f.kind for f in found} == {"outage"}


class Pedant(Detector):
    """Takes no meter for calm, so that every sample is judged."""

    def _band(self, meter: Meter) -> tuple[float, float]:
        return math.inf, -math.inf


#: What is not 1.0, who is silent, and for how many seconds.
SPELLS = st.lists(
    st.tuples(
        st.dictionaries(
            st.sampled_from(["house1", "house2", "works.a", "head"]),
            st.sampled_from([0.0, 0.5, 0.89, 0.94, 0.951, 1.06]),
            max_size=2,
        ),
        st.frozensets(st.sampled_from(["house1", "works", "head"]), max_size=1),
        st.sampled_from([1, 3, 11]),
    ),
    min_size=2,
    max_size=8,
)


@given(SPELLS)
def test_a_telegram_of_a_calm_meter_tells_nothing_that_judging_it_would_have_told(spells):
    feeder, pedant = Feeder(), Pedant(NEIGHBOURHOOD, Rules(), START)
    for pu, silent, seconds in spells:
        for _, meter in itertools.product(range(seconds), NEIGHBOURHOOD):
            if meter is NEIGHBOURHOOD[0]:
                feeder.now += timedelta(seconds=1)
                assert feeder.detector.check(feeder.now) == pedant.check(feeder.now)
            if meter.device in silent:
                continue
            values = tuple(
                pu.get(f"{meter.device}.{phase}", pu.get(meter.device, 1.0)) * meter.nominal_v
                for phase in meter.quantities.values()
            )
            quantities = tuple(meter.quantities)
            found = feeder.detector.hear(
                meter.device, ("power", *quantities), (0.0, *values), feeder.now
            )
            assert found == pedant.hear(meter.device, quantities, values, feeder.now)


def test_the_witnesses_of_an_outage_are_quoted_with_what_they_said_last():
    feeder = Feeder()
    feeder.step()
    feeder.step({"house4": 0.98})
    others = frozenset(m.device for m in NEIGHBOURHOOD) - {"house1"}
    assert feeder.step({"house1": 0.0}, silent=others) == []
    found = feeder.wait(0.5)
    assert keys(found) == [("outage", "house1", False)]
    assert found[0].evidence["witnesses"]["house4.a"] == 0.98


VILLA = Meter("villa", 230.0, (), "villa", "Villa")


def say(detector: Detector, device: str, now, **values: float):
    return detector.hear(device, tuple(values), tuple(values.values()), now)


def test_a_house_whose_wiring_is_not_known_has_the_phases_that_its_meter_tells():
    """A real home has a meter of three phases and no bus in the file."""
    detector = Detector((VILLA, HOUSE1), Rules(), START, ())
    lit = {"voltage_a": 230.0, "voltage_b": 231.0, "voltage_c": 229.0}
    now = START
    for _ in range(10):
        now += timedelta(seconds=1)
        found = say(detector, "villa", now, **lit, power=700.0)
        found += say(detector, "house1", now, voltage=240.0)
        assert found + detector.check(now) == []
    now += timedelta(seconds=1)
    say(detector, "house1", now, voltage=240.0)
    one_dark = say(detector, "villa", now, **{**lit, "voltage_b": 0.0})
    one_dark += detector.check(now + timedelta(seconds=2))
    assert ("outage", "villa", False) in keys(one_dark)
    assert "Villa is without voltage on phase B" in one_dark[0].text
    now += timedelta(seconds=3)
    say(detector, "house1", now, voltage=240.0)
    back = say(detector, "villa", now, **lit)
    assert keys(back) == [("outage", "villa", True)]


def test_phases_may_come_one_at_a_time():
    detector = Detector((VILLA, HOUSE1), Rules(), START, ())
    now = START
    for _ in range(8):
        now += timedelta(seconds=1)
        found = say(detector, "house1", now, voltage=240.0)
        for phase in "abc":
            found += say(detector, "villa", now, **{f"voltage_{phase}": 230.0})
        assert found + detector.check(now) == []
    dark = []
    now += timedelta(seconds=1)
    say(detector, "house1", now, voltage=240.0)
    for phase in "abc":
        dark += say(detector, "villa", now, **{f"voltage_{phase}": 0.0})
    dark += detector.check(now + timedelta(seconds=2))
    assert keys(dark) == [("outage", "villa", False)]


def test_a_meter_without_voltages_is_not_silent():
    detector = Detector((VILLA, HOUSE1), Rules(), START, ())
    now = START
    for _ in range(12):
        now += timedelta(seconds=1)
        found = say(detector, "house1", now, voltage=240.0)
        found += say(detector, "villa", now, power=500.0)
        assert found + detector.check(now) == []
    for _ in range(12):
        now += timedelta(seconds=1)
        found += say(detector, "house1", now, voltage=240.0)
        found += detector.check(now)
    assert keys(found) == [("meter_lost", "villa", False)]
    again = say(detector, "villa", now, power=500.0)
    assert keys(again) == [("meter_lost", "villa", True)]
