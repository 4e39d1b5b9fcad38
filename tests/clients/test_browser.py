"""A real browser, chromium, downloads through the page with the Refresh header."""

import json
import re
import urllib.request

import pytest
from process import Process, eventually
from s3 import route
from web import request, sha256

CONTENT = b"what a browser saves " * 50_000
NAME = "Bericht (1), fertig.bin"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()


class Browser:
    """chromium behind chromedriver, spoken to in plain WebDriver (W3C)."""

    def __init__(self, folder):
        self.downloads, profile = folder / "downloads", folder / "profile"
        self.downloads.mkdir()
        profile.mkdir()
        log = folder / "chromedriver.log"
        self.driver = Process(folder / "driver", "chromedriver", "--port=0", f"--log-path={log}")
        started = r"started successfully on port (\d+)"
        found = eventually(lambda: re.search(started, self.driver.output()), what="chromedriver")
        self.base = f"http://127.0.0.1:{found[1]}/session"
        options = {
            "args": [*FLAGS, f"--user-data-dir={profile}"],
            "prefs": {"download.default_directory": str(self.downloads)},
        }
        capabilities = {"alwaysMatch": {"goog:chromeOptions": options}}
        self.base += "/" + self.command("POST", "", capabilities=capabilities)["sessionId"]

    def command(self, method, path, **body):
        data = json.dumps(body).encode() if method == "POST" else None
        asked = urllib.request.Request(self.base + path, data, method=method)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, url):
        self.command("POST", "/url", url=url)

    def text(self):
        script = "return document.body.innerText"
        return self.command("POST", "/execute/sync", script=script, args=[])

    def downloaded(self):
        """The one file saved. A download under way has a file with another suffix, and an empty one
        that keeps its name free."""

        def file():
            entries = [entry for entry in self.downloads.iterdir() if not entry.name.startswith(".")]
            if any(entry.suffix == ".crdownload" for entry in entries):
                return None
            return [entry for entry in entries if entry.stat().st_size > 0]

        (found,) = eventually(file, what="a file in the downloads")
        return found

    def close(self):
        self.driver.stop()


@pytest.fixture
def browser(folder):
    started = Browser(folder)
    yield started
    started.close()


def test_the_sample_lands_on_disk(browser, dev):
    digest = dev.ready["sample"]["digest"]
    browser.open(f"{dev.url}/download/{digest}?t={dev.ready['jwt']}")
    file = browser.downloaded()
    assert sha256(file.read_bytes()) == digest


@pytest.mark.parametrize("delivery", ["redirect", "stream"])
def test_the_file_has_its_name(browser, each_storage, serve, delivery):
    digest = sha256(CONTENT)
    each_storage.put(digest, CONTENT, filename=NAME, author="chainloop.dev")
    gateway = serve(each_storage, [route("/download/", delivery)])
    browser.open(f"{gateway.url}/download/{digest}")
    file = browser.downloaded()
    assert (file.name, file.read_bytes()) == (NAME, CONTENT)


def test_markup_in_storage_is_saved_and_not_run(browser, each_storage, serve):
    page = b"<!doctype html><title>no</title><script>document.title='run'</script>"
    digest = sha256(page)
    each_storage.client.put_object(
        Bucket=each_storage.bucket, Key=digest, Body=page, ContentType="text/html"
    )
    gateway = serve(each_storage, [route("/download/", "stream")])
    answer = request(f"{gateway.url}/download/{digest}")
    assert answer.headers["x-content-type-options"] == "nosniff"
    browser.open(f"{gateway.url}/download/{digest}")
    assert browser.downloaded().read_bytes() == page
    assert browser.command("GET", "/title") != "run"


def test_a_refusal_is_readable(browser, dev):
    browser.open(f"{dev.url}/download/sha256:{'0' * 64}?t={dev.ready['jwt']}")
    assert "artifact not found" in browser.text()
