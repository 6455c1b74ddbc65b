"""What a valid hub.yaml becomes."""

from datetime import date, time
from decimal import Decimal
from pathlib import Path

import pytest

from tests.hub.config_samples import Bare, Grid, Meters, load_text, mistakes

WALLET = "0x52908400098527886E0F7030069857D2E4169EE7"


def meters(folder: Path, *lines: str, **others: str) -> Meters.Config:
    """Return the settings of a meter plugin with these lines in its section."""
    text = "\n    ".join(("plugins:\n  m:\n    use: meters", *lines))
    config = load_text(folder, text, **others).plugins["m"].config
    assert isinstance(config, Meters.Config)
    return config


def test_a_plugin_has_its_own_typed_settings(tmp_path: Path) -> None:
    config = load_text(tmp_path, "plugins:\n  m: {use: meters, qos: 2}\n  b: {use: bare}\n")
    assert list(config.plugins) == ["m", "b"]
    spec = config.plugins["m"]
    assert (spec.name, spec.use) == ("m", "meters")
    assert isinstance(spec.config, Meters.Config)
    assert spec.config.qos == 2
    assert spec.raw == {"use": "meters", "qos": 2}


def test_two_instances_of_a_type_are_two_entries(tmp_path: Path) -> None:
    config = load_text(tmp_path, "plugins:\n  a: {use: bare}\n  b: {use: bare}\n")
    assert {name: spec.use for name, spec in config.plugins.items()} == {"a": "bare", "b": "bare"}


@pytest.mark.parametrize("text", ["plugins:\n", "houses:\nplugins: {}\n", "hub:\n", "x-own: 1\n"])
def test_sections_may_be_left_empty(tmp_path: Path, text: str) -> None:
    config = load_text(tmp_path, text)
    assert config.plugins == {}
    assert config.houses == {}
    assert config.hub.time_lapse == 1
    assert config.hub.stale_after == 10


def test_nested_sections_may_be_left_empty(tmp_path: Path) -> None:
    config = meters(tmp_path, "limits:", "devices:", "by_bus: # none yet")
    assert config.limits.low_pu == 0.95
    assert config.devices == []
    assert config.by_bus == {}


def test_the_hub_section_is_read(tmp_path: Path) -> None:
    hub = load_text(
        tmp_path,
        "hub: {name: on, data_dir: state, time_lapse: 60, stale_after: 1m30s,"
        " log: {level: WARNING, levels: {g: debug}, format: json}}\nplugins: {g: {use: bare}}\n",
    ).hub
    assert hub.name == "on"
    assert hub.data_dir == tmp_path / "state"
    assert hub.time_lapse == 60
    assert hub.stale_after == 90
    assert (hub.log.level, hub.log.levels, hub.log.format) == ("warning", {"g": "debug"}, "json")


def test_the_data_directory_is_beside_the_file_unless_told(tmp_path: Path) -> None:
    assert load_text(tmp_path, "plugins:\n").hub.data_dir == tmp_path / ".hub"


def test_houses_are_shared(tmp_path: Path) -> None:
    config = load_text(
        tmp_path, "houses:\n  house1: {bus: 671.1, meter: m1, pv: {kwp: 8}}\n  house2: {}\n"
    )
    assert config.houses["house1"].device("house1") == "m1"
    assert config.houses["house2"].device("house2") == "house2"


def test_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    config = load_text(
        tmp_path, "plugins:\n  a: {use: grid, feeder: f/a.dss}\n  b: {use: grid, feeder: /b.dss}\n"
    )
    feeders = [
        s.config.feeder for s in config.plugins.values() if isinstance(s.config, Grid.Config)
    ]
    assert feeders == [tmp_path / "f/a.dss", Path("/b.dss")]


def test_a_relative_file_name_gives_absolute_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_text(Path(), "plugins:\n  a: {use: grid, feeder: a.dss}\n")
    assert isinstance(config.plugins["a"].config, Grid.Config)
    assert config.plugins["a"].config.feeder == tmp_path / "a.dss"


@pytest.mark.parametrize("text", ["on", "no", "12:30", "0123", "1e5", "0x1F", "true", "1_0", "y"])
def test_what_looks_like_something_else_stays_text_where_text_is_expected(
    tmp_path: Path, text: str
) -> None:
    assert meters(tmp_path, f"label: {text}").label == text


@pytest.mark.parametrize("key", ["on", "no", "12", "null", "~", "0x10", "1.0"])
def test_keys_are_the_text_that_was_written(tmp_path: Path, key: str) -> None:
    assert meters(tmp_path, f"names: {{{key}: {key}1}}").names == {key: f"{key}1"}


def test_a_password_of_digits_stays_as_it_is(tmp_path: Path) -> None:
    password = meters(tmp_path, "password: 0012").password
    assert password is not None
    assert password.get_secret_value() == "0012"


@pytest.mark.parametrize("quoted", ["", '"'])
def test_a_wallet_address_without_quotes_is_no_number(tmp_path: Path, quoted: str) -> None:
    assert meters(tmp_path, f"owner: {quoted}{WALLET}{quoted}").owner == WALLET


@pytest.mark.parametrize(("text", "value"), [("on", True), ("no", False), ("true", True)])
def test_words_for_true_and_false_are_understood_where_they_are_expected(
    tmp_path: Path, text: str, value: bool
) -> None:
    assert meters(tmp_path, f"retain: {text}").retain is value


def test_every_kind_of_setting_is_understood(tmp_path: Path) -> None:
    config = meters(
        tmp_path,
        "protocol: 5",
        "by_bus: {671: {name: a}}",
        "price: 0.105",
        "factor: auto",
        "at: 12:30",
        "since: 2026-11-21",
        "interval: 500ms",
        "anything: {a: [1, 2.5, yes, true, null]}",
    )
    assert config.protocol == "5"
    assert config.by_bus[671].name == "a"
    assert config.price == Decimal("0.105")
    assert config.factor == "auto"
    assert config.at == time(12, 30)
    assert config.since == date(2026, 11, 21)
    assert config.interval == 0.5
    assert config.anything == {"a": [1, 2.5, "yes", True, None]}


def test_anchors_and_merge_keys_share_settings(tmp_path: Path) -> None:
    config = load_text(
        tmp_path,
        "x-meter: &meter {use: meters, qos: 2, label: shared}\n"
        "x-more: &more {retain: on, qos: 0}\n"
        "plugins:\n  a: *meter\n  b: {<<: [*meter, *more], label: own}\n",
    )
    a, b = (spec.config for spec in config.plugins.values())
    assert isinstance(a, Meters.Config)
    assert isinstance(b, Meters.Config)
    assert (a.qos, a.label, a.retain) == (2, "shared", False)
    assert (b.qos, b.label, b.retain) == (2, "own", True)


def test_a_mistake_in_merged_settings_is_where_it_is_written(tmp_path: Path) -> None:
    text = "x-meter: &meter {qos: 7}\nplugins:\n  a: {use: meters, <<: *meter}\n"
    assert mistakes(tmp_path, text) == ["hub.yaml:1:23: plugins.a.qos: must be at most 2, got 7"]


def test_env_reads_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRID_QOS", "2")
    config = meters(tmp_path, "qos: !env MICROGRID_QOS", "label: !env MICROGRID_UNSET a b")
    assert (config.qos, config.label) == (2, "a b")


def test_the_environment_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRID_QOS", "canary")
    assert mistakes(tmp_path, "plugins:\n  m: {use: meters, qos: !env MICROGRID_QOS}\n") == [
        (
            "hub.yaml:2:25: plugins.m.qos: expected a whole number, "
            "got the environment variable 'MICROGRID_QOS'"
        )
    ]


def test_the_digest_changes_with_what_a_section_says_and_with_nothing_else(tmp_path: Path) -> None:
    def digest(text: str, secret: str = "s") -> str:  # no real secret
        return load_text(tmp_path, text, secrets_yaml=f"pw: {secret}").plugins["m"].digest

    first = digest("plugins:\n  m: {use: meters, qos: 1, retain: on}\n")
    assert first == digest(
        "# moved\nplugins:\n\n  m:\n    retain: on\n    use: meters\n    qos: 1\n"
    )
    assert first == digest("plugins:\n  o: {use: bare}\n  m: {use: meters, qos: 1, retain: on}\n")
    assert first != digest("plugins:\n  m: {use: meters, qos: 2, retain: on}\n")
    with_secret = "plugins:\n  m: {use: meters, password: !secret pw}\n"
    assert digest(with_secret, "a") != digest(with_secret, "b")


def test_a_type_without_settings_needs_no_model(tmp_path: Path) -> None:
    assert not hasattr(Bare, "Config")
    assert load_text(tmp_path, "plugins:\n  b: {use: bare}\n").plugins["b"].raw == {"use": "bare"}
