"""Routes for CIDs, and clients from npm that use them; the scripts are in node/."""

import base64
from dataclasses import dataclass
from urllib.parse import quote

from caches import token
from scripts import attempt, node
from web import bearer, request

# A file's CID is not the hash of its bytes if it has more than one chunk.
CHUNK = 262_144
# The CID of content that nobody has stored.
MISSING = "bafkrei" + 52 * "a"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
# What each route is for, by its path.
SETTINGS = {
    "/": {"add": "blocks"},
    "/tar/": {"add": "blocks", "body": "tar"},
    "/file/": {"add": "file"},
    "/file/tar/": {"add": "file", "body": "tar"},
    "/digests/": {"digests": "{tenant}/sha256:{hex}"},
    "/digests/tar/": {"digests": "{tenant}/sha256:{hex}", "body": "tar"},
    "/legacy/": {"errors": "legacy"},
}


def kubo_route(path, **settings):
    """A route where only the main branch writes. Files added as blocks have keys of their own."""
    rules = {
        "issuers": ["github"],
        "tenant": "claims.repository_owner",
        "read": "true",
        "write": "claims.ref == 'refs/heads/main'",
    }
    return {
        "path": path,
        "dialect": {"kubo": settings},
        "bucket": "artifacts",
        "layout": f"{{tenant}}/{settings.get('add', 'cid')}/{{cid}}",
        "auth": {"jwt": rules},
        "delivery": "stream",
    }


def kubo_routes():
    return [kubo_route(path, **settings) for path, settings in SETTINGS.items()]


@dataclass
class Kubo:
    """A mount of the gateway, and whose token is used there."""

    url: str
    token: str | None = None

    def __post_init__(self):
        self.url = self.url.rstrip("/")
        self.token = self.token or token()

    def rpc(self, *steps):
        """Steps of kubo-rpc-client."""
        return node("kubo", list(steps), url=f"{self.url}/api/v0", token=self.token)

    def errors(self, *steps):
        """How kubo-rpc-client's steps fail."""
        results = attempt("kubo", list(steps), url=f"{self.url}/api/v0", token=self.token)
        assert all("error" in result for result in results), results
        return [result["error"] for result in results]

    def add(self, file, **options):
        """The CID that the gateway gives a file."""
        return self.add_each([file], **options)[0]

    def add_each(self, files, **options):
        """The CIDs that the gateway gives files, each added by itself."""
        steps = [{"call": "add", "file": str(file), "options": options} for file in files]
        return [added["cid"] for added in self.rpc(*steps)]

    def post(self, path, **headers):
        """The answer to a request without a body."""
        return request(f"{self.url}/api/v0/{path}", "POST", **bearer(self.token), **headers)

    def get(self, path, method="GET", **headers):
        """The answer of the trustless gateway."""
        return request(f"{self.url}/ipfs/{path}", method, **bearer(self.token), **headers)

    def curl_arguments(self, path):
        """What makes curl ask for this, below `api/v0/`."""
        return ["-X", "POST", "-H", f"Authorization: Bearer {self.token}", f"{self.url}/api/v0/{path}"]


def arg(path):
    return "arg=" + quote(path, safe="")


def imported(files, **options):
    """Path, CID and size of all that comes of these files, of those that are named beside a path, by
    ipfs-unixfs-importer."""
    steps = [{"path": path, "file": file and str(file)} for path, file in files]
    return node("importer", [{"files": steps, **options}])[0]


def cids_of(files, **options):
    """The CIDs of files, each by itself, by ipfs-unixfs-importer."""
    steps = [{"files": [{"path": "file", "file": str(file)}], **options} for file in files]
    return [one["cid"] for (one,) in node("importer", steps)]


def canonical(cid):
    """The spelling that keys have: version 1, in base32."""
    if not cid.startswith("Qm"):
        return cid
    number = 0
    for letter in cid:
        number = number * 58 + BASE58.index(letter)
    name = b"\x01\x70" + number.to_bytes(34, "big")
    return "b" + base64.b32encode(name).decode().lower().rstrip("=")
