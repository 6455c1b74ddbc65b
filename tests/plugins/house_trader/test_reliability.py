"""How much of a forecast is relied on, after what errors."""

from hypothesis import given
from hypothesis import strategies as st

from plugins.house_trader.reliability import AT_FIRST, CASES, Reliability

CAME = st.lists(st.floats(0, 2), max_size=2 * CASES)
CONFIDENCE = st.floats(0.5, 0.99)


def after(came: list[float], confidence: float) -> float:
    reliability = Reliability(confidence)
    for part in came:
        reliability.learn(-250.0, -250.0 * part)  # needs and surpluses are alike
    return reliability.share


@given(CONFIDENCE)
def test_at_first_a_fixed_part_is_relied_on(confidence: float):
    assert after([], confidence) == AT_FIRST


def test_nine_cases_are_enough_to_be_right_nine_times_out_of_ten():
    assert after([0.95] * 8, 0.9) == AT_FIRST
    assert after([0.95] * 9, 0.9) == 0.95
    assert after([0.5] + [0.95] * 18, 0.9) == 0.95
    assert after([0.5] + [0.95] * 17, 0.9) == 0.5


@given(CAME, CONFIDENCE)
def test_what_is_relied_on_came_as_often_as_is_asked_for(came: list[float], confidence: float):
    share = after(came, confidence)
    assert 0 <= share <= 1
    remembered = came[-CASES:]
    missed = sum(part < share - 1e-9 for part in remembered)
    assert missed <= len(remembered) * (1 - confidence)


@given(CAME, CONFIDENCE, st.floats(0, 1))
def test_the_margin_grows_with_the_errors(came: list[float], confidence: float, worse: float):
    assert after([part * worse for part in came], confidence) <= after(came, confidence) + 1e-12


@given(CAME, st.floats(0.5, 0.9))
def test_more_confidence_never_offers_more(came: list[float], confidence: float):
    assert after(came, confidence + 0.09) <= after(came, confidence)


@given(CAME)
def test_old_errors_are_forgotten(came: list[float]):
    assert after([*came, *([1.0] * CASES)], 0.9) == 1.0


def test_what_never_came_is_not_relied_on():
    assert after([0.0] * 40, 0.9) == 0.0
    assert after([0.0], 0.9) == 0.0
