"""A download by a single-use link breaks off in chromium, and chromium goes on with it."""

import hashlib
import os

import pytest
from contents import GIB, stored_content
from onetime import PATH, Links, onetime_route, refused, sections
from process import eventually
from relay import address
from web import request

FULL = os.environ.get("CASGATE_TESTS_FULL")
SIZE = GIB if FULL else GIB // 16
# What its page of downloads shows of the only one, and its button to go on.
DOWNLOAD = """
    const item = document.querySelector("downloads-manager").shadowRoot
        .querySelector("downloads-item")?.shadowRoot
    const button = item?.querySelector("#pause-or-resume")
"""


@pytest.fixture(scope="module")
def stored(embedded):
    """The hexadecimal digest of an object in storage."""
    return stored_content(embedded, SIZE)


@pytest.fixture
def start(embedded, serve, folder):
    """Starts the gateway with its state, and again after it ended."""
    more = sections(folder / "gateway", {"embedded": {"path": str(folder / "state.redb")}})
    return lambda: serve(embedded, [onetime_route()], **more)


def saved(browser):
    """Name and digest of what was downloaded."""
    file = browser.downloaded()
    with file.open("rb") as opened:
        return file.name, hashlib.file_digest(opened, "sha256").hexdigest()


def test_a_connection_that_ends_early_is_made_again(browser, start, relay_to, stored):
    links = Links(start())
    relay = relay_to(links.gateways[0].url)
    relay.cut_after(SIZE // 3, reset=False)
    link = links.issue(f"sha256:{stored}", filename="disk.img")
    browser.open(relay.url + PATH + link)
    assert saved(browser) == ("disk.img", stored)
    assert [status for status, _ in links.redemptions(2)] == [200, 206]
    assert (links.count("claimed"), links.count("resumed")) == (1, 1)


def break_off(browser, url):
    """Begins a download that is cut, and waits until chromium says that it failed."""
    browser.open(url)
    browser.open("chrome://downloads")
    failed = DOWNLOAD + "return button && !button.hidden && item.querySelector('#tag').textContent"
    said = eventually(lambda: browser.run(failed), what="a download that failed")
    assert "Failed" in said
    (part,) = browser.downloads.glob("*.crdownload")
    assert 0 < part.stat().st_size < SIZE


def check_that_others_get_nothing(url):
    """Who only has the link neither begins again nor gets the rest."""
    for headers in ({}, {"range": "bytes=1000-"}, {"range": "bytes=1000-", "if_range": '"0.x"'},
                    {"range": "bytes=1000-", "if_match": "*"}):
        assert refused(request(url, **headers)) == (410, "token_spent"), headers


def test_a_reset_download_goes_on_at_the_press_of_a_button(browser, start, relay_to, stored):
    links = Links(start())
    relay = relay_to(links.gateways[0].url)
    relay.cut_after(SIZE // 3, reset=True)
    url = relay.url + PATH + links.issue(f"sha256:{stored}", filename="disk.img")
    break_off(browser, url)
    check_that_others_get_nothing(url)
    browser.run(DOWNLOAD + "button.click()")
    assert saved(browser) == ("disk.img", stored)
    check_that_others_get_nothing(url)
    assert (links.count("claimed"), links.count("resumed")) == (1, 1)


def test_a_download_goes_on_with_a_gateway_started_again(browser, start, relay_to, stored):
    """The relay and the gateway are killed; others take their places."""
    links = Links(start())
    first = links.gateways[0]
    relay = relay_to(first.url)
    relay.cut_after(SIZE // 3, reset=True)
    url = relay.url + PATH + links.issue(f"sha256:{stored}", filename="disk.img")
    break_off(browser, url)
    relay.stop()
    first.stop()
    links.gateways = [start()]
    relay.target = address(links.gateways[0].url)
    relay.start()
    check_that_others_get_nothing(url)
    browser.run(DOWNLOAD + "button.click()")
    assert saved(browser) == ("disk.img", stored)
    assert (links.count("claimed"), links.count("resumed")) == (0, 1)
