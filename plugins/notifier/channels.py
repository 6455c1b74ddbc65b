"""The ways out of the hub: each sends one message once and says what became of it.

Nothing here raises what aiohttp raises, because its words hold addresses, and Telegram's address
holds the bot's token. Redirects are not followed: they would carry the message elsewhere.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp

from . import telegram, webhook
from .message import Outgoing
from .outcome import Outcome, give_up, retry

#: More of an answer than this is not read.
LONGEST_ANSWER = 64 * 1024


class Channel(Protocol):
    """One way out. A destination is who gets messages one after the other, in order."""

    name: str

    def destination(self, audience: str) -> str | None:
        """Return where messages for an audience go; None if this way does not lead to it."""
        ...

    def wait_s(self, destination: str) -> float:
        """Take the next place in the queue to a destination: how long to wait for it."""
        ...

    async def send(self, message: Outgoing) -> Outcome:
        """Try once."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status with headers and the start of its body, or why nothing did."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    failure: Outcome | None = None


async def post(
    session: aiohttp.ClientSession,
    who: str,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    timeout_s: float,
) -> Answer:
    """Post once; `who` is what failures call the other side."""
    try:
        async with session.post(
            url,
            data=body,
            headers=dict(headers),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=timeout_s),
        ) as response:
            start = await response.content.read(LONGEST_ANSWER)
            return Answer(response.status, dict(_lower(response.headers)), start)
    except TimeoutError:
        return Answer(failure=retry(f"{who} did not answer within {timeout_s:g} s"))
    except aiohttp.InvalidURL:
        return Answer(failure=give_up(f"the address of {who} is not one"))
    except aiohttp.ClientConnectorCertificateError:
        return Answer(failure=retry(f"the certificate of {who} is not valid"))
    except (aiohttp.ClientSSLError, ssl.SSLError):
        return Answer(failure=retry(f"no secure connection to {who}; does it speak https?"))
    except aiohttp.ClientConnectorDNSError:
        return Answer(failure=retry(f"the name of {who} is not found"))
    except aiohttp.ClientConnectorError as error:
        cause = error.os_error.strerror or "no connection"
        return Answer(failure=retry(f"{who} cannot be reached: {cause.lower()}"))
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Answer(failure=retry(f"{who} broke the connection ({type(error).__name__})"))


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


class WebhookChannel:
    """Posts each message to n8n, one request per audience."""

    name = "n8n"

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        *,
        source: str,
        chat_of: Callable[[str], str | None],
        key: bytes | None = None,
        header: tuple[str, str] | None = None,
        timeout_s: float = 15.0,
    ) -> None:
        self._session = session
        self._url = url
        self._source = source
        self._chat_of = chat_of
        self._key = key
        self._header = header
        self._timeout_s = timeout_s

    def destination(self, audience: str) -> str | None:
        return audience

    def wait_s(self, destination: str) -> float:
        return 0.0

    async def send(self, message: Outgoing) -> Outcome:
        body = webhook.body(message, self._source, self._chat_of(message.audience))
        headers = webhook.headers(message.id, int(time.time()), body, self._key)
        if self._header is not None:
            headers[self._header[0]] = self._header[1]
        answer = await post(self._session, "n8n", self._url, body, headers, self._timeout_s)
        return answer.failure or webhook.judge(answer.status, answer.headers)


class TelegramChannel:
    """Sends each message to the chat of its audience through the Bot API."""

    name = "telegram"

    def __init__(
        self,
        session: aiohttp.ClientSession,
        token: str,
        *,
        chat_of: Callable[[str], str | None],
        api_url: str = "https://api.telegram.org",
        pacing: bool = True,
        timeout_s: float = 10.0,
    ) -> None:
        self._session = session
        self._url = f"{api_url.rstrip('/')}/bot{token}/sendMessage"
        self._chat_of = chat_of
        self._pace = telegram.Pace() if pacing else None
        self._timeout_s = timeout_s

    def destination(self, audience: str) -> str | None:
        return self._chat_of(audience)

    def wait_s(self, destination: str) -> float:
        return 0.0 if self._pace is None else self._pace.reserve(destination, time.monotonic())

    async def send(self, message: Outgoing) -> Outcome:
        chat = self._chat_of(message.audience)
        if chat is None:
            return give_up("there is no chat for this audience any more")
        request = telegram.request(chat, message.text, silent=message.severity == "info")
        body = json.dumps(request).encode()
        headers = {"content-type": "application/json"}
        answer = await post(self._session, "Telegram", self._url, body, headers, self._timeout_s)
        return answer.failure or telegram.judge(answer.status, _mapping(answer.body))


def _mapping(body: bytes) -> Mapping[str, Any] | None:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None
