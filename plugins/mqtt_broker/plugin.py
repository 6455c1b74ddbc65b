"""Wiring: runs amqtt on the hub's loop."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import Mapping
from typing import Any, ClassVar

from amqtt.errors import BrokerError
from pydantic import Field, SecretStr

from hub.api import (
    CheckContext,
    ConfigProblemError,
    Context,
    Plugin,
    PluginConfig,
    Unavailable,
    hookimpl,
)

from .broker import EmbeddedBroker

_USERS = f"{__package__}.users.UsersPlugin"
_ANYBODY = "amqtt.plugins.authentication.AnonymousAuthPlugin"
STOP_LIMIT_S = 5.0


class Config(PluginConfig):
    """An MQTT 3.1.1 broker for a start without one; for a real site use Mosquitto or EMQX."""

    bind: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 is every interface")
    port: int = Field(1883, ge=1, le=65535, description="TCP port")
    users: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="passwords by user name (use !secret); empty: anybody on this machine",
    )
    max_connections: int = Field(200, ge=1, description="clients at the same time")


class MqttBroker(Plugin[Config]):
    """The embedded broker. Retained messages live as long as it runs."""

    Config = Config
    wall_clock_only = True
    summary: ClassVar[str] = "an MQTT broker inside the hub"

    @classmethod
    def check(cls, config: Any, check: CheckContext) -> list[str]:
        """Look whether strangers are kept out."""
        problem = _exposure(config, check.name)
        return [] if problem is None else [problem]

    async def start(self, ctx: Context) -> None:
        problem = _exposure(self.config, ctx.name)
        if problem is not None:
            raise ConfigProblemError(problem)
        _try_port(self.config.bind, self.config.port, ctx.name)
        logging.getLogger("amqtt").setLevel(logging.ERROR)
        logging.getLogger("transitions").setLevel(logging.ERROR)
        self.broker = EmbeddedBroker(self._settings())
        try:
            await self.broker.start()
        except BrokerError as error:
            raise Unavailable(f"the MQTT broker cannot start: {error}") from error
        ctx.log.info("MQTT broker on %s:%d", self.config.bind, self.config.port)

    async def stop(self) -> None:
        if hasattr(self, "broker") and self.broker.transitions.is_started():
            async with contextlib.AsyncExitStack() as stack:
                stack.enter_context(contextlib.suppress(TimeoutError, BrokerError))
                await asyncio.wait_for(self.broker.shutdown(), STOP_LIMIT_S)

    def _settings(self) -> dict[str, Any]:
        users = {name: secret.get_secret_value() for name, secret in self.config.users.items()}
        gate = {_USERS: {"users": users}} if users else {_ANYBODY: {"allow_anonymous": True}}
        host = f"[{self.config.bind}]" if ":" in self.config.bind else self.config.bind
        return {
            "listeners": {
                "default": {
                    "type": "tcp",
                    "bind": f"{host}:{self.config.port}",
                    "max_connections": self.config.max_connections,
                }
            },
            "plugins": gate,
        }


def _exposure(config: Config, name: str) -> str | None:
    """Return why the broker would be open to strangers; None if it is not."""
    if config.users or _is_loopback(config.bind):
        return None
    return (
        f"plugins.{name}.bind is {config.bind}, so that other machines can connect, but there are "
        f"no users: add plugins.{name}.users, or bind to 127.0.0.1"
    )


def _is_loopback(bind: str) -> bool:
    try:
        return ipaddress.ip_address(bind).is_loopback
    except ValueError:
        return bind == "localhost"


def _try_port(bind: str, port: int, name: str) -> None:
    """Raise with words of our own if nobody can listen there; amqtt logs a traceback instead."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except PermissionError as error:
            raise ConfigProblemError(
                f"port {port} needs rights that the hub does not have: set plugins.{name}.port "
                f"to one above 1023"
            ) from error
        except OSError as error:
            raise Unavailable(
                f"cannot listen on {bind}:{port}: {error.strerror}; if another broker runs there, "
                f"remove plugins.{name} and use that one, or change plugins.{name}.port"
            ) from error


@hookimpl
def hub_plugin_types() -> Mapping[str, type[Plugin[Any]]]:
    """Provide the plugin type."""
    return {"mqtt_broker": MqttBroker}
