"""What operators rely on: checks of a configuration, signals, health, metrics and the access log."""

import hashlib
import json
import re
import socket
import time
from urllib.parse import urlsplit

import pytest
from process import casgate, eventually
from s3 import configuration, route
from web import bearer, request, sha256

CONTENT = bytes(range(256)) * 65_536  # 16 MiB: more than the buffers of a loopback connection


@pytest.fixture(scope="module")
def digest(embedded):
    name = sha256(CONTENT)
    embedded.put(name, CONTENT)
    return name


class SlowReader:
    """A client in the middle of a transfer."""

    def __init__(self, url):
        parts = urlsplit(url)
        self.socket = socket.socket()
        # A small window, or most of the content would be on its way before the client reads it.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        self.socket.settimeout(60)
        self.socket.connect((parts.hostname, parts.port))
        self.socket.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        self.file = self.socket.makefile("rb")
        assert self.file.readline().startswith(b"HTTP/1.1 200 ")
        while self.file.readline() != b"\r\n":
            pass
        self.start = self.file.read(1000)

    def rest(self, size):
        content = self.start + self.file.read(size - len(self.start))
        self.socket.close()
        return content


def status(url):
    """The status, or None if nobody listens."""
    try:
        return request(url).status
    except OSError:
        return None


def test_health_asks_whether_it_is_ready(embedded, serve, folder):
    gateway = serve(embedded, [route("/download/", "stream")], shutdown={"delay": "30s"})
    address = urlsplit(gateway.admin_url).netloc
    assert casgate("health", address).returncode == 0
    gateway.terminate()
    eventually(lambda: casgate("health", address).returncode == 1, 10, "it is not ready")
    assert " 503 " in casgate("health", address).stderr
    gateway.stop()
    gone = casgate("health", address)
    assert gone.returncode == 1 and address in gone.stderr
    # What listens there may be something else.
    with socket.create_server(("127.0.0.1", 0)) as other:
        silent = casgate("health", "127.0.0.1:%d" % other.getsockname()[1])
        assert silent.returncode == 1


def test_sigterm_lets_a_transfer_finish(embedded, serve, digest):
    routes = [route("/download/", "stream")]
    gateway = serve(embedded, routes, shutdown={"delay": "1s", "drain": "60s"})
    assert (status(gateway.admin_url + "/healthz"), status(gateway.admin_url + "/readyz")) == (200, 200)
    reader = SlowReader(f"{gateway.url}/download/{digest}")
    gateway.terminate()
    eventually(lambda: status(gateway.admin_url + "/readyz") == 503, 10, "/readyz fails")
    # After the delay nobody new is let in, while the old transfer goes on.
    eventually(lambda: status(f"{gateway.url}/download/{digest}") is None, 20, "the listener closes")
    assert gateway.child.poll() is None
    assert hashlib.sha256(reader.rest(len(CONTENT))).hexdigest() == digest[7:]
    finished = time.monotonic()
    assert gateway.wait(30) == 0
    assert time.monotonic() - finished < 10


def test_sigterm_cuts_what_does_not_finish(embedded, serve, digest):
    routes = [route("/download/", "stream")]
    gateway = serve(embedded, routes, shutdown={"delay": "0s", "drain": "2s"})
    reader = SlowReader(f"{gateway.url}/download/{digest}")
    gateway.terminate()
    assert gateway.wait(20) == 0
    assert len(reader.rest(len(CONTENT))) < len(CONTENT)


def test_sigterm_ends_an_idle_gateway_at_once(embedded, serve):
    gateway = serve(embedded, [route("/download/", "stream")], shutdown={"delay": "0s"})
    gateway.terminate()
    assert gateway.wait(10) == 0


def test_the_log_has_every_request_and_no_secret(embedded, serve, dev, digest, folder):
    folder.joinpath("secret").write_text("s" * 40)
    issuer = {"iss": "log", "audience": ["log"], "keys": {"hs256": {"file": f"{folder}/secret"}}}
    closed = {"jwt": {"issuers": ["log"], "read": "true"}}
    routes = [
        route("/download/", "redirect"),
        route("/stream/", "stream"),
        route("/closed/", "stream", auth=closed),
    ]
    gateway = serve(embedded, routes, issuers={"log": issuer}, log={"level": "debug"})
    secret = dev.ready["jwt"]
    for path in ("/download/", "/stream/", "/closed/", "/nowhere/"):
        url = gateway.url + path + digest
        request(url, **bearer(secret))
        request(f"{url}?t={secret}")
        request(f"{url}?t={secret}&X-Amz-Signature=abc", accept="text/html", referer=f"{url}?t={secret}")
    location = request(f"{gateway.url}/download/{digest}").headers["location"]
    signature = re.search("X-Amz-Signature=([0-9a-f]+)", location)[1]

    def lines():
        found = [json.loads(line) for line in gateway.stdout.read_text().splitlines()[1:]]
        return found if len(found) >= 13 else None

    assert len(eventually(lines, what="13 lines in the log")) == 13
    output = gateway.output()
    parts = secret.split(".")
    for unwanted in (*parts, signature, "X-Amz-", "?t=", embedded.access_key, embedded.secret_key):
        assert unwanted not in output


def test_metrics_count_what_happened(embedded, serve, digest):
    gateway = serve(embedded, [route("/download/", "stream")])
    request(f"{gateway.url}/download/{digest}").ok()
    request(f"{gateway.url}/download/sha256:{'0' * 64}")

    def metrics():
        text = request(gateway.admin_url + "/metrics").ok().decode()
        return text if re.search(r"(?m)^casgate_\S*not_found\S* [1-9]", text) else None

    text = eventually(metrics, 10, "a request counted as not_found")
    assert digest not in text
    assert "process_resident_memory_bytes" in text


MISTAKES = {
    "an unknown bucket": (lambda c: c["routes"][0].update(bucket="artifcats"), "routes[0]"),
    "an unknown key": (lambda c: c["routes"][0].update(layuot="x"), "routes[0]"),
    "an unknown issuer": (
        lambda c: c["routes"][0].update(auth={"jwt": {"issuers": ["nobody"], "read": "true"}}),
        "routes[0].auth",
    ),
    "a rule that is none": (
        lambda c: c["routes"][0].update(auth={"jwt": {"issuers": ["nobody"], "read": "(("}}),
        "routes[0].auth",
    ),
    "a layout without digest": (lambda c: c["routes"][0].update(layout="fixed"), "routes[0].layout"),
    "a secret that is not there": (
        lambda c: c["buckets"]["artifacts"]["credentials"]["static"].update(
            secret_access_key={"file": "/nonexistent/secret"}
        ),
        "buckets.artifacts",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_check_names_the_place_of_a_mistake(embedded, folder, mistake):
    change, place = MISTAKES[mistake]
    config = configuration(embedded, folder, [route("/download/", "stream")])
    file = folder / "casgate.yaml"
    file.write_text(json.dumps(config))
    fine = casgate("check", file)
    assert fine.returncode == 0, fine
    change(config)
    file.write_text(json.dumps(config))
    for command in ("check", "run"):
        bad = casgate(command, file)
        assert bad.returncode == 64, bad
        assert place in bad.stdout + bad.stderr


def test_check_names_all_mistakes_at_once(embedded, folder):
    config = configuration(embedded, folder, [route("/a/", "stream"), route("/b/", "stream")])
    config["routes"][0]["bucket"] = "artifcats"
    config["routes"][1]["layout"] = "fixed"
    file = folder / "casgate.yaml"
    file.write_text(json.dumps(config))
    bad = casgate("check", file)
    assert bad.returncode == 64
    output = bad.stdout + bad.stderr
    assert "routes[0].bucket" in output and "routes[1].layout" in output
