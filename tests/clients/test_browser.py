"""A real browser, chromium, downloads through the page with the Refresh header."""

import pytest
from s3 import route
from web import request, sha256

CONTENT = b"what a browser saves " * 50_000
NAME = "Bericht (1), fertig.bin"


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
