import pytest
from pydantic import ValidationError

from plugins.tap_controller.configuration import TapControllerConfig


def test_the_defaults_lead_to_the_demonstrated_voltage():
    config = TapControllerConfig()
    assert (config.limits.high, config.restore.high) == (1.05, 1.0165)
    assert config.goal().restore_high == 1.0165
    assert config.settings().high_pu == 1.05


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"limits": {"low": 1.1, "high": 0.9}}, "low below high"),
        ({"restore": {"low": 0.97, "high": 1.049}}, "inside the limits narrowed by the margin"),
        ({"restore": {"low": 0.95, "high": 1.02}}, "inside the limits narrowed by the margin"),
        ({"restore": {"low": 0.96, "high": 0.975}, "guard": 0.03}, "room below restore.high"),
        ({"mode": "guess"}, "mode"),
        ({"min_share": 0}, "min_share"),
        ({"max_steps_per_hour": 0}, "max_steps_per_hour"),
    ],
)
def test_bounds_that_cannot_be_held_are_refused(changes: dict[str, object], words: str):
    with pytest.raises(ValidationError) as caught:
        TapControllerConfig.model_validate(changes)
    assert words in str(caught.value)
