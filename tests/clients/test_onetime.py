"""Single-use links with what people have: curl, wget, aria2c, requests, and chromium."""

import functools
import http.server
import os
import struct
import subprocess
import threading
import zlib

import pytest
import requests
from onetime import PATH, Links, onetime_route, refused, sections
from process import eventually
from web import curl, request, sha256

CONTENT = os.urandom(8_000_000)
NAMES = ["report.pdf", "Prüfbericht (März).pdf", "报告 №5.pdf"]
# What a file system takes; links are longer.
NAME_BYTES_MAX = 255
# Exit codes.
CURL_REFUSED, CURL_CUT, CURL_CANNOT_WRITE, WGET_REFUSED = 22, 56, 23, 8


@pytest.fixture(scope="module")
def digest(embedded):
    embedded.put(sha256(CONTENT), CONTENT)
    return sha256(CONTENT)


@pytest.fixture
def links(embedded, serve, folder, digest):
    state = {"embedded": {"path": str(folder / "state.redb")}}
    return Links(serve(embedded, [onetime_route()], **sections(folder / "gateway", state)))


@pytest.fixture
def saved(folder):
    """An empty folder for what is downloaded."""
    (folder / "saved").mkdir()
    return folder / "saved"


def run(saved, *command):
    """The exit code of a client that runs in the folder."""
    command = [str(part) for part in command]
    done = subprocess.run(command, cwd=saved, capture_output=True, timeout=120, check=False)
    return done.returncode


def the_file(saved):
    """The name of the only file, which is the content."""
    (file,) = saved.iterdir()
    assert file.read_bytes() == CONTENT
    return file.name


def is_spent(links, link):
    return refused(request(links.url(link))) == (410, "token_spent")


def test_curl_saves_under_the_suggested_name(links, digest, saved):
    link = links.issue(digest, filename="report.pdf")
    assert run(saved, "curl", "-fsSOJ", links.url(link)) == 0
    assert the_file(saved) == "report.pdf"
    assert run(saved, "curl", "-fsS", "--output", "again", links.url(link)) == CURL_REFUSED
    assert is_spent(links, link)


def test_curl_saves_under_a_name_of_ones_own(links, digest, saved):
    link = links.issue(digest, filename="report.pdf")
    assert run(saved, "curl", "-fsS", "--output", "mine", links.url(link)) == 0
    assert the_file(saved) == "mine"


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_not_ascii(links, digest, saved, name):
    """curl reads the simpler form of the name, wget and aria2c the whole one."""
    plain = "".join(char if char.isascii() else "_" for char in name)
    for client, expected in (
        (("curl", "-fsSOJ"), plain),
        (("wget", "-q", "--content-disposition", "--restrict-file-names=nocontrol"), name),
        (("aria2c", "-q"), name),
    ):
        link = links.issue(digest, filename=name)
        assert run(saved, *client, links.url(link)) == 0
        assert the_file(saved) == expected
        (saved / expected).unlink()


def test_a_client_that_names_the_file_after_the_link_fails(links, digest, saved):
    """A link is longer than a file's name may be: `curl -O` takes the use and saves nothing. That is
    why the documentation says `-OJ`."""
    link = links.issue(digest)
    assert len(link) > NAME_BYTES_MAX
    assert run(saved, "curl", "-fsSO", links.url(link)) == CURL_CANNOT_WRITE
    assert is_spent(links, link)


def test_wget_names_the_file_after_the_link_cut_short(links, digest, saved):
    link = links.issue(digest, filename="report.pdf")
    assert run(saved, "wget", "-q", links.url(link)) == 0
    assert link.startswith(the_file(saved))
    assert is_spent(links, link)


@pytest.mark.parametrize("rate", [[], ["--max-overall-download-limit=4M"]], ids=["fast", "slow"])
def test_aria2c_with_four_connections_is_one_download(links, digest, saved, rate):
    """If there is time, its other connections ask for parts, without knowing the tag. They are
    refused, and the first one gets everything."""
    link = links.issue(digest, filename="report.pdf")
    assert run(saved, "aria2c", "-q", "-x4", "-s4", "-k1M", *rate, links.url(link)) == 0
    assert the_file(saved) == "report.pdf"
    assert sorted(set(links.redemptions())) in ([(200, None)], [(200, None), (410, "token_spent")])
    assert links.count("claimed") == 1


def test_requests_gets_the_bytes_once(links, digest):
    link = links.issue(digest, filename="report.pdf", content_type="application/pdf")
    url = links.url(link)
    for _ in range(2):
        answer = requests.head(url, timeout=30)
        assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(CONTENT)))
        assert answer.headers["content-type"] == "application/pdf"
        assert "report.pdf" in answer.headers["content-disposition"]
    answer = requests.get(url, timeout=30)
    assert (answer.status_code, answer.content == CONTENT) == (200, True)
    assert answer.headers["content-type"] == "application/pdf"
    answer = requests.get(url, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (410, "token_spent")
    assert requests.head(url, timeout=30).status_code == 410


def test_a_credential_nobody_asked_for_changes_nothing(links, digest):
    url = links.url(links.issue(digest))
    answer = requests.get(url, timeout=30, auth=("somebody", "else"))
    assert (answer.status_code, answer.content == CONTENT) == (200, True)


@pytest.fixture
def weak(links, relay_to):
    """The way to the gateway, which breaks in the middle of the first download."""
    relay = relay_to(links.gateways[0].url)
    relay.cut_after(len(CONTENT) // 2)
    return relay


def test_curl_continues_with_the_tag(links, digest, saved, weak):
    """`-C -` alone asks for a part as anybody could. With the tag of the first answer it is known who
    asks; `--etag-save` keeps it in a file."""
    link = links.issue(digest)
    url = weak.url + PATH + link
    begun = run(saved, "curl", "-sS", "--etag-save", "tag", "--output", "file", url)
    assert begun == CURL_CUT
    assert 0 < (saved / "file").stat().st_size < len(CONTENT)
    tag = (saved / "tag").read_text().strip()
    (saved / "tag").unlink()
    go_on = ("curl", "-fsS", "-C", "-", "--output", "file")
    assert run(saved, *go_on, url) == CURL_REFUSED
    assert run(saved, *go_on, "-H", 'If-Range: "0.AAAAAAAAAAAAAAAAAAAAAA"', url) == CURL_REFUSED
    assert run(saved, *go_on, "-H", f"If-Range: {tag}", url) == 0
    assert the_file(saved) == "file"
    assert is_spent(links, link)
    assert (links.count("claimed"), links.count("resumed")) == (1, 1)


def test_wget_does_not_continue(links, digest, saved, weak):
    """It tries again by itself, and asks for the rest without the tag."""
    link = links.issue(digest)
    assert run(saved, "wget", "-q", "--tries=3", "-O", "file", weak.url + PATH + link) == WGET_REFUSED
    assert links.redemptions(2)[1] == (410, "token_spent")


def test_a_link_that_is_not_to_go_on_does_not(links, digest, saved):
    link = links.issue(digest, resumable=False)
    head = curl("--head", links.url(link)).decode().lower()
    assert "accept-ranges: none" in head and "etag:" not in head
    assert request(links.url(link)).ok() == CONTENT
    assert request(links.url(link), range="bytes=1-").status == 410


# Chromium, on a page of another site that has the link.

def picture(width, height):
    """A PNG, all black."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * (width + 1) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.fixture
def portal(folder):
    """Puts a page on another site; returns its address."""
    pages = folder / "portal"
    pages.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=pages))
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def publish(body):
        (pages / "page.html").write_text(f"<!doctype html><meta charset=utf-8><title>Portal</title>{body}")
        return f"http://localhost:{server.server_port}/page.html"

    yield publish
    server.shutdown()


def click(browser, selector):
    (element,) = browser.command("POST", "/element", using="css selector", value=selector).values()
    browser.command("POST", f"/element/{element}/click")


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_link_on_a_page_saves_a_file(browser, links, digest, portal, name):
    link = links.issue(digest, filename=name)
    browser.open(portal(f'<a href="{links.url(link)}" download>Download</a>'))
    click(browser, "a")
    file = browser.downloaded()
    assert (file.name, file.read_bytes() == CONTENT) == (name, True)
    assert is_spent(links, link)
    assert links.count("claimed") == 1


def test_an_image_on_a_page_is_shown_once(browser, embedded, links, portal):
    image = picture(37, 23)
    embedded.put(sha256(image), image)
    link = links.issue(sha256(image), content_type="image/png")
    address = portal(f'<img src="{links.url(link)}">')
    size = "const i = document.images[0]; return [i.complete, i.naturalWidth, i.naturalHeight]"
    for expected in ([True, 37, 23], [True, 0, 0]):
        browser.open(address)
        assert browser.run(size) == expected
    assert links.redemptions(2) == [(200, None), (410, "token_spent")]


FETCH = """
    return fetch(arguments[0]).then(async answer => {
        const bytes = await crypto.subtle.digest("SHA-256", await answer.arrayBuffer())
        const hex = [...new Uint8Array(bytes)].map(byte => byte.toString(16).padStart(2, "0")).join("")
        return [answer.status, "sha256:" + hex]
    }, error => [0, error.message])
"""


def test_a_script_fetches_the_bytes_once(browser, links, digest):
    link = links.issue(digest)
    # Any page of the gateway's own origin.
    browser.open(links.url("unknown"))
    assert "not_found" in browser.text()
    assert browser.run(FETCH, links.url(link)) == [200, digest]
    assert browser.run(FETCH, links.url(link))[0] == 410


def test_what_a_browser_loads_ahead_takes_no_use(browser, links, digest, portal):
    link = links.issue(digest, filename="report.pdf")
    ahead = f'<link rel="prefetch" href="{links.url(link)}">'
    browser.open(portal(ahead + f'<a href="{links.url(link)}" download>Download</a>'))
    assert links.redemptions(1) == [(503, "prefetch")]
    click(browser, "a")
    assert browser.downloaded().read_bytes() == CONTENT
    assert links.redemptions(2)[1] == (200, None)


def test_a_use_is_left_to_who_waits_for_it(links, digest):
    link = links.issue(digest, uses=3)
    for left in (3, 2, 1):
        assert links.uses_left(link) == left
        assert request(links.url(link)).ok() == CONTENT
    assert is_spent(links, link)
    assert eventually(lambda: links.count("claimed") == 3)
