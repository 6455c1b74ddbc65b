"""Logins, guesses and their ends, by a clock the test moves."""

import pytest

from plugins.web.sessions import (
    GUESS_WINDOW_S,
    MAX_ADDRESSES,
    MAX_GUESSES,
    SESSION_S,
    Sessions,
    TooManyGuesses,
)


class Watch:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def sessions(watch) -> Sessions:
    return Sessions("open sesame", watch)


def test_without_a_password_everybody_is_in(watch):
    sessions = Sessions(None, watch)
    assert not sessions.required
    assert sessions.valid("")


def test_a_session_lasts_until_it_ends(sessions, watch):
    token = sessions.login("a", "open sesame")
    assert token is not None
    assert len(token) >= 32
    assert sessions.valid(token)
    watch.now += SESSION_S + 1
    assert not sessions.valid(token)


def test_logging_out_ends_it_at_once(sessions):
    token = sessions.login("a", "open sesame")
    sessions.logout(token)
    assert not sessions.valid(token)
    sessions.logout("never seen")


@pytest.mark.parametrize("token", ["", "guess"])
def test_no_token_is_no_session(sessions, token):
    assert not sessions.valid(token)


def test_guessing_is_stopped_even_when_it_hits(sessions):
    for _ in range(MAX_GUESSES):
        assert sessions.login("a", "wrong") is None
    with pytest.raises(TooManyGuesses):
        sessions.login("a", "open sesame")
    assert sessions.login("b", "open sesame")


def test_who_waits_may_try_again(sessions, watch):
    for _ in range(MAX_GUESSES):
        sessions.login("a", "wrong")
    watch.now += GUESS_WINDOW_S + 1
    assert sessions.login("a", "open sesame")


def test_the_right_password_forgives_the_wrong_ones(sessions):
    for _ in range(MAX_GUESSES - 1):
        sessions.login("a", "wrong")
    sessions.login("a", "open sesame")
    assert sessions.login("a", "wrong") is None
    assert sessions.login("a", "open sesame")


def test_guesses_from_everywhere_do_not_fill_the_memory(sessions):
    for number in range(MAX_ADDRESSES + 50):
        sessions.login(f"address {number}", "wrong")
    assert len(sessions._guesses) == MAX_ADDRESSES
