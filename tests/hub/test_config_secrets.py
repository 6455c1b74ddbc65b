"""Secrets: where they come from, and that they show up nowhere."""

import json
from pathlib import Path

import pytest

from hub.config import ConfigError, schema
from tests.hub.config_samples import TYPES, Meters, load_text, mistakes

CANARY = "canary-7Qx!"
USING = "plugins:\n  m: {use: meters, %s: !secret it}\n"


def test_a_secret_is_read_from_the_file_beside(tmp_path: Path) -> None:
    config = load_text(tmp_path, USING % "password", secrets_yaml=f"it: '{CANARY}'\n")
    settings = config.plugins["m"].config
    assert isinstance(settings, Meters.Config)
    assert settings.password is not None
    assert settings.password.get_secret_value() == CANARY
    assert config.secrets == {CANARY}
    assert config.plugins["m"].raw == {"use": "meters", "password": "<the secret 'it'>"}


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("qos", "2", 2),
        ("anything", "2", 2),
        ("anything", "'2'", "2"),
        ("retain", "on", True),
        ("label", "007", "007"),
        ("interval", "5m", 300),
    ],
)
def test_a_secret_may_be_of_any_kind(tmp_path: Path, key: str, text: str, value: object) -> None:
    config = load_text(tmp_path, USING % key, secrets_yaml=f"it: {text}\n")
    assert getattr(config.plugins["m"].config, key) == value


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("qos", "2:25: plugins.m.qos: expected a whole number, got the secret 'it'"),
        (
            "preset",
            (
                "2:28: plugins.m.preset: expected one of 'tasmota', 'shelly' or 'generic', "
                "got the secret 'it'"
            ),
        ),
        ("label", "2:27: plugins.m.label: the secret 'it' is not accepted here"),
    ],
)
def test_a_secret_that_does_not_fit_is_not_shown(tmp_path: Path, key: str, line: str) -> None:
    found = mistakes(tmp_path, USING % key, secrets_yaml="it: a/canry\n")
    assert found == [f"hub.yaml:{line}"]


def test_the_words_of_a_plugin_about_a_whole_section_do_not_show_its_secrets(
    tmp_path: Path,
) -> None:
    text = "plugins:\n  l: {use: lax, count: !secret it}\n  m: {use: meters, label: /tasmot}\n"
    found = mistakes(tmp_path, text, secrets_yaml="it: tasmot\n")
    assert found == [
        "hub.yaml:2:24: plugins.l.count: expected a whole number, got the secret 'it'",
        "hub.yaml:3:27: plugins.m.label: the label '/***' holds a slash",
    ]


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    assert mistakes(tmp_path, USING % "password") == [
        (
            "hub.yaml:2:30: secret 'it': there is no secrets.yaml beside the hub's file "
            "(create it with the line 'it: …')"
        )
    ]


def test_a_missing_secret_names_those_that_are_there(tmp_path: Path) -> None:
    found = mistakes(tmp_path, USING % "password", secrets_yaml=f"b: {CANARY}\na: {CANARY}\n")
    assert found == [
        "hub.yaml:2:30: secret 'it' is not in secrets.yaml (it holds: a, b); add the line 'it: …'"
    ]


BAD_FILES = [
    ("it: *canary\n", "1:5: is not YAML here; put the value in quotes"),
    ("it: !canary x\n", "1:1: secret 'it' must be one value; put it in quotes"),
    ("it: [canary]\n", "1:1: secret 'it' must be one value; put it in quotes"),
    ("it: a: canary\n", "1:6: a ': ' too many here; put text that holds ': ' in quotes"),
    ("it: '@canary\n", "1:5: the quote that opens here is never closed"),
    ("it: &canary\n", "1:1: secret 'it' has no value"),
    ("it:\n", "1:1: secret 'it' has no value"),
    ("canary\n", "1:1: expected lines name: value"),
    ("- canary\n", "1:1: expected lines name: value"),
    ("[canary]: x\nit: y\n", "1:1: expected a name, then ': ' and the value"),
    ("it: x\nit: y\n", "2:1: duplicate key 'it' (first at line 1)"),
]


@pytest.mark.parametrize(("text", "line"), BAD_FILES, ids=[text for text, _ in BAD_FILES])
def test_a_mistake_in_the_secrets_is_one_line_that_shows_no_value(
    tmp_path: Path, text: str, line: str
) -> None:
    assert mistakes(tmp_path, USING % "password", secrets_yaml=text) == [f"secrets.yaml:{line}"]


def test_the_file_is_not_needed_if_no_secret_is_used(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "plugins:\n", secrets_yaml="[") == []


def test_a_file_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "secrets.yaml").write_text("it: x\n")
    (tmp_path / "secrets.yaml").chmod(0o644)
    (warning,) = load_text(tmp_path, USING % "password").warnings
    assert warning.endswith(f"(close it with: chmod 600 {tmp_path / 'secrets.yaml'})")
    (tmp_path / "secrets.yaml").chmod(0o600)
    assert load_text(tmp_path, USING % "password").warnings == ()


def test_a_secret_in_plain_text_is_kept_from_the_log_and_warned_of(tmp_path: Path) -> None:
    config = load_text(tmp_path, f"plugins:\n  m: {{use: meters, password: {CANARY}}}\n")
    assert config.secrets == {CANARY}
    assert [warning.replace(f"{tmp_path}/", "") for warning in config.warnings] == [
        (
            "hub.yaml:2:30: plugins.m.password: a secret in plain text; "
            "move it to secrets.yaml and write !secret name"
        )
    ]


@pytest.mark.parametrize("secret", [True, False])
def test_the_password_in_a_url_is_kept_from_the_log(tmp_path: Path, secret: bool) -> None:
    url = "mqtt://user:p%40ss@here:1883"
    text = f"plugins:\n  m: {{use: meters, broker: {'!secret it' if secret else repr(url)}}}\n"
    config = load_text(tmp_path, text, secrets_yaml=f"it: {url}\n")
    assert config.secrets >= {"p%40ss", "p@ss"}
    warned = [warning for warning in config.warnings if "a URL with a password" in warning]
    assert len(warned) == (0 if secret else 1)
    assert all(":2:28: plugins.m: " in warning and "p%40ss" not in warning for warning in warned)


def test_a_secret_of_the_environment_is_kept_from_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROGRID_PASSWORD", CANARY)
    config = load_text(
        tmp_path, "plugins:\n  m: {use: meters, password: !env MICROGRID_PASSWORD}\n"
    )
    assert config.secrets == {CANARY}
    assert config.warnings == ()


def test_no_secret_is_in_the_text_of_any_object(tmp_path: Path) -> None:
    text = "houses: {h: {telegram: !secret it}}\n" + USING % "label" + "  n: {use: bare}\n"
    config = load_text(tmp_path, text, secrets_yaml="it: 'canary'\n")
    assert getattr(config.plugins["m"].config, "label") == "canary"  # noqa: B009
    assert "canary" not in f"{config!r}{config}{config.plugins['m']!r}{config.plugins['m'].raw}"
    assert "canary" not in json.dumps(schema(TYPES))
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, text + "  n: {use: bare}\n")
    assert "canary" not in f"{caught.value!r}{caught.value.problems!r}"
