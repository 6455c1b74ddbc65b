"""What docs/feeder.md says of commands and keys is what there is."""

from pathlib import Path

from plugins.opendss_grid.configuration import GridConfig
from plugins.opendss_grid.orders import ACTIONS

PAGE = (Path(__file__).parents[3] / "docs/feeder.md").read_text()


def test_every_action_of_every_actuator_is_documented() -> None:
    table = PAGE[PAGE.index("| Target |") : PAGE.index("Each is verified")]
    for kind, actions in ACTIONS.items():
        assert kind in table
        for name, action in actions.items():
            assert f"`{name}`" in table, (kind, name)
            for argument in action.takes:
                assert f"`{argument}`" in table, (kind, name, argument)


def test_every_key_of_a_feeder_is_described() -> None:
    for key, field in GridConfig.model_fields.items():
        assert field.description, key
