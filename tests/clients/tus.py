"""tus: requests as its clients send them, and others; tus-js-client, whose script is in node/."""

import base64
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from caches import token
from scripts import attempt, node
from tusclient.client import TusClient
from uploads import PATH
from web import bearer, request
from wire import Exchange

VERSION = "1.0.0"
BYTES = "application/offset+octet-stream"
# A checksum that is wrong has a status of its own.
MISMATCH = 460


@dataclass
class Tus:
    """The route of a gateway, or of a relay to one, and whose token is used there."""

    server: str
    token: str | None = None

    def __post_init__(self):
        self.token = self.token or token()

    @property
    def endpoint(self):
        return self.server + PATH

    def here(self, url):
        """An upload as it is called on this gateway."""
        return self.server + urlsplit(url).path

    def ask(self, url, method, body=None, **headers):
        """One request, with the version, and with a token."""
        named = {"tus_resumable": VERSION} | bearer(self.token) | headers
        return request(url, method, body, **{name: value for name, value in named.items() if value})

    def create(self, length, **headers):
        """A new upload's URL."""
        answer = self.ask(self.endpoint, "POST", **{"upload_length": str(length)} | headers)
        assert answer.status == 201, (answer.status, answer.body)
        return urljoin(self.endpoint, answer.headers["location"])

    def patch(self, url, offset, body, **headers):
        """The answer to some bytes more."""
        fields = {"upload_offset": str(offset), "content_type": BYTES} | headers
        return self.ask(url, "PATCH", body, **fields)

    def slowly(self, url, offset, length, **headers):
        """A request for some bytes more that has yet to send them."""
        fields = {"tus_resumable": VERSION, "upload_offset": str(offset), "content_type": BYTES}
        return Exchange(url, "PATCH", length, **fields, **headers, **bearer(self.token))

    def offset(self, url):
        """How far an upload is."""
        answer = self.ask(url, "HEAD")
        assert answer.status in (200, 204), answer.status
        return int(answer.headers["upload-offset"])

    def python(self, file, **options):
        """tuspy's uploader for a file."""
        client = TusClient(self.endpoint, headers=bearer(self.token))
        return client.uploader(str(file), **options)

    def javascript(self, *steps):
        """What tus-js-client does: what it says to each step."""
        return node("tus", [*steps], endpoint=self.endpoint, token=self.token)

    def javascript_errors(self, *steps):
        """How tus-js-client's steps fail."""
        results = attempt("tus", [*steps], endpoint=self.endpoint, token=self.token)
        assert all("error" in result for result in results), results
        return [result["error"] for result in results]


def encoded(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def metadata(**fields):
    """The value of the header."""
    return ",".join(f"{name} {encoded(value)}" for name, value in fields.items())


def told(answer):
    """The fields of an upload's metadata, as they are told to its owner."""
    pairs = [pair.split(" ") for pair in answer.headers["upload-metadata"].split(",")]
    return {name: base64.b64decode(value).decode() for name, value in pairs}
