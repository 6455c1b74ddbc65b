"""What is accepted in hub.yaml, and that mistakes are told without repeating secrets."""

import pytest
from pydantic import SecretStr, ValidationError

from plugins.notifier.configuration import NotifierConfig, origin, problems, unchecked

TOKEN = "123456:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr"
CHAT_WANTED = "expected a Telegram chat: a number, or @ and the name of a channel"
GOOD = {
    "n8n": {"url": "https://n8n.example/webhook/x", "secret": "plain"},
    "telegram": {"token": TOKEN, "substation_chat": "-100200"},
    "routes": [{"kind": "outage", "to": ["substation", "house"]}],
    "retry": ["1s", "2s"],
}


def config(**changes: object) -> NotifierConfig:
    return NotifierConfig.model_validate({**GOOD, **changes})


def test_what_is_needed_is_little():
    assert NotifierConfig().n8n is None
    assert config().retry == (1.0, 2.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"public_url": "hub.example"}, "such as http://192.168.1.20:8080"),
        ({"public_url": "http://[broken"}, "such as http://192.168.1.20:8080"),
        ({"n8n": {"url": "ftp://x/y"}}, "/webhook/microgrid-hub"),
        ({"n8n": {"url": "http://x:99999/y"}}, "/webhook/microgrid-hub"),
        ({"n8n": {"url": "http://x/y", "secret": "whsec_%"}}, "expected base64 after whsec_"),
        ({"n8n": {"url": "http://x/y", "header": {"name": "a b", "value": "v"}}}, "header.name"),
        ({"n8n": {"url": "http://x/y", "header": {"name": "a", "value": "v\nw"}}}, "one line"),
        ({"telegram": {"token": "no"}}, "expected a bot token"),
        ({"telegram": {"token": TOKEN, "substation_chat": "me"}}, "expected a Telegram chat"),
        ({"routes": [{"kind": "outage", "to": []}]}, "routes.0.to"),
        ({"retry": []}, "retry"),
        ({"suggest_wh": 0}, "suggest_wh"),
    ],
)
def test_mistakes_are_refused_with_what_was_expected(changes: dict[str, object], words: str):
    with pytest.raises(ValidationError) as caught:
        config(**changes)
    assert words in str(caught.value)


def test_secrets_are_in_no_representation():
    shown = repr(config()) + str(config().model_dump())
    assert TOKEN not in shown
    assert "plain" not in shown
    assert "-100200" not in shown


def test_what_fits_together_badly_is_told():
    wrong = config(
        n8n={"url": "http://x/webhook-test/y"}, routes=[{"kind": "*", "to": ["moon", "house1"]}]
    )
    assert problems(wrong, {"house1": SecretStr("my chat"), "house2": None}) == [
        f"houses.house1.telegram: {CHAT_WANTED}",
        "routes: 'moon' is not substation, house or a house's id",
        "n8n.url: a test address works for two minutes only; expected /webhook/",
    ]
    assert problems(config(), {}) == []


def test_only_the_origin_of_an_address_is_shown():
    assert origin("https://n8n.example:5678/webhook/secret-path?x=1") == "https://n8n.example:5678"
    assert unchecked(config())[0] == (
        "whether n8n answers at https://n8n.example and its workflow is active"
    )
