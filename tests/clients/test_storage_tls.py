"""Storage behind TLS: its certificate decides whether the gateway speaks to it at all."""

import http.server
import ssl
import threading

import pytest
from certificates import issued
from process import Casgate
from s3 import route
from web import request, sha256

CONTENT = b"behind TLS " * 10_000


class Objects(http.server.BaseHTTPRequestHandler):
    """Answers every request with the content."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(CONTENT)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def storage(folder):
    """The port of a server whose certificate, for `localhost` only, `authority.pem` vouches for."""
    authority = issued(folder, "server")
    authority.rename(folder / "authority.pem")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Objects)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("host", "trusted", "status"),
    [("localhost", True, 200), ("localhost", False, 502), ("127.0.0.1", True, 502)],
    ids=["the right certificate", "of an unknown authority", "for another name"],
)
def test_the_certificate_decides(folder, storage, monkeypatch, host, trusted, status):
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(folder / "authority.pem"))
    (folder / "secret").write_text("any")
    keys = {name: {"file": str(folder / "secret")} for name in ("access_key_id", "secret_access_key")}
    config = {
        "listen": ["127.0.0.1:0"],
        "admin": "127.0.0.1:0",
        "buckets": {
            "artifacts": {
                "bucket": "artifacts",
                "region": "us-east-1",
                "endpoint": f"https://{host}:{storage}",
                "credentials": {"static": keys},
            }
        },
        "routes": [route("/s/", "stream")],
    }
    gateway = Casgate.run(folder / "gateway", config)
    try:
        answer = request(f"{gateway.url}/s/{sha256(CONTENT)}")
        assert answer.status == status
        assert status != 200 or answer.body == CONTENT
    finally:
        gateway.stop()
