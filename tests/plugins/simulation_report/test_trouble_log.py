"""Troubles of plugins, from their states."""

from plugins.simulation_report.trouble_log import Trouble, note


def troubles(*states: tuple[float, str, str]) -> list[tuple[float, float | None, str]]:
    found: list[Trouble] = []
    for now_s, state, reason in states:
        note(found, Trouble("p", state, reason, now_s), well=state == "ONLINE")
    return [(t.since_s, t.until_s, t.reason) for t in found]


def test_a_trouble_lasts_until_the_plugin_is_well_or_has_another():
    told = troubles(
        (1, "DEGRADED", "a"), (2, "DEGRADED", "a"), (5, "DEGRADED", "b"), (9, "ONLINE", "")
    )
    assert told == [(1, 5, "a"), (5, 9, "b")]


def test_one_that_stands_has_no_end_and_one_of_a_moment_is_none():
    told = troubles((3, "BACKOFF", "a"), (3, "ONLINE", ""), (4, "FAILED", "b"))
    assert told == [(4, None, "b")]
