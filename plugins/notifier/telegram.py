"""The Telegram Bot API: what is posted, how fast, and what the answers mean."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from .outcome import SENT, Outcome, give_up, pause, retry

#: Telegram's limit, counted in UTF-16 code units.
LONGEST_TEXT = 4096
#: Seconds between two messages to one chat, to one group, and to anybody at all.
CHAT_PAUSE_S = 1.0
GROUP_PAUSE_S = 3.0
OVERALL_PAUSE_S = 1 / 30
_TOKEN = re.compile(r"^\d{1,20}:[A-Za-z0-9_-]{20,64}$")
_CHAT = re.compile(r"^(-?\d{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31})$")


def check_token(token: str) -> str:
    """Return a bot token; ValueError, which does not repeat it, if it cannot be one."""
    if not _TOKEN.match(token):
        raise ValueError(
            "expected a bot token as BotFather gives it: digits, a colon, 35 characters"
        )
    return token


def check_chat(chat: str) -> str:
    """Return a chat; ValueError, which does not repeat it, if it cannot be one."""
    if not _CHAT.match(chat):
        raise ValueError("expected a Telegram chat: a number, or @ and the name of a channel")
    return chat


def request(chat: str, text: str, *, silent: bool = False) -> dict[str, Any]:
    """Return the body of `sendMessage`. HTML, because Markdown stumbles over house_1."""
    return {
        "chat_id": chat,
        "text": html.escape(shorten(text), quote=False),
        "parse_mode": "HTML",
        "disable_notification": silent,
    }


def shorten(text: str) -> str:
    """Return at most as much text as Telegram takes, with an ellipsis where it was cut.

    Escapes are resolved before Telegram counts, so the plain text is what is measured.
    """
    units = text.encode("utf-16-le", errors="replace")
    if len(units) <= 2 * LONGEST_TEXT:
        return text
    return units[: 2 * (LONGEST_TEXT - 1)].decode("utf-16-le", errors="ignore") + "…"


def judge(status: int, answer: Mapping[str, Any] | None) -> Outcome:
    """Return what an answer means; `answer` is its JSON, if it was any."""
    description = str((answer or {}).get("description", ""))[:200]
    if 200 <= status < 300 and (answer or {}).get("ok") is True:
        return SENT
    if status == 429:
        parameters = (answer or {}).get("parameters")
        asked = parameters.get("retry_after") if isinstance(parameters, Mapping) else None
        return retry("Telegram asks to wait: too many messages", pause(asked) or 1.0)
    if status in (401, 404):
        # The whole bot is unknown: it may be mended, and no message is at fault.
        return retry(f"Telegram answers {status}: it does not know this bot; check the token")
    if status in (400, 403):
        return give_up(f"Telegram refuses this chat or message: {description or status}")
    return retry(f"Telegram answers {status}" + (f": {description}" if description else ""))


class Pace:
    """When the next message may go, by Telegram's published limits; times in seconds."""

    def __init__(self) -> None:
        self._next_overall = 0.0
        self._next: dict[str, float] = {}

    def reserve(self, chat: str, now_s: float) -> float:
        """Take the next place for a chat and return how long to wait for it."""
        at = max(now_s, self._next_overall, self._next.get(chat, 0.0))
        group = chat.startswith("-")
        self._next[chat] = at + (GROUP_PAUSE_S if group else CHAT_PAUSE_S)
        self._next_overall = max(self._next_overall, now_s) + OVERALL_PAUSE_S
        return at - now_s
