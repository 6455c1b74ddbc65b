"""What is taken out of text that people or files see."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.redact import Redactor

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
TOKEN = "123456789:AAF-abcdefghijklmnopqrstuvwxyz_01234"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("mqtt://user:pa@ss@broker:1883/x", "mqtt://***@broker:1883/x"),
        ("wss://token@node.example", "wss://***@node.example"),
        ("mail a@example.org", "mail a@example.org"),
        ("http://127.0.0.1:8080/a@b", "http://127.0.0.1:8080/a@b"),
        (f"POST https://api.telegram.org/bot{TOKEN}/send", "POST https://api.telegram.org/bot***/send"),
        (f"token {TOKEN}", "token ***"),
        ("Authorization: Basic dXNlcjpwdw==", "Authorization: Basic ***"),
        ("{'Authorization': 'Bearer abc'}", "{'Authorization': 'Bearer ***'}"),
        ("bearer abcdefghijklmnopqrst", "bearer ***"),
        ("the bearer token is gone", "the bearer token is gone"),
        ("jwt eyJhbGciOiJIUzI1.eyJzdWIiOiIx.c2lnbmF0dXJl", "jwt ***"),
        ("http://h/x?api_key=abc&y=1", "http://h/x?api_key=***&y=1"),
        ("https://sepolia.infura.io/v3/0123456789abcdef0123456789abcdef",
         "https://sepolia.infura.io/v3/***"),
        (f"key {KEY}.", "key 4c0883a6…."),
        (f"key=0x{KEY.upper()}", "key=0x4C0883A6…"),
        (f"pk_{KEY}", "pk_4c0883a6…"),
        (f"calldata 0x{KEY}{KEY}", f"calldata 0x{KEY}{KEY}"),
        ("wallet 0x52908400098527886E0F7030069857D2E4169EE7",
         "wallet 0x52908400098527886E0F7030069857D2E4169EE7"),
        ("12:30 at 671.1, 0.9828 pu", "12:30 at 671.1, 0.9828 pu"),
    ],
)  # fmt: skip
def test_the_forms_of_secrets_are_known(text: str, safe: str) -> None:
    assert Redactor()(text) == safe


@pytest.mark.parametrize(
    ("secret", "text", "safe"),
    [
        ("abc", "abcdef abc", "abcdef abc"),
        ("1234", "1234 at 12345 W", "*** at 12345 W"),
        ("longersecret", "xlongersecretx", "x***x"),
        ("p€ss word", "p%E2%82%ACss%20word p%E2%82%ACss+word", "*** ***"),
        ("quo'te\"d", "'quo\\'te\"d' \"quo'te\\\"d\"", "'***' \"***\""),
        ("first line\nsecond line", "second line; first line", "***; ***"),
        ("", "nothing", "nothing"),
        ("    ", "a    b", "a    b"),
    ],
)
def test_a_known_secret_is_taken_out_as_it_may_be_written(
    secret: str, text: str, safe: str
) -> None:
    redactor = Redactor()
    redactor.add(secret)
    assert redactor(text) == safe


def test_the_longer_of_two_secrets_is_taken_out_whole() -> None:
    assert Redactor(["secret-1", "secret-1-and-more"])("secret-1-and-more") == "***"


@given(st.text(min_size=8, max_size=30), st.text(max_size=20), st.text(max_size=20))
def test_no_secret_is_left(secret: str, before: str, after: str) -> None:
    left = Redactor([secret])(f"{before}{secret}{after}")
    assert secret not in left.replace("***", "") or len(secret.strip()) < 4


def test_long_text_does_not_hold_up_the_hub() -> None:
    redactor = Redactor(["some secret"])
    began = time.process_time()
    for text in ("a." * 50_000, "http://" + "x" * 100_000, "0" * 100_000, "1:" * 50_000):
        redactor(text)
    assert time.process_time() - began < 3


def test_the_redactor_does_not_show_what_it_knows() -> None:
    assert "canary" not in repr(Redactor(["canary-1"]))
