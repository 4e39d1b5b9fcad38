"""`casgate dev` and `casgate jwt`, as somebody meets them who tries casgate for the first time."""

import subprocess

from process import BINARY, Casgate, Process, casgate, eventually
from s3 import Storage
from web import bearer, curl, request, sha256


def test_a_second_start_finds_its_data_again(folder):
    first = Casgate.dev(folder)
    content = b"kept from one start to the next"
    try:
        Storage(name="embedded", **first.ready["s3"]).put(sha256(content), content)
        first.terminate()
        assert first.wait() == 0
    finally:
        first.stop()
    second = Casgate.dev(folder)
    try:
        url = f"{second.url}{second.ready['stream_path']}{sha256(content)}"
        assert request(url, **bearer(second.ready["jwt"])).ok() == content
        assert second.ready["sample"] == first.ready["sample"]
        # A token outlives a restart, as does what it is checked against.
        assert request(url, **bearer(first.ready["jwt"])).ok() == content
    finally:
        second.stop()


def test_the_lines_it_prints_can_be_pasted(folder):
    arguments = ("--dir", folder / "data", "--listen", "127.0.0.1:0")
    server = Process(folder, BINARY, "dev", *arguments)
    try:

        def commands():
            lines = [line.strip() for line in server.stdout.read_text().splitlines()]
            return [line.removeprefix("$ ") for line in lines if line.removeprefix("$ ").startswith("curl ")]

        lines = eventually(commands, what="lines with curl")
        for line in lines:
            done = subprocess.run(
                ["bash", "-c", line], cwd=folder, capture_output=True, timeout=60, check=False
            )
            assert done.returncode == 0, (line, done.stderr)
    finally:
        server.stop()


def test_jwt_prints_a_token_that_opens(dev):
    data = dev.stdout.parent / "data"
    token = casgate("jwt", "--dir", data, "--claim", "org=acme", "--ttl", "1h")
    assert token.returncode == 0, token
    digest = dev.ready["sample"]["digest"]
    url = f"{dev.url}/download/{digest}"
    header = f"Authorization: Bearer {token.stdout.strip()}"
    assert sha256(curl("--fail", "--location", "--header", header, url)) == digest


def test_the_demo_is_closed_to_others(dev):
    digest = dev.ready["sample"]["digest"]
    for path in ("/download/", dev.ready["stream_path"]):
        assert request(dev.url + path + digest).status == 401
    s3 = dev.ready["s3"]
    assert request(f"{s3['endpoint']}/{s3['bucket']}/{digest}").status == 403
