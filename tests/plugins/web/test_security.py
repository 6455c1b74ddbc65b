"""The rules of access, on their own."""

import pytest

from plugins.web.security import (
    CONTENT_POLICY,
    host_allowed,
    is_loopback,
    origin_of,
    same_origin,
)


def test_the_policy_forbids_everything_that_is_not_named():
    policy = dict(part.split(" ", 1) for part in CONTENT_POLICY.split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert "unsafe" not in CONTENT_POLICY


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.9.9.9"])
def test_loopback_is_known(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "localhost.evil.example", "::", ""])
def test_everything_else_can_be_reached(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("header", "listening_on", "allowed"),
    [
        ("127.0.0.1:8080", "127.0.0.1", True),
        ("localhost", "127.0.0.1", True),
        ("[::1]:8080", "127.0.0.1", True),
        ("evil.example:8080", "127.0.0.1", False),
        ("192.168.1.4", "127.0.0.1", False),
        ("hub.lan", "127.0.0.1", True),
        ("192.168.1.4:8080", "0.0.0.0", True),
        ("evil.example", "0.0.0.0", False),
        ("", "0.0.0.0", False),
        ("[::1", "127.0.0.1", False),
    ],
)
def test_a_host_header_must_name_the_hub(header, listening_on, allowed):
    assert host_allowed(header, listening_on, ["Hub.LAN"]) is allowed


@pytest.mark.parametrize(
    ("origin", "own"),
    [
        ("http://127.0.0.1:8080", True),
        ("https://hub.example", True),
        ("http://127.0.0.1:9999", False),
        ("https://hub.example.evil", False),
        ("null", False),
        (None, False),
        ("", False),
    ],
)
def test_only_own_pages_may_change_things(origin, own):
    assert same_origin(origin, "127.0.0.1:8080", "https://hub.example/energy") is own


def test_the_origin_of_a_url_leaves_out_its_path():
    assert origin_of("http://127.0.0.1:8545/secret") == "http://127.0.0.1:8545"
    assert origin_of("nonsense") == ""
