"""HTTP clients: one that changes nothing about a request, and the real curl."""

import hashlib
import http.client
import subprocess
from dataclasses import dataclass
from urllib.parse import urlsplit


def sha256(content):
    """The digest as the gateway's clients write it."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    def ok(self):
        """The body of a 200."""
        assert self.status == 200, (self.status, self.body[:500])
        return self.body


def request(url, method="GET", body=None, **headers):
    """Sends the URL's path as it stands, follows nothing. `if_range` becomes `If-Range`."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    path = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, body, headers=names)
        answer = connection.getresponse()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, fields, answer.read())
    finally:
        connection.close()


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def curl(*arguments, check=True):
    """Runs curl; returns what it wrote to standard output."""
    command = ["curl", "--silent", "--show-error", "--max-time", "120", *map(str, arguments)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert not check or done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout
