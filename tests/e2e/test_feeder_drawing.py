"""The one-line diagram's modules, in the engine that runs them."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.e2e.hub_site import HubSite

#: Seven houses at bus b, which is below bus a; two of those that share a sign have no supply.
DRAW = """async ({ numbers, width }) => {
    const { SiteSigns } = await import("/static/feeder/sites.js");
    const ids = [1, 2, 3, 4, 5, 6, 7].map((number) => `h${number}`);
    const feeder = {
        edges: [{ from: "a", to: "b" }],
        sites: [{ id: "park", bus: "a" }, ...ids.map((id) => ({ id, bus: "b" }))],
    };
    const at = (bus) => (bus === "a" ? [100, 50] : [100, 150]);
    const sizes = { numbers, boxW: 62, cellH: 14, chipStep: 15 };
    const signs = new SiteSigns(feeder, sizes, at, width, (id) => ({ name: id, site: "home" }));
    const now = (id) => ({ name: id, watts: 100, dead: ["h5", "h7"].includes(id) });
    signs.update(now);
    return signs.elements.map((sign) => ({
        title: sign.querySelector("title").textContent,
        text: sign.querySelector("text")?.textContent ?? "",
        name: sign.getAttribute("class").trim(),
        x: Number(sign.getAttribute("transform").match(/\\(([-\\d.]+)/)[1]),
    }));
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(browser: Browser, bare_site: HubSite) -> AsyncIterator[Page]:
    page = await browser.new_page()
    await page.goto(bare_site.url)
    yield page
    await page.close()


async def test_of_many_houses_at_a_bus_the_last_sign_stands_for_the_rest(page):
    park, first, second, rest = await page.evaluate(DRAW, {"numbers": True, "width": 400})
    assert (park["text"], first["text"], second["text"]) == ("park 100 W", "h1 100 W", "h2 100 W")
    assert rest["text"] == "5 more 2 ✕"
    assert rest["title"] == "5 more houses: 500 W; no supply: h5, h7"
    assert rest["name"] == "chip dead"


async def test_signs_leave_a_wire_below_their_bus_free_and_stay_within_the_picture(page):
    park, first, *_ = await page.evaluate(DRAW, {"numbers": True, "width": 400})
    assert park["x"] > 100, "a wire leads down from its bus"
    assert first["x"] == 100 - 62 / 2
    *_, rest = await page.evaluate(DRAW, {"numbers": True, "width": 150})
    assert rest["x"] + 17 + 6.5 * 16 == 150


async def test_where_there_is_no_room_for_numbers_the_rest_is_counted(page):
    signs = await page.evaluate(DRAW, {"numbers": False, "width": 400})
    assert [sign["text"] for sign in signs] == ["", "", "", "+5"]
