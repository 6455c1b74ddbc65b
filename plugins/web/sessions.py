"""Who has logged in, and who guesses too often. Pure; the clock is given."""

from __future__ import annotations

import secrets
from collections.abc import Callable

#: How long a login lasts.
SESSION_S = 12 * 3600
#: Wrong passwords from one address within `GUESS_WINDOW_S` before it has to wait.
MAX_GUESSES = 5
GUESS_WINDOW_S = 15 * 60
#: Addresses whose guesses are remembered; beyond, the oldest are forgotten.
MAX_ADDRESSES = 10_000


class TooManyGuesses(Exception):
    """This address has to wait before it may try again."""


class Sessions:
    """Sessions by token. Without a password everybody is in.

    Args:
        password: What is asked for; None asks for nothing.
        clock: Seconds, never going back.
    """

    def __init__(self, password: str | None, clock: Callable[[], float]) -> None:
        self._password = password
        self._clock = clock
        self._until: dict[str, float] = {}
        self._guesses: dict[str, list[float]] = {}

    @property
    def required(self) -> bool:
        """Whether a password is asked for at all."""
        return self._password is not None

    def valid(self, token: str) -> bool:
        """Return whether a token may see and do what the pages offer."""
        return self._password is None or self._until.get(token, 0.0) > self._clock()

    def login(self, address: str, given: str) -> str | None:
        """Return a new session's token, or None if the password is wrong.

        Raises:
            TooManyGuesses: Whatever was given now.
        """
        now = self._clock()
        guesses = [at for at in self._guesses.get(address, []) if now - at < GUESS_WINDOW_S]
        if len(guesses) >= MAX_GUESSES:
            raise TooManyGuesses
        expected = self._password
        if expected is None or not secrets.compare_digest(given.encode(), expected.encode()):
            self._guesses.pop(address, None)
            self._guesses[address] = [*guesses, now]
            if len(self._guesses) > MAX_ADDRESSES:
                del self._guesses[next(iter(self._guesses))]
            return None
        self._guesses.pop(address, None)
        self._until = {token: until for token, until in self._until.items() if until > now}
        token = secrets.token_urlsafe(32)
        self._until[token] = now + SESSION_S
        return token

    def logout(self, token: str) -> None:
        """End a session."""
        self._until.pop(token, None)
