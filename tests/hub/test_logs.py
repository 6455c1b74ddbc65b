"""The log: readable, filtered by plugin, without secrets, and kept for the page."""

import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import pytest

from hub.logs import LogHandle, setup

CANARY = "canary-7Qx!/€ &"

Setup = Callable[..., LogHandle]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class BrokenPipe(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def set_up(stream: io.StringIO) -> Iterator[Setup]:
    handles: list[LogHandle] = []

    def with_defaults(
        level: str = "info",
        levels: dict[str, str] | None = None,
        fmt: Literal["text", "json"] = "text",
        to: io.StringIO = stream,
        secrets: tuple[str, ...] = (),
    ) -> LogHandle:
        handles.append(setup(level, levels or {}, fmt, to, secrets))
        return handles[-1]

    yield with_defaults
    handles[-1].close()


@contextmanager
def without_the_handlers_of_pytest() -> Iterator[None]:
    """They raise where a message does not fit its values."""
    root = logging.getLogger()
    every = root.handlers
    root.handlers = [handler for handler in every if type(handler).__module__ == "hub.logs"]
    yield
    root.handlers = every


grid = logging.getLogger("hub.plugins.grid")
core = logging.getLogger("hub.bus")


def test_a_line_says_when_how_bad_and_which_plugin(set_up: Setup, stream: io.StringIO) -> None:
    set_up()
    grid.warning("tap %d at %.3f pu", 7, 1.0562)
    core.info("started")
    first, second = stream.getvalue().splitlines()
    stamp, rest = first.split(" ", 1)
    assert len(stamp) == len("2026-11-21T12:30:00.000Z")
    assert stamp.endswith("Z")
    assert rest == "WARNING grid: tap 7 at 1.056 pu"
    assert second.endswith("INFO    hub.bus: started")


def test_colours_are_for_terminals(set_up: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    set_up(to=terminal)
    grid.error("x")
    assert "\x1b[31mERROR" in terminal.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    set_up(to=plain)
    grid.error("x")
    assert "\x1b" not in plain.getvalue()


def test_json_is_one_object_a_line(set_up: Setup, stream: io.StringIO) -> None:
    set_up(fmt="json")
    grid.info("a\n%s", "b")
    core.info("c")
    try:
        raise ValueError("no")
    except ValueError:
        grid.exception("failed")
    first, second, third = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first.pop("at").endswith("Z")
    assert first == {
        "level": "info",
        "plugin": "grid",
        "logger": "hub.plugins.grid",
        "message": "a\\nb",
    }
    assert (second["plugin"], second["logger"]) == (None, "hub.bus")
    assert third["exception"].endswith("ValueError: no")


def test_a_plugin_may_have_another_level(set_up: Setup, stream: io.StringIO) -> None:
    set_up(level="warning", levels={"grid": "debug", "web": "error"})
    grid.debug("grid speaks")
    grid.getChild("engine").debug("its parts speak")
    logging.getLogger("hub.plugins.web").warning("web is quiet")
    logging.getLogger("hub.plugins.meters").info("others are quiet")
    assert [line.split(": ")[1] for line in stream.getvalue().splitlines()] == [
        "grid speaks",
        "its parts speak",
    ]


@pytest.mark.parametrize("name", ["apscheduler.scheduler", "amqtt.broker", "websockets", "web3.x"])
def test_libraries_that_talk_much_are_heard_from_warning_on(
    set_up: Setup, stream: io.StringIO, name: str
) -> None:
    set_up(level="debug")
    logging.getLogger(name).info("tick")
    assert stream.getvalue() == ""
    logging.getLogger(name).warning("oops")
    assert stream.getvalue().endswith(f"WARNING {name}: oops\n")


def test_setting_up_again_replaces_the_log(set_up: Setup, stream: io.StringIO) -> None:
    set_up(levels={"grid": "debug"})
    set_up()
    grid.debug("silent again")
    grid.info("once")
    assert len(stream.getvalue().splitlines()) == 1


def test_closing_leaves_the_levels_as_they_were() -> None:
    root_level = logging.getLogger().level
    handle = setup("debug", {"grid": "error"}, "text", io.StringIO(), ())
    handle.close()
    assert (logging.getLogger().level, grid.level) == (root_level, logging.NOTSET)


def fail(text: str) -> None:
    try:
        raise KeyError(text)
    except KeyError as inner:
        raise RuntimeError(f"cannot log in with {text}") from inner


@pytest.mark.parametrize("fmt", ["text", "json"])
def test_a_secret_shows_nowhere(
    set_up: Setup, stream: io.StringIO, fmt: Literal["text", "json"]
) -> None:
    handle = set_up(fmt=fmt, secrets=(CANARY,))
    handle.redactor.add("canary-later")
    grid.info("in the message: " + CANARY)
    grid.info("as a value: %s %r", CANARY, {"password": CANARY})
    grid.info("in JSON: %s", json.dumps({"password": CANARY}))
    grid.info("in a URL: http://h/?p=%s", "canary-7Qx%21%2F%E2%82%AC%20%26")
    grid.info("in a form: %s", "canary-7Qx%21%2F%E2%82%AC+%26")
    grid.info("%s", ValueError(CANARY))
    grid.info("later: canary-later")
    with without_the_handlers_of_pytest():
        grid.info("does not fit %d", CANARY)
    grid.info("stack", stack_info=True)
    try:
        fail(CANARY)
    except RuntimeError:
        grid.exception("failed")
    written = stream.getvalue()
    # The traceback quotes the source of this file, which is no secret.
    assert "canary-7Q" not in written
    assert "later: ***" in written
    assert "canary" not in "".join(f"{line!r}" for line in handle.ring.recent()[:8])
    assert "RuntimeError: cannot log in with ***" in written


def test_a_value_that_cannot_be_written_is_no_traceback_of_logging(
    set_up: Setup, stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up()
    with without_the_handlers_of_pytest():
        grid.info("%d", "no number")
    assert stream.getvalue().endswith("%d (its values could not be written into it)\n")
    assert capsys.readouterr().err == ""


def test_a_log_that_cannot_be_written_stops_nothing(
    set_up: Setup, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = set_up(to=BrokenPipe())
    grid.info("lost on the stream")
    assert capsys.readouterr().err == ""
    assert [line.message for line in handle.ring.recent()] == ["lost on the stream"]


def test_a_value_cannot_forge_a_line(set_up: Setup, stream: io.StringIO) -> None:
    set_up()
    forged = "x\r\n2026-11-21T00:00:00.000Z INFO    hub: all is well\x1b[2J\u2028y"
    grid.info("device %s", forged)
    (line,) = stream.getvalue().splitlines()
    assert "\\r\\n2026" in line
    assert "\x1b" not in line


def test_an_exception_cannot_forge_a_line(set_up: Setup, stream: io.StringIO) -> None:
    set_up()
    try:
        raise ValueError("x\n2026-11-21T00:00:00.000Z INFO    hub: all is well\x1b[2J")
    except ValueError:
        grid.exception("failed")
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith("ERROR   grid: failed")
    assert all(line.startswith("    ") for line in rest)
    assert "\x1b" not in stream.getvalue()


def test_a_huge_message_is_shortened(set_up: Setup, stream: io.StringIO) -> None:
    set_up()
    grid.info("%s", "x" * 100_000)
    assert len(stream.getvalue()) < 21_000


def test_the_newest_lines_are_kept_for_the_page(set_up: Setup) -> None:
    ring = set_up(level="debug").ring
    for number in range(1500):
        grid.debug("%d", number)
    core.warning("core")
    assert len(ring.recent(limit=5000)) == 1000
    assert [line.message for line in ring.recent(limit=2)] == ["1499", "core"]
    assert [line.message for line in ring.recent("warning")] == ["core"]
    assert ring.recent(plugin="grid")[-1].message == "1499"
    assert ring.recent(plugin="web") == []
    assert ring.recent(limit=0) == []
    newest = ring.recent(limit=1)[0].number
    assert [line.message for line in ring.recent(after=newest - 1)] == ["core"]


def test_reading_and_writing_at_once_is_safe(set_up: Setup) -> None:
    ring = set_up().ring
    threads = [
        threading.Thread(target=lambda: [grid.info("%d", n) for n in range(400)]) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert len(ring.recent(limit=1000)) <= 1000
    numbers = [line.number for line in ring.recent(limit=1000)]
    assert sorted(numbers) == list(range(201, 1201))


def test_levels_can_be_set_anew_and_return_to_what_they_were():
    stream = io.StringIO()
    plugin = logging.getLogger("hub.plugins.grid")
    before = plugin.level
    handle = setup("info", {"grid": "debug"}, "text", stream, ())
    plugin.debug("one")
    handle.set_levels("info", {})
    plugin.debug("two")
    handle.set_levels("error", {"grid": "info"})
    plugin.info("three")
    logging.getLogger("hub").warning("four")
    handle.close()
    written = stream.getvalue()
    assert [word for word in ("one", "two", "three", "four") if word in written] == ["one", "three"]
    assert plugin.level == before
