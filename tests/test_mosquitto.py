import socket

import pytest

from tests.mosquitto import Mosquitto


def connect(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=5).close()


def test_it_accepts_connections_as_soon_as_it_has_started(mosquitto: Mosquitto):
    connect(mosquitto.port)


def test_it_comes_back_on_the_same_port(mosquitto: Mosquitto):
    port = mosquitto.port
    mosquitto.stop()
    with pytest.raises(ConnectionRefusedError):
        connect(port)
    mosquitto.start()
    connect(port)


def test_a_port_in_use_is_reported_with_the_brokers_own_words(mosquitto: Mosquitto, tmp_path):
    second = Mosquitto(mosquitto.program, mosquitto.port, tmp_path / "second")
    (tmp_path / "second").mkdir()
    with pytest.raises(RuntimeError, match="Address already in use"):
        second.start()
