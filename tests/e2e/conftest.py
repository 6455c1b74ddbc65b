"""A real browser for the tests of this folder.

Chromium starts once. All tests and fixtures here share one event loop, because Playwright's
objects belong to the loop they were made on. Every page opened through `open_page` is watched,
and a test fails at its end when its page logged an error, broke its Content-Security-Policy,
had a request fail, or contacted another origin.
"""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.e2e import hub_site
from tests.e2e.watched_page import (
    Screenshots,
    Watch,
    accessibility_violations,
    origin,
    watch_new_page,
)

HERE = Path(__file__).parent
NODE = str(Path(sys.prefix) / "bin/node")
AXE = HERE.parent.parent / "dapp-static/node_modules/axe-core/axe.min.js"

CHROMIUM_ARGS = [
    # Chromium looks up its maker's hosts at every start; the tests talk to loopback alone.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    # The same picture on every machine.
    "--disable-gpu",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
]

# A machine that does other things besides is slow, and no less right.
expect.set_options(timeout=15_000)

OpenPage = Callable[..., Awaitable[tuple[Page, Watch]]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark this folder's tests; they run on one loop."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.e2e)
            if pytest_asyncio.is_async_test(item):
                item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium_path: Path) -> AsyncIterator[Browser]:
    """The system's Chromium, headless."""
    # Chromium refuses root its sandbox.
    sandbox_args = ["--no-sandbox"] if os.geteuid() == 0 else []
    with pytest.MonkeyPatch.context() as environment:
        # Playwright's own Node.js needs libatomic, which a bare system lacks; the hub's does not.
        environment.setenv("PLAYWRIGHT_NODEJS_PATH", NODE)
        async with async_playwright() as playwright:
            chromium = await playwright.chromium.launch(
                executable_path=chromium_path, args=[*CHROMIUM_ARGS, *sandbox_args]
            )
            yield chromium
            await chromium.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    """Open a URL in a context of its own: `page, watch = await open_page(url)`.

    `also_allowed` names further origins the page may contact, which none of the hub's own needs;
    `init_script` runs before the page's own scripts, such as a wallet; everything else (viewport,
    color_scheme, locale, ...) goes to Playwright's `new_context`.
    """
    contexts = []
    watches = []

    async def open_url(
        url: str, *, also_allowed: tuple[str, ...] = (), init_script: str = "", **options: Any
    ) -> tuple[Page, Watch]:
        context = await browser.new_context(
            **{
                "viewport": {"width": 1280, "height": 800},
                "reduced_motion": "reduce",
                "locale": "en-GB",
                "timezone_id": "UTC",
                **options,
            }
        )
        contexts.append(context)
        if init_script:
            await context.add_init_script(init_script)
        watch = await watch_new_page(context, {origin(page) for page in (url, *also_allowed)})
        watches.append(watch)
        await watch.page.goto(url)
        return watch.page, watch

    yield open_url
    problems = [problem for watch in watches for problem in await watch.problems()]
    for context in contexts:
        await context.close()
    assert problems == []


@pytest.fixture(scope="session")
def check_accessibility() -> Callable[[Page], Awaitable[list[str]]]:
    """Ask axe-core about a page: `assert await check_accessibility(page) == []`."""
    axe_source = AXE.read_text(encoding="utf-8")

    async def check(page: Page) -> list[str]:
        return await accessibility_violations(page, axe_source)

    return check


@pytest.fixture(scope="session")
def screenshots() -> Screenshots:
    """Take pictures for people: `await screenshots.take(page, "operator-1280")`."""
    return Screenshots(HERE / "screenshots")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site(
    tmp_path_factory: pytest.TempPathFactory, unused_tcp_port_factory: Callable[[], int]
) -> AsyncIterator[hub_site.HubSite]:
    """A whole hub, started once for all tests of this folder."""
    async with hub_site.whole(tmp_path_factory.mktemp("hub"), unused_tcp_port_factory) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bare_site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[hub_site.HubSite]:
    """A hub with nothing but the pages."""
    async with hub_site.bare(tmp_path_factory.mktemp("bare")) as running:
        yield running
