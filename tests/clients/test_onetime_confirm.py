"""Links that ask before they are used up: the page in chromium, and those who look at links."""

import os
import re
from pathlib import Path

import pytest
from onetime import Links, onetime_route, refused, sections
from process import eventually
from web import request, sha256

CONTENT = os.urandom(1_234_567)
NAMES = {
    "short": "Prüfbericht (März).pdf",
    "long": "casgate_2026.11.0-1~bookworm+really-a-long-name_x86_64-unknown-linux-gnu" + "x" * 80 + ".deb",
    "markup": "<b>\"fett\"</b> & '&amp;'.txt",
}
SCHEMES, WIDTHS = ("light", "dark"), (1280, 360)
TAB, ENTER = "\ue004", "\ue007"
# Kept after the run, for people.
SCREENSHOTS = Path(os.environ.get("CASGATE_CACHE") or Path(__file__).parents[2] / ".cache") / "screenshots"


@pytest.fixture(scope="module")
def links(embedded, serve, tmp_path_factory):
    embedded.put(sha256(CONTENT), CONTENT)
    folder = tmp_path_factory.mktemp("links")
    state = {"embedded": {"path": str(folder / "state.redb")}}
    return Links(serve(embedded, [onetime_route()], **sections(folder, state)))


@pytest.fixture
def link(links):
    return links.issue(sha256(CONTENT), filename=NAMES["short"], confirm=True)


def button(browser):
    """Where the button is, and the point in its middle."""
    (element,) = browser.command("POST", "/element", using="css selector", value="button").values()
    rect = browser.command("GET", f"/element/{element}/rect")
    middle = {"x": int(rect["x"] + rect["width"] / 2), "y": int(rect["y"] + rect["height"] / 2)}
    return element, middle


def check_downloaded(browser, links, link):
    file = browser.downloaded()
    assert (file.name, file.read_bytes() == CONTENT) == (NAMES["short"], True)
    assert links.uses_left(link) == 0
    assert refused(request(links.url(link))) == (410, "token_spent")
    assert browser.complaints() == []


def test_the_button_takes_the_use_and_the_page_does_not(browser, links, link):
    for _ in range(3):
        browser.open(links.url(link))
        assert NAMES["short"] in browser.text()
    assert browser.complaints() == []
    assert links.uses_left(link) == 1
    element, _ = button(browser)
    browser.command("POST", f"/element/{element}/click")
    check_downloaded(browser, links, link)
    browser.open(links.url(link))
    assert "this link was used before" in browser.text()


def test_the_keyboard_is_enough(browser, links, link):
    browser.open(links.url(link))
    # Who has the page read out hears first what it is about.
    assert browser.run("return document.activeElement.tagName") == "BODY"
    browser.press(TAB)
    focused = "const e = document.activeElement; return [e.tagName, getComputedStyle(e).outlineStyle]"
    assert browser.run(focused) == ["BUTTON", "solid"]
    browser.press(ENTER)
    check_downloaded(browser, links, link)


@pytest.mark.parametrize("pause", [0, 60])
def test_a_double_click_is_one(browser, links, link, pause):
    """The second one would end what the first began, and the use would be gone."""
    browser.open(links.url(link))
    _, middle = button(browser)
    click = [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
    actions = [{"type": "pointerMove", **middle}, *click, {"type": "pause", "duration": pause}, *click]
    mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}}
    browser.command("POST", "/actions", actions=[{**mouse, "actions": actions}])
    check_downloaded(browser, links, link)
    assert NAMES["short"] in browser.text()


def look(browser, url, scheme, width):
    """Opens a page as somebody with such a screen has it."""
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.devtools("Emulation.setEmulatedMedia", features=media)
    size = {"width": width, "height": 700, "deviceScaleFactor": 1, "mobile": False}
    browser.devtools("Emulation.setDeviceMetricsOverride", **size)
    browser.open(url)


# Of everything with text of its own: what it says, its colour, and what is behind it.
COLOURS = """
    const opaque = element => {
        const colour = getComputedStyle(element).backgroundColor
        return colour === "rgba(0, 0, 0, 0)" ? opaque(element.parentElement) : colour
    }
    return [...document.body.querySelectorAll("*")]
        .filter(element => [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
        .map(element => [element.textContent, getComputedStyle(element).color, opaque(element)])
"""


def luminance(colour):
    """WCAG 2.2, "relative luminance"."""
    parts = [int(part) / 255 for part in re.fullmatch(r"rgb\((\d+), (\d+), (\d+)\)", colour).groups()]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear))


def contrast(first, second):
    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_page_is_readable(browser, links, scheme):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for kind, name in NAMES.items():
        url = links.url(links.issue(sha256(CONTENT), filename=name, confirm=True))
        for width in WIDTHS:
            look(browser, url, scheme, width)
            browser.screenshot(SCREENSHOTS / f"confirm-{kind}-{scheme}-{width}.png")
            assert browser.run("return document.documentElement.scrollWidth") <= width
            texts = browser.run(COLOURS)
            assert len(texts) == 7
            for text, colour, behind in texts:
                assert contrast(colour, behind) >= 4.5, (text, colour, behind)
    behind = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (luminance(behind) > 0.5) == (scheme == "light")


def test_the_page_says_what_it_is_to_every_reader(browser, links):
    for name in NAMES.values():
        link = links.issue(sha256(CONTENT), filename=name, confirm=True, uses=3)
        page = request(links.url(link), accept="text/html")
        # The name a client would save it under, whatever the gateway made of the wish.
        browser.open(links.url(link))
        heading = browser.run("return document.querySelector('h1').textContent")
        assert browser.command("GET", "/title") == f"Download {heading}"
        assert browser.run("return document.documentElement.lang") == "en"
        nodes = browser.devtools("Accessibility.getFullAXTree")["nodes"]
        known = {(node["role"]["value"], node.get("name", {}).get("value")) for node in nodes}
        assert {("main", ""), ("heading", heading), ("button", "Download")} <= known
        assert b"<script" not in page.body
        assert "1,234,567 bytes" in browser.text() and "3 times" in browser.text()
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["cache-control"] == "private, no-store"
    assert browser.complaints() == []
    assert browser.run("return document.querySelector('h1').children.length") == 0


# Who looks at links before people do, and what they send as they do it. Some say who they are, some
# look like the browser of somebody.
HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0 Safari/537.36"
SCANNERS = {
    "safe-links": {"user_agent": EDGE, "accept": HTML, "accept_language": "en-US"},
    "outlook": {"user_agent": "Mozilla/4.0 (compatible; ms-office; MSOffice 16)", "accept": HTML},
    "skype": {"user_agent": "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
              "accept": "text/html"},
    "slack": {"user_agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
              "accept": HTML, "range": "bytes=0-32768"},
    "telegram": {"user_agent": "TelegramBot (like TwitterBot)", "accept": HTML},
    "whatsapp": {"user_agent": "WhatsApp/2.23.20.0", "accept": HTML},
    "proofpoint": {"user_agent": EDGE, "accept": HTML, "sec_fetch_mode": "navigate",
                   "sec_fetch_dest": "document", "sec_fetch_site": "none"},
}


@pytest.mark.parametrize("scanner", SCANNERS)
def test_a_scanner_takes_no_use(links, link, scanner):
    headers = SCANNERS[scanner]
    for method in ("HEAD", "GET", "GET"):
        answer = request(links.url(link), method, **headers)
        assert answer.status == 200
        assert method == "HEAD" or answer.headers["content-type"].startswith("text/html")
        assert CONTENT[:1000] not in answer.body
    # Some follow what looks like a button too; a form that is sent is still no download.
    assert request(links.url(link), "POST", **headers).status == 303
    assert links.uses_left(link) == 1
    assert request(links.url(link)).ok() == CONTENT


def test_a_programme_gets_the_bytes_at_once(links, link):
    assert request(links.url(link), accept="*/*").ok() == CONTENT
    assert eventually(lambda: links.uses_left(link) == 0)


def test_the_proof_of_one_link_opens_no_other(links, link):
    other = links.issue(sha256(CONTENT), confirm=True)
    proof = request(links.url(other), "POST").headers["location"]
    answer = request(links.url(link) + proof, accept=HTML)
    assert answer.headers["content-type"].startswith("text/html")
    assert (links.uses_left(link), links.uses_left(other)) == (1, 1)
    assert request(links.url(other) + proof, accept=HTML).ok() == CONTENT
