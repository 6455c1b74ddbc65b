import pytest
from pydantic import ValidationError

from plugins.fault_detector.configuration import FaultDetectorConfig


def test_the_rules_are_those_of_the_configuration():
    config = FaultDetectorConfig.model_validate(
        {"confirm_samples": 3, "stale_after": "9s", "normal": {"low": 0.94, "high": 1.06}}
    )
    rules = config.rules()
    assert rules.supply.confirm_samples == 3
    assert rules.stale_after.total_seconds() == 9
    assert (rules.limits.low_pu, rules.limits.high_pu) == (0.94, 1.06)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"normal": {"low": 0.85, "high": 1.05}}, "emergency limits outside the normal"),
        ({"normal": {"low": 0.95, "high": 1.09}}, "emergency limits outside the normal"),
        ({"hysteresis": 0.0499, "normal": {"low": 0.99, "high": 1.01}}, "smaller than half"),
        ({"dead_below": 0.7}, "dead_below"),
        ({"head": {"nominal_v": 0}}, "head.nominal_v"),
        ({"dwel": 3}, "dwel"),
    ],
)
def test_thresholds_that_contradict_each_other_are_refused(changes: dict[str, object], words: str):
    with pytest.raises(ValidationError) as caught:
        FaultDetectorConfig.model_validate(changes)
    assert words in str(caught.value)
