"""What goes over the wire to n8n and Telegram, and what their answers mean."""

import html
import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.notifier import telegram, webhook
from plugins.notifier.message import Outgoing
from plugins.notifier.outcome import RETRY_S, Fate, delay_s, pause

AT = datetime(2026, 6, 21, 12, 30, tzinfo=UTC)
MESSAGE = Outgoing(
    "a1-critical-house1", "house1", "alarm.raised", "Outage at House 1", "dark", "critical", AT,
    link="http://hub/dapp", data={"voltage_v": 0.0},
)  # fmt: skip


def test_the_signature_is_that_of_the_standard_webhooks_specification():
    """The example of the specification's reference implementations."""
    key = webhook.key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    assert webhook.signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_a_secret_may_be_plain_text_but_not_broken_base64():
    assert webhook.key_of("plain text") == b"plain text"
    with pytest.raises(ValueError, match="expected base64 after whsec_"):
        webhook.key_of("whsec_not base64!")


def test_without_a_secret_there_is_no_signature_but_an_id():
    headers = webhook.headers("m1", 5, b"{}", None)
    assert headers["webhook-id"] == "m1"
    assert "webhook-signature" not in headers


def test_the_envelope_is_flat():
    envelope = json.loads(webhook.body(MESSAGE, "hub/alerts", "1001"))
    assert envelope == {
        "event": "alarm.raised",
        "id": "a1-critical-house1",
        "ts": "2026-06-21T12:30:00Z",
        "severity": "critical",
        "source": "hub/alerts",
        "audience": "house1",
        "title": "Outage at House 1",
        "text": "dark",
        "link": "http://hub/dapp",
        "chat_id": "1001",
        "data": {"voltage_v": 0.0},
    }


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (200, Fate.SENT), (204, Fate.SENT), (301, Fate.RETRY), (400, Fate.GIVE_UP),
        (401, Fate.RETRY), (403, Fate.RETRY), (404, Fate.RETRY), (410, Fate.CLOSE),
        (413, Fate.GIVE_UP), (429, Fate.RETRY), (500, Fate.RETRY), (502, Fate.RETRY),
        (503, Fate.RETRY),
    ],
)  # fmt: skip
def test_what_an_answer_of_n8n_means(status: int, fate: Fate):
    outcome = webhook.judge(status, {})
    assert outcome.fate is fate
    assert fate is Fate.SENT or str(status) in outcome.reason


def test_n8n_may_ask_for_a_pause():
    assert webhook.judge(503, {"retry-after": "20"}).pause_s == 20
    assert webhook.judge(503, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}).pause_s is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("5", 5), (7, 7), ("1e9", 3600), ("-1", None), ("nan", None), ("inf", None), (None, None)],
)
def test_a_pause_is_a_bounded_number(value: object, seconds: float | None):
    assert pause(value) == seconds


def test_pauses_grow_and_the_last_repeats():
    assert [delay_s(n) for n in (1, 2, 3)] == [1, 2, 5]
    assert delay_s(1000) == RETRY_S[-1]
    assert list(RETRY_S) == sorted(RETRY_S)


@pytest.mark.parametrize(
    ("status", "answer", "fate"),
    [
        (200, {"ok": True}, Fate.SENT),
        (200, {"ok": False}, Fate.RETRY),
        (200, None, Fate.RETRY),
        (400, {"ok": False, "description": "Bad Request: chat not found"}, Fate.GIVE_UP),
        (403, {"ok": False, "description": "Forbidden: bot was blocked"}, Fate.GIVE_UP),
        (401, {"ok": False}, Fate.RETRY),
        (404, None, Fate.RETRY),
        (429, {"ok": False, "parameters": {"retry_after": 5}}, Fate.RETRY),
        (429, {"parameters": "odd"}, Fate.RETRY),
        (502, None, Fate.RETRY),
    ],
)
def test_what_an_answer_of_telegram_means(status: int, answer: dict | None, fate: Fate):
    assert telegram.judge(status, answer).fate is fate


def test_telegram_says_how_long_to_wait():
    assert telegram.judge(429, {"parameters": {"retry_after": 5}}).pause_s == 5
    assert telegram.judge(429, None).pause_s == 1


@given(st.text())
def test_any_text_survives_the_escaping(text: str):
    request = telegram.request("1", text)
    assert html.unescape(request["text"]) == html.unescape(html.escape(text, quote=False))
    assert "<" not in request["text"]
    assert request["parse_mode"] == "HTML"


@given(st.integers(4080, 4110), st.integers(0, 20))
def test_no_text_is_longer_than_telegram_takes(letters: int, plugs: int):
    text = "a" * letters + "🔌" * plugs
    short = telegram.shorten(text)
    assert len(short.encode("utf-16-le")) // 2 <= telegram.LONGEST_TEXT
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))


def test_text_that_is_no_unicode_is_sent_all_the_same():
    broken = replace(MESSAGE, text="half \ud83d", title="\udc00")
    assert telegram.request("1", broken.text)["text"] == "half \ud83d"
    assert json.loads(webhook.body(broken, "hub", None))["text"] == "half \ud83d"
    telegram.shorten("\ud83d" * 5000)


@pytest.mark.parametrize("token", ["", "abc", "123:short", "123456:has space in it and more text"])
def test_a_wrong_token_is_refused_without_being_repeated(token: str):
    with pytest.raises(ValueError, match="expected a bot token") as caught:
        telegram.check_token(token)
    assert token == "" or token not in str(caught.value)


@pytest.mark.parametrize("chat", ["123", "-1001234567890", "@my_channel"])
def test_chats_as_telegram_has_them(chat: str):
    assert telegram.check_chat(chat) == chat


@pytest.mark.parametrize("chat", ["", "me", "@x", "12 3", "@a/b/c/d"])
def test_other_chats_are_refused(chat: str):
    with pytest.raises(ValueError, match="expected a Telegram chat"):
        telegram.check_chat(chat)


def test_one_message_a_second_to_a_chat_and_thirty_overall():
    pace = telegram.Pace()
    assert pace.reserve("1", 100.0) == 0.0
    assert pace.reserve("1", 100.0) == pytest.approx(1.0)
    assert pace.reserve("2", 100.0) == pytest.approx(2 / 30)
    assert pace.reserve("-5", 100.0) == pytest.approx(3 / 30)
    assert pace.reserve("-5", 100.0) == pytest.approx(3.1)
    assert pace.reserve("1", 200.0) == 0.0


@given(st.lists(st.tuples(st.sampled_from(["1", "2", "-3"]), st.floats(0, 2)), max_size=40))
def test_whatever_comes_the_published_limits_hold(steps: list[tuple[str, float]]):
    pace, now = telegram.Pace(), 1000.0
    sent: list[tuple[str, float]] = []
    for chat, passed in steps:
        now += passed
        sent.append((chat, now + pace.reserve(chat, now)))
    for chat, least in (("1", 1.0), ("2", 1.0), ("-3", 3.0)):
        times = [at for to, at in sent if to == chat]
        assert all(b - a >= least - 1e-9 for a, b in itertools.pairwise(times))
