"""The dashboard in a real Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from support.dashboard import Dashboard, attempt, entry

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

pytestmark = pytest.mark.peer

NASTY = '<img src=x onerror="document.title=1"><b>&amp;'


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (browser and driver):
        if os.environ.get("LLMCTL_REQUIRE_PEERS") == "1":
            pytest.fail("needs chromium and chromedriver")
        pytest.skip("needs chromium and chromedriver")
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    options.binary_location = browser
    for switch in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-proxy-server",
        "--window-size=1400,1200",
    ):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = Chrome(options=options, service=ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture
def dashboard() -> Iterator[Dashboard]:
    with Dashboard() as served:
        yield served


class Page:
    """The page in a browser."""

    def __init__(self, chrome: Chrome, dashboard: Dashboard) -> None:
        self.chrome = chrome
        self.chrome.get(dashboard.url)

    def find(self, css: str) -> list[WebElement]:
        return self.chrome.find_elements("css selector", css)

    def text(self, css: str) -> str:
        """All text of the elements, hidden or not; as one script, since rows come and go."""
        return str(
            self.chrome.execute_script(
                "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent).join('\\n')", css
            )
        )

    def click(self, css: str) -> None:
        self.until(lambda: self.find(css), f"{css} is there")
        self.chrome.execute_script("document.querySelector(arguments[0]).click()", css)

    def until(self, condition: Callable[[], Any], what: str) -> None:
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.chrome, 20, 0.05).until(lambda _: condition(), what)

    def shows(self, css: str, text: str) -> None:
        self.until(lambda: text in self.text(css), f"{css} shows {text!r}, not {self.text(css)!r}")

    def overflow(self) -> int:
        """Columns of pixels that the page is wider than the window."""
        script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.chrome.execute_script(script))

    def overhanging(self, css: str) -> list[str]:
        """The texts that are not shown in full inside the padding of their panel."""
        return list(self.chrome.execute_script(_OVERHANGING, css))

    def complaints(self) -> list[str]:
        """What the browser's console says against the page."""
        return [
            line["message"] for line in self.chrome.get_log("browser") if line["level"] in ("SEVERE", "WARNING")
        ]


def test_it_says_what_to_do_before_the_first_request(chrome: Chrome, dashboard: Dashboard) -> None:
    dashboard.view.targets = []
    page = Page(chrome, dashboard)
    page.shows("#link", "live")
    page.shows("#recent pre", f"curl {dashboard.url}/v1/chat/completions")
    page.shows("#inflight", "Nothing is being answered")
    page.shows("#targets", "llmctl profile add")
    assert page.complaints() == []


def test_requests_appear_can_be_cancelled_and_are_looked_into(chrome: Chrome, dashboard: Dashboard) -> None:
    page = Page(chrome, dashboard)
    page.shows("#link", "live")
    running = dashboard.begin(model="fast")
    page.shows("#inflight", running.id)
    page.click("#inflight button.danger")
    page.shows("#recent .badge", "cancelled")
    page.shows("#inflight", "Nothing is being answered")
    assert running.cancelled
    first = attempt("rate_limited", http_status=429, why="first of the route fast")
    second = attempt(profile="spare", model="small", number=2, why="the next, after 429")
    dashboard.finish(entry(id="looked-into", model="fast", attempts=[first, second]))
    page.shows("#recent", "spare/small")
    page.click("#recent tr[data-id=looked-into] .chevron")
    for told in ("first of the route fast", "the next, after 429", "429 rate limited", "looked-into"):
        page.shows("#recent .detail", told)
    dashboard.finish(entry())  # an open row stays open while others come
    page.shows("#recent-count", "last 3")
    assert page.find("#recent .detail")
    page.shows("#cards", "$0.04")
    page.shows("#targets", "cooling")
    assert page.complaints() == []


def test_whatever_a_client_sends_is_shown_as_text(chrome: Chrome, dashboard: Dashboard) -> None:
    page = Page(chrome, dashboard)
    dashboard.view.targets = [{**dashboard.view.targets[0], "target": NASTY, "why": NASTY}]
    dashboard.begin(model=NASTY, caller=NASTY)
    dashboard.finish(
        entry(
            id="nasty",
            model=NASTY,
            caller=NASTY,
            route=NASTY,
            attempts=[attempt(model=NASTY, why=NASTY, request_id=NASTY)],
        )
    )
    page.click("#recent tr[data-id=nasty] .chevron")
    for place in ("#inflight", "#recent", "#recent .detail", "#targets", "#models", "#callers"):
        page.shows(place, NASTY)
    assert page.find("main img, main b") == []
    assert page.complaints() == []


def test_a_filter_and_failed_only(chrome: Chrome, dashboard: Dashboard) -> None:
    page = Page(chrome, dashboard)
    dashboard.finish(entry(caller="alice"), entry("server_error", caller="bob"), entry(caller="bob"))
    page.shows("#recent-count", "last 3")
    page.find("#search")[0].send_keys("bob")
    page.shows("#recent-count", "2 of 3")
    page.click("#only-failed")
    page.shows("#recent-count", "1 of 3")
    page.shows("#recent tbody", "502 server error")


def test_a_key_is_asked_for_kept_in_the_tab_and_sent(chrome: Chrome) -> None:
    with Dashboard(key="sk-llmctl-right") as dashboard:
        page = Page(chrome, dashboard)
        page.shows("#link", "key needed")
        for key in ("sk-llmctl-wrong\n", "sk-llmctl-right\n"):
            page.until(lambda: page.find("#key")[0].is_displayed(), "the dialog")
            page.find("#key")[0].send_keys(key)
            page.until(
                lambda: "does not take" in page.text("#ask-why") or page.text("#link") == "live", "an answer"
            )
        page.shows("#link", "live")
        assert "right" not in chrome.current_url
        assert chrome.execute_script("return localStorage.length + document.cookie.length") == 0
        running = dashboard.begin()
        page.click("#inflight button.danger")
        page.until(lambda: running.cancelled, "cancelled with the key")


def test_it_says_when_the_gateway_is_gone_and_comes_back(chrome: Chrome, dashboard: Dashboard) -> None:
    page = Page(chrome, dashboard)
    page.shows("#link", "live")
    dashboard.run(dashboard.view.monitor.close)
    page.shows("#link", "disconnected, retrying")
    dashboard.view.monitor.closed = False
    page.shows("#link", "live")


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("width", [360, 420, 900, 1400])
def test_it_fits_the_window_and_can_be_read(chrome: Chrome, dashboard: Dashboard, width: int, theme: str) -> None:
    dashboard.finish(*(entry(model="a-model-with-quite-a-long-name/" * 3) for _ in range(3)))
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    chrome.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    )
    page = Page(chrome, dashboard)
    page.shows("#recent-count", "last 3")
    page.click("#recent .chevron")
    page.until(lambda: page.find(".chart svg rect.bar"), "bars")
    assert page.overflow() == 0
    assert [each.text for each in page.find(".card .value")][1:4] == ["3", "3,300", "$0.06"]
    assert page.overhanging(".card .value, .card .note, .chart-total, .chart-title") == []
    assert page.find("#recent tbody .model")[0].size["width"] >= 60
    for css in ("body", ".muted", ".badge.good", ".pill", ".chart-title"):
        assert _contrast(chrome, css) >= 4.5, css


_OVERHANGING = """
return [...document.querySelectorAll(arguments[0])].filter((node) => {
  const [range, panel] = [document.createRange(), node.closest(".panel").getBoundingClientRect()];
  range.selectNodeContents(node);
  const text = range.getBoundingClientRect();
  return !(text.width && text.height && text.left >= panel.left + 8 && text.right <= panel.right - 8);
}).map((node) => node.textContent);
"""
_CONTRAST = """
const node = document.querySelector(arguments[0]);
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const pixel = (...colours) => {
  for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
};
const backs = [];
for (let at = node; at; at = at.parentElement) backs.unshift(getComputedStyle(at).backgroundColor);
const light = (rgb) => {
  const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const [one, other] = [light(pixel(...backs)), light(pixel(...backs, getComputedStyle(node).color))];
return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
"""


def _contrast(chrome: Chrome, css: str) -> float:
    """WCAG's contrast of the first such element's text to what is behind it."""
    return float(chrome.execute_script(_CONTRAST, css))
