"""A 5 GiB object and uploads of 2 GiB: constant memory, and not one byte wrong. Only with --full."""

import hashlib
import http.client
import io
import subprocess

import pytest
from caches import cache_route, issuers, token
from contents import BLOCK, GIB, Content, stored_content
from process import resident
from s3 import route
from web import request

SIZE = 5 * GIB
UPLOAD_SIZE = 2 * GIB


@pytest.fixture(scope="module")
def stored(embedded):
    """The hexadecimal digest of an object in storage."""
    return stored_content(embedded, SIZE)


def download(url, *options):
    """Whether curl got all of it, how much that was, and its digest; nothing is kept."""
    with subprocess.Popen(["curl", "-sS", *options, url], stdout=subprocess.PIPE) as curl:
        digest, size = hashlib.sha256(), 0
        while chunk := curl.stdout.read(BLOCK):
            digest.update(chunk)
            size += len(chunk)
    return curl.returncode, size, digest.hexdigest()


def test_a_large_object_streams_in_little_memory(embedded, serve, stored):
    gateway = serve(embedded, [route("/download/", "stream")])
    assert request(f"{gateway.url}/download/sha256:{'0' * 64}").status == 404
    idle = resident(gateway, "VmRSS")
    assert download(f"{gateway.url}/download/sha256:{stored}") == (0, SIZE, stored)
    growth = resident(gateway, "VmHWM") - idle
    print(f"memory above idle: {growth / 1024**2:.1f} MiB")
    assert growth < 64 * 1024**2


def test_one_wrong_byte_never_arrives_complete(embedded, dev, serve, stored):
    data = dev.stdout.parent / "data"
    file = max(data.rglob("*"), key=lambda entry: entry.stat().st_size)
    assert SIZE <= file.stat().st_size < SIZE + GIB
    with file.open("r+b") as opened:
        opened.seek(3 * GIB + 12_345)
        byte = opened.read(1)
        opened.seek(-1, io.SEEK_CUR)
        opened.write(bytes([byte[0] ^ 1]))
    gateway = serve(embedded, [route("/download/", "stream")])
    code, size, _ = download(f"{gateway.url}/download/sha256:{stored}")
    assert code != 0
    assert size < SIZE


def upload(url, path, content, headers):
    """The status of a PUT. Without a length it is sent in chunks."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), blocksize=BLOCK)
    connection.request("PUT", path, content, headers)
    return connection.getresponse().status


@pytest.mark.parametrize("has_length", [False, True], ids=["chunks", "length"])
def test_a_large_upload_takes_little_memory(embedded, serve, folder, has_length):
    routes = [cache_route("/turbo/", "turborepo")]
    gateway = serve(embedded, routes, issuers=issuers(folder))
    path = "/turbo/v8/artifacts/0123456789abcdef?slug=acme"
    authorization = f"Bearer {token()}"
    headers = {"Authorization": authorization}
    assert upload(gateway.url, path, b"warm", headers) == 202
    idle, content = resident(gateway, "VmRSS"), Content(UPLOAD_SIZE)
    if has_length:
        headers["Content-Length"] = str(UPLOAD_SIZE)
    assert upload(gateway.url, path, content, headers) == 202
    growth = resident(gateway, "VmHWM") - idle
    print(f"memory above idle: {growth / 1024**2:.1f} MiB")
    assert growth < 64 * 1024**2
    stored = download(gateway.url + path, "-H", f"Authorization: {authorization}")
    assert stored == (0, UPLOAD_SIZE, content.digest.hexdigest())
    assert "Uploads" not in embedded.client.list_multipart_uploads(Bucket=embedded.bucket)
