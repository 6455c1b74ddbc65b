"""The operator's page in a real browser, on a real hub."""

import re

import pytest
from playwright.async_api import expect

from tests.e2e.hub_site import HOSTILE, HubSite

#: Keeps hold of the page's sockets, so that a test can cut them.
CUTTABLE_SOCKETS = """
const sockets = [];
const Real = window.WebSocket;
window.WebSocket = class extends Real {
  constructor(url) { super(window.lineIsCut ? "ws://127.0.0.1:1/" : url); sockets.push(this); }
};
window.cutLine = () => { window.lineIsCut = true; sockets.forEach((socket) => socket.close()); };
"""


async def test_the_feeder_is_drawn_with_live_voltages(open_page, site: HubSite):
    page, _ = await open_page(site.url)
    diagram = page.locator("#feeder svg.one-line")
    await expect(diagram).to_have_attribute("aria-label", re.compile(r"16 buses.* pu\."))
    await expect(diagram.locator(".cell-text").first).to_have_text(re.compile(r"\d\.\d{3}"))
    await expect(diagram.locator(".tap")).to_have_count(3)
    await expect(page.locator("#profile svg.profile path.trace")).to_have_count(3)
    await page.locator("#feeder summary").click()
    await expect(page.locator("#feeder details tbody tr")).to_have_count(16)


async def test_houses_show_what_their_meters_say(open_page, site: HubSite):
    page, _ = await open_page(site.url)
    row = page.locator("#houses tr", has_text="House 2")
    await expect(row).to_contain_text(re.compile(r"\d\.\d{3} pu"))
    await expect(row).to_contain_text("%")
    await expect(page.locator("#figures")).to_contain_text("all houses are live")
    await expect(page.locator("#plugins tbody tr")).to_have_count(10)
    await expect(page.locator("#history canvas")).to_be_visible()
    await expect(page.locator("#log li").first).to_contain_text("warning meters: no meter <img")
    assert await page.title() == "Grid · test street"
    await expect(page.locator("#market")).to_contain_text("31337 (embedded)")
    await expect(page.locator("#feeder-clock")).to_contain_text("time lapse 60")


async def test_a_hostile_device_stays_text_everywhere(open_page, site: HubSite):
    page, _ = await open_page(site.url)
    await expect(page.locator("#history select").first).to_be_visible()
    site.publish_power(HOSTILE, 1.0)
    await page.reload()
    await expect(page.locator("#history option", has_text="onerror")).to_have_count(1)
    assert await page.locator("img[src=x]").count() == 0
    assert await page.title() == "Grid · test street"


async def test_an_outage_is_seen_told_and_mended_from_the_page(open_page, site: HubSite):
    page, _ = await open_page(site.url)
    row = page.locator("#houses tr", has_text="House 1")
    await row.get_by_role("button", name="Disconnect House 1").click()
    await expect(row).to_contain_text("outage", timeout=10_000)
    await expect(page.locator("#alarms")).to_contain_text("outage")
    messages = page.locator("#notifications")
    await expect(messages).to_contain_text(
        "Alert: A fault has been detected at House 1. Please initiate rectification procedures."
    )
    await expect(messages).to_contain_text("A fault has been detected at your house.")
    await expect(messages.locator("a")).to_have_attribute("href", re.compile(r"/dapp\?side=buy"))
    await row.get_by_role("button", name="Reconnect House 1").click()
    await expect(row).not_to_contain_text("outage", timeout=10_000)
    await expect(page.locator("#alarms")).to_contain_text("No alarm")


async def test_the_operator_moves_a_tap(open_page, site: HubSite):
    page, _ = await open_page(site.url)
    regulator = page.locator("#regulators .tap-row", has_text="reg_a")
    value = regulator.locator(".tap-value")
    await expect(value).to_have_text(re.compile(r"\d"))
    before = int((await value.inner_text()).replace("\N{MINUS SIGN}", "-"))
    await regulator.get_by_role("button", name="lower").click()
    await expect(value).to_have_text(f"{before - 1:+d}")
    await expect(page.locator("#profile .ghost-key")).to_be_visible()


async def test_events_happen_and_are_put_back_from_the_page(open_page, site: HubSite):
    page, _ = await open_page(site.url)
    card = page.locator("#switching")
    await expect(card).to_contain_text("The feeder is as its file has it")
    events = {
        "Short circuit": {"bus": "684", "type": "acg", "ohm": "20"},
        "Short circuit on a line": {"line": "line.684_652", "lineType": "ag", "place": "25"},
        "Blow a service fuse": {"house": "house3"},
        "Open a line or switch": {"branch": "line.632_645", "phase": "B"},
        "Open a capacitor bank": {"bank": "cap611"},
        "Start a motor": {"bus": "671", "kva": "200"},
        "Clouds": {"light": "15"},
    }
    for event, fields in events.items():
        await card.get_by_label("Event").select_option(label=event)
        for name, value in fields.items():
            field = card.locator(f"[name={name}]")
            if name in ("ohm", "kva", "light", "place"):
                await field.fill(value)
            else:
                await field.select_option(label=value)
        await card.get_by_role("button", name="Trigger").click()
    for text in (
        "Fault fault1: acg at 684 with 20 ohm",
        "Fault fault2: ag at 25% of line.684_652 with 20 ohm",
        "The service fuse of house3 (200 A) has blown",
        "Line.632_645 is open on phase B",
        "Capacitor bank cap611 is open",
        "Motor motor1 runs at 671 (200 kVA)",
        "Clouds let 15% of the light through",
    ):
        await expect(card).to_contain_text(text)
    await card.get_by_role("button", name="Replace fuse: the service fuse of house3").click()
    await expect(card).not_to_contain_text("house3 (200 A)")
    await card.get_by_role("button", name="Put back: fault fault1").click()
    await expect(card).not_to_contain_text("fault1")
    await card.get_by_label("Event").select_option(label="Open the whole feeder")
    await card.get_by_role("button", name="Trigger").click()
    await expect(page.locator("#houses tr", has_text="House 2")).to_contain_text("outage")
    await card.get_by_role("button", name="Put everything back").click()
    await expect(card).to_contain_text("The feeder is as its file has it")
    await expect(page.locator("#houses tr", has_text="House 2")).not_to_contain_text("outage")


async def test_a_scenario_is_told_as_it_happens(open_page, site: HubSite):
    page, _ = await open_page(site.url)
    await page.get_by_role("button", name="Run scenario: House 1 loses its supply").click()
    steps = page.locator("#scenarios .narration li")
    await expect(steps.first).to_be_visible()
    await expect(page.locator("#scenarios .pill.good")).to_have_text("passed", timeout=30_000)
    assert await steps.count() > 4


async def test_a_cut_line_is_said_and_the_values_stay(open_page, site: HubSite):
    page, watch = await open_page(site.url, init_script=CUTTABLE_SOCKETS)
    await expect(page.locator("#connection")).to_have_text("live")
    await page.evaluate("cutLine()")
    await expect(page.get_by_role("alert").filter(has_text="does not answer")).to_be_visible()
    await expect(page.locator("#connection")).to_have_text("offline")
    await expect(page.locator("#houses tr", has_text="House 2")).to_be_visible()
    await page.evaluate("window.lineIsCut = false")
    await expect(page.locator("#connection")).to_have_text("live", timeout=20_000)
    watch.forget()


async def test_without_plugins_each_card_says_why_it_is_empty(open_page, bare_site: HubSite):
    page, _ = await open_page(bare_site.url)
    for card in ("feeder", "market", "alarms", "notifications", "history", "scenarios", "profile"):
        await expect(page.locator(f"#{card} .body")).to_contain_text("to hub.yaml to see this")
    await expect(page.locator("#houses")).to_contain_text("No houses")


@pytest.mark.parametrize("path", ["/", "/dapp"])
async def test_a_phone_needs_no_sideways_scrolling(open_page, site: HubSite, path: str):
    page, _ = await open_page(f"{site.url}{path}", viewport={"width": 360, "height": 800})
    await expect(page.locator("#connection")).to_have_text("live")
    await expect(page.locator(".figures dd").first).to_have_text(re.compile(r"\S"))
    assert await page.evaluate("document.documentElement.scrollWidth") == 360


async def test_colours_can_be_chosen_and_are_kept(open_page, site: HubSite):
    page, _ = await open_page(site.url, color_scheme="light")
    await page.get_by_role("button", name="Switch to dark colours").click()
    assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
    await page.reload()
    assert await page.evaluate("document.documentElement.dataset.theme") == "dark"


async def test_a_keyboard_reaches_what_a_mouse_does(open_page, site: HubSite):
    page, _ = await open_page(site.url)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    await page.get_by_role("button", name="Disconnect House 3").focus()
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement !== document.body")
