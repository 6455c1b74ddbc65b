"""A hub with two feeders: the page shows the one that is chosen, in all its cards."""

from pathlib import Path

from playwright.async_api import Route, expect

from tests.e2e.hub_site import ROOT, HubSite

FEEDERS = ROOT / "config/feeders"
HUB = f"""
hub: {{name: two valleys}}
houses:
  mill: {{bus: 671.1}}
  farm: {{bus: 822.1}}
plugins:
  web: {{use: web, port: 0}}
  north: {{use: opendss_grid, feeder: {FEEDERS}/ieee13/feeder.dss, houses: [mill]}}
  south:
    use: opendss_grid
    feeder: {FEEDERS}/ieee34/feeder.dss
    houses: [farm]
    device_prefix: south_
  north_twin:
    {{use: opendss_grid/opendss_twin, feeder: {FEEDERS}/ieee13/feeder.dss, houses: [mill]}}
  south_twin:
    use: opendss_grid/opendss_twin
    feeder: {FEEDERS}/ieee34/feeder.dss
    houses: [farm]
    device_prefix: south_
  north_taps: {{use: tap_controller, feeder: north, twin: north_twin}}
  south_taps:
    {{use: tap_controller, feeder: south, twin: south_twin, limits: {{low: 0.93, high: 1.06}}}}
"""


async def test_the_page_shows_the_feeder_that_is_chosen(open_page, tmp_path: Path):
    async with HubSite(tmp_path, HUB) as site:
        page, _ = await open_page(site.url)
        diagram, regulators = page.locator("#feeder .one-line"), page.locator("#regulators")
        choice = page.get_by_label("Feeder shown")
        await expect(choice).to_have_value("north")
        await expect(diagram.get_by_text("Bus 634", exact=True)).to_have_count(1)
        await expect(regulators).to_contain_text("reg_a")
        await expect(regulators).to_contain_text("keeps 0.95 to 1.05 pu")

        await choice.select_option("south")
        await expect(diagram.get_by_text("Bus 890", exact=True)).to_have_count(1)
        await expect(diagram.get_by_text("Bus 634", exact=True)).to_have_count(0)
        await expect(regulators).to_contain_text("reg2c")
        await expect(regulators).to_contain_text("keeps 0.93 to 1.06 pu")
        await expect(page.locator("#switching select").nth(1)).to_contain_text("890")
        await page.goto("about:blank")  # a page whose hub has gone complains


async def test_a_feeder_that_cannot_be_shown_is_not_asked_for_without_end(
    open_page, tmp_path: Path
):
    asked: list[str] = []

    async def answer_nothing(route: Route) -> None:
        asked.append(route.request.url)
        await route.fulfill(json={})

    async with HubSite(tmp_path, HUB) as site:
        page, _ = await open_page(site.url)
        await expect(page.get_by_label("Feeder shown")).to_have_value("north")
        await page.route(lambda url: url.endswith("/api/feeder?name=south"), answer_nothing)
        await page.get_by_label("Feeder shown").select_option("south")
        await expect(page.locator("#feeder .banner")).to_be_visible()
        async with page.expect_response("**/api/state"):
            pass
        assert 1 <= len(asked) <= 3
        await page.goto("about:blank")


async def test_one_feeder_leaves_nothing_to_choose(open_page, site: HubSite):
    page, _ = await open_page(site.url)
    await expect(page.locator("#feeder .one-line")).to_be_visible()
    await expect(page.get_by_label("Feeder shown")).to_have_count(0)
