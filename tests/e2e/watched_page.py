"""A browser page under watch: what no page of the hub may ever do is written down."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, Response

REPORT_CSP_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
    window.reportCspViolation(`${event.effectiveDirective} forbids ${event.blockedURI}`));
"""
# All success criteria of WCAG 2.2, levels A and AA, that a program can check.
WCAG_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# Violations are reported from a task of their own, which a timer set later comes after.
LET_TASKS_RUN = "() => new Promise((done) => setTimeout(done, 0))"
RUN_AXE = """
async (tags) => (await axe.run(document, {runOnly: {type: "tag", values: tags}})).violations
    .flatMap(({id, nodes}) => nodes.map((node) => `${id}: ${node.target.join(" ")}`))
"""


def origin(url: str) -> str:
    """Scheme and authority of a URL; a WebSocket counts as its page's HTTP origin."""
    parts = urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    return f"{scheme}://{parts.netloc}"


@dataclass
class Watch:
    """What went wrong on a page since it was opened.

    Attributes:
        page: The page under watch.
        allowed_origins: Origins the page may contact: its own, and those the test names.
        console_errors: Texts of console errors and of uncaught exceptions.
        csp_violations: What the Content-Security-Policy had to forbid.
        foreign_requests: URLs outside the allowed origins.
        failed_requests: Requests that got no answer, or one of status 400 and above.
    """

    page: Page
    allowed_origins: set[str]
    console_errors: list[str] = field(default_factory=list)
    csp_violations: list[str] = field(default_factory=list)
    foreign_requests: list[str] = field(default_factory=list)
    failed_requests: list[str] = field(default_factory=list)

    async def problems(self) -> list[str]:
        """All that was written down, and what the page is just about to report, one line each."""
        if not self.page.is_closed():
            await self.page.evaluate(LET_TASKS_RUN)
        return [
            *(f"console error: {text}" for text in self.console_errors),
            *(f"policy violation: {text}" for text in self.csp_violations),
            *(f"foreign origin: {url}" for url in self.foreign_requests),
            *(f"failed request: {text}" for text in self.failed_requests),
        ]

    def forget(self) -> None:
        """Drop what was written down so far, where a test provoked it on purpose."""
        for texts in (
            self.console_errors,
            self.csp_violations,
            self.foreign_requests,
            self.failed_requests,
        ):
            texts.clear()

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console_errors.append(message.text)

    def on_csp_violation(self, text: str) -> None:
        self.csp_violations.append(text)

    def on_request(self, url: str) -> None:
        # data: and blob: URLs contact nobody.
        if urlsplit(url).netloc and origin(url) not in self.allowed_origins:
            self.foreign_requests.append(url)

    def on_response(self, response: Response) -> None:
        if response.status >= 400:
            self.failed_requests.append(f"{response.url}: status {response.status}")

    def on_request_failed(self, request: Request) -> None:
        # A navigation, and closing the page, abort what is under way: no fault of the page.
        if request.failure != "net::ERR_ABORTED":
            self.failed_requests.append(f"{request.url}: {request.failure}")


async def watch_new_page(context: BrowserContext, allowed_origins: set[str]) -> Watch:
    """A blank page whose every request, error and policy violation is written down."""
    page = await context.new_page()
    watch = Watch(page, allowed_origins)
    page.on("console", watch.on_console)
    page.on("pageerror", lambda error: watch.console_errors.append(str(error)))
    page.on("request", lambda request: watch.on_request(request.url))
    page.on("websocket", lambda websocket: watch.on_request(websocket.url))
    page.on("response", watch.on_response)
    page.on("requestfailed", watch.on_request_failed)
    await page.expose_function("reportCspViolation", watch.on_csp_violation)
    await page.add_init_script(REPORT_CSP_VIOLATIONS)
    return watch


async def accessibility_violations(page: Page, axe_source: str) -> list[str]:
    """What axe-core finds on the page as it is now: `rule: element`, one line each.

    The source goes in through `evaluate`, which the page's Content-Security-Policy does not
    govern; a script element would be refused.
    """
    await page.evaluate(axe_source)
    found: list[str] = await page.evaluate(RUN_AXE, WCAG_TAGS)
    return found


@dataclass(frozen=True)
class Screenshots:
    """Writes screenshots for people to look at into a folder git ignores."""

    folder: Path

    async def take(self, page: Page, name: str, **options: Any) -> Path:
        """Write `<name>.png`, the whole page unless `full_page=False`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}.png"
        await page.screenshot(path=path, animations="disabled", **{"full_page": True, **options})
        return path
