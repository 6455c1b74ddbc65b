import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.mqtt_link.address import Address, parse_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://127.0.0.1", Address("127.0.0.1", 1883)),
        ("mqtt://broker.lan:1884/", Address("broker.lan", 1884)),
        ("mqtts://broker.lan", Address("broker.lan", 8883, tls=True)),
        ("mqtt://[::1]:1883", Address("::1", 1883)),
        ("mqtt://hub:s%3Ac%40@b", Address("b", 1883, username="hub", password="s:c@")),
        ("mqtt://b?keepalive=5", Address("b", 1883, keepalive_s=5)),
        (
            "mqtts://b?ca=ca.pem&cert=c.pem&key=k.pem",
            Address("b", 8883, tls=True, ca_file="ca.pem", cert_file="c.pem", key_file="k.pem"),
        ),
    ],
)
def test_an_address_is_taken_apart(url: str, address: Address):
    assert parse_address(url) == address


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://b", "expected mqtt:// or mqtts://, not 'http'"),
        ("127.0.0.1:1883", "expected mqtt://"),
        ("mqtt://", "the host is missing"),
        ("mqtt://b:99999", "a port of 1 to 65535"),
        ("mqtt://b:x", "a port of 1 to 65535"),
        ("mqtt://b/topic", "nothing may follow the port, but '/topic' does"),
        ("mqtt://b?keepalive=0", "keepalive is '0', expected 2 to 65535 seconds"),
        ("mqtt://b?keepalive=x", "keepalive is 'x'"),
        ("mqtt://b?ca=x", "unknown option 'ca'; known: keepalive"),
        ("mqtts://b?cafile=x", "unknown option 'cafile'"),
    ],
)
def test_what_is_no_address_is_refused(url: str, words: str):
    with pytest.raises(ValueError, match="broker address: ") as caught:
        parse_address(url)
    assert words in str(caught.value)


@given(
    st.text("abcXYZ019_", min_size=8, max_size=20),
    st.sampled_from(["", ":x", ":99999", ":1883", "/t", "?k=1"]),
)
def test_the_password_never_shows(password: str, rest: str):
    try:
        text = repr(parse_address(f"mqtt://hub:{password}@broker{rest}"))
    except ValueError as error:
        text = f"{error} {error.__cause__}"
    assert password not in text


def test_a_login_from_elsewhere_takes_the_place_of_the_urls():
    address = parse_address("mqtt://a:b@c").with_login("d", "e")
    assert (address.username, address.password, address.host) == ("d", "e", "c")
