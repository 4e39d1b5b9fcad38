"""Resumable uploads as the IETF has them: draft-ietf-httpbis-resumable-upload. No client in Python or
JavaScript speaks its present version, so this is one."""

import base64
import hashlib
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from caches import token
from uploads import PATH
from web import bearer
from wire import Exchange, exchange

# The versions of the draft that 104 is sent for are counted like that.
INTEROP = "9"
BYTES = "application/partial-upload"
SUPPORTED = 104
PROBLEM = "https://iana.org/assignments/http-problem-types#"
TRUE, FALSE = "?1", "?0"


@dataclass
class Uploader:
    """The route of a gateway, and whose token is used there."""

    server: str
    token: str | None = None
    interop: str | None = INTEROP

    def __post_init__(self):
        self.token = self.token or token()

    @property
    def endpoint(self):
        return self.server + PATH

    def here(self, url):
        """An upload as it is called on this gateway."""
        return self.server + urlsplit(url).path

    def fields(self, more):
        version = {"upload_draft_interop_version": self.interop} if self.interop else {}
        return version | bearer(self.token) | more

    def begin(self, length, is_complete=True, **headers):
        """An upload that has yet to send its bytes."""
        flag = TRUE if is_complete else FALSE
        return Exchange(self.endpoint, "POST", length, **self.fields({"upload_complete": flag} | headers))

    def create(self, body=b"", is_complete=False, **headers):
        """The answer to an upload, and what came before it."""
        flag = TRUE if is_complete else FALSE
        return exchange(self.endpoint, "POST", body, **self.fields({"upload_complete": flag} | headers))

    def created(self, **headers):
        """The URL of an upload without any bytes yet."""
        answer, _ = self.create(**headers)
        assert answer.status == 201, (answer.status, answer.body)
        assert answer.headers["upload-complete"] == FALSE
        return self.located(answer)

    def located(self, answer):
        """Where an answer says that the upload is."""
        return urljoin(self.endpoint, answer.headers["location"])

    def look(self, url, method="HEAD"):
        """How far an upload is, as its headers say."""
        answer, _ = exchange(url, method, **self.fields({}))
        return answer

    def offset(self, url):
        answer = self.look(url)
        assert answer.status in (200, 204), answer.status
        assert answer.headers["upload-complete"] == FALSE
        return int(answer.headers["upload-offset"])

    def appending(self, url, offset, length, is_complete=True, **headers):
        """A request for some bytes more that has yet to send them."""
        own = {
            "upload_offset": str(offset),
            "upload_complete": TRUE if is_complete else FALSE,
            "content_type": BYTES,
        }
        more = {name: value for name, value in (own | headers).items() if value}
        return Exchange(url, "PATCH", length, **self.fields(more))

    def append(self, url, offset, body, is_complete=True, **headers):
        """The answer to some bytes more."""
        asked = self.appending(url, offset, len(body), is_complete, **headers)
        asked.send(body)
        return asked.answer()

    def cancel(self, url):
        answer, _ = exchange(url, "DELETE", **self.fields({}))
        return answer


def sha256_field(content):
    """The value of Content-Digest and Repr-Digest."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def limits(answer):
    """The members of Upload-Limit; all that are known are integers."""
    members = [member.strip().split("=") for member in answer.headers["upload-limit"].split(",")]
    return {name: int(value) for name, value in members}
