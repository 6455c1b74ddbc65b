"""The watch itself: each kind of misbehaviour is seen, on a page that does nothing else."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from aiohttp import web

POLICY = "default-src 'self'; img-src * data:; connect-src *"
PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACw="
HEAD = '<!doctype html><html lang="en"><head><title>Test</title><link rel="icon" href="data:,">'
PAGES = {
    "/clean": "<main><h1>Clean</h1></main>",
    "/error": '<main><h1>Error</h1></main><script src="/error.js"></script>',
    "/throws": '<main><h1>Throws</h1></main><script src="/throws.js"></script>',
    "/inline": "<main><h1>Inline</h1></main><script>document.title = 'x'</script>",
    "/missing": '<main><h1>Missing</h1></main><script src="/absent.js"></script>',
    "/foreign": '<main><h1>Foreign</h1><img alt="" src="//foreign.invalid/x.png"></main>',
    "/no-alt": f'<main><h1>No text</h1><img src="{PIXEL}"></main>',
}
SCRIPTS = {"/error.js": "console.error('spilt')", "/throws.js": "throw new Error('dropped')"}


async def answer(request: web.Request) -> web.Response:
    if request.path in SCRIPTS:
        return web.Response(text=SCRIPTS[request.path], content_type="text/javascript")
    if request.path in PAGES:
        return web.Response(
            text=f"{HEAD}</head><body>{PAGES[request.path]}</body></html>",
            content_type="text/html",
            headers={"Content-Security-Policy": POLICY},
        )
    return web.Response(status=404)


@pytest_asyncio.fixture(loop_scope="session")
async def site(unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = unused_tcp_port_factory()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


async def test_a_clean_page_has_no_problems(open_page, site, check_accessibility, screenshots):
    page, watch = await open_page(f"{site}/clean")
    assert await watch.problems() == []
    assert await check_accessibility(page) == []
    picture = await screenshots.take(page, "clean")
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/error", "console error: spilt"),
        ("/throws", "console error: dropped"),
        ("/inline", "policy violation: script-src-elem forbids inline"),
        ("/missing", "failed request: {site}/absent.js: status 404"),
        ("/foreign", "foreign origin: http://foreign.invalid/x.png"),
    ],
)
async def test_misbehaviour_is_seen(open_page, site, path, problem):
    _, watch = await open_page(f"{site}{path}")
    assert problem.format(site=site) in await watch.problems()
    watch.forget()


async def test_an_origin_the_test_names_is_not_foreign(open_page, site):
    _, watch = await open_page(f"{site}/foreign", also_allowed=("http://foreign.invalid",))
    assert watch.foreign_requests == []
    watch.forget()


async def test_an_inaccessible_element_is_named(
    open_page, site, check_accessibility: Callable[..., Awaitable[list[str]]]
):
    page, _ = await open_page(f"{site}/no-alt")
    assert await check_accessibility(page) == ["image-alt: img"]
