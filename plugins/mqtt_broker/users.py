"""Who may connect: user names and passwords from hub.yaml, checked by amqtt."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session


class UsersPlugin(BaseAuthPlugin):  # type: ignore[misc]  # amqtt has no type information
    """Lets a client in that knows the password of its user."""

    @dataclass
    class Config:
        """Passwords by user name."""

        users: dict[str, str] = field(default_factory=dict)

    async def authenticate(self, *, session: Session) -> bool:
        """Return whether the session's user name and password belong together."""
        expected = self.config.users.get(session.username or "")
        given = session.password or ""
        # A comparison in constant time, made for unknown users too.
        same = hmac.compare_digest((expected or "").encode(), given.encode())
        return expected is not None and same
