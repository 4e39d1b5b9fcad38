"""Uppy in chromium, on a page that is not the gateway's, uploads by tus."""

import functools
import http.server
import os
import shutil
import threading
from pathlib import Path

import pytest
from caches import pull_request, token
from process import eventually
from tus import VERSION, Tus, told
from uploads import MIB, content_of, downloaded, is_gone, single

BUNDLE = Path(os.environ["CASGATE_NPM"]) / "uppy@6.0.1/node_modules/uppy/dist/uppy.min.mjs"
LARGE = 40 * MIB
CHUNK = 3 * MIB
# Where a connection ends: in the middle of an upload.
CUT = 25 * MIB
# What every script begins with: an Uppy with one file, which the page's own server has.
BEGINNING = """
const [endpoint, token, options] = arguments
const { Uppy, Tus } = await import('/uppy.min.mjs')
const headers = { Authorization: `Bearer ${token}` }
const uppy = new Uppy().use(Tus, { endpoint, headers, ...options })
const data = await (await fetch('/content')).blob()
const id = uppy.addFile({ name: 'größer als 5.bin', type: 'application/x-test', data })
const told = ({ successful, failed }) => ({
    urls: successful.map(file => file.uploadURL),
    failures: failed.map(file => ({ message: file.error, status: file.response?.status ?? null }))
})
"""
UPLOAD = "return told(await uppy.upload())"
# Not before anything is under way: then Uppy sends a request without its headers.
PAUSE = """
let paused = false
uppy.on('upload-progress', (file, { bytesUploaded }) => {
    if (paused || bytesUploaded === 0) return
    paused = true
    uppy.pauseAll()
    setTimeout(() => uppy.resumeAll())
})
return told(await uppy.upload())
"""
# As soon as a chunk is there, and so the upload's URL is known.
CANCEL = """
const cancelled = new Promise(resolve => {
    uppy.on('upload-progress', (file, { bytesUploaded }) => {
        if (bytesUploaded < 3 * 1024 ** 2 || !uppy.getFile(id)) return
        const url = uppy.getFile(id).tus.uploadUrl
        uppy.removeFile(id)
        resolve(url)
    })
})
uppy.upload()
return cancelled
"""


class Page(http.server.SimpleHTTPRequestHandler):
    """Files, without a word on each of them."""

    extensions_map = {".mjs": "text/javascript", ".html": "text/html", "": "application/octet-stream"}

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The folder of a site, and its origin."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copy(BUNDLE, folder)
    (folder / "index.html").write_text("<!doctype html><link rel=icon href=data:,>")
    handler = functools.partial(Page, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def gateway(embedded, serve, page, tmp_path_factory):
    return single("tus", embedded, serve, tmp_path_factory.mktemp("uppy"), origin=page[1])


@pytest.fixture
def uppy(browser, page, folder):
    """Runs a script with an Uppy that has a file of so many bytes."""

    def run(script, size, endpoint, who=None, **options):
        _, content = content_of(folder, size)
        (page[0] / "content").write_bytes(content)
        browser.open(page[1])
        whole = f"return (async () => {{ {BEGINNING} {script} }}).apply(null, arguments)"
        return browser.run(whole, endpoint, who or token(), options), content

    return run


@pytest.mark.parametrize("options", [{}, {"chunkSize": CHUNK}], ids=["whole", "chunks"])
@pytest.mark.parametrize("size", [0, 1, 5 * MIB + 1, LARGE])
def test_uploads(uppy, browser, gateway, size, options):
    tus = Tus(gateway.url)
    done, content = uppy(UPLOAD, size, tus.endpoint, **options)
    assert done["failures"] == []
    (url,) = done["urls"]
    downloaded(url, content)
    names = told(tus.ask(url, "HEAD"))
    assert (names["filename"], names["filetype"]) == ("größer als 5.bin", "application/x-test")
    assert browser.complaints() == []


def test_goes_on_after_its_connection_was_cut(uppy, gateway, relay_to):
    relay = relay_to(gateway.url)
    relay.cut_requests_after(CUT)
    done, content = uppy(UPLOAD, LARGE, Tus(relay.url).endpoint)
    assert relay.requests.left is None, "the connection was not cut"
    assert done["failures"] == []
    downloaded(Tus(gateway.url).here(done["urls"][0]), content)


def test_goes_on_after_a_pause(uppy, gateway):
    done, content = uppy(PAUSE, LARGE, Tus(gateway.url).endpoint)
    assert done["failures"] == []
    downloaded(done["urls"][0], content)


def test_what_is_cancelled_is_gone(uppy, gateway):
    url, _ = uppy(CANCEL, LARGE, Tus(gateway.url).endpoint, chunkSize=CHUNK)
    eventually(lambda: is_gone(url, tus_resumable=VERSION), what="the upload terminated")


def test_a_refusal_is_told(uppy, gateway):
    """The page may read it: it is not just some error of the network."""
    done, _ = uppy(UPLOAD, 1000, Tus(gateway.url).endpoint, who=pull_request(7))
    assert [failure["status"] for failure in done["failures"]] == [403]
