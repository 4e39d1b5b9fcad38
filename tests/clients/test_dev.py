"""`casgate dev` and `casgate jwt`, as somebody meets them who tries casgate for the first time."""

import subprocess

from process import BINARY, Casgate, Process, casgate, eventually
from s3 import Storage
from web import bearer, curl, request, sha256


def test_a_second_start_finds_its_data_again(folder):
    def get(server, path, token):
        return request(server.url + path + server.ready["sample"]["digest"], **bearer(token))

    first = Casgate.dev(folder)
    try:
        storage = Storage(name="embedded", **first.ready["s3"])
        storage.put("kept", b"from one start to the next")
        first.terminate()
        assert first.wait() == 0
    finally:
        first.stop()
    second = Casgate.dev(folder)
    try:
        storage = Storage(name="embedded", **second.ready["s3"])
        kept = storage.client.get_object(Bucket=storage.bucket, Key="kept")
        assert kept["Body"].read() == b"from one start to the next"
        assert second.ready["sample"] == first.ready["sample"]
        # A token outlives a restart, as does what it is checked against.
        for token in (first.ready["jwt"], second.ready["jwt"]):
            content = get(second, second.ready["stream_path"], token).ok()
            assert sha256(content) == second.ready["sample"]["digest"]
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
