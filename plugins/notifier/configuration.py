"""The notifier's section of hub.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from hub.api import Duration, PluginConfig

from . import routing, telegram, webhook
from .message import SUBSTATION
from .outcome import RETRY_S


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def check_url(value: str, example: str) -> str:
    """Return a web address; ValueError, which shows an example, if it is none."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"expected an address such as {example}")
    return value


def origin(url: str) -> str:
    """Return scheme, host and port of an address: what may be shown of it."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


def signing_key(secret: SecretStr | None) -> bytes | None:
    """Return the key that messages to n8n are signed with."""
    return None if secret is None else webhook.key_of(secret.get_secret_value())


class Header(_Section):
    """A header that n8n asks for (header authentication)."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")
    value: SecretStr

    @field_validator("value")
    @classmethod
    def _one_line(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().isprintable():
            raise ValueError("expected one line of printable characters")
        return value


class Route(_Section):
    """Which alarms go to whom."""

    kind: str = Field("*", description="kind of alarm, or * for any")
    min_severity: Literal["info", "warning", "critical"] = Field("warning")
    to: tuple[str, ...] = Field(
        min_length=1, description="substation, house (the one concerned), or the id of a house"
    )

    def rule(self) -> routing.Route:
        """Return it as routing takes it."""
        return routing.Route(self.kind, self.to, self.min_severity)


class N8n(_Section):
    """The webhook of an n8n workflow."""

    url: str = Field(description="the webhook's production address (/webhook/...)")
    secret: SecretStr | None = Field(None, description="signs messages (Standard Webhooks)")
    header: Header | None = Field(None, description="header authentication")

    @field_validator("url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        return check_url(value, "http://127.0.0.1:5678/webhook/microgrid-hub")

    @field_validator("secret")
    @classmethod
    def _usable(cls, value: SecretStr | None) -> SecretStr | None:
        signing_key(value)
        return value


class Telegram(_Section):
    """A Telegram bot. The chat of a house is in `houses:`."""

    token: SecretStr = Field(description="the bot's token")
    substation_chat: SecretStr | None = Field(None, description="chat of the substation's operator")
    api_url: str = Field("https://api.telegram.org", description="address of the Bot API")
    pacing: bool = Field(True, description="keep to Telegram's published limits")

    @field_validator("token")
    @classmethod
    def _token(cls, value: SecretStr) -> SecretStr:
        telegram.check_token(value.get_secret_value())
        return value

    @field_validator("substation_chat")
    @classmethod
    def _chat(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            telegram.check_chat(value.get_secret_value())
        return value

    @field_validator("api_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        return check_url(value, "https://api.telegram.org")


class NotifierConfig(PluginConfig):
    """Without `n8n` and `telegram`, messages appear on the page and in the log only."""

    public_url: str | None = Field(
        None, description="where people reach the page; default: where the hub serves it"
    )
    suggest_wh: int = Field(3000, gt=0, description="energy that an alert's link asks for, in Wh")
    n8n: N8n | None = Field(None, description="send through an n8n workflow")
    telegram: Telegram | None = Field(None, description="send through a Telegram bot")
    routes: tuple[Route, ...] | None = Field(None, description="which alarms go to whom")
    retry: tuple[Duration, ...] = Field(
        RETRY_S, min_length=1, description="pauses before the second, third, ... attempt"
    )
    timeout: Duration = Field(15.0, gt=0, le=60, description="wait for an answer this long")
    give_up_after: Duration = Field(86_400.0, gt=0, description="no attempt after this time")

    @field_validator("public_url")
    @classmethod
    def _page_address(cls, value: str | None) -> str | None:
        return None if value is None else check_url(value, "http://192.168.1.20:8080")


def problems(config: NotifierConfig, chats: Mapping[str, SecretStr | None]) -> list[str]:
    """Return what is wrong although each part is well formed; `chats` holds every house."""
    found = []
    for house, chat in chats.items():
        if chat is not None:
            try:
                telegram.check_chat(chat.get_secret_value())
            except ValueError as error:
                found.append(f"houses.{house}.telegram: {error}")
    known = (SUBSTATION, routing.HOUSE, *chats)
    found += [
        f"routes: {audience!r} is not substation, house or a house's id"
        for route in config.routes or ()
        for audience in route.to
        if audience not in known
    ]
    if config.n8n is not None and "/webhook-test/" in config.n8n.url:
        found.append("n8n.url: a test address works for two minutes only; expected /webhook/")
    return found


def unchecked(config: NotifierConfig) -> Sequence[str]:
    """Return what only a running hub can find out."""
    found = []
    if config.n8n is not None:
        found.append(f"whether n8n answers at {origin(config.n8n.url)} and its workflow is active")
    if config.telegram is not None:
        found.append("whether Telegram knows the bot and the chats")
    return found
